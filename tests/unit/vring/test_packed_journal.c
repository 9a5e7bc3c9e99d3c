/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* What a packed ring writes down, and in which order: whoever looks at memory
 * behind any instruction of a return can finish it or take it back, by the rules
 * of doc/protocol.md. */

#include <string.h>

#include "fixture.h"
#include "step.h"
#include "vring_recover.h"

#define FEAT (F_VERSION_1 | F_PACKED)
#define MAX_RING 300u
#define MAX_CHAINS VRING_BATCH

/* The position word and one journal entry, as the protocol lays them out. */
struct pos {
	uint16_t avail, used, flags, pending;
};
struct entry {
	uint16_t slot, id;
	uint32_t len;
};

struct burst {
	struct fix f;
	uint16_t n;                  /* to give back */
	uint16_t old;                /* position before */
	uint16_t at[MAX_CHAINS + 1]; /* of each chain, and behind the last */
	uint16_t id[MAX_CHAINS];
	uint32_t len[MAX_CHAINS];
	unsigned int wrong, nothing, journaled, all;
	struct vring_packed_desc shadow[MAX_RING];
};

static struct pos
pos_of(uint64_t word)
{
	struct pos p;

	memcpy(&p, &word, sizeof(p));
	return p;
}

static struct entry
entry_of(uint64_t word)
{
	struct entry e;

	memcpy(&e, &word, sizeof(e));
	return e;
}

static bool
is_used(const struct vring_packed_desc *ring, uint16_t at)
{
	return (ring[at & 0x7fff].flags & (D_AVAIL | D_USED)) == vdriver_used_flags(at);
}

/* Whether chains [0, n) of the burst are used in this ring, each as it must be. */
static bool
all_used(const struct burst *b, const struct vring_packed_desc *ring)
{
	for (uint16_t i = 0; i < b->n; i++) {
		const struct vring_packed_desc *d = &ring[b->at[i] & 0x7fff];
		uint16_t flags = vdriver_used_flags(b->at[i]) | (b->len[i] ? D_WRITE : 0);

		if (d->flags != flags || d->id != b->id[i] || d->len != b->len[i])
			return false;
	}
	return true;
}

/* The device, when it finds that the process is gone. */
static uint16_t
recover(struct burst *b)
{
	struct pos p = pos_of(__atomic_load_n(&b->f.pos, __ATOMIC_RELAXED));

	memcpy(b->shadow, b->f.gr.vd.slot, b->f.gr.vd.size * sizeof(*b->shadow));
	if (p.pending == 0)
		return p.avail;
	b->wrong += p.pending != b->n || p.used != b->old || p.flags != 1;
	if (is_used(b->shadow, p.used))
		return p.avail;
	b->journaled++;
	for (uint16_t i = p.pending; i-- > 0;) {
		struct entry e = entry_of(b->f.journal[i]);
		struct vring_packed_desc *d = &b->shadow[e.slot & 0x7fff];

		d->len = e.len;
		d->id = e.id;
		d->flags = vdriver_used_flags(e.slot) | (e.len ? D_WRITE : 0);
	}
	return p.avail;
}

/* All that a process left behind when it died. */
struct left {
	struct vring_packed_desc ring[MAX_RING];
	struct vring_packed_event event[2];
	uint64_t pos, journal[RING_JOURNAL];
};

static struct left noted; /* when a journal was complete, and no used descriptor written */

static void
leave(struct left *l, const struct burst *b)
{
	memcpy(l->ring, b->f.gr.vd.slot, b->f.gr.vd.size * sizeof(*l->ring));
	l->pos = __atomic_load_n(&b->f.pos, __ATOMIC_RELAXED);
	memcpy(l->journal, b->f.journal, sizeof(l->journal));
}

