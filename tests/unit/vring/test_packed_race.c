/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Another CPU of the guest rewrites a packed ring that is being read.  Whatever it
 * does, the answer is a fault or pieces of memory that some good descriptor named;
 * bytes that only a value used unchecked can lead to are marked, and must not
 * show. */

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "fixture.h"

#define SIZE 16u
#define FEAT (F_VERSION_1 | F_PACKED | F_INDIRECT)
#define SNAPSHOTS 1000000u
#define MARK_ADDR (RAM_D_ADDR + 0x300000)
#define TABLE (RAM_C_ADDR + 0x10000)
#define POISONED (VRING_MAX_CHAIN + 8u) /* entries; those behind the good ones lead to the mark */

struct race {
	struct fix f;
	struct vring_packed_desc *inner; /* an indirect table */
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

/* The first slot of a full ring is available in this round, and then in the next:
 * a batch has each slot once. */
static void
flip_round(struct race *race, unsigned int i)
{
	__atomic_store_n(&race->f.gr.vd.slot[14].flags, i % 2 ? D_USED : D_AVAIL, __ATOMIC_RELAXED);
}

/* Good: all chains; anything else counts as the other answer. */
static void
run(struct race *race, void (*flip)(struct race *race, unsigned int i))
{
	struct timespec end;
	pthread_t t;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += 60;
	race->flip = flip;
	flip(race, 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&t, NULL, flipper, race), 0);
	for (uint32_t i = 0; i < SNAPSHOTS || race->good < 100 || race->bad < 100; i++) {
		race->f.vr.fault = VRING_OK;
		if (fix_snapshot(&race->f, VRING_DEQ) == race->chains &&
		    race->f.vr.fault == VRING_OK)
			race->good++;
		else
			race->bad++;
		check_batch(race);
		/* that is no fault: the slot was had already */
		race->wrong += flip == flip_round && race->f.vr.fault != VRING_OK;
		if (i % 1024 == 0 && !before(&end))
			break;
	}
	__atomic_store_n(&race->stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	CU_ASSERT_EQUAL(race->wrong, 0);
	/* it was a race, not a monologue */
	CU_ASSERT(race->good >= 100 && race->bad >= 100);
	fix_down(&race->f);
}

/* Four chains of one descriptor, in slots 14, 15, 0 and 1.  The ring is followed by
 * descriptors that lead to the mark. */
static void
up(struct race *race)
{
	memset(race, 0, sizeof(*race));
	fix_up(&race->f, &(struct gr_layout){.size = SIZE, .start = WRAP | 14}, FEAT);
	for (uint32_t i = SIZE; i < 0x8000; i++) {
		struct vring_packed_desc d = {MARK_ADDR, 8, 0, D_AVAIL};

		ram_write(&fix_ram, race->f.gr.vd.addr.desc + 16ull * i, &d, sizeof(d));
	}
	race->chains = 4;
	for (int i = 0; i < 4; i++)
		gp_push(&race->f.gr, (struct vring_packed_desc){RAM_C_ADDR, 8, 3, 0}, false);
}

static void
flip_flags(struct race *race, unsigned int i)
{
	static const uint16_t flags[] = {D_USED,           D_AVAIL | D_USED, D_USED | D_NEXT,    0,
					 D_USED | D_WRITE, D_USED,           D_USED | D_INDIRECT};

	__atomic_store_n(&race->f.gr.vd.slot[0].flags, flags[i % 7], __ATOMIC_RELAXED);
}

static void
test_flags(void)
{
	static struct race race;

	up(&race);
	run(&race, flip_flags);
}

static void
test_round(void)
{
	static struct race race;

	up(&race);
	for (race.chains = 4; race.chains < SIZE; race.chains++)
		gp_push(&race.f.gr, (struct vring_packed_desc){RAM_C_ADDR, 8, 3, 0}, false);
	/* one chain fewer than slots, so that the batch looks for one more */
	race.f.gr.vd.slot[15].flags |= D_NEXT;
	race.chains--;
	run(&race, flip_round);
}

static void
flip_len(struct race *race, unsigned int i)
{
	__atomic_store_n(&race->f.gr.vd.slot[15].len, i % 2 ? 0xfffffff0 : 8, __ATOMIC_RELAXED);
}

static void
test_len(void)
{
	static struct race race;

	up(&race);
	run(&race, flip_len);
}

static void
flip_addr(struct race *race, unsigned int i)
{
	__atomic_store_n(&race->f.gr.vd.slot[15].addr, i % 2 ? RAM_HOLE : RAM_C_ADDR,
			 __ATOMIC_RELAXED);
}

static void
test_addr(void)
{
	static struct race race;

	up(&race);
	run(&race, flip_addr);
}

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

