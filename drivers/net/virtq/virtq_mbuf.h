/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_MBUF_H
#define VIRTQ_MBUF_H

/* virtq_mbuf.h - setting up and freeing mbufs in bursts.  Data thread. */

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <rte_mbuf.h>

#include "isa.h"

/* The rearm_data of a new mbuf of a port: data offset, one reference, one segment, port. */
static inline uint64_t
virtq_rearm_word(uint16_t port_id)
{
	struct rte_mbuf m = {
		.data_off = RTE_PKTMBUF_HEADROOM,
		.refcnt = 1,
		.nb_segs = 1,
		.port = port_id,
	};
	uint64_t word;

	memcpy(&word, &m.rearm_data, sizeof(word));
	return word;
}

/* Sets the fields of a new mbuf with len bytes in one segment, from rearm_data to hash:
 * with vectors, in one store. */
static __rte_always_inline void
virtq_rearm(struct rte_mbuf *m, uint64_t rearm, uint32_t len)
{
#if VRING_ISA != VRING_ISA_SCALAR
	_mm256_storeu_si256((__m256i *)&m->rearm_data,
			    _mm256_set_epi64x((long long)(uint64_t)(len & 0xffff),
					      (long long)((uint64_t)len << 32 | RTE_PTYPE_L2_ETHER),
					      0, (long long)rearm));
#else
	memcpy(&m->rearm_data, &rearm, sizeof(rearm));
	m->ol_flags = 0;
	m->packet_type = RTE_PTYPE_L2_ETHER;
	m->pkt_len = len;
	m->data_len = (uint16_t)len;
	m->vlan_tci = 0;
	m->hash.rss = 0;
#endif
}

/* Frees n (at least 1) mbufs of one segment: in one call if all are direct, of one pool and
 * referenced once, as they are most often. */
static __rte_always_inline void
virtq_free_single(struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mempool *pool = pkts[0]->pool;

	for (uint16_t i = 0; i < n; i++) {
		const struct rte_mbuf *m = pkts[i];

		if (unlikely(m->pool != pool || !RTE_MBUF_DIRECT(m) ||
			     rte_mbuf_refcnt_read(m) != 1)) {
			rte_pktmbuf_free_bulk(pkts, n);
			return;
		}
	}
	rte_mempool_put_bulk(pool, (void **)pkts, n);
}

#endif /* VIRTQ_MBUF_H */
