/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VRING_H
#define VIRTQ_VRING_H

/* vring.h - how a virtqueue is configured, set up and taken back.  Control thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vring_types.h"

/* Where the guest placed the ring: addresses of one space. */
struct vring_addr {
	uint64_t desc;
	uint64_t driver;
	uint64_t device;
};

/* What vring_init() needs to know. */
struct vring_config {
	struct vring_addr addr;
	enum guest_space space; /* of addr; those in descriptors are GUEST_PHYSICAL */
	uint32_t size;          /* entries */
	uint64_t features;
	uint16_t avail;
	uint16_t used;
	bool at_used_idx;            /* split: begin at the used index instead */
	const struct guest_mem *mem; /* must outlive the vring */
	struct ring_state state;     /* its words must outlive the vring */
	int call_fd;                 /* stays the caller's */
};

/* Virtio features that the rings understand. */
uint64_t vring_features(void);

/*
 * Checks and sets up a split (virtio 2.6) or packed (2.7) virtqueue.  Returns 0,
 * or -1 with one sentence in err: bad size, misaligned or outside memory,
 * position beyond the ring.  Touches guest memory only to ask the guest not to
 * notify.
 */
int vring_init(struct vring *vr, const struct vring_config *cfg, char *err, size_t err_size);

/* Where the next owner begins, as vring_config.avail and .used. */
uint16_t vring_position(const struct vring *vr);

/* A sentence for a fault, without a full stop. */
const char *vring_fault_text(enum vring_fault fault);

#endif /* VIRTQ_VRING_H */
