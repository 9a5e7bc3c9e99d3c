/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Another CPU of the guest rewrites what is being read.  Whatever it does, the
 * answer is a fault or pieces of memory that some good descriptor named; bytes
 * that only a value used unchecked can lead to are marked, and must not show. */

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fixture.h"

#define SIZE 16u
#define FEAT (F_VERSION_1 | F_INDIRECT)
#define SNAPSHOTS 2000000u
#define MARK_ADDR (RAM_D_ADDR + 0x300000)
#define TABLE (RAM_C_ADDR + 0x10000)
#define POISONED 600u /* entries behind a good table that lead to the mark */

struct race {
	struct fix f;
	struct vring_desc *inner; /* an indirect table */
	void (*flip)(struct race *race, unsigned int i);
	uint32_t stop;
	enum vring_dir dir;
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
		race->wrong += b->chain[c].head >= SIZE;
		sum += b->chain[c].nseg;
	}
	race->wrong += sum != b->nseg;
	for (uint16_t i = 0; i < b->nseg; i++) {
		uint64_t at = 0;

		if (!ram_host_to_guest(&fix_ram, b->seg[i].addr, b->seg[i].len, &at) ||
		    b->seg[i].len == 0)
			race->wrong++;
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

/* A ring of 16 chains through descriptors 0 to 15, two buffers each with the
 * second in descriptor 1, flipped until both answers were seen often enough. */
static void
run(void (*flip)(struct race *race, unsigned int i), struct race *race)
{
	struct timespec end;
	pthread_t t;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += 30;
	race->flip = flip;
	flip(race, 0);
	gr_publish(&race->f.gr);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&t, NULL, flipper, race), 0);
	for (uint32_t i = 0; i < SNAPSHOTS || race->good < 100 || race->bad < 100; i++) {
		race->f.vr.fault = VRING_OK;
		fix_snapshot(&race->f, race->dir);
		check_batch(race);
		if (race->f.vr.fault)
			race->bad++;
		else
			race->good++;
		if (i % 1024 == 0 && !before(&end))
			break;
	}
	__atomic_store_n(&race->stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	CU_ASSERT_EQUAL(race->wrong, 0);
	/* it was a race, not a monologue */
	CU_ASSERT(race->good >= 100 && race->bad >= 100);
	CU_ASSERT_EQUAL(gr_used_idx(&race->f.gr), 0);
	fix_down(&race->f);
}

/* The descriptor table is followed by descriptors that lead to the mark: where a
 * number beyond the ring would end up. */
static void
up(struct race *race)
{
	memset(race, 0, sizeof(*race));
	fix_up_size(&race->f, SIZE, FEAT);
	for (uint32_t i = SIZE; i < 0x10000; i++)
		gr_set_table(&race->f.gr, race->f.gr.vd.addr.desc, i,
			     (struct vring_desc){MARK_ADDR, 8, 0, 0});
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

	up(&race);
	gr_set_desc(&race.f.gr, 3, (struct vring_desc){RAM_C_ADDR, 8, 0, 0});
	for (uint32_t i = 0; i < SIZE; i++)
		gr_push_avail(&race.f.gr, 3);
	run(flip_avail, &race);
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

	up(&race);
	gr_set_desc(&race.f.gr, 3, (struct vring_desc){RAM_C_ADDR, 8, 0, 0});
	gr_push_avail(&race.f.gr, 3);
	run(flip_avail_idx, &race);
}

static void
flip_desc(struct race *race, unsigned int i)
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

static void
test_desc(void)
{
	static struct race race;

	up(&race);
	gr_set_desc(&race.f.gr, 0, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, 1});
	gr_set_desc(&race.f.gr, 2, (struct vring_desc){RAM_C_ADDR, 8, 0, 0});
	for (int i = 0; i < 4; i++)
		gr_push_avail(&race.f.gr, 0);
	run(flip_desc, &race);
}

/* next alone, as fast as it goes: between its check and its use. */
static void
flip_next(struct race *race, unsigned int i)
{
	__atomic_store_n(&race->f.gr.vd.desc[0].next, i % 2 ? 0xff00 : 1, __ATOMIC_RELAXED);
}

static void
test_desc_next(void)
{
	static struct race race;

	up(&race);
	gr_set_desc(&race.f.gr, 0, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, 1});
	gr_set_desc(&race.f.gr, 1, (struct vring_desc){RAM_C_ADDR, 8, 0, 0});
	for (int i = 0; i < 4; i++)
		gr_push_avail(&race.f.gr, 0);
	run(flip_next, &race);
}

