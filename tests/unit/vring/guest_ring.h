/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_GUEST_RING_H
#define TEST_GUEST_RING_H

/*
 * guest_ring.h - the driver's half of a split virtqueue, written from virtio
 * 1.1, section 2.6, for the tests.  It has its own idea of the layout on
 * purpose: a mistake in lib/vring's must not be repeated here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest_ram.h"

/* Flags of a descriptor (2.6.5). */
enum {
	GR_NEXT = 1,
	GR_WRITE = 2,
	GR_INDIRECT = 4
};

struct gr_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* What a test asks for. */
struct gr_layout {
	uint32_t size;
	uint16_t start;      /* both indices: of a ring that has been in use */
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
	uint64_t desc_addr, avail_addr, used_addr;
	struct gr_desc *desc;
	uint16_t *avail; /* flags, idx, entries, used_event */
	uint16_t *used;  /* flags, idx, pairs of 32 bits, avail_event */
	uint16_t avail_idx;
	uint16_t seen_used;
	uint32_t nfree;
	uint16_t *free;           /* stack of free descriptors */
	struct gr_flight *flight; /* by head */
	unsigned int errors;      /* what the device did wrong; see gr_reap() */
};

void gr_init(struct guest_ring *gr, struct guest_ram *ram, const struct gr_layout *layout);
void gr_free(struct guest_ring *gr);

/* Puts the free descriptors into an order made from seed. */
void gr_shuffle(struct guest_ring *gr, uint64_t seed);

/* A chain of n buffers: direct ones, or with table != 0 an indirect table of n
 * entries there.  Becomes visible with gr_publish().  Returns its head, or -1
 * when too few descriptors are free. */
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

#endif /* TEST_GUEST_RING_H */
