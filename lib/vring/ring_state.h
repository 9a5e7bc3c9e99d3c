/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_RING_STATE_H
#define VIRTQ_RING_STATE_H

/*
 * ring_state.h - the words of a ring that outlive the process that serves it: the run
 * word, the position and the journal.  ring_state.c asserts that their layout is that of
 * the state page (virtq_ipc.h).
 */

#include <stdbool.h>
#include <stdint.h>

#include "order.h"

/* Entries of the journal: used descriptors of a packed ring, noted before they are
 * written. */
#define RING_JOURNAL 128u

/*
 * Where these words are.  The memory belongs to whoever made the ring and outlives it; a
 * peer may change it at any moment.
 */
struct ring_state {
	const uint32_t *run; /* the ring may be accessed while this is `generation` */
	uint64_t *pos;       /* where to publish the position; NULL: nowhere */
	uint64_t *journal;   /* RING_JOURNAL words; used by packed rings if pos is set */
	uint32_t generation;
};

/* For a ring without a state page: it may always be accessed, and its position is not
 * published. */
extern const struct ring_state ring_state_none;

/* G: whether this process may still access the ring. */
static inline bool
ring_state_is_ours(const struct ring_state *st)
{
	return order_acquire32(st->run) == st->generation;
}

/* The position as one word: next available and next used entry (packed: slot and wrap
 * counter), and how many entries of the journal are valid. */
#define RING_POS_VALID (1ull << 32)
static inline uint64_t
ring_state_pos(uint16_t avail, uint16_t used, uint16_t pending)
{
	return avail | (uint64_t)used << 16 | RING_POS_VALID | (uint64_t)pending << 48;
}

/* Whether a position was ever published. */
static inline bool
ring_state_is_valid(uint64_t pos)
{
	return pos & RING_POS_VALID;
}

/* One entry of the journal: the used descriptor for slot and wrap counter `place`. */
static inline uint64_t
ring_state_used(uint16_t place, uint16_t id, uint32_t len)
{
	return place | (uint32_t)id << 16 | (uint64_t)len << 32;
}

/* H: the position between two bursts, when no entry of the journal is valid. */
static inline void
ring_state_publish(const struct ring_state *st, uint16_t at)
{
	if (st->pos)
		order_release64(st->pos, ring_state_pos(at, at, 0));
}

#endif /* VIRTQ_RING_STATE_H */
