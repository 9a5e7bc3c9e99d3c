/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Another CPU of the guest rewrites the descriptors under a burst.  Whatever it
 * does: what is read and written is inside buffers that some descriptor named,
 * mbufs keep within their ends, and none is lost.  An address that was used
 * unchecked leads to a page that crashes the program. */

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "packets.h"
#include "tests.h"

#define CHAINS 40u
#define ROUNDS 4000u
#define FRAME 340u

static uint8_t posted[RAM_REGIONS][RAM_SIZE]; /* memory before the race */

struct race {
	struct test_case c;
	struct world *w;
	void (*flip)(struct race *t, uint32_t i);
	uint32_t stop;
	uint64_t whole, broken;
	uint32_t wrong;
};

static void *
flipper(void *arg)
{
	struct race *t = arg;

	for (uint32_t i = 0; !__atomic_load_n(&t->stop, __ATOMIC_RELAXED); i++)
		t->flip(t, i);
	return NULL;
}

/* The chain that is changed: the same for a while, so that it changes as fast as it
 * can while a burst looks at it. */
static const struct posted *
chosen(const struct race *t, uint32_t i)
{
	return &t->c.ring.p[i / 4096 % CHAINS];
}

static struct raw *
victim(struct race *t, uint32_t i)
{
	const struct posted *p = chosen(t, i);

	return ram_ptr(&t->w->ram, t->c.ring.cfg.addr.desc + 16ull * p->first);
}

static uint64_t
good_addr(const struct race *t, uint32_t i)
{
	return chosen(t, i)->buf[0].addr;
}

static void
flip_addr(struct race *t, uint32_t i)
{
	static const uint64_t bad[] = {RAM_HOLE, UINT64_MAX - 3, RAM_C_ADDR - 100, 0};
	uint64_t v = i % 2 ? good_addr(t, i) : bad[i / 64 % 4];

	__atomic_store_n(&victim(t, i)->addr, v, __ATOMIC_RELAXED);
}

static void
flip_len(struct race *t, uint32_t i)
{
	static const uint32_t bad[] = {0xfffffff0, 0x80000000, 70000000, 3};

	__atomic_store_n(&victim(t, i)->len, i % 2 ? FRAME : bad[i / 64 % 4], __ATOMIC_RELAXED);
}

static void
flip_flags(struct race *t, uint32_t i)
{
	static const uint16_t bits[] = {D_WRITE, D_NEXT, D_INDIRECT, D_NEXT | D_WRITE};
	uint16_t *flags = ring_flags(&t->c.ring, victim(t, i));

	/* AVAIL and USED of a packed ring stay what they are */
	__atomic_fetch_xor(flags, bits[i / 128 % 4], __ATOMIC_RELAXED);
	__atomic_fetch_xor(flags, bits[i / 128 % 4], __ATOMIC_RELAXED);
}

/* What stands beside the flags: the next descriptor, or the id. */
static void
flip_other(struct race *t, uint32_t i)
{
	struct raw *d = victim(t, i);
	const struct ring *g = &t->c.ring;
	uint16_t *area;

	__atomic_store_n(&d->word[g->packed ? 0 : 1], (uint16_t)(i * 40503u), __ATOMIC_RELAXED);
	if (g->packed)
		return;
	area = ram_ptr(&t->w->ram, g->cfg.addr.driver);
	__atomic_store_n(&area[2 + (uint16_t)(g->cfg.avail + i / 4096 % CHAINS) % g->cfg.size],
			 i % 2 ? chosen(t, i)->id : (uint16_t)(i / 64 % 2 ? g->cfg.size : 0xfff0),
			 __ATOMIC_RELAXED);
}

/* The ring and its buffers as they were posted, and a vring at its beginning. */
static void
again(struct race *t)
{
	const struct ring *g = &t->c.ring;
	unsigned int r = g->begin < RAM_D_ADDR ? RAM_C : RAM_D;
	uint64_t off = g->begin - (r == RAM_C ? RAM_C_ADDR : RAM_D_ADDR);

	memcpy(t->w->ram.view[r] + off, posted[r] + off, g->end - g->begin);
	world_start(t->w, &g->cfg, t->c.pool, true);
}

