/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VRING_RUN_H
#define VIRTQ_VRING_RUN_H

/*
 * vring_run.h - runs of one-descriptor chains of either ring format: gathered, returned.
 * `packed` and `dir` are constants at every use.  Data thread only.
 */

#include "isa.h"
#include "vring_any.h"

/* Shorter runs use the scalar leaf: vectors have a longer latency, and a vector load right
 * after scalar stores to the same bytes waits for them. */
#define VRING_RUN_SHORT 3u
/* The same for used descriptors of a packed ring, which are two stores each: the journal's
 * too. */
#define VRING_RUN_SHORT_PACKED 9u

/* How many chains a run of at most n may take: not beyond the end of a packed ring, where
 * the wrap counter changes.  Sets vr->fault if the available index is invalid. */
static inline __attribute__((always_inline)) uint16_t
vring_run_room(struct vring *vr, uint16_t n, const bool packed)
{
	uint16_t have = packed ? (uint16_t)(vr->size - vr->last_avail)
			       : vring_split_available(vr, n);

	return n < have ? n : have;
}

/* Gathers up to n chains (at most VRING_BURST, and what vring_run_room() returned), from
 * the slot `ahead` after the next one on; returns how many.  The ring's position stays. */
static inline __attribute__((always_inline)) uint16_t
vring_run_gather_at(const struct vring *vr, const enum vring_dir dir, uint16_t ahead, uint16_t n,
		    const struct vring_limits *lim, struct vring_run *run, const bool packed)
{
	uint16_t at = (uint16_t)(vr->last_avail + ahead);
	bool wrap = vr->wrap;

	if (!packed)
		return n < VRING_RUN_SHORT ? isa_scalar_gather_split(vr, dir, at, n, lim, run)
					   : isa_gather_split(vr, dir, at, n, lim, run);
	if (ahead > 0)
		at = vring_packed_slot(vr, ahead, &wrap);
	return n < VRING_RUN_SHORT ? isa_scalar_gather_packed(vr, dir, at, wrap, n, lim, run)
				   : isa_gather_packed(vr, dir, at, wrap, n, lim, run);
}

static inline __attribute__((always_inline)) uint16_t
vring_run_gather(const struct vring *vr, const enum vring_dir dir, uint16_t n,
		 const struct vring_limits *lim, struct vring_run *run, const bool packed)
{
	return vring_run_gather_at(vr, dir, 0, n, lim, run, packed);
}

/* How many chains a run may add to the batch: what fits and is available; in a packed
 * ring not beyond its end, nor more slots than it has. */
static inline __attribute__((always_inline)) uint16_t
vring_batch_room(const struct vring *vr, const struct vring_batch *b, uint16_t avail, uint32_t want,
		 const bool packed)
{
	uint32_t n = vring_min(want, VRING_BURST);
	bool wrap;

	n = vring_min(n, VRING_BATCH - b->nchain);
	n = vring_min(n, VRING_BATCH_SEGS - b->nseg);
	n = vring_min(n, b->ndesc < VRING_BATCH_DESCS ? VRING_BATCH_DESCS - b->ndesc : 0u);
	if (!packed)
		return (uint16_t)vring_min(n, avail - b->nchain);
	if (b->slots >= vr->size)
		return 0;
	n = vring_min(n, vr->size - b->slots);
	return (uint16_t)vring_min(n, vr->size - vring_packed_slot(vr, b->slots, &wrap));
}

/*
 * Adds chains to a batch: a run of up to `want` (1 at least) if one begins there, else one
 * chain of any kind.  `avail` is what vring_any_available() returned.  Returns how many were
 * added; 0: none is available, the batch is full (b->full), or the ring is broken
 * (vr->fault).
 */
static inline __attribute__((always_inline)) uint16_t
vring_batch_extend(struct vring *vr, const enum vring_dir dir, struct vring_batch *b,
		   uint16_t avail, uint32_t want, const struct vring_limits *lim, const bool packed)
{
	struct vring_run run;
	uint16_t n;

	if (b->nchain == avail)
		return 0;
	n = vring_batch_room(vr, b, avail, want, packed);
	n = vring_run_gather_at(vr, dir, b->slots, n, lim, &run, packed);
	if (n == 0)
		return vring_any_snapshot(vr, dir, b, 1, packed);
	for (uint16_t k = 0; k < n; k++) {
		b->seg[b->nseg] = (struct vring_seg){run.host[k], run.len[k]};
		b->chain[b->nchain++] = (struct vring_chain){
			.head = run.id[k],
			.first = b->nseg++,
			.nseg = 1,
			.at = b->slots++,
			.len = run.len[k],
		};
	}
	b->ndesc += n;
	return n;
}

/* Prefetches the ring's cache lines that returning n chains accesses: the guest's
 * processor has them.  Those of a packed ring were already read by the gather. */
static inline __attribute__((always_inline)) void
vring_run_prefetch_used(const struct vring *vr, uint16_t n, const bool packed)
{
	if (packed)
		return;
	for (uint16_t k = 0; k < n; k += 8)
		vring_prefetch_write(&vr->used->ring[(uint16_t)(vr->last_used + k) & vr->mask]);
	vring_prefetch(&vr->avail->flags);
}

/* Returns n chains that were only read with one used entry, that of the last one: with
 * IN_ORDER it stands for all before it (2.6.9, 2.7.8). */
static inline __attribute__((always_inline)) bool
vring_run_return_last(struct vring *vr, uint16_t id, uint16_t n, const bool packed)
{
	if (!packed) {
		vring_split_put_used(vr, 0, id, 0);
		return vring_split_publish(vr, n);
	}
	vring_packed_note(vr, 0, 0, id, 0);
	vring_packed_begin(vr, 1, n);
	vring_packed_put_used(vr, 0, id, 0);
	return vring_packed_publish(vr, n);
}

/* Writes the used entries of n chains, which may wrap; the guest reads none of them
 * before the used index is published. */
static inline __attribute__((always_inline)) void
vring_run_put_split(struct vring *vr, const struct vring_run *run, uint16_t n)
{
	uint16_t slot = vr->last_used & vr->mask, part = vr->size - slot;

	if (likely(part >= n && n >= VRING_RUN_SHORT)) {
		isa_used_split(&vr->used->ring[slot], run, n);
		return;
	}
	for (uint16_t k = 0; k < n; k++)
		vring_split_put_used(vr, k, run->id[k], run->len[k]);
}

/* Returns n (at least 1) chains as used buffers, with the bytes written to each in its
 * len: 0 if dir is VRING_DEQ.  Returns whether the guest was interrupted. */
static inline __attribute__((always_inline)) bool
vring_run_return(struct vring *vr, const struct vring_run *run, uint16_t n,
		 const enum vring_dir dir, const bool packed)
{
	if (dir == VRING_DEQ && vr->in_order)
		return vring_run_return_last(vr, run->id[n - 1], n, packed);
	if (!packed) {
		vring_run_put_split(vr, run, n);
		return vring_split_publish(vr, n);
	}
	if (n < VRING_RUN_SHORT_PACKED)
		isa_scalar_used_packed(vr, run, n);
	else
		isa_used_packed(vr, run, n);
	return vring_packed_publish(vr, n);
}

#endif /* VIRTQ_VRING_RUN_H */