/* The next process.  Returns where the ring goes on; 0xffff if it does not. */
static uint16_t
recover_left(struct left *l, const struct burst *b)
{
	const struct vdriver *vd = &b->f.gr.vd;
	struct guest_mem mem = {
		.count = 3,
		.region = {{vd->addr.desc, vd->size * sizeof(*l->ring), (uint8_t *)l->ring, 0},
			   {vd->addr.driver, 4, (uint8_t *)&l->event[0], 0},
			   {vd->addr.device, 4, (uint8_t *)&l->event[1], 0}},
	};
	struct vring_config cfg = fix_config((struct fix *)&b->f, FEAT);
	char err[200];

	cfg.mem = &mem;
	cfg.state.pos = &l->pos;
	cfg.state.journal = l->journal;
	cfg.avail = cfg.used = 0x7fff;
	if (vring_recover(&cfg, err, sizeof(err)) != 0 || cfg.avail != cfg.used)
		return 0xffff;
	return cfg.avail;
}

/* It finds and leaves what the rules say, and so does the one after it. */
static void
check_recover(struct burst *b, struct left *l, uint16_t at)
{
	for (int i = 0; i < 2; i++) {
		b->wrong += recover_left(l, b) != at;
		b->wrong += memcmp(l->ring, b->shadow, b->f.gr.vd.size * sizeof(*l->ring)) != 0;
		b->wrong += pos_of(l->pos).pending != 0 || pos_of(l->pos).avail != at;
	}
}

static void
look(void *arg)
{
	static struct left left;
	struct burst *b = arg;
	uint16_t at;

	/* what the guest sees is nothing, or everything */
	if (is_used(b->f.gr.vd.slot, b->old))
		b->wrong += !all_used(b, b->f.gr.vd.slot);
	at = recover(b);
	leave(&left, b);
	if (b->journaled == 1)
		noted = left;
	check_recover(b, &left, at);
	if (at == b->old) {
		b->nothing++;
		/* not one of them may be touched */
		for (uint16_t i = 0; i < b->n; i++)
			b->wrong += is_used(b->shadow, b->at[i]);
	} else {
		b->all++;
		b->wrong += at != b->at[b->n] || !all_used(b, b->shadow);
	}
}

static void
give_back(void *arg)
{
	struct burst *b = arg;

	vring_any_return(&b->f.vr, &b->f.b, b->n, true);
}

/* `chains` posted, with one to `slots` descriptors each, and n given back. */
static void
up(struct burst *b, uint32_t size, uint16_t start, uint16_t chains, uint32_t slots, uint16_t n)
{
	struct vdriver_seg buf[3] = {
		{RAM_C_ADDR, 8, true}, {RAM_C_ADDR, 8, true}, {RAM_C_ADDR, 8, true}};

	memset(b, 0, sizeof(*b));
	fix_up(&b->f, &(struct gr_layout){.size = size, .start = start}, FEAT);
	b->f.pos = 0x0000000100000000ull | start | (uint64_t)start << 16;
	b->n = n;
	b->old = start;
	b->at[0] = start;
	for (uint16_t i = 0; i < chains; i++) {
		uint32_t k = 1 + i % slots;

		b->id[i] = (uint16_t)gr_add(&b->f.gr, buf, k, 0, NULL);
		b->len[i] = i % 3 == 2 ? 0 : 8 * k - i % 3;
		b->at[i + 1] = vdriver_ahead(&b->f.gr.vd, b->at[i], k);
	}
	fix_expect_ok(&b->f, VRING_ENQ, chains);
	for (uint16_t i = 0; i < chains; i++)
		b->f.b.chain[i].len = b->len[i];
}

/* A process dies while it recovers what another one has left. */
static void
recover_noted(void *arg)
{
	struct burst *b = arg;

	b->wrong += recover_left(&noted, b) != b->at[b->n];
}

static void
look_at_noted(void *arg)
{
	static struct left left;
	struct burst *b = arg;

	left = noted;
	if (is_used(left.ring, b->old))
		b->wrong += !all_used(b, left.ring);
	check_recover(b, &left, b->at[b->n]);
}