static void
once(struct race *t)
{
	struct world *w = t->w;
	const struct variant *v = &variants[w - worlds];
	struct rnd r = {w->q.stats.packets};

	again(t);
	if (t->c.rx) {
		w->got = v->rx(&w->q, w->pkts, 32);
		for (uint16_t i = 0; i < w->got; i++)
			t->wrong += rte_mbuf_check(w->pkts[i], 1, &(const char *){NULL}) != 0;
		rte_pktmbuf_free_bulk(w->pkts, w->got);
	} else {
		for (uint16_t i = 0; i < 32; i++)
			w->pkts[i] = packet_plain(w, &r, 60 + 8 * i);
		w->got = v->tx(&w->q, w->pkts, 32);
		rte_pktmbuf_free_bulk(w->pkts + w->got, 32 - w->got);
	}
	if (w->vr.fault == VRING_OK)
		t->whole++;
	else
		t->broken++;
}

/* Memory that no descriptor ever named is as it was. */
static void
check_rest(struct race *t)
{
	const struct ring *g = &t->c.ring;

	/* all buffers are in A */
	for (uint32_t i = 0; i < g->n; i++) {
		uint64_t addr = g->p[i].buf[0].addr;

		memcpy(ram_ptr(&t->w->ram, addr), posted[RAM_A] + (addr - RAM_A_ADDR), FRAME);
	}
	for (unsigned int r = RAM_A; r <= RAM_B; r++)
		if (memcmp(t->w->ram.view[r], posted[r], RAM_SIZE) != 0)
			case_fail(t->w, "bytes outside the buffers were written");
}

/* Each answer so often; another id or next alone is no fault. */
static bool
seen_often(const struct race *t, uint64_t n)
{
	return t->whole >= n && (t->broken >= n || t->flip == flip_other);
}

static void
race(struct world *w, bool rx, uint64_t features, void (*flip)(struct race *, uint32_t))
{
	const time_t end = time(NULL) + 60;
	static struct race t;
	pthread_t thread;

	memset(&t, 0, sizeof(t));
	t.w = w;
	t.flip = flip;
	t.c = (struct test_case){.r = {test_seed}, .rx = rx, .features = features | F_VERSION_1};
	t.c.size = 64;
	t.c.start = 50;
	t.c.pool_left = POOL_MBUFS;
	t.c.with_pos = true;
	case_begin(&t.c);
	t.c.next = RAM_A_ADDR;
	for (uint32_t i = 0; i < CHAINS; i++) {
		struct buf b = {case_alloc(&t.c, FRAME), FRAME};

		CU_ASSERT_TRUE(ring_post(&t.c.ring, &b, 1, 0));
	}
	case_go(&t.c);
	for (unsigned int r = 0; r < RAM_REGIONS; r++)
		memcpy(posted[r], worlds[0].ram.view[r], RAM_SIZE);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, flipper, &t), 0);
	for (uint32_t i = 0; i < ROUNDS || (!seen_often(&t, 20) && time(NULL) < end); i++)
		once(&t);
	__atomic_store_n(&t.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	/* it was a race, not a monologue */
	if (!seen_often(&t, 1))
		case_fail(w, "only one answer was seen");
	if (t.wrong)
		case_fail(w, "an mbuf that is not in order");
	if (!rx && flip != flip_len)
		check_rest(&t);
	case_end(&t.c);
}

static void
all(bool rx)
{
	static void (*const flips[])(struct race *, uint32_t) = {flip_addr, flip_len, flip_flags,
								 flip_other};

	for (unsigned int i = 0; i < nvariants; i++) {
		for (unsigned int k = 0; k < RTE_DIM(flips); k++) {
			case_name("race %u in %s, %s", k, rx ? "rx" : "tx", variants[i].name);
			race(&worlds[i], rx, 0, flips[k]);
			race(&worlds[i], rx, F_PACKED, flips[k]);
		}
	}
}

static void
test_rx(void)
{
	all(true);
}

static void
test_tx(void)
{
	all(false);
}

CU_TestInfo race_tests[] = {
	{"receive", test_rx},
	{"transmit", test_tx},
	CU_TEST_INFO_NULL,
};
