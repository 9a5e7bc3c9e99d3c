/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VRING_ANY_H
#define VIRTQ_VRING_ANY_H

/*
 * vring_any.h - one set of calls for both ring formats.  `packed` is a constant at every
 * use, so that no branch on the format is left in the loops.  Data thread only.
 */

#include "vring_packed.h"
#include "vring_split.h"

/* How many chains are available, as far as is known: fewer than `want` only if there are
 * no more.  An upper bound for packed rings. */
static inline __attribute__((always_inline)) uint16_t
vring_any_available(struct vring *vr, uint16_t want, const bool packed)
{
	return packed ? vr->size : vring_split_available(vr, want);
}

/* Whether a chain is available. */
static inline __attribute__((always_inline)) bool
vring_any_waiting(struct vring *vr, const bool packed)
{
	if (!packed)
		return vring_split_available(vr, 1) > 0;
	return vring_packed_is_avail(order_read16(&vr->slot[vr->last_avail].flags), vr->wrap);
}

/* Adds up to n chains to the batch; returns how many. */
static inline __attribute__((always_inline)) uint16_t
vring_any_snapshot(struct vring *vr, enum vring_dir dir, struct vring_batch *b, uint16_t n,
		   const bool packed)
{
	return packed ? vring_packed_snapshot(vr, dir, b, n)
		      : vring_split_snapshot(vr, dir, b, b->nchain, n);
}

/* Returns the first n (at least 1) chains of the batch as used buffers, with the bytes
 * written to each in its len.  Returns whether the guest was interrupted. */
static inline __attribute__((always_inline)) bool
vring_any_return(struct vring *vr, const struct vring_batch *b, uint16_t n, const bool packed)
{
	uint16_t slots;

	if (!packed) {
		for (uint16_t k = 0; k < n; k++)
			vring_split_put_used(vr, k, b->chain[k].head, b->chain[k].len);
		return vring_split_publish(vr, n);
	}
	slots = n < b->nchain ? b->chain[n].at : b->slots;
	for (uint16_t k = 0; k < n; k++)
		vring_packed_note(vr, k, b->chain[k].at, b->chain[k].head, b->chain[k].len);
	vring_packed_begin(vr, n, slots);
	for (uint16_t k = n; k-- > 0;)
		vring_packed_put_used(vr, b->chain[k].at, b->chain[k].head, b->chain[k].len);
	return vring_packed_publish(vr, slots);
}

#endif /* VIRTQ_VRING_ANY_H */