/* Memory behind a return: the whole journal, and the position. */
static void
expect_written(struct burst *b)
{
	struct pos p = pos_of(b->f.pos);

	CU_ASSERT_EQUAL(p.avail, b->at[b->n]);
	CU_ASSERT_EQUAL(p.used, b->at[b->n]);
	CU_ASSERT_EQUAL(p.flags, 1);
	CU_ASSERT_EQUAL(p.pending, 0);
	CU_ASSERT_EQUAL(vring_position(&b->f.vr), b->at[b->n]);
	for (uint16_t i = 0; i < b->n; i++) {
		struct entry e = entry_of(b->f.journal[i]);

		CU_ASSERT_EQUAL(e.slot, b->at[i]);
		CU_ASSERT_EQUAL(e.id, b->id[i]);
		CU_ASSERT_EQUAL(e.len, b->len[i]);
	}
	for (uint16_t i = b->n; i < RING_JOURNAL; i++)
		CU_ASSERT_EQUAL(b->f.journal[i], 0);
	CU_ASSERT_TRUE(all_used(b, b->f.gr.vd.slot));
}

static void
reap_all(struct burst *b)
{
	uint16_t id, n = 0;
	uint32_t len;

	for (; gr_reap(&b->f.gr, &id, &len, NULL); n++)
		if (n < b->n)
			CU_ASSERT(id == b->id[n] && len == b->len[n]);
	CU_ASSERT_EQUAL(n, b->n);
}

static void
stepped(uint32_t size, uint16_t start, uint16_t chains, uint32_t slots, uint16_t n)
{
	static struct burst b;
	unsigned long steps;

	up(&b, size, start, chains, slots, n);
	steps = step_through(give_back, look, &b);
	CU_ASSERT_EQUAL(b.wrong, 0);
	if (steps > 0) {
		/* it was seen before, in between and behind */
		CU_ASSERT(b.nothing > 0 && b.journaled > 0 && b.all > b.journaled);
		/* b.shadow has all of the burst */
		CU_ASSERT(step_through(recover_noted, look_at_noted, &b) > 0);
		CU_ASSERT_EQUAL(b.wrong, 0);
	}
	expect_written(&b);
	reap_all(&b);
	fix_down(&b.f);
}

static void
test_every_instruction(void)
{
	stepped(16, WRAP, 1, 1, 1);
	stepped(16, 15, 1, 1, 1);
	stepped(16, WRAP | 12, 16, 1, 16);
	stepped(16, 9, 6, 3, 6);
	stepped(3, WRAP | 1, 3, 1, 3);
	stepped(2, 1, 2, 1, 2);
	stepped(256, WRAP | 40, VRING_BATCH, 1, VRING_BATCH);
	stepped(300, 200, VRING_BATCH, 3, VRING_BATCH);
	/* not all of what was taken */
	stepped(100, WRAP | 90, 30, 2, 17);
}

/* Every number of chains, over the end at every place. */
static void
test_contents(void)
{
	static struct burst b;

	for (uint32_t size = 2; size <= 9; size++) {
		for (uint32_t i = 0; i < 2 * size * size; i++) {
			uint16_t n = (uint16_t)(1 + i / (2 * size));
			uint16_t at = (uint16_t)(i % size | (i / size % 2 ? WRAP : 0));

			up(&b, size, at, n, 1, n);
			give_back(&b);
			expect_written(&b);
			reap_all(&b);
			fix_down(&b.f);
		}
	}
}

/* Nobody wants to know: then the journal is nobody's, too. */
static void
test_no_page(void)
{
	static struct burst b;

	up(&b, 16, WRAP | 9, 10, 1, 10);
	b.f.vr.state.pos = NULL;
	b.f.vr.state.journal = NULL;
	give_back(&b);
	CU_ASSERT_TRUE(all_used(&b, b.f.gr.vd.slot));
	reap_all(&b);
	fix_down(&b.f);
}

