/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Another CPU of the guest rewrites what is being read.  Whatever it does, the
 * answer is a fault or pieces of memory that some good descriptor named; bytes
 * that only a value used unchecked can lead to are marked, and must not show. */

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "fixture.h"

#define SIZE 16u
#define FEAT(packed) (FIX_FEATURES(packed) | F_INDIRECT)
#define SNAPSHOTS(packed) ((packed) ? 1000000u : 2000000u)
#define SECONDS 60
#define MARK_ADDR (RAM_D_ADDR + 0x300000)
#define TABLE (RAM_C_ADDR + 0x10000)
/* Entries of a table; those behind the good ones lead to the mark. */
#define POISONED (VRING_MAX_CHAIN + 8u)

/* The descriptor that is rewritten, and the flags that make it available. */
struct victim {
	uint64_t *addr;
	uint32_t *len;
	uint16_t *flags;
	uint16_t avail;
};

struct race {
	struct fix f;
	struct victim v;
	struct victim inner; /* the second entry of an indirect table */
	void (*flip)(struct race *race, unsigned int i);
	uint32_t stop;
	uint16_t chains; /* when all is well */
	uint64_t good, bad, wrong;
};

static void *
flipper(void *arg)
{
	struct race *race = arg;

	for (unsigned int i = 0; !__atomic_load_n(&race->stop, __ATOMIC_RELAXED); i++)
		race->flip(race, i);
	return NULL;
}

static void
check_batch(struct race *race)
{
	const struct vring_batch *b = &race->f.b;
	uint32_t sum = 0;

	for (uint16_t c = 0; c < b->nchain; c++) {
		race->wrong += b->chain[c].at >= SIZE;
		race->wrong += !race->f.vr.packed && b->chain[c].head >= SIZE;
		sum += b->chain[c].nseg;
	}
	race->wrong += sum != b->nseg || b->slots > SIZE;
	for (uint16_t i = 0; i < b->nseg; i++) {
		uint64_t at = 0;

		race->wrong += !ram_host_to_guest(&fix_ram, b->seg[i].addr, b->seg[i].len, &at) ||
			       b->seg[i].len == 0;
		race->wrong += at >= MARK_ADDR && at < MARK_ADDR + 64;
	}
}

static bool
before(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec < end->tv_sec;
}

/* Good: all chains.  A packed ring may also have fewer, and be without fault. */
static void
count(struct race *race, uint16_t n)
{
	bool fault = race->f.vr.fault != VRING_OK;

	if (!fault && n == race->chains)
		race->good++;
	else if (fault || race->f.vr.packed)
		race->bad++;
	else
		race->wrong++;
}

/* Flipped until both answers were seen often enough; with no_fault, none of them is a
 * fault. */
static void
run(struct race *race, void (*flip)(struct race *race, unsigned int i), bool no_fault)
{
	uint32_t snapshots = SNAPSHOTS(race->f.vr.packed);
	struct timespec end;
	pthread_t t;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += SECONDS;
	race->flip = flip;
	flip(race, 0);
	gr_publish(&race->f.gr);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&t, NULL, flipper, race), 0);
	for (uint32_t i = 0; i < snapshots || race->good < 100 || race->bad < 100; i++) {
		race->f.vr.fault = VRING_OK;
		count(race, fix_snapshot(&race->f, VRING_DEQ));
		check_batch(race);
		race->wrong += no_fault && race->f.vr.fault != VRING_OK;
		if (i % 1024 == 0 && !before(&end))
			break;
	}
	__atomic_store_n(&race->stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	CU_ASSERT_EQUAL(race->wrong, 0);
	/* it was a race, not a monologue */
	CU_ASSERT(race->good >= 100 && race->bad >= 100);
	if (!race->f.vr.packed)
		CU_ASSERT_EQUAL(gr_used_idx(&race->f.gr), 0);
	fix_down(&race->f);
}

static struct victim
victim(bool packed, void *desc)
{
	struct vring_packed_desc *p = desc;
	struct vring_desc *s = desc;

	if (packed)
		return (struct victim){&p->addr, &p->len, &p->flags, 0};
	return (struct victim){&s->addr, &s->len, &s->flags, 0};
}

static void
rewrite(const struct victim *v, uint64_t addr, uint32_t len, uint16_t flags)
{
	__atomic_store_n(v->addr, addr, __ATOMIC_RELAXED);
	__atomic_store_n(v->len, len, __ATOMIC_RELAXED);
	__atomic_store_n(v->flags, flags | v->avail, __ATOMIC_RELAXED);
}