static void
flip_len(struct race *race, unsigned int i)
{
	__atomic_store_n(&race->f.gr.vd.desc[0].len, i % 2 ? 0xfffffff0 : 8, __ATOMIC_RELAXED);
}

static void
test_desc_len(void)
{
	static struct race race;

	up(&race);
	gr_set_desc(&race.f.gr, 0, (struct vring_desc){RAM_C_ADDR, 8, 0, 0});
	for (int i = 0; i < 4; i++)
		gr_push_avail(&race.f.gr, 0);
	run(flip_len, &race);
}

static void
flip_addr(struct race *race, unsigned int i)
{
	__atomic_store_n(&race->f.gr.vd.desc[0].addr, i % 2 ? RAM_HOLE : RAM_C_ADDR,
			 __ATOMIC_RELAXED);
}

static void
test_desc_addr(void)
{
	static struct race race;

	up(&race);
	gr_set_desc(&race.f.gr, 0, (struct vring_desc){RAM_C_ADDR, 8, 0, 0});
	for (int i = 0; i < 4; i++)
		gr_push_avail(&race.f.gr, 0);
	run(flip_addr, &race);
}

/* A table of two entries, with poisoned ones behind them. */
static void
up_table(struct race *race)
{
	up(race);
	race->inner = ram_ptr(&fix_ram, TABLE);
	for (uint32_t i = 2; i < POISONED; i++)
		gr_set_table(&race->f.gr, TABLE, i, (struct vring_desc){MARK_ADDR, 8, 0, 0});
	gr_set_table(&race->f.gr, TABLE, 0, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, 1});
	gr_set_table(&race->f.gr, TABLE, 1, (struct vring_desc){RAM_C_ADDR, 8, 0, 0});
	gr_set_desc(&race->f.gr, 0, (struct vring_desc){TABLE, 32, D_INDIRECT, 0});
	for (int i = 0; i < 4; i++)
		gr_push_avail(&race->f.gr, 0);
}

/* The table's length: right, or one that must not be believed. */
static void
flip_table_len(struct race *race, unsigned int i)
{
	__atomic_store_n(&race->f.gr.vd.desc[0].len, i % 2 ? 16 * (VRING_MAX_CHAIN + 1) : 32,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&race->inner[0].next, i % 4 < 2 ? 1 : POISONED - 1, __ATOMIC_RELAXED);
}

static void
test_table_len(void)
{
	static struct race race;

	up_table(&race);
	run(flip_table_len, &race);
}

static void
flip_table_next(struct race *race, unsigned int i)
{
	__atomic_store_n(&race->inner[0].next, i % 2 ? POISONED - 1 : 1, __ATOMIC_RELAXED);
}

static void
test_table_next(void)
{
	static struct race race;

	up_table(&race);
	run(flip_table_next, &race);
}

/* Everything in the table, and the table's own descriptor. */
static void
flip_table(struct race *race, unsigned int i)
{
	static const struct vring_desc d[] = {
		{RAM_C_ADDR, 8, 0, 0},      {RAM_HOLE, 8, 0, 0},
		{TABLE, 32, D_INDIRECT, 0}, {RAM_C_ADDR, 0xfffffff0, 0, 0},
		{RAM_C_ADDR, 8, D_NEXT, 0}, {RAM_C_ADDR, 8, D_WRITE, 0},
		{RAM_A_ADDR, 8, 0, 0},
	};

	gr_set_table(&race->f.gr, TABLE, 1, d[i % (sizeof(d) / sizeof(d[0]))]);
	__atomic_store_n(&race->f.gr.vd.desc[0].addr, i % 16 == 5 ? RAM_HOLE : TABLE,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&race->f.gr.vd.desc[0].flags, i % 32 == 9 ? D_NEXT : D_INDIRECT,
			 __ATOMIC_RELAXED);
}

static void
test_table(void)
{
	static struct race race;

	up_table(&race);
	run(flip_table, &race);
}

CU_TestInfo race_tests[] = {
	{"avail entry", test_avail},
	{"avail index", test_avail_idx},
	{"whole descriptor", test_desc},
	{"a descriptor's next", test_desc_next},
	{"a descriptor's length", test_desc_len},
	{"a descriptor's address", test_desc_addr},
	{"an indirect table's length", test_table_len},
	{"an indirect table's next", test_table_next},
	{"an indirect table and its descriptor", test_table},
	CU_TEST_INFO_NULL,
};
