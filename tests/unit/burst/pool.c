/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>

#define CANARY_BYTES 64u
#define CANARY 0xc3
#define GARBAGE 0x5a

/* In front of each mbuf, where mempools keep their own header. */
struct tag {
	struct pool *pool;
	uint32_t index;
	bool out;
};
#define TAG_BYTES RTE_CACHE_LINE_SIZE
_Static_assert(sizeof(struct tag) <= TAG_BYTES, "room in front of an mbuf");

static struct tag *
tag_of(const struct rte_mbuf *m)
{
	return (struct tag *)((uintptr_t)m - TAG_BYTES);
}

static uint8_t *
end_of(const struct pool *p, const struct rte_mbuf *m)
{
	return (uint8_t *)m + sizeof(*m) + RTE_PKTMBUF_HEADROOM + p->room;
}

/* Whatever the last user left: all but what a free mbuf promises. */
static void
litter(struct rte_mbuf *m)
{
	m->data_off = GARBAGE;
	m->port = 0x5a5a;
	m->ol_flags = RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_RX_VLAN;
	m->packet_type = 0x5a5a5a5a;
	m->pkt_len = 0x5a5a5a5a;
	m->data_len = 0x5a5a;
	m->vlan_tci = 0x5a5a;
	m->hash.rss = 0x5a5a5a5a;
	m->vlan_tci_outer = 0x5a5a;
	m->tx_offload = 0x5a5a5a5a;
}

static int
op_put(struct rte_mempool *mp, void *const *obj, unsigned int n)
{
	struct pool *p = mp->pool_data;

	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *m = obj[i];
		struct tag *t = tag_of(m);

		if (t->pool != p || !t->out) {
			p->errors++;
			continue;
		}
		p->errors += rte_mbuf_refcnt_read(m) != 1 || m->next || m->nb_segs != 1 ||
			     !RTE_MBUF_DIRECT(m) || m->buf_addr != (uint8_t *)m + sizeof(*m) ||
			     m->pool != mp;
		t->out = false;
		litter(m);
		p->free[p->top++] = m;
	}
	return 0;
}

static int
op_get(struct rte_mempool *mp, void **obj, unsigned int n)
{
	struct pool *p = mp->pool_data;

	if (n > p->top - p->hidden)
		return -ENOBUFS;
	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *m = p->free[--p->top];

		tag_of(m)->out = true;
		obj[i] = m;
	}
	return 0;
}

static unsigned int
op_count(const struct rte_mempool *mp)
{
	const struct pool *p = mp->pool_data;

	return p->top - p->hidden;
}

static int
op_alloc(struct rte_mempool *mp)
{
	(void)mp;
	return 0;
}

static int
ops_index(void)
{
	static const struct rte_mempool_ops ops = {
		.name = "test",
		.alloc = op_alloc,
		.enqueue = op_put,
		.dequeue = op_get,
		.get_count = op_count,
	};
	static int index = -1;

	if (index < 0)
		index = rte_mempool_register_ops(&ops);
	return index;
}

static void *
must_alloc(size_t size)
{
	void *p = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN(size, RTE_CACHE_LINE_SIZE));

	if (!p) {
		fprintf(stderr, "no memory for the mbufs\n");
		exit(2);
	}
	memset(p, 0, size);
	return p;
}

void
pool_init(struct pool *p, const char *name, uint16_t room)
{
	uint16_t buf = (uint16_t)(RTE_PKTMBUF_HEADROOM + room);
	struct rte_pktmbuf_pool_private *priv;

	memset(p, 0, sizeof(*p));
	p->room = room;
	p->mp = must_alloc(sizeof(*p->mp) + sizeof(*priv));
	snprintf(p->mp->name, sizeof(p->mp->name), "%s", name);
	p->mp->pool_data = p;
	p->mp->size = POOL_MBUFS;
	p->mp->populated_size = POOL_MBUFS;
	p->mp->elt_size = (uint32_t)sizeof(struct rte_mbuf) + buf;
	p->mp->header_size = TAG_BYTES;
	p->mp->private_data_size = sizeof(*priv);
	p->mp->ops_index = ops_index();
	priv = rte_mempool_get_priv(p->mp);
	priv->mbuf_data_room_size = buf;
	for (uint32_t i = 0; i < POOL_MBUFS; i++) {
		uint8_t *at = must_alloc(TAG_BYTES + p->mp->elt_size + CANARY_BYTES);
		struct rte_mbuf *m = (struct rte_mbuf *)(at + TAG_BYTES);

		*tag_of(m) = (struct tag){.pool = p, .index = i};
		rte_pktmbuf_init(p->mp, NULL, m, i);
		memset(end_of(p, m), CANARY, CANARY_BYTES);
		litter(m);
		p->all[i] = m;
	}
	p->top = POOL_MBUFS;
	pool_reset(p, POOL_MBUFS);
}

void
pool_free(struct pool *p)
{
	for (uint32_t i = 0; i < POOL_MBUFS; i++)
		free(tag_of(p->all[i]));
	free(p->mp);
}

void
pool_reset(struct pool *p, uint32_t left)
{
	p->errors += p->top != POOL_MBUFS;
	memcpy(p->free, p->all, sizeof(p->free));
	for (uint32_t i = 0; p->top != POOL_MBUFS && i < POOL_MBUFS; i++)
		tag_of(p->all[i])->out = false;
	p->top = POOL_MBUFS;
	p->hidden = POOL_MBUFS - left;
}

uint32_t
pool_errors(const struct pool *p)
{
	uint32_t errors = p->errors;
	uint8_t canary[CANARY_BYTES];

	memset(canary, CANARY, sizeof(canary));
	for (uint32_t i = 0; i < POOL_MBUFS; i++)
		errors += memcmp(end_of(p, p->all[i]), canary, CANARY_BYTES) != 0;
	return errors;
}
