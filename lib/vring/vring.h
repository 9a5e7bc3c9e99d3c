/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VRING_H
#define VIRTQ_VRING_H

/*
 * vring.h - one virtqueue as the device side sees it.
 *
 * A vring is made by a control thread, handed to one data thread, and taken
 * back before it is freed; nobody else looks inside in between.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest_mem.h"
#include "virtio_abi.h"

#define VRING_MAX_SIZE 32768u

/* Descriptors of one chain, indirect ones included.  The specification allows
 * the queue size; drivers are known to exceed it with indirect tables, and QEMU
 * stops at the same number. */
#define VRING_MAX_CHAIN 1024u

/* Used descriptors of a packed ring that are written down before they are made. */
#define VRING_JOURNAL 128u

/* So many looks in a row must have found notifications off before the fence in
 * front of the look is left out; and every so many it is not. */
#define VRING_QUIET 64u

/* Where the guest placed the ring: guest-physical addresses. */
struct vring_addr {
	uint64_t desc;
	uint64_t driver;
	uint64_t device;
};

/* Why a ring cannot be used any more: the guest broke the specification. */
enum vring_fault {
	VRING_OK = 0,
	VRING_F_AVAIL_JUMP,   /* avail index ran ahead of the ring's size */
	VRING_F_HEAD,         /* avail entry names no descriptor */
	VRING_F_NEXT,         /* next names no descriptor */
	VRING_F_LOOP,         /* chain longer than the ring or VRING_MAX_CHAIN */
	VRING_F_ADDRESS,      /* a buffer outside the guest's memory */
	VRING_F_DIRECTION,    /* readable in a receive chain, writable in a transmit chain */
	VRING_F_INDIRECT,     /* indirect table: length, nesting, NEXT beside it, not negotiated */
	VRING_F_SHORT_BUFFER, /* receive chain shorter than the header */
};

struct vring {
	/* the guest's memory */
	union {
		struct vring_desc *desc;
		struct vring_packed_desc *slot;
	};
	union {
		struct vring_avail *avail;
		struct vring_packed_event *driver_event;
	};
	union {
		struct vring_used *used;
		struct vring_packed_event *device_event;
	};
	const struct guest_mem *mem;

	/* the ring state page, or fixed words where there is none */
	const uint32_t *run;
	uint64_t *pos;     /* NULL: nobody wants to know */
	uint64_t *journal; /* packed: VRING_JOURNAL words, if pos is not NULL */
	uint32_t generation;

	uint16_t size;
	uint16_t mask;       /* split only */
	uint16_t last_avail; /* next avail entry to read; packed: next slot */
	uint16_t last_used;  /* next used entry to write; packed: the same slot */
	uint16_t avail_idx;  /* split: the guest's index when we last looked */
	uint16_t signalled;  /* last_used at the last look at the guest's event */
	uint32_t published;  /* bursts */
	uint32_t heard_at;   /* published when notifications were last seen on */
	uint8_t hdr_len;     /* of the network header, bytes */
	bool packed;
	bool wrap; /* packed: wrap counter of last_avail and last_used */
	bool in_order;
	bool event_idx;
	bool indirect;
	bool mergeable;
	uint8_t fault; /* enum vring_fault; set once, by the data thread */

	int call_fd; /* -1: the guest is not to be interrupted */
};

/* What vring_init() needs to know. */
struct vring_config {
	struct vring_addr addr;
	uint32_t size; /* entries */
	uint64_t features;
	uint16_t avail;
	uint16_t used;
	bool at_used_idx;            /* split: begin at the used index instead */
	const struct guest_mem *mem; /* must outlive the vring */
	const uint32_t *run;         /* the run word; must outlive the vring */
	uint64_t *pos;               /* where to say how far we are, or NULL */
	uint64_t *journal;           /* packed, with pos: room for VRING_JOURNAL words */
	uint32_t generation;
	int call_fd; /* stays the caller's */
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

/* What a watchdog remembers of a ring from one look to the next. */
struct vring_watch {
	uint32_t published;
	bool moved;
};

/*
 * For a ring whose guest has kept notifications off for long: whether the guest
 * should be interrupted now, because the data thread gave buffers back since the
 * last call but one, and has paused since.  It does not always wait for its
 * stores to be seen before it looks whether the guest wants to be told (see
 * vring_loud()), so a guest that turned notifications on in that moment may be
 * waiting.  To be called now and then, by the thread that owns the vring.
 */
bool vring_overdue(const struct vring *vr, struct vring_watch *w);

/* Interrupts the guest whether it asks or not.  For data threads: who shares the
 * eventfd can make the caller wait in it until another thread empties it. */
void vring_kick_guest(const struct vring *vr);

#endif /* VIRTQ_VRING_H */
