/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "packets.h"

#include <stdlib.h>
#include <string.h>

struct packet_mix packet_mix;

/* A mbuf of the pool with len bytes in it; exits when there is none, because the
 * pools are larger than all bursts together. */
static struct rte_mbuf *
segment(struct world *w, struct rnd *r, unsigned int pool, uint32_t len, uint16_t off)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool[pool].mp);

	if (!m)
		abort();
	m->data_off = (uint16_t)(m->data_off + off);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	memcpy(rte_pktmbuf_mtod(m, void *), noise + rnd_below(r, NOISE_BYTES - len), len);
	return m;
}

static unsigned int
pool_for(const struct world *w, struct rnd *r, uint32_t len)
{
	if (len <= w->pool[POOL_SMALL].room && one_in(r, 4))
		return POOL_SMALL;
	return len <= w->pool[POOL_STD].room && !one_in(r, 8) ? POOL_STD : POOL_BIG;
}

struct rte_mbuf *
packet_plain(struct world *w, struct rnd *r, uint32_t len)
{
	return segment(w, r, len <= w->pool[POOL_STD].room ? POOL_STD : POOL_BIG, len, 0);
}

/* The same bytes through an mbuf that only refers to them. */
static struct rte_mbuf *
indirect(struct world *w, struct rte_mbuf *m)
{
	struct rte_mbuf *mi = rte_pktmbuf_alloc(w->pool[POOL_STD].mp);

	if (!mi)
		abort();
	rte_pktmbuf_attach(mi, m);
	rte_pktmbuf_free(m); /* mi keeps it */
	return mi;
}

/* In up to five segments or as many as it takes; now and then one has nothing in
 * it, or only refers to its bytes, or the whole has another user. */
static struct rte_mbuf *
packet_odd(struct world *w, struct rnd *r, uint32_t len)
{
	uint32_t left = len, n = rnd_from(r, 1, 5);
	struct rte_mbuf *head = NULL;

	while (n > 0) {
		uint32_t part = n == 1 ? left : rnd_below(r, RTE_MIN(left, 9000u) + 1);
		struct rte_mbuf *m;

		if (part > w->pool[POOL_BIG].room)
			part = w->pool[POOL_BIG].room;
		m = segment(w, r, pool_for(w, r, part), part, 0);
		if (one_in(r, 6))
			m = indirect(w, m);
		left -= part;
		if (n > 1 || left == 0)
			n--;
		if (!head)
			head = m;
		else
			rte_pktmbuf_chain(head, m);
	}
	if (one_in(r, 4))
		case_hold(w, head);
	return head;
}

struct rte_mbuf *
packet_make(struct world *w, struct rnd *r, uint16_t i)
{
	uint32_t len = rnd_from(r, packet_mix.min, packet_mix.max);
	uint16_t off = one_in(r, 4) ? (uint16_t)rnd_below(r, 40) : 0;

	(void)i;
	if (packet_mix.odd > 0 && one_in(r, packet_mix.odd))
		return packet_odd(w, r, one_in(r, 200) ? 66000 : len);
	return segment(w, r, len + off <= w->pool[POOL_STD].room ? POOL_STD : POOL_BIG, len, off);
}
