/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_RING_H
#define TEST_RING_H

/*
 * ring.h - the ring of a made-up guest.  It posts chains into the first world,
 * remembers them, and reads what any world gave back.
 */

#include <stdbool.h>
#include <stdint.h>

#include "world.h"

#define MAX_BUFS 24u
#define MAX_POSTED 128u

struct buf {
	uint64_t addr;
	uint32_t len;
};

struct posted {
	uint16_t id;    /* what the used entry must name */
	uint16_t slots; /* descriptors of the ring */
	uint32_t first; /* split: its first descriptor; packed: its first slot */
	bool hidden;    /* packed: its flags say that it is not there */
	uint32_t n;
	uint32_t bytes;
	struct buf buf[MAX_BUFS];
};

struct ring {
	struct guest_ring gr;    /* in the first world; nothing is taken back */
	struct vring_config cfg; /* what the device is told */
	bool packed;
	bool event_idx;
	bool groups;    /* one used entry may stand for several chains (IN_ORDER) */
	bool write;     /* the device writes the buffers */
	uint64_t begin; /* of the area that holds the ring, and its end */
	uint64_t end;
	uint32_t n;
	struct posted p[MAX_POSTED];
};

/* One descriptor in memory, of either format. */
struct raw {
	uint64_t addr;
	uint32_t len;
	uint16_t word[2]; /* split: flags, next; packed: id, flags */
};

/* The used entry of one chain, and which id stands there in memory: another one,
 * or none, when it came back in a group. */
struct used {
	uint32_t id;
	uint32_t len;
	uint32_t written;
};
#define NOT_WRITTEN UINT32_MAX

/* Where the areas stand: in region C or D, up to the region's last byte or not. */
void ring_init(struct ring *g, struct rnd *r, uint32_t size, uint64_t features, uint16_t start,
	       bool write);
void ring_free(struct ring *g);

/* Posts a chain: direct descriptors, or one for the table at `table`; false when
 * the ring is full. */
bool ring_post(struct ring *g, const struct buf *buf, uint32_t n, uint64_t table);
void ring_publish(struct ring *g);

/* The first descriptor of chain k, for guests that lie. */
struct raw *ring_desc(const struct ring *g, uint32_t k);
uint16_t *ring_flags(const struct ring *g, struct raw *d);
uint16_t *ring_avail_entry(const struct ring *g, uint32_t k);

/* What the guest says about being interrupted. */
void ring_suppress(struct ring *g, struct rnd *r);

/* Chains that a used entry with this id gives back, the first being chain k. */
uint32_t ring_group(const struct ring *g, uint32_t k, uint32_t id);

/* The chains that w gave back, in the order of the ring: their number, and up to
 * `max` of their entries; -1 if that is not what a device may write. */
int ring_used(const struct ring *g, const struct world *w, struct used *to, uint32_t max);

#endif /* TEST_RING_H */