/* Each return is written down anew, and a new owner goes on at the position. */
static void
test_takeover(void)
{
	struct vring_config cfg;
	struct fix f;

	fix_up(&f, &(struct gr_layout){.size = 7, .start = 4}, FEAT);
	for (uint32_t i = 0; i < 200; i++) {
		uint16_t n = (uint16_t)(1 + i % 6), id;
		uint16_t at = vring_position(&f.vr);
		uint32_t len;
		struct vdriver_seg buf = {RAM_C_ADDR + 64 * i, 64, false};

		for (uint16_t k = 0; k < n; k++)
			CU_ASSERT(gr_add(&f.gr, &buf, 1, 0, NULL) >= 0);
		/* killed behind a look: the chains were seen but not given back */
		fix_expect_ok(&f, VRING_DEQ, n);
		cfg = fix_config(&f, FEAT);
		cfg.avail = at;
		cfg.used = at;
		CU_ASSERT_EQUAL(vring_init(&f.vr, &cfg, f.err, sizeof(f.err)), 0);
		fix_expect_ok(&f, VRING_DEQ, n);
		fix_expect_seg(&f, 0, buf.addr, 64);
		fix_return(&f, n);
		CU_ASSERT_EQUAL(pos_of(f.pos).avail, vdriver_ahead(&f.gr.vd, at, n));
		CU_ASSERT_EQUAL(entry_of(f.journal[0]).slot, at);
		for (uint16_t k = 0; k < n; k++)
			CU_ASSERT(gr_reap(&f.gr, &id, &len, NULL));
	}
	fix_down(&f);
}

/* A split ring has no journal: its position follows the used index. */
static void
split_look(void *arg)
{
	struct burst *b = arg;
	uint16_t idx = gr_used_idx(&b->f.gr), pos = pos_of(b->f.pos).used;
	const struct vring_used_elem *ring = b->f.gr.vd.used->ring;

	b->wrong += idx != b->old && idx != (uint16_t)(b->old + b->n);
	b->wrong += pos != idx && pos != b->old;
	b->all += idx != b->old;
	b->nothing += idx == b->old;
	/* entries are there before the index says so */
	for (uint16_t i = 0; idx != b->old && i < b->n; i++) {
		const struct vring_used_elem *e = &ring[(uint16_t)(b->old + i) % 16];

		b->wrong += e->id != b->id[i] || e->len != b->len[i];
	}
}

static void
split_give_back(void *arg)
{
	struct burst *b = arg;

	vring_any_return(&b->f.vr, &b->f.b, b->n, false);
}

static void
test_split(void)
{
	for (uint64_t in_order = 0; in_order < 2; in_order++) {
		static struct burst b;
		struct vdriver_seg buf = {RAM_C_ADDR, 8, true};

		memset(&b, 0, sizeof(b));
		fix_up(&b.f, &(struct gr_layout){.size = 16, .start = 0xfffa},
		       F_VERSION_1 | (in_order ? F_IN_ORDER : 0));
		b.old = 0xfffa;
		b.n = 12;
		b.f.pos = 0x00000001fffafffaull;
		for (uint16_t i = 0; i < b.n; i++) {
			b.id[i] = (uint16_t)gr_add(&b.f.gr, &buf, 1, 0, NULL);
			b.len[i] = 1 + i % 8;
		}
		gr_publish(&b.f.gr);
		fix_expect_ok(&b.f, VRING_ENQ, b.n);
		for (uint16_t i = 0; i < b.n; i++)
			b.f.b.chain[i].len = b.len[i];
		if (step_through(split_give_back, split_look, &b) > 0)
			CU_ASSERT(b.nothing > 0 && b.all > 0);
		CU_ASSERT_EQUAL(b.wrong, 0);
		CU_ASSERT_EQUAL(pos_of(b.f.pos).used, 6);
		reap_all(&b);
		for (uint16_t i = 0; i < RING_JOURNAL; i++)
			CU_ASSERT_EQUAL(b.f.journal[i], 0);
		fix_down(&b.f);
	}
}

CU_TestInfo packed_journal_tests[] = {
	{"killed behind any instruction", test_every_instruction},
	{"contents, from every place", test_contents},
	{"no state page", test_no_page},
	{"takeover at the position", test_takeover},
	{"split, killed behind any instruction", test_split},
	CU_TEST_INFO_NULL,
};
