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

/* Above this many bytes the processor's own copy loop is used. */
#define VIRTQ_REP_MOVSB 1024u

struct virtq_simple {
	uint8_t *host[VRING_BURST] __attribute__((aligned(64)));
	uint32_t len[VRING_BURST] __attribute__((aligned(64)));
	uint16_t id[VRING_BURST] __attribute__((aligned(64)));
};

/* The one region that holds [addr, addr + len), or NULL. */
static inline uint8_t *
virtq_simple_host(const struct guest_mem *mem, uint64_t addr, uint32_t len)
{
	return guest_mem_host(mem, addr, len);
}

/* Flags that a simple descriptor has, of those that matter. */
#define VIRTQ_SIMPLE_FLAGS (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT)

static inline uint16_t
virtq_simple_want(enum vring_dir dir)
{
	return dir == VRING_ENQ ? VRING_DESC_F_WRITE : 0;
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