/* Four chains of one descriptor: split: all of them descriptor 0; packed: in slots 14,
 * 15, 0 and 1.  The ring is followed by descriptors that lead to the mark: where a
 * number beyond it would end up. */
static void
up(struct race *race, bool packed)
{
	struct gr_layout l = {.size = SIZE, .start = packed ? WRAP | 14 : 0};
	struct guest_ring *gr = &race->f.gr;

	memset(race, 0, sizeof(*race));
	fix_up(&race->f, &l, FEAT(packed));
	for (uint32_t i = SIZE; i < (packed ? 0x8000 : 0x10000); i++) {
		if (packed)
			gp_set_table(gr, gr->vd.addr.desc, i,
				     (struct vring_packed_desc){MARK_ADDR, 8, 0, D_AVAIL});
		else
			gr_set_table(gr, gr->vd.addr.desc, i,
				     (struct vring_desc){MARK_ADDR, 8, 0, 0});
	}
	race->v = victim(packed, gr->vd.desc);
	race->v.avail = packed ? D_USED : 0;
	race->chains = 4;
	for (int i = 0; i < 4; i++) {
		if (packed)
			gp_push(gr, (struct vring_packed_desc){RAM_C_ADDR, 8, 3, 0}, false);
		else
			gr_push_avail(gr, 0);
	}
	if (!packed)
		gr_set_desc(gr, 0, (struct vring_desc){RAM_C_ADDR, 8, 0, 0});
}

/* Split: the chains are these instead. */
static void
up_heads(struct race *race, uint16_t head, uint16_t n)
{
	up(race, false);
	race->f.gr.vd.next_avail = 0;
	race->chains = n;
	while (n-- > 0)
		gr_push_avail(&race->f.gr, head);
}

static void
flip_avail(struct race *race, unsigned int i)
{
	__atomic_store_n(&race->f.gr.vd.avail->ring[i / 2 % SIZE], i % 2 ? 3 : 0xffff,
			 __ATOMIC_RELAXED);
}

static void
test_avail(void)
{
	static struct race race;

	up_heads(&race, 3, SIZE);
	gr_set_desc(&race.f.gr, 3, (struct vring_desc){RAM_C_ADDR, 8, 0, 0});
	run(&race, flip_avail, false);
}

static void
flip_avail_idx(struct race *race, unsigned int i)
{
	gr_set_avail_idx(&race->f.gr, i % 2 ? 1 : 0x4000);
}

static void
test_avail_idx(void)
{
	static struct race race;

	up_heads(&race, 3, 1);
	gr_set_desc(&race.f.gr, 3, (struct vring_desc){RAM_C_ADDR, 8, 0, 0});
	run(&race, flip_avail_idx, false);
}

/* next alone, as fast as it goes: between its check and its use. */
static void
flip_next(struct race *race, unsigned int i)
{
	__atomic_store_n(&race->f.gr.vd.desc[0].next, i % 2 ? 0xff00 : 1, __ATOMIC_RELAXED);
}

static void
test_next(void)
{
	static struct race race;

	up(&race, false);
	gr_set_desc(&race.f.gr, 0, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, 1});
	gr_set_desc(&race.f.gr, 1, (struct vring_desc){RAM_C_ADDR, 8, 0, 0});
	run(&race, flip_next, false);
}

static void
flip_flags(struct race *race, unsigned int i)
{
	static const uint16_t flags[] = {D_USED,           D_AVAIL | D_USED, D_USED | D_NEXT,    0,
					 D_USED | D_WRITE, D_USED,           D_USED | D_INDIRECT};

	__atomic_store_n(race->v.flags, flags[i % 7], __ATOMIC_RELAXED);
}

static void
test_flags(void)
{
	static struct race race;

	up(&race, true);
	run(&race, flip_flags, false);
}

/* The first slot of a full ring is available in this round, and then in the next:
 * a batch has each slot once. */
static void
flip_round(struct race *race, unsigned int i)
{
	__atomic_store_n(&race->f.gr.vd.slot[14].flags, i % 2 ? D_USED : D_AVAIL, __ATOMIC_RELAXED);
}

static void
test_round(void)
{
	static struct race race;

	up(&race, true);
	for (race.chains = 4; race.chains < SIZE; race.chains++)
		gp_push(&race.f.gr, (struct vring_packed_desc){RAM_C_ADDR, 8, 3, 0}, false);
	/* one chain fewer than slots, so that the batch looks for one more */
	race.f.gr.vd.slot[15].flags |= D_NEXT;
	race.chains--;
	/* that is no fault: the slot was had already */
	run(&race, flip_round, true);
}

