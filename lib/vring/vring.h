/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VRING_H
#define VIRTQ_VRING_H

/* vring.h - sets up a virtqueue (virtio 2.6, 2.7).  Control thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vring_types.h"

/* Addresses of the three areas of a virtqueue, all of one space. */
struct vring_addr {
	uint64_t desc;   /* descriptor table; packed: descriptor ring */
	uint64_t driver; /* available ring; packed: driver event area */
	uint64_t device; /* used ring; packed: device event area */
};

struct vring_config {
	struct vring_addr addr;
	enum guest_space space;      /* of addr; addresses in descriptors are GUEST_PHYSICAL */
	uint32_t size;               /* entries */
	uint64_t features;           /* that were negotiated */
	uint16_t avail;              /* next entry to take; packed: slot and wrap counter */
	uint16_t used;               /* next entry to return; equal to avail */
	bool at_used_idx;            /* split: begin at the used index in the ring instead */
	const struct guest_mem *mem; /* must outlive the vring */
	struct ring_state state;     /* its words must outlive the vring */
	int call_fd;                 /* stays the caller's; -1: none */
	struct vring_call *call;     /* signals call_fd; stays the caller's */
	struct guest_log *log;       /* stays the caller's; NULL: writes are not logged */
};

/* Virtio features that the rings understand. */
uint64_t vring_features(void);

/*
 * Sets up vr, which the caller owns, for a split (virtio 2.6) or packed (2.7) virtqueue.
 * Returns 0, or -1 with one sentence in err (err_size bytes): bad size or position, or an
 * area that is misaligned or outside the guest's memory.  Writes to guest memory only to
 * suppress kicks, and logs that.
 */
int vring_init(struct vring *vr, const struct vring_config *cfg, char *err, size_t err_size);

/* Where the next owner begins, for vring_config.avail and .used; no data thread may still
 * use vr. */
uint16_t vring_position(const struct vring *vr);

/* A clause for the log; static memory. */
const char *vring_fault_text(enum vring_fault fault);

#endif /* VIRTQ_VRING_H */
