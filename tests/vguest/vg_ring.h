/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_RING_H
#define VG_RING_H

/*
 * vg_ring.h - a ring of lib/vdriver in vguest's memory, with its two eventfds.
 * Whatever the backend may not do to it is an error here.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vdriver.h"
#include "vg_mem.h"

#define VG_MAX_SEGS 1024u /* descriptors of one chain */

/* Cookie of a chain that was broken on purpose, and must not come back. */
#define VG_RING_BAD UINT32_MAX

/* A chain that came back. */
struct vg_back {
	uint32_t cookie;
	uint32_t len;
	bool skipped; /* in order: returned together with a later one, no length told */
};

struct vg_ring {
	struct vdriver vd;
	const char *name;
	int kick, call;
	uint64_t kicks;
};

struct vg_ring_config {
	const char *name;
	uint64_t features;
	uint16_t size;
	uint16_t max_segs; /* of a chain in a table; 0: no tables */
	bool shuffle;      /* use descriptors in no order, where the features allow it */
};

/* Bytes of guest memory that vg_ring_init() takes at most. */
uint64_t vg_ring_bytes(const struct vg_ring_config *c);

int vg_ring_init(struct vg_ring *r, struct vg_mem *m, const struct vg_ring_config *c);
void vg_ring_free(struct vg_ring *r);

/* As new: nothing available, nothing used, positions at the beginning, and no
 * interrupts. */
void vg_ring_reset(struct vg_ring *r, bool shuffle);

/* Adds a chain: its id, or -1 if there is no room.  Nothing is visible before
 * vg_ring_publish(). */
int vg_ring_add(struct vg_ring *r, const struct vdriver_seg *seg, uint16_t n, bool table,
		uint32_t cookie);

/* Makes what was added available, and notifies the device if it wants that. */
void vg_ring_publish(struct vg_ring *r);
void vg_ring_kick(struct vg_ring *r);

/* The next chain that came back: 1, 0 if there is none, -1 after vg_err() if the
 * backend broke the ring. */
int vg_ring_get(struct vg_ring *r, struct vg_back *b);

#endif /* VG_RING_H */