static void
flip_len(struct race *race, unsigned int i)
{
	__atomic_store_n(race->v.len, i % 2 ? 0xfffffff0 : 8, __ATOMIC_RELAXED);
}

static void
test_len(bool packed)
{
	static struct race race;

	up(&race, packed);
	run(&race, flip_len, false);
}
BOTH(test_len)

static void
flip_addr(struct race *race, unsigned int i)
{
	__atomic_store_n(race->v.addr, i % 2 ? RAM_HOLE : RAM_C_ADDR, __ATOMIC_RELAXED);
}

static void
test_addr(bool packed)
{
	static struct race race;

	up(&race, packed);
	run(&race, flip_addr, false);
}
BOTH(test_addr)

/* An id is looked at once: both values must come, and no other. */
static void
flip_id(struct race *race, unsigned int i)
{
	__atomic_store_n(&race->f.gr.vd.slot[0].id, i % 2 ? 0x5555 : 0xaaaa, __ATOMIC_RELAXED);
	flip_addr(race, i);
}

static void
test_id(void)
{
	static struct race race;

	up(&race, true);
	run(&race, flip_id, false);
}

static void
flip_whole_split(struct race *race, unsigned int i)
{
	static const struct vring_desc d[] = {
		{RAM_C_ADDR, 8, D_NEXT, 2},           /* good */
		{RAM_HOLE, 0x10000, D_NEXT, 2},       /* address */
		{RAM_C_ADDR, 0xffffffff, 0, 2},       /* length */
		{RAM_D_ADDR + RAM_SIZE - 8, 8, 0, 0}, /* good, at the very end */
		{RAM_C_ADDR, 8, D_NEXT, 0xff00},      /* next */
		{RAM_C_ADDR, 8, D_WRITE, 0},          /* direction */
		{UINT64_MAX - 3, 8, 0, 0},            /* wraps */
		{RAM_B_ADDR - 4, 8, D_NEXT, 2},       /* good, in two regions */
	};

	gr_set_desc(&race->f.gr, 1, d[i % (sizeof(d) / sizeof(d[0]))]);
}

/* The middle one of three. */
static void
test_whole_split(void)
{
	static struct race race;

	up(&race, false);
	gr_set_desc(&race.f.gr, 0, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, 1});
	gr_set_desc(&race.f.gr, 2, (struct vring_desc){RAM_C_ADDR, 8, 0, 0});
	run(&race, flip_whole_split, false);
}

static void
flip_whole_packed(struct race *race, unsigned int i)
{
	static const struct vring_packed_desc d[] = {
		{RAM_C_ADDR, 8, 1, D_USED},                /* good */
		{RAM_HOLE, 0x10000, 2, D_USED},            /* address */
		{RAM_C_ADDR, 0xffffffff, 3, D_USED},       /* length */
		{RAM_D_ADDR + RAM_SIZE - 8, 8, 4, D_USED}, /* good, at the very end */
		{RAM_C_ADDR, 8, 5, D_USED | D_NEXT},       /* takes the next one, too */
		{RAM_C_ADDR, 8, 6, D_USED | D_WRITE},      /* direction */
		{UINT64_MAX - 3, 8, 7, D_USED},            /* wraps */
		{RAM_B_ADDR - 4, 8, 8, D_USED},            /* good, in two regions */
	};

	gp_set_slot(&race->f.gr, 0, d[i % (sizeof(d) / sizeof(d[0]))]);
}

static void
test_whole_packed(void)
{
	static struct race race;

	up(&race, true);
	run(&race, flip_whole_packed, false);
}

/* A table of two entries for the victim, with poisoned ones behind them. */
static void
up_table(struct race *race, bool packed)
{
	struct vring_desc *table;

	up(race, packed);
	table = ram_ptr(&fix_ram, TABLE);
	for (uint32_t i = 2; i < POISONED; i++) {
		struct vdriver_seg s = {MARK_ADDR, 8, false};

		vdriver_fill_table(&table[i], packed, &s, 1);
	}
	vdriver_fill_table(table, packed,
			   (struct vdriver_seg[]){{RAM_C_ADDR, 8, false}, {RAM_C_ADDR, 8, false}},
			   2);
	race->inner = victim(packed, &table[1]);
	rewrite(&race->v, TABLE, 32, D_INDIRECT);
}

/* The table's length: right, or one that must not be believed; of a split table, the
 * first entry's next with it. */
