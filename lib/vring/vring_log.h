/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VRING_LOG_H
#define VIRTQ_VRING_LOG_H

/*
 * vring_log.h - marks in the dirty log what was written to guest memory: buffers, used
 * entries, the words that suppress kicks.  It is enough to do this within the burst, before
 * or after the used index is published: the peer copies what is marked once more after the
 * rings have stopped.
 */

#include "guest_log.h"
#include "vring_any.h"

/* len (0 is allowed) bytes at p, all in one region. */
static inline void
vring_log_bytes(const struct vring *vr, const struct guest_log *log, const void *p, uint32_t len)
{
	uint64_t gpa;

	if (len > 0 && guest_mem_gpa(vr->mem, p, &gpa))
		guest_log_mark(log, gpa, len);
}

/* What vring_suppress_kicks() writes. */
static inline void
vring_log_suppressed(const struct vring *vr, const struct guest_log *log)
{
	if (vr->packed)
		vring_log_bytes(vr, log, vr->device_event, sizeof(*vr->device_event));
	else if (vr->event_idx)
		vring_log_bytes(vr, log, vring_split_avail_event(vr), sizeof(uint16_t));
	else
		vring_log_bytes(vr, log, &vr->used->flags, sizeof(vr->used->flags));
}

/* The bytes that were written to a chain: its len. */
static inline void
vring_log_chain(const struct vring *vr, const struct guest_log *log, const struct vring_batch *b,
		const struct vring_chain *c)
{
	const struct vring_seg *seg = &b->seg[c->first];

	for (uint32_t left = c->len, part; left > 0; left -= part, seg++) {
		part = vring_min(seg->len, left);
		vring_log_bytes(vr, log, seg->addr, part);
	}
}

/* Where the next used entry goes; for vring_log_used(). */
static inline uint32_t
vring_log_position(const struct vring *vr)
{
	return vr->packed ? vring_packed_place(vr, 0) : vr->last_used;
}

/* Entries of a ring, of `each` bytes, that were written from entry `at` on, which may go on
 * at its beginning. */
static inline void
vring_log_entries(const struct vring *vr, const struct guest_log *log, const void *ring,
		  uint32_t each, uint32_t at, uint32_t n)
{
	uint32_t part = vring_min(n, vr->size - at);

	vring_log_bytes(vr, log, (const uint8_t *)ring + (size_t)each * at, each * part);
	vring_log_bytes(vr, log, ring, each * (n - part));
}

/* The used entries that were written since the position was `from`, and the used index. */
static inline void
vring_log_used(const struct vring *vr, const struct guest_log *log, uint32_t from)
{
	uint32_t to = vring_log_position(vr), n, slot = from & ~(uint32_t)VRING_PACKED_WRAP;

	if (from == to)
		return;
	if (vr->packed) {
		n = vr->last_used - slot + (slot >= vr->last_used ? vr->size : 0u);
		vring_log_entries(vr, log, vr->slot, sizeof(*vr->slot), slot, n);
		return;
	}
	n = (uint16_t)(to - from);
	vring_log_entries(vr, log, vr->used->ring, sizeof(vr->used->ring[0]), from & vr->mask, n);
	vring_log_bytes(vr, log, &vr->used->idx, sizeof(vr->used->idx));
}

#endif /* VIRTQ_VRING_LOG_H */
