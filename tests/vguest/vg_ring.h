/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_RING_H
#define VG_RING_H

/*
 * vg_ring.h - a virtqueue as its driver sees it, split or packed: chains are
 * added, published, and come back used.  Whatever the backend may not do to a
 * ring is an error here.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vg_abi.h"
#include "vg_mem.h"

#define VG_MAX_SEGS 1024u /* descriptors of one chain */

struct vg_seg {
	uint64_t gpa;
	uint32_t len;
};

/* What was made available under one id. */
struct vg_chain {
	uint32_t cookie;
	uint16_t ndesc; /* ring entries it takes */
	bool busy;
	bool bad; /* broken on purpose: must not come back */
};

/* A chain that came back. */
struct vg_back {
	uint32_t cookie;
	uint32_t len;
	bool skipped; /* in order: returned together with a later one, no length told */
};

struct vg_ring {
	/* guest memory */
	union {
		struct vg_desc *desc;
		struct vg_pdesc *slot;
	};
	union {
		struct vg_avail *avail;
		struct vg_pevent *driver_event;
	};
	union {
		struct vg_used *used;
		struct vg_pevent *device_event;
	};
	uint64_t gpa_desc, gpa_driver, gpa_device;
	struct vg_desc *tables; /* max_segs descriptors for each id */
	uint64_t gpa_tables;

	bool packed, in_order, event_idx;
	bool write; /* the backend writes: receive ring */
	const char *name;
	uint16_t size;
	uint16_t max_segs;
	uint16_t nfree; /* ring entries */
	uint16_t nbusy; /* chains */

	/* Split: indices.  Packed: slots with their wrap counters. */
	uint16_t next_avail;
	uint16_t published; /* split: as told to the device; packed: slot of last look */
	uint16_t last_used;
	bool avail_wrap, used_wrap;
	/* packed: the first chain's first flags, which make all behind it available */
	bool pending;
	uint16_t pending_slot, pending_flags, added;

	struct vg_chain *chain; /* by id */
	uint16_t *link;         /* split: descriptor behind this one in its chain */
	uint16_t *free;         /* stack of descriptors, or packed: of ids */
	uint16_t free_top;
	uint16_t next_desc; /* split, in order: the stack's place */
	uint16_t *order;    /* ids as they were made available */
	uint32_t order_head, order_tail;

	/* in order: chains that one used entry returned */
	uint16_t group;
	uint32_t group_len;

	int kick, call;
	uint64_t kicks;
	uint16_t last_id; /* of the latest vg_ring_add() */
};

struct vg_ring_config {
	const char *name;
	uint64_t features;
	uint16_t size;
	uint16_t max_segs; /* of a chain in a table; 0: no tables */
	bool write;
	bool shuffle; /* use descriptors in no order, where the features allow it */
};

/* Bytes of guest memory that vg_ring_init() takes at most. */
uint64_t vg_ring_bytes(const struct vg_ring_config *c);

int vg_ring_init(struct vg_ring *r, struct vg_mem *m, const struct vg_ring_config *c);
void vg_ring_free(struct vg_ring *r);

/* As new: nothing available, nothing used, positions at the beginning. */
void vg_ring_reset(struct vg_ring *r, bool shuffle);

/* Adds a chain; false: no room.  Nothing is visible before vg_ring_publish(). */
bool vg_ring_add(struct vg_ring *r, const struct vg_seg *seg, uint16_t n, bool table,
		 uint32_t cookie);

/* Makes what was added available, and notifies the device if it wants that. */
void vg_ring_publish(struct vg_ring *r);
void vg_ring_kick(struct vg_ring *r);

/* The next chain that came back: 1, 0 if there is none, -1 if the backend broke
 * the ring. */
int vg_ring_get(struct vg_ring *r, struct vg_back *b);

/* True if vg_ring_get() would find something. */
bool vg_ring_has_used(const struct vg_ring *r);

/* Interrupts from the next used chain on, or none. */
void vg_ring_want_call(struct vg_ring *r, bool want);

/* Where the device goes on once everything it used was taken with vg_ring_get():
 * split: index; packed: slot, and the wrap counter in bit 15. */
uint16_t vg_ring_position(const struct vg_ring *r);

/* For vg_split.c and vg_packed.c. */
int vg_ring_resolve(struct vg_ring *r, uint32_t id, uint32_t len, uint32_t limit);
int vg_ring_take(struct vg_ring *r, struct vg_back *b, uint16_t *ndesc, uint16_t *id);
uint64_t vg_ring_fill_table(struct vg_ring *r, uint16_t id, const struct vg_seg *seg, uint16_t n);
void vg_ring_record(struct vg_ring *r, uint16_t id, uint16_t ndesc, uint32_t cookie);

static inline bool
vg_need_event(uint16_t event, uint16_t new_idx, uint16_t old_idx)
{
	return (uint16_t)(new_idx - event - 1) < (uint16_t)(new_idx - old_idx);
}

struct vg_ring_ops {
	bool (*add)(struct vg_ring *r, const struct vg_seg *seg, uint16_t n, bool table,
		    uint32_t cookie);
	bool (*publish)(struct vg_ring *r); /* true: the device wants to be notified */
	int (*get)(struct vg_ring *r, struct vg_back *b);
	bool (*has_used)(const struct vg_ring *r);
	void (*want_call)(struct vg_ring *r, bool want);
	void (*reset)(struct vg_ring *r);
};
extern const struct vg_ring_ops vg_split_ops, vg_packed_ops;

#endif /* VG_RING_H */
