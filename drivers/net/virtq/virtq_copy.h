/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_COPY_H
#define VIRTQ_COPY_H

/*
 * virtq_copy.h - how long packets are copied.  Their cache lines come from the guest's
 * processor, and what fetches them fastest differs between processor models:
 * virtq_copy_policy_get() decides it once a port.  doc/benchmarks.md has the figures
 * (cells *-1518*).
 */

#include <stdbool.h>
#include <string.h>

#include <rte_common.h>

#include "vring_run.h"

/* Least length of a long packet, bytes: longer than VIRTQ_LONG for the policy; for rep
 * movsb, which is slow to start, at least VIRTQ_REP_MOVSB. */
#define VIRTQ_LONG 512u
#define VIRTQ_REP_MOVSB 1024u

struct virtq_copy_policy {
	bool rep_movsb_enq; /* copy to the guest with rep movsb */
	bool prefetch_enq;  /* prefetch the next packet's buffer while one is copied */
	bool prefetch_deq;
	bool align;         /* each vector within one cache line of the guest's buffer */
	bool memcpy_scalar; /* the scalar leaf calls memcpy(), which has vectors */
};

/* The policy for this processor. */
struct virtq_copy_policy virtq_copy_policy_get(void);

/* Copies in vectors that, but for the first and the last, are each within one cache line
 * of `lines`, which is dst or src: the guest's buffer. */
static __rte_always_inline void
virtq_copy_aligned(void *dst, const void *src, uint32_t len, const void *lines)
{
	uint32_t skip = (uint32_t)(-(uintptr_t)lines % RTE_CACHE_LINE_SIZE);

	if (skip > 0)
		isa_copy(dst, src, RTE_CACHE_LINE_SIZE);
	isa_copy((uint8_t *)dst + skip, (const uint8_t *)src + skip, len - skip);
}

/* Copies a packet that is one segment at either end. */
static __rte_always_inline void
virtq_copy_packet(const struct virtq_copy_policy *p, void *dst, const void *src, uint32_t len,
		  const enum vring_dir dir)
{
	if (len <= VIRTQ_LONG)
		isa_copy(dst, src, len);
	else if (dir == VRING_ENQ && p->rep_movsb_enq && len >= VIRTQ_REP_MOVSB)
		order_copy_string(dst, src, len);
	else if (ISA_VECTOR && p->align)
		virtq_copy_aligned(dst, src, len, dir == VRING_ENQ ? dst : src);
	else if (!ISA_VECTOR && p->memcpy_scalar)
		memcpy(dst, src, len);
	else
		isa_copy(dst, src, len);
}

/* Prefetches the run's i-th buffer if its packet is long; its first line was prefetched
 * before. */
static __rte_always_inline void
virtq_copy_prefetch(const struct virtq_copy_policy *p, const struct vring_run *run, uint16_t i,
		    uint16_t n, const enum vring_dir dir)
{
	const bool on = dir == VRING_ENQ ? p->prefetch_enq : p->prefetch_deq;

	if (!on || i >= n || run->len[i] <= VIRTQ_LONG)
		return;
	for (uint32_t at = RTE_CACHE_LINE_SIZE; at < run->len[i]; at += RTE_CACHE_LINE_SIZE) {
		if (dir == VRING_ENQ)
			vring_prefetch_write(run->host[i] + at);
		else
			vring_prefetch(run->host[i] + at);
	}
	if (dir == VRING_ENQ)
		vring_prefetch_write(run->host[i] + run->len[i] - 1);
}

#endif /* VIRTQ_COPY_H */
