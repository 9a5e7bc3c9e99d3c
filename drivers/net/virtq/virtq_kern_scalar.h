/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_KERN_SCALAR_H
#define VIRTQ_KERN_SCALAR_H

/*
 * virtq_kern_scalar.h - the leaves of the burst loops in plain C: the reference
 * that every other variant is tested against.
 */

#include <string.h>

#include <rte_mbuf.h>

#include "virtq_simple.h"
#include "vring_packed.h"

/* See virtq_copy_long().  Plain C gains nothing: 1518 bytes, enq, take 100 cycles with
 * it, without it 92.  By memcpy() (virtq_copies_by_call()), packed deq: on a Zen 3 171
 * cycles instead of 190, on a Zen 4 108 instead of 102. */
#define VIRTQ_KEEP_TO_LINES 0

/* Blocks that the compiler copies in place: 64 bytes, enq, take 9 cycles instead of
 * 13 by a call of memcpy(). */
static inline void
virtq_copy(void *dst, const void *src, uint32_t len)
{
	uint8_t *d = dst;
	const uint8_t *s = src;
	uint32_t i = 0;

	if (len < 64) {
		memcpy(d, s, len);
		return;
	}
	for (; i + 64 <= len; i += 64)
		memcpy(d + i, s + i, 64);
	if (i < len)
		memcpy(d + len - 64, s + len - 64, 64);
}

static inline uint16_t
virtq_gather_split(const struct vring *vr, const enum vring_dir dir, uint16_t n, uint32_t min,
		   uint32_t max, struct virtq_simple *s)
{
	return virtq_gather_split_each(vr, dir, n, min, max, s);
}

static inline uint16_t
virtq_gather_packed(const struct vring *vr, const enum vring_dir dir, uint16_t n, uint32_t min,
		    uint32_t max, struct virtq_simple *s)
{
	return virtq_gather_packed_each(vr, dir, n, min, max, s);
}

/* Used entries of n simple chains, from `at` on; they do not wrap. */
static inline void
virtq_used_split(struct vring_used_elem *at, const struct virtq_simple *s, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		at[i] = (struct vring_used_elem){s->id[i], s->len[i]};
}

static inline void
virtq_used_packed(struct vring *vr, const struct virtq_simple *s, uint16_t n)
{
	virtq_used_packed_each(vr, s, n);
}

/* Fields of a new mbuf that holds len bytes in one segment. */
static inline void
virtq_rearm(struct rte_mbuf *m, uint64_t initializer, uint32_t len)
{
	memcpy(&m->rearm_data, &initializer, sizeof(initializer));
	m->ol_flags = 0;
	m->packet_type = RTE_PTYPE_L2_ETHER;
	m->pkt_len = len;
	m->data_len = (uint16_t)len;
	m->vlan_tci = 0;
	m->hash.rss = 0;
}

#endif /* VIRTQ_KERN_SCALAR_H */