static void
flip_table_len_split(struct race *race, unsigned int i)
{
	struct vring_desc *table = ram_ptr(&fix_ram, TABLE);

	__atomic_store_n(race->v.len, i % 2 ? 16 * (VRING_MAX_CHAIN + 1) : 32, __ATOMIC_RELAXED);
	__atomic_store_n(&table[0].next, i % 4 < 2 ? 1 : POISONED - 1, __ATOMIC_RELAXED);
}

static void
flip_table_len_packed(struct race *race, unsigned int i)
{
	static const uint32_t len[] = {32, 16 * (VRING_MAX_CHAIN + 1), 32, 16, 0, 40, 0xfffffff0};

	__atomic_store_n(race->v.len, len[i % 7], __ATOMIC_RELAXED);
}

static void
test_table_len(bool packed)
{
	static struct race race;

	up_table(&race, packed);
	run(&race, packed ? flip_table_len_packed : flip_table_len_split, false);
}
BOTH(test_table_len)

static void
flip_table_next(struct race *race, unsigned int i)
{
	struct vring_desc *table = ram_ptr(&fix_ram, TABLE);

	(void)race;
	__atomic_store_n(&table[0].next, i % 2 ? POISONED - 1 : 1, __ATOMIC_RELAXED);
}

static void
test_table_next(void)
{
	static struct race race;

	up_table(&race, false);
	run(&race, flip_table_next, false);
}

/* Everything in the table, and the table's own descriptor. */
static void
flip_table(struct race *race, unsigned int i)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags;
	} d[] = {
		{RAM_C_ADDR, 8, 0},          {RAM_HOLE, 8, 0},        {TABLE, 32, D_INDIRECT},
		{RAM_C_ADDR, 0xfffffff0, 0}, {RAM_C_ADDR, 8, D_NEXT}, {RAM_C_ADDR, 8, D_WRITE},
		{RAM_A_ADDR, 8, 0},
	};
	size_t k = i % (sizeof(d) / sizeof(d[0]));

	rewrite(&race->inner, d[k].addr, d[k].len, d[k].flags);
	rewrite(&race->v, i % 16 == 5 ? RAM_HOLE : TABLE, 32, i % 32 == 9 ? D_NEXT : D_INDIRECT);
}

static void
test_table(bool packed)
{
	static struct race race;

	up_table(&race, packed);
	run(&race, flip_table, false);
}
BOTH(test_table)

/* What the guest asks to be told changes with each look: it is told or not, and the ring
 * goes on. */
static void
flip_event(struct race *race, unsigned int i)
{
	if (race->f.vr.packed)
		gp_set_event(&race->f.gr, (uint16_t)(i * 40503u), (uint16_t)(i % 5));
	else
		gr_set_used_event(&race->f.gr, (uint16_t)(i * 40503u));
}

static void
test_event(bool packed)
{
	struct vdriver_seg buf = {RAM_C_ADDR, 8, false};
	static struct race race;
	unsigned int told = 0;
	pthread_t t;
	uint16_t id;
	uint32_t len;

	memset(&race, 0, sizeof(race));
	fix_up_size(&race.f, packed ? 11 : 16, FEAT(packed) | F_EVENT_IDX);
	race.flip = flip_event;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&t, NULL, flipper, &race), 0);
	for (uint32_t i = 0; i < 100000; i++) {
		race.wrong += gr_add(&race.f.gr, &buf, 1, 0, NULL) < 0;
		gr_publish(&race.f.gr);
		race.wrong += fix_snapshot(&race.f, VRING_DEQ) != 1;
		told += fix_return(&race.f, 1);
		race.wrong += !gr_reap(&race.f.gr, &id, &len, NULL);
	}
	__atomic_store_n(&race.stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	CU_ASSERT_EQUAL(race.wrong, 0);
	CU_ASSERT_EQUAL(fix_calls(&race.f), told);
	fix_down(&race.f);
}
BOTH(test_event)

CU_TestInfo race_tests[] = {
	{"split: avail entry", test_avail},
	{"split: avail index", test_avail_idx},
	{"split: a descriptor's next", test_next},
	{"split: an indirect table's next", test_table_next},
	{"packed: a descriptor's flags", test_flags},
	{"packed: a full ring's first slot", test_round},
	{"packed: a descriptor's id", test_id},
	BOTH_TESTS("a descriptor's length", test_len),
	BOTH_TESTS("a descriptor's address", test_addr),
	BOTH_TESTS("whole descriptor", test_whole),
	BOTH_TESTS("an indirect table's length", test_table_len),
	BOTH_TESTS("an indirect table and its descriptor", test_table),
	BOTH_TESTS("the event area", test_event),
	CU_TEST_INFO_NULL,
};
