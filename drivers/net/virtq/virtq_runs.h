/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_RUNS_H
#define VIRTQ_RUNS_H

/*
 * virtq_runs.h - runs of simple chains (virtq_simple.h) of either ring format: what the
 * fast paths of both directions have in common.  Needs a virtq_kern_*.h in front.
 */

#include "vring_any.h"

/* Chains that a run of the fast path may take: no further than the end of a
 * packed ring, where its wrap counter turns. */
static __rte_always_inline uint16_t
virtq_simple_room(struct vring *vr, uint16_t n, const bool packed)
{
	if (packed)
		return RTE_MIN(n, (uint16_t)(vr->size - vr->last_avail));
	return RTE_MIN(n, vring_split_available(vr, n));
}

static __rte_always_inline uint16_t
virtq_gather(const struct vring *vr, const enum vring_dir dir, uint16_t n, uint32_t min,
	     uint32_t max, struct virtq_simple *s, const bool packed)
{
	return packed ? virtq_gather_packed(vr, dir, n, min, max, s)
		      : virtq_gather_split(vr, dir, n, min, max, s);
}

/* Asks for the lines that the end of this burst touches: the guest had them last.
 * Only split rings have any that were not read before.  Worth 7 of 23 cycles a
 * packet where the processors are far apart (64 bytes, enq), nothing where they
 * are near. */
static __rte_always_inline void
virtq_look_ahead(const struct vring *vr, uint16_t n, const bool packed)
{
	if (packed)
		return;
	for (uint16_t k = 0; k < n; k += 8)
		rte_prefetch0_write(&vr->used->ring[(uint16_t)(vr->last_used + k) & vr->mask]);
	rte_prefetch0(&vr->avail->flags);
}

/* Copies a long packet, each vector but the first and the last in one line of
 * `lines`, which is dst or src: the one whose lines the guest had last. */
static __rte_always_inline void
virtq_copy_long(void *dst, const void *src, uint32_t len, const void *lines, bool by_call)
{
	uint32_t skip = 0;

	if (!VIRTQ_KEEP_TO_LINES && by_call) {
		memcpy(dst, src, len);
		return;
	}
	if (VIRTQ_KEEP_TO_LINES)
		skip = (uint32_t)(-(uintptr_t)lines % RTE_CACHE_LINE_SIZE);
	if (skip > 0)
		virtq_copy(dst, src, RTE_CACHE_LINE_SIZE);
	virtq_copy((uint8_t *)dst + skip, (const uint8_t *)src + skip, len - skip);
}

/* Copies a packet of one piece, a long one as this processor likes it (virtq_simple.h). */
static __rte_always_inline void
virtq_copy_packet(const struct virtq_queue *q, void *dst, const void *src, uint32_t len,
		  const enum vring_dir dir)
{
	if (q->zen5 && dir == VRING_ENQ && len >= VIRTQ_REP_MOVSB)
		order_copy_string(dst, src, len);
	else if (!q->zen5 && len > VIRTQ_LONG)
		virtq_copy_long(dst, src, len, dir == VRING_ENQ ? dst : src, q->by_call);
	else
		virtq_copy(dst, src, len);
}

/* Asks for the lines of the i-th packet's buffer if it is a long one, while the packet
 * in front of it is copied; the first was asked for.  Where that pays: virtq_simple.h. */
static __rte_always_inline void
virtq_ask_ahead(const struct virtq_simple *s, uint16_t i, uint16_t n, const enum vring_dir dir,
		bool zen5)
{
	if (zen5 != (dir == VRING_DEQ) || i >= n || s->len[i] <= VIRTQ_LONG)
		return;
	for (uint32_t at = RTE_CACHE_LINE_SIZE; at < s->len[i]; at += RTE_CACHE_LINE_SIZE) {
		if (dir == VRING_ENQ)
			rte_prefetch0_write(s->host[i] + at);
		else
			rte_prefetch0(s->host[i] + at);
	}
	if (dir == VRING_ENQ)
		rte_prefetch0_write(s->host[i] + s->len[i] - 1);
}

/* Gives n simple chains that were only read back by the last one's id: under
 * IN_ORDER the guest knows which came before it (2.6.9, 2.7.8).  Packed, 64 bytes:
 * 5.5 cycles a packet instead of 6.8, far 16 instead of 24; split, whose entries
 * are in few lines anyway: far 13 instead of 18, near no difference. */
static __rte_always_inline bool
virtq_simple_return_last(struct vring *vr, uint16_t id, uint16_t n, const bool packed)
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

/* Used entries of n simple chains, which nobody sees before they are published. */
static __rte_always_inline void
virtq_simple_put_split(struct vring *vr, const struct virtq_simple *s, uint16_t n)
{
	uint16_t slot = vr->last_used & vr->mask, part = vr->size - slot;

	if (likely(part >= n && n >= VIRTQ_FEW)) {
		virtq_used_split(&vr->used->ring[slot], s, n);
		return;
	}
	for (uint16_t k = 0; k < n; k++)
		vring_split_put_used(vr, k, s->id[k], s->len[k]);
}

/* Gives n simple chains back, with the lengths that s now has. */
static __rte_always_inline bool
virtq_simple_return(struct vring *vr, const struct virtq_simple *s, uint16_t n,
		    const enum vring_dir dir, const bool packed)
{
	if (dir == VRING_DEQ && vr->in_order)
		return virtq_simple_return_last(vr, s->id[n - 1], n, packed);
	if (!packed) {
		virtq_simple_put_split(vr, s, n);
		return vring_split_publish(vr, n);
	}
	if (n < VIRTQ_FEW_PACKED)
		virtq_used_packed_each(vr, s, n);
	else
		virtq_used_packed(vr, s, n);
	return vring_packed_publish(vr, n);
}

#endif /* VIRTQ_RUNS_H */