	up(&race);
	run(&race, flip_id);
}

static void
flip_whole(struct race *race, unsigned int i)
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
test_whole(void)
{
	static struct race race;

	up(&race);
	run(&race, flip_whole);
}

/* A table of two entries in slot 0, with poisoned ones behind them. */
static void
up_table(struct race *race)
{
	up(race);
	race->inner = ram_ptr(&fix_ram, TABLE);
	for (uint32_t i = 0; i < POISONED; i++)
		race->inner[i] = (struct vring_packed_desc){i < 2 ? RAM_C_ADDR : MARK_ADDR, 8, 0,
							    0};
	gp_set_slot(&race->f.gr, 0, (struct vring_packed_desc){TABLE, 32, 3, D_USED | D_INDIRECT});
}

/* The table's length: right, or one that must not be believed. */
static void
flip_table_len(struct race *race, unsigned int i)
{
	static const uint32_t len[] = {32, 16 * (VRING_MAX_CHAIN + 1), 32, 16, 0, 40, 0xfffffff0};

	__atomic_store_n(&race->f.gr.vd.slot[0].len, len[i % 7], __ATOMIC_RELAXED);
}

static void
test_table_len(void)
{
	static struct race race;

	up_table(&race);
	run(&race, flip_table_len);
}

/* Everything in the table, and the table's own descriptor. */
static void
flip_table(struct race *race, unsigned int i)
{
	static const struct vring_packed_desc d[] = {
		{RAM_C_ADDR, 8, 0, 0},      {RAM_HOLE, 8, 0, 0},
		{TABLE, 32, 0, D_INDIRECT}, {RAM_C_ADDR, 0xfffffff0, 0, 0},
		{RAM_C_ADDR, 8, 0, D_NEXT}, {RAM_C_ADDR, 8, 0, D_WRITE},
		{RAM_A_ADDR, 8, 0xffff, 0},
	};
	struct vring_packed_desc e = d[i % (sizeof(d) / sizeof(d[0]))];

	__atomic_store_n(&race->inner[1].addr, e.addr, __ATOMIC_RELAXED);
	__atomic_store_n(&race->inner[1].len, e.len, __ATOMIC_RELAXED);
	__atomic_store_n(&race->inner[1].flags, e.flags, __ATOMIC_RELAXED);
	__atomic_store_n(&race->f.gr.vd.slot[0].addr, i % 16 == 5 ? RAM_HOLE : TABLE,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&race->f.gr.vd.slot[0].flags,
			 i % 32 == 9 ? D_USED | D_NEXT : D_USED | D_INDIRECT, __ATOMIC_RELAXED);
}

static void
test_table(void)
{
	static struct race race;

	up_table(&race);
	run(&race, flip_table);
}

/* What it asks to be told changes with each look: it is told or not, and the ring
 * goes on. */
static void
flip_event(struct race *race, unsigned int i)
{
	gp_set_event(&race->f.gr, (uint16_t)(i * 40503u), (uint16_t)(i % 5));
}

static void
test_event(void)
{
	struct vdriver_seg buf = {RAM_C_ADDR, 8, false};
	static struct race race;
	unsigned int told = 0;
	pthread_t t;
	uint16_t id;
	uint32_t len;

	memset(&race, 0, sizeof(race));
	fix_up_size(&race.f, 11, FEAT | F_EVENT_IDX);
	race.flip = flip_event;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&t, NULL, flipper, &race), 0);
	for (uint32_t i = 0; i < 100000; i++) {
		race.wrong += gr_add(&race.f.gr, &buf, 1, 0, NULL) < 0;
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

CU_TestInfo packed_race_tests[] = {
	{"a descriptor's flags", test_flags},
	{"a full ring's first slot", test_round},
	{"a descriptor's length", test_len},
	{"a descriptor's address", test_addr},
	{"a descriptor's id", test_id},
	{"whole descriptor", test_whole},
	{"an indirect table's length", test_table_len},
	{"an indirect table and its descriptor", test_table},
	{"the event area", test_event},
	CU_TEST_INFO_NULL,
};
