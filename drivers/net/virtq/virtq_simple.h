/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_SIMPLE_H
#define VIRTQ_SIMPLE_H

/*
 * virtq_simple.h - chains of one direct descriptor in one region: what most
 * guests send and offer most of the time.  A kernel gathers, checks and
 * translates a run of them at once; the first one that is anything else ends
 * the run, and the general path takes it.
 */

#include <stdint.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <rte_mbuf.h>

#include "vring_packed.h"

/*
 * Long packets: their lines come from the other processor, and how they come
 * fastest differs between processors.  1518 bytes, cycles, `make bench`:
 *
 * Zen 5, enq, by the processor's own copy loop: 80 where the guest reads what it
 * gets in a ring of 256, 97 to 118 with vectors (far 340 to 430, 570); where it does
 * not, vectors would win (75, 84).  deq, the next packet's lines asked for while one
 * is copied: 83 instead of 90, far in a ring of 256 145 instead of 190.
 *
 * Zen 4, and what was not measured, enq, with vectors that keep to the guest's
 * lines, the next packet's lines asked for to write to: 280 where the guest reads
 * (far 1040 to 1170), 440 with the processor's loop (far 1810), 500 without asking
 * (far 1910); 95 where it does not read, 139 with the processor's loop.  deq, asking
 * makes it slower: 100 to 126, far 257 to 305; vectors that keep to the lines 241.
 *
 * Zen 3, enq, in the same way: 180 where the guest reads (far 740 to 830), 195 without
 * asking (far 1000), 160 where it does not read, 125 to 140 without asking; 240 by the
 * processor's loop.  deq: 136 to 141, 160 if asked for, 177 by the loop.
 */
#define VIRTQ_LONG 512u
#define VIRTQ_REP_MOVSB 1024u

/* Fewer descriptors than that are looked at and given back one by one: the way
 * through the vector registers is longer, and what was just stored piece by piece
 * is not there yet when it is to be loaded as a vector.  A burst of one packet takes
 * 25 cycles instead of 36. */
#define VIRTQ_FEW 3u
/* Used descriptors of a packed ring, two stores each with their journal: 4 packets
 * take 17 cycles each instead of 23, 8 take 9 instead of 16. */
#define VIRTQ_FEW_PACKED 9u

struct virtq_simple {
	uint8_t *host[VRING_BURST] __attribute__((aligned(64)));
	uint32_t len[VRING_BURST] __attribute__((aligned(64)));
	uint16_t id[VRING_BURST] __attribute__((aligned(64)));
};

/* Flags that a simple descriptor has, of those that matter. */
#define VIRTQ_SIMPLE_FLAGS (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT)

static inline uint16_t
virtq_simple_want(enum vring_dir dir)
{
	return dir == VRING_ENQ ? VRING_DESC_F_WRITE : 0;
}

/* Up to n simple chains of a split ring from the next one on, each of min to max
 * bytes.  Returns how many there are before the first other one. */
static inline uint16_t
virtq_gather_split_each(const struct vring *vr, const enum vring_dir dir, uint16_t n, uint32_t min,
			uint32_t max, struct virtq_simple *s)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		uint16_t id =
			order_read16(&vr->avail->ring[(uint16_t)(vr->last_avail + i) & vr->mask]);
		struct vring_desc d;

		if (id >= vr->size)
			break;
		d = vring_desc_snapshot(&vr->desc[id]);
		if ((d.flags & VIRTQ_SIMPLE_FLAGS) != virtq_simple_want(dir) || d.len < min ||
		    d.len > max)
			break;
		s->host[i] = guest_mem_host(vr->mem, d.addr, d.len);
		if (!s->host[i])
			break;
		s->len[i] = d.len;
		s->id[i] = id;
	}
	return i;
}

/* The same of a packed ring; n does not go beyond its end. */
static inline uint16_t
virtq_gather_packed_each(const struct vring *vr, const enum vring_dir dir, uint16_t n, uint32_t min,
			 uint32_t max, struct virtq_simple *s)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		const struct vring_packed_desc *at = &vr->slot[vr->last_avail + i];
		struct vring_packed_desc d;

		if (!vring_packed_is_avail(order_acquire16(&at->flags), vr->wrap))
			break;
		d = vring_packed_snapshot_desc(at);
		if ((d.flags & VIRTQ_SIMPLE_FLAGS) != virtq_simple_want(dir) || d.len < min ||
		    d.len > max)
			break;
		s->host[i] = guest_mem_host(vr->mem, d.addr, d.len);
		if (!s->host[i])
			break;
		s->len[i] = d.len;
		s->id[i] = d.id;
	}
	return i;
}

/* Used descriptors of n simple chains from the next slot on, with their journal;
 * they do not wrap. */
static inline void
virtq_used_packed_each(struct vring *vr, const struct virtq_simple *s, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		vring_packed_note(vr, i, i, s->id[i], s->len[i]);
	vring_packed_begin(vr, n, n);
	for (uint16_t i = n; i-- > 0;)
		vring_packed_put_used(vr, i, s->id[i], s->len[i]);
}

#ifdef __AVX2__
/* rearm word, ol_flags, packet_type and pkt_len, data_len to hash, in one store */
static inline void
virtq_rearm_vector(struct rte_mbuf *m, uint64_t initializer, uint32_t len)
{
	_mm256_storeu_si256((__m256i *)&m->rearm_data,
			    _mm256_set_epi64x((long long)(uint64_t)(len & 0xffff),
					      (long long)((uint64_t)len << 32 | RTE_PTYPE_L2_ETHER),
					      0, (long long)initializer));
}
#endif

#endif /* VIRTQ_SIMPLE_H */
