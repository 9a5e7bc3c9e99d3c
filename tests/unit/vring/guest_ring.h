/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_GUEST_RING_H
#define TEST_GUEST_RING_H

/*
 * guest_ring.h - the driver's half of a split or packed virtqueue, written from
 * virtio 1.1, sections 2.6 and 2.7, for the tests.  It has its own idea of the
 * layout on purpose: a mistake in lib/vring's must not be repeated here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest_ram.h"

/* Flags of a descriptor (2.6.5 and 2.7.13). */
enum {
	GR_NEXT = 1,
	GR_WRITE = 2,
	GR_INDIRECT = 4,
	GP_AVAIL = 0x80,
	GP_USED = 0x8000
};

/* The wrap counter beside a slot (2.7.1). */
#define GP_WRAP 0x8000u

struct gr_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* Of a packed ring. */
struct gp_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id;
	uint16_t flags;
};

/* What a test asks for. */
struct gr_layout {
	uint32_t size;
	uint16_t start; /* both indices: of a ring that has been in use; packed: slot and
			      * wrap counter */
	bool packed;
	bool legacy;         /* one area, used ring on a page of its own */
	bool event_idx;      /* the areas end with the event words */
	unsigned int region; /* of the first area */
};

/* One buffer of a chain. */
struct gr_buf {
	uint64_t addr;
	uint32_t len;
	bool write;
};

struct gr_flight {
	bool busy;
	uint16_t slots;    /* descriptors of the ring it takes */
	uint32_t writable; /* bytes */
	void *cookie;
};

struct guest_ring {
	struct guest_ram *ram;
	struct gr_layout layout;
	uint64_t desc_addr, avail_addr, used_addr; /* packed: ring, driver's and device's event */
	struct gr_desc *desc;
	struct gp_desc *slot; /* packed: the ring */
	uint16_t *avail;      /* flags, idx, entries, used_event; packed: off_wrap, flags */
	uint16_t *used;     /* flags, idx, pairs of 32 bits, avail_event; packed: off_wrap, flags */
	uint16_t avail_idx; /* packed: slot and wrap counter, as the next one */
	uint16_t seen_used;
	uint16_t next_id; /* packed */
	uint32_t nfree;
	uint16_t *free;           /* stack of free descriptors */
	struct gr_flight *flight; /* by head; packed: by id */
	unsigned int errors;      /* what the device did wrong; see gr_reap() */
};

void gr_init(struct guest_ring *gr, struct guest_ram *ram, const struct gr_layout *layout);
void gr_free(struct guest_ring *gr);

/* Puts the free descriptors of a split ring into an order made from seed. */
void gr_shuffle(struct guest_ring *gr, uint64_t seed);

/* A chain of n buffers: direct ones, or with table != 0 an indirect table of n
 * entries there.  Becomes visible with gr_publish(), in a packed ring at once.
 * Returns its head or id, or -1 when too few descriptors are free. */
int gr_add(struct guest_ring *gr, const struct gr_buf *buf, uint32_t n, uint64_t table,
	   void *cookie);

/* An indirect table behind a direct buffer: the first of buf is direct. */
int gr_add_mixed(struct guest_ring *gr, const struct gr_buf *buf, uint32_t n, uint64_t table,
		 void *cookie);

void gr_publish(struct guest_ring *gr);

/* Raw access, for guests that lie. */
void gr_set_desc(struct guest_ring *gr, uint16_t i, struct gr_desc d);
void gr_set_table(struct guest_ring *gr, uint64_t table, uint32_t i, struct gr_desc d);
void gr_push_avail(struct guest_ring *gr, uint16_t head);
void gr_set_avail_idx(struct guest_ring *gr, uint16_t idx);

/* The next used entry, if there is one.  Counts an error when it names no chain
 * in flight or more bytes than the chain can take. */
bool gr_reap(struct guest_ring *gr, uint16_t *head, uint32_t *len, void **cookie);

/* Suppression, the driver's half. */
void gr_set_no_interrupt(struct guest_ring *gr, uint16_t flags);
void gr_set_used_event(struct guest_ring *gr, uint16_t event);
uint16_t gr_used_idx(const struct guest_ring *gr);
uint16_t gr_used_flags(const struct guest_ring *gr);
uint16_t gr_avail_event(const struct guest_ring *gr);

/* Packed rings: guest_packed.c.  gr_init(), gr_free(), gr_add() and gr_reap() call
 * the first four. */
void gp_init(struct guest_ring *gr);
int gp_add(struct guest_ring *gr, const struct gr_buf *buf, uint32_t n, uint64_t table,
	   void *cookie);
bool gp_reap(struct guest_ring *gr, uint16_t *id, uint32_t *len, void **cookie);

/* Slot and wrap counter, `ahead` slots behind `at`; ahead <= size. */
uint16_t gp_ahead(const struct guest_ring *gr, uint16_t at, uint32_t ahead);

/* AVAIL and USED of a descriptor that is available, or used, at a position. */
uint16_t gp_avail_flags(uint16_t at);
uint16_t gp_used_flags(uint16_t at);

/* Raw access.  gp_push() makes d the next descriptor, and it available; as it is,
 * with none of its flags changed, if raw. */
void gp_set_slot(struct guest_ring *gr, uint16_t slot, struct gp_desc d);
void gp_push(struct guest_ring *gr, struct gp_desc d, bool raw);
void gp_set_event(struct guest_ring *gr, uint16_t off_wrap, uint16_t flags);

#endif /* TEST_GUEST_RING_H */
