/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "case.h"

#include <CUnit/CUnit.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dirty.h"
#include "model.h"
#include "virtq_limits.h"

#define HELD_MAX (2u * BURST_MAX)

uint8_t noise[NOISE_BYTES];
unsigned int case_failures;

static char label[256] = "before the first case";
static uint64_t seed_in_use;

static struct {
	uint32_t n;
	struct rte_mbuf *m[HELD_MAX];
} held[WORLDS];

void
cases_init(uint64_t seed)
{
	struct rnd r = {seed};

	seed_in_use = seed;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)rnd(&r);
}

void
case_name(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(label, sizeof(label), fmt, ap);
	va_end(ap);
}

const char *
case_label(void)
{
	return label;
}

void
case_fail(const struct world *w, const char *what)
{
	CU_FAIL("burst");
	/* enough to see what it is */
	if (case_failures++ < 20)
		fprintf(stderr, "\n    VQ_SEED=%llu, %s: %s: %s\n", (unsigned long long)seed_in_use,
			label, variants[w - worlds].name, what);
}

void
case_begin(struct test_case *c)
{
	for (unsigned int r = 0; r < RAM_REGIONS; r++)
		memcpy(worlds[0].ram.view[r], noise + r * RAM_SIZE, RAM_SIZE);
	ring_init(&c->ring, &c->r, c->size, c->features, c->start, !c->rx);
	/* through the border of A and B, then what the ring is not in */
	c->next = RAM_A_ADDR + rnd_below(&c->r, RAM_SIZE);
	c->end = RAM_HOLE;
	c->spare = c->ring.begin < RAM_D_ADDR ? RAM_D_ADDR : RAM_C_ADDR;
}

uint64_t
case_alloc(struct test_case *c, uint32_t len)
{
	uint64_t at = c->next;

	if (len > c->end - at) {
		if (!c->spare)
			return 0;
		at = c->spare;
		c->end = at + RAM_SIZE;
		c->spare = 0;
	}
	if (len > c->end - at)
		return 0;
	c->next = RTE_MIN(c->end, at + len + (one_in(&c->r, 2) ? rnd_below(&c->r, 70) : 0));
	return at;
}

/* Longest packet that is to be received. */
static uint32_t
longest(const struct test_case *c)
{
	uint32_t mtu = c->mtu ? c->mtu : 65534, room = worlds[0].pool[c->pool].room;

	return c->whole ? RTE_MIN(mtu + 22, room) : mtu + 22;
}

void
case_go(struct test_case *c)
{
	ring_suppress(&c->ring, &c->r);
	ring_publish(&c->ring);
	worlds_copy_memory();
	c->ring.cfg.log = c->log ? worlds[0].log : NULL;
	if (c->log)
		dirty_start(&c->ring);
	for (unsigned int i = 0; i < nvariants; i++) {
		struct world *w = &worlds[i];

		for (unsigned int k = 0; k < POOLS; k++)
			pool_reset(&w->pool[k], POOL_MBUFS);
		pool_reset(&w->pool[c->pool], c->pool_left);
		world_start(w, &c->ring.cfg, c->pool, c->with_pos);
		w->q.filter = c->filter;
		virtq_limits_set(&w->q, c->mtu ? c->mtu : VIRTQ_MAX_MTU, !c->whole);
	}
	model_start(&c->ring, longest(c));
}

/* Every world against the first; packets only where the burst made them. */
static bool
compare(const struct test_case *c)
{
	bool same = true;

	for (unsigned int i = 1; i < nvariants; i++) {
		const struct world *w = &worlds[i];
		const char *what = world_differs(w);

		for (uint16_t k = 0; !what && c->rx && k < w->got; k++)
			what = mbuf_differs(worlds[0].pkts[k], w->pkts[k]);
		for (uint32_t k = 0; !what && k < held[i].n; k++)
			what = mbuf_differs(held[0].m[k], held[i].m[k]);
		if (what) {
			case_fail(w, what);
			same = false;
		}
	}
	return same;
}

/* Every world's dirty log. */
static bool
check_logs(const struct test_case *c)
{
	bool good = true;

	for (unsigned int i = 0; c->log && i < nvariants; i++) {
		const char *what = dirty_check(&worlds[i]);

		if (what) {
			case_fail(&worlds[i], what);
			good = false;
		}
	}
	return good;
}

static bool
held_to(const char *what)
{
	if (what)
		case_fail(&worlds[0], what);
	return !what;
}

bool
case_rx(struct test_case *c, uint16_t n)
{
	bool good;

	for (unsigned int i = 0; i < nvariants; i++) {
		struct world *w = &worlds[i];

		w->got = variants[i].rx(&w->q, w->pkts, n);
		world_listen(w);
	}
	good = compare(c) && held_to(model_check_rx()) && check_logs(c);
	for (unsigned int i = 0; i < nvariants; i++)
		rte_pktmbuf_free_bulk(worlds[i].pkts, worlds[i].got);
	return good;
}

void
case_hold(struct world *w, struct rte_mbuf *m)
{
	unsigned int i = (unsigned int)(w - worlds);

	if (held[i].n == HELD_MAX)
		return;
	rte_pktmbuf_refcnt_update(m, 1);
	held[i].m[held[i].n++] = m;
}

bool
case_tx(struct test_case *c, uint16_t n, make_packet make)
{
	struct rnd r = c->r;
	bool good;

	for (unsigned int i = 0; i < nvariants; i++) {
		struct world *w = &worlds[i];

		r = c->r;
		for (uint16_t k = 0; k < n; k++)
			w->pkts[k] = make(w, &r, k);
		if (i == 0)
			model_keep(w->pkts, n);
		w->got = variants[i].tx(&w->q, w->pkts, n);
		world_listen(w);
	}
	c->r = r;
	good = compare(c) && (c->filter || held_to(model_check_tx())) && check_logs(c);
	for (unsigned int i = 0; i < nvariants; i++) {
		rte_pktmbuf_free_bulk(worlds[i].pkts + worlds[i].got, n - worlds[i].got);
		while (held[i].n > 0)
			rte_pktmbuf_free(held[i].m[--held[i].n]);
	}
	return good;
}

void
case_end(struct test_case *c)
{
	for (unsigned int i = 0; i < nvariants; i++) {
		struct world *w = &worlds[i];

		for (unsigned int k = 0; k < POOLS; k++) {
			struct pool *p = &w->pool[k];

			if (p->top != POOL_MBUFS)
				case_fail(w, "mbufs are lost");
			if (pool_errors(p) > 0)
				case_fail(w, "an mbuf came back twice, in use, or written over");
			p->errors = 0;
		}
	}
	CU_PASS("burst");
	ring_free(&c->ring);
}
