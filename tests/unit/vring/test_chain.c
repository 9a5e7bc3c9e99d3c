/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Chains of direct descriptors: good ones in every shape, and each lie that a
 * guest can tell with them. */

#include <string.h>

#include "fixture.h"

#define SIZE 16u

/* Head 9 names the descriptor that the test wrote there. */
#define BAD 9u

static void
post_bad(struct fix *f, struct vring_desc d)
{
	gr_set_desc(&f->gr, BAD, d);
	gr_push_avail(&f->gr, BAD);
	gr_publish(&f->gr);
}

static void
bad_desc(enum vring_dir dir, struct vring_desc d, enum vring_fault fault)
{
	struct fix f;

	fix_up_size(&f, SIZE, F_VERSION_1);
	fix_good(&f, dir);
	post_bad(&f, d);
	fix_expect_fault(&f, dir, fault);
	fix_down(&f);
}

static void
test_loop(void)
{
	struct fix f;
	struct vdriver_seg b;

	/* one that names itself, with bytes and without, and a ring of two */
	bad_desc(VRING_DEQ, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, BAD}, VRING_F_LOOP);
	bad_desc(VRING_DEQ, (struct vring_desc){RAM_C_ADDR, 0, D_NEXT, BAD}, VRING_F_LOOP);
	bad_desc(VRING_ENQ, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT | D_WRITE, BAD},
		 VRING_F_LOOP);
	fix_up_size(&f, SIZE, F_VERSION_1);
	fix_good(&f, VRING_DEQ);
	b = fix_buf(&f, VRING_DEQ);
	gr_set_desc(&f.gr, 5, (struct vring_desc){b.addr, 8, D_NEXT, BAD});
	post_bad(&f, (struct vring_desc){b.addr, 8, D_NEXT, 5});
	fix_expect_fault(&f, VRING_DEQ, VRING_F_LOOP);
	fix_down(&f);
}

static void
test_next_beyond(void)
{
	bad_desc(VRING_DEQ, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, SIZE}, VRING_F_NEXT);
	bad_desc(VRING_DEQ, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, 0x8000}, VRING_F_NEXT);
	bad_desc(VRING_ENQ, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT | D_WRITE, 0xffff},
		 VRING_F_NEXT);
}

/* Without NEXT the field means nothing. */
static void
test_next_unused(void)
{
	struct fix f;

	fix_up_size(&f, SIZE, F_VERSION_1);
	post_bad(&f, (struct vring_desc){RAM_C_ADDR, 8, 0, 0xffff});
	fix_expect_ok(&f, VRING_DEQ, 1);
	fix_expect_seg(&f, 0, RAM_C_ADDR, 8);
	fix_down(&f);
}

static void
test_head_beyond(void)
{
	static const uint16_t heads[] = {SIZE, SIZE + 1, 0x7fff, 0x8000, 0xffff};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct fix f;

		fix_up_size(&f, SIZE, F_VERSION_1);
		fix_good(&f, VRING_DEQ);
		gr_push_avail(&f.gr, heads[i]);
		gr_publish(&f.gr);
		fix_expect_fault(&f, VRING_DEQ, VRING_F_HEAD);
		fix_down(&f);
	}
}

static void
test_avail_jump(void)
{
	static const uint16_t starts[] = {0, 5, 0xfff8, 0xffff};
	static const uint16_t jumps[] = {SIZE + 1, SIZE * 2, 0x8000, 0xffff};

	for (size_t s = 0; s < 4; s++) {
		for (size_t j = 0; j < 4; j++) {
			struct gr_layout l = {.size = SIZE, .start = starts[s]};
			struct fix f;

			fix_up(&f, &l, F_VERSION_1);
			gr_set_avail_idx(&f.gr, (uint16_t)(starts[s] + jumps[j]));
			CU_ASSERT_EQUAL(vring_split_available(&f.vr, UINT16_MAX), 0);
			CU_ASSERT_EQUAL(f.vr.fault, VRING_F_AVAIL_JUMP);
			fix_down(&f);
		}
	}
}

/* A ring full to the last entry is no jump, nor is one at the index's wrap. */
static void
test_avail_full(void)
{
	struct gr_layout l = {.size = SIZE, .start = 0xfff9};
	struct fix f;

	fix_up(&f, &l, F_VERSION_1);
	CU_ASSERT_EQUAL(vring_split_available(&f.vr, UINT16_MAX), 0);
	CU_ASSERT_EQUAL(f.vr.fault, VRING_OK);
	for (unsigned int i = 0; i < SIZE; i++)
		fix_good(&f, VRING_DEQ);
	CU_ASSERT_EQUAL(vring_split_available(&f.vr, UINT16_MAX), SIZE);
	fix_expect_ok(&f, VRING_DEQ, SIZE);
	for (uint16_t i = 0; i < SIZE; i++)
		CU_ASSERT_EQUAL(f.b.chain[i].head, i);
	fix_down(&f);
}

static void
test_direction(void)
{
	struct fix f;
	struct vdriver_seg b;

	bad_desc(VRING_DEQ, (struct vring_desc){RAM_C_ADDR, 8, D_WRITE, 0}, VRING_F_DIRECTION);
	bad_desc(VRING_ENQ, (struct vring_desc){RAM_C_ADDR, 8, 0, 0}, VRING_F_DIRECTION);
	/* an empty buffer has a direction, too */
	bad_desc(VRING_DEQ, (struct vring_desc){RAM_C_ADDR, 0, D_WRITE, 0}, VRING_F_DIRECTION);
	for (int dir = VRING_DEQ; dir <= VRING_ENQ; dir++) {
		uint16_t right = dir == VRING_ENQ ? D_WRITE : 0;

		fix_up_size(&f, SIZE, F_VERSION_1);
		fix_good(&f, dir);
		b = fix_buf(&f, dir);
		/* the second of two: readable behind writable and the reverse */
		gr_set_desc(&f.gr, 3, (struct vring_desc){b.addr, 8, right ^ D_WRITE, 0});
		post_bad(&f, (struct vring_desc){b.addr, 8, right | D_NEXT, 3});
		fix_expect_fault(&f, dir, VRING_F_DIRECTION);
		fix_down(&f);
	}
}

/* Flags that the specification does not know change nothing. */
static void
test_unknown_flags(void)
{
	struct fix f;

	fix_up_size(&f, SIZE, F_VERSION_1);
	post_bad(&f, (struct vring_desc){RAM_C_ADDR, 8, 0xfff8, 0});
	fix_expect_ok(&f, VRING_DEQ, 1);
	fix_expect_seg(&f, 0, RAM_C_ADDR, 8);
	fix_down(&f);
}

static void
test_empty_buffers(void)
{
	static const uint64_t addrs[] = {RAM_C_ADDR, 0, RAM_HOLE, UINT64_MAX};

	for (size_t i = 0; i < 4; i++) {
		struct fix f;
		struct vdriver_seg bufs[3];

		/* in front of, between and behind bytes: it adds no piece */
		fix_up_size(&f, SIZE, F_VERSION_1);
		bufs[0] = (struct vdriver_seg){addrs[i], 0, false};
		bufs[1] = fix_buf(&f, VRING_DEQ);
		bufs[2] = (struct vdriver_seg){addrs[i], 0, false};
		CU_ASSERT(gr_add(&f.gr, bufs, 3, 0, NULL) >= 0);
		/* and alone: a chain of no bytes */
		CU_ASSERT(gr_add(&f.gr, bufs, 1, 0, NULL) >= 0);
		gr_publish(&f.gr);
		fix_expect_ok(&f, VRING_DEQ, 2);
		CU_ASSERT_EQUAL(f.b.nseg, 1);
		fix_expect_seg(&f, 0, bufs[1].addr, 64);
		CU_ASSERT_EQUAL(f.b.chain[0].len, 64);
		CU_ASSERT_EQUAL(f.b.chain[1].nseg, 0);
		CU_ASSERT_EQUAL(f.b.chain[1].len, 0);
		fix_down(&f);
	}
}

static void
test_address_outside(void)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
	} bad[] = {
		{0, 1},                                    /* below the first region */
		{RAM_A_ADDR - 1, 1},                       /* the byte before it */
		{RAM_A_ADDR - 1, 2},                       /* runs into it */
		{RAM_HOLE, 1},                             /* the first byte of the hole */
		{RAM_C_ADDR - 1, 8},                       /* out of the hole into a region */
		{RAM_HOLE - 8, 9},                         /* past a region's end into the hole */
		{RAM_D_ADDR + RAM_SIZE - 1, 2},            /* past the last region */
		{RAM_D_ADDR + RAM_SIZE, 1},                /* behind it */
		{RAM_D_ADDR & 0xffffffff, 1},              /* the high region's address, cut */
		{RAM_C_ADDR, 0xffffffff},                  /* far too long */
		{RAM_A_ADDR, 2 * RAM_SIZE + 1},            /* across two regions and past both */
		{UINT64_MAX, 1},                           /* the last address there is */
		{UINT64_MAX - 7, 16},                      /* wraps */
		{UINT64_MAX - RAM_A_ADDR + 2, 0xffffffff}, /* wraps into memory */
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bad_desc(VRING_DEQ, (struct vring_desc){bad[i].addr, bad[i].len, 0, 0},
			 VRING_F_ADDRESS);
		bad_desc(VRING_ENQ, (struct vring_desc){bad[i].addr, bad[i].len, D_WRITE, 0},
			 VRING_F_ADDRESS);
	}
}

static void
test_region_edges(void)
{
	static const uint64_t base[] = {RAM_A_ADDR, RAM_B_ADDR, RAM_C_ADDR, RAM_D_ADDR};

	for (size_t i = 0; i < 4; i++) {
		struct vdriver_seg bufs[3] = {{base[i], 1, false},
					      {base[i] + RAM_SIZE - 1, 1, false},
					      {base[i], RAM_SIZE, false}};
		struct fix f;

		fix_up_size(&f, SIZE, F_VERSION_1);
		CU_ASSERT(gr_add(&f.gr, bufs, 3, 0, NULL) >= 0);
		gr_publish(&f.gr);
		fix_expect_ok(&f, VRING_DEQ, 1);
		for (uint16_t k = 0; k < 3; k++)
			fix_expect_seg(&f, k, bufs[k].addr, bufs[k].len);
		CU_ASSERT_EQUAL(f.b.chain[0].len, RAM_SIZE + 2);
		fix_down(&f);
	}
}

static void
test_crosses_regions(void)
{
	struct vdriver_seg b = {RAM_B_ADDR - 10, 30, true};
	struct fix f;

	fix_up_size(&f, SIZE, F_VERSION_1);
	CU_ASSERT(gr_add(&f.gr, &b, 1, 0, NULL) >= 0);
	gr_publish(&f.gr);
	fix_expect_ok(&f, VRING_ENQ, 1);
	CU_ASSERT_EQUAL(f.b.nseg, 2);
	fix_expect_seg(&f, 0, RAM_B_ADDR - 10, 10);
	fix_expect_seg(&f, 1, RAM_B_ADDR, 20);
	CU_ASSERT_EQUAL(f.b.chain[0].len, 30);
	CU_ASSERT_EQUAL(f.b.chain[0].nseg, 2);
	fix_down(&f);
}

/* As many descriptors as the ring has, one more by a loop, and the limit of all
 * chains on a ring that has more. */
static void
test_longest_chain(void)
{
	static const uint32_t sizes[] = {2, SIZE, VRING_MAX_CHAIN, 4096};
	static struct vdriver_seg bufs[VRING_MAX_CHAIN + 1];

	for (size_t i = 0; i < 4; i++) {
		uint32_t n = sizes[i] < VRING_MAX_CHAIN ? sizes[i] : VRING_MAX_CHAIN;
		struct fix f;

		for (uint32_t k = 0; k <= n; k++)
			bufs[k] = (struct vdriver_seg){RAM_C_ADDR + k, 1, false};
		fix_up_size(&f, sizes[i], F_VERSION_1);
		CU_ASSERT(gr_add(&f.gr, bufs, n, 0, NULL) >= 0);
		gr_publish(&f.gr);
		fix_expect_ok(&f, VRING_DEQ, 1);
		CU_ASSERT_EQUAL(f.b.chain[0].nseg, n);
		CU_ASSERT_EQUAL(f.b.chain[0].len, n);
		fix_down(&f);
	}
	for (int empty = 0; empty < 2; empty++) {
		struct fix f;

		for (uint32_t k = 0; k <= VRING_MAX_CHAIN; k++)
			bufs[k].len = empty ? 0 : 1;
		fix_up_size(&f, 4096, F_VERSION_1);
		fix_good(&f, VRING_DEQ);
		CU_ASSERT(gr_add(&f.gr, bufs, VRING_MAX_CHAIN + 1, 0, NULL) >= 0);
		gr_publish(&f.gr);
		fix_expect_fault(&f, VRING_DEQ, VRING_F_LOOP);
		fix_down(&f);
	}
}

/* Fault in the middle: the chains before it can be used and given back. */
static void
test_fault_keeps_batch(void)
{
	struct fix f;

	fix_up_size(&f, SIZE, F_VERSION_1);
	for (int i = 0; i < 5; i++)
		fix_good(&f, VRING_DEQ);
	post_bad(&f, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, 0x4000});
	fix_good(&f, VRING_DEQ);
	CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 5);
	CU_ASSERT_EQUAL(f.vr.fault, VRING_F_NEXT);
	CU_ASSERT_EQUAL(f.b.nchain, 5);
	CU_ASSERT_EQUAL(f.b.nseg, 5);
	for (uint16_t i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(f.b.chain[i].head, i);
		vring_split_put_used(&f.vr, i, f.b.chain[i].head, 0);
	}
	vring_split_publish(&f.vr, 5);
	for (uint16_t i = 0; i < 5; i++) {
		uint16_t head = 99;
		uint32_t len;

		CU_ASSERT(gr_reap(&f.gr, &head, &len, NULL));
		CU_ASSERT_EQUAL(head, i);
	}
	CU_ASSERT_EQUAL(gr_used_idx(&f.gr), 5);
	fix_down(&f);
}

static void
test_full_batch(void)
{
	struct fix f;
	uint16_t n;

	fix_up_size(&f, 1024, F_VERSION_1);
	for (int i = 0; i < 1024; i++)
		fix_good(&f, VRING_DEQ);
	for (uint16_t from = 0; from < 1024; from += VRING_BATCH) {
		vring_batch_begin(&f.b);
		/* in two steps: the second goes behind the first */
		n = vring_split_snapshot(&f.vr, VRING_DEQ, &f.b, from, 10);
		CU_ASSERT_EQUAL(n, 10);
		n = vring_split_snapshot(&f.vr, VRING_DEQ, &f.b, (uint16_t)(from + 10), 1024);
		CU_ASSERT_EQUAL(n, VRING_BATCH - 10);
		CU_ASSERT_EQUAL(f.b.nchain, VRING_BATCH);
		for (uint16_t i = 0; i < VRING_BATCH; i++)
			CU_ASSERT_EQUAL(f.b.chain[i].head, from + i);
	}
	CU_ASSERT_EQUAL(f.vr.fault, VRING_OK);
	fix_down(&f);
}

/* Three chains of 500 pieces: two fit into a batch, the third comes with the
 * next one, and the ring is not at fault. */
static void
test_pieces_run_out(void)
{
	static struct vdriver_seg bufs[500];
	struct fix f;

	fix_up_size(&f, 2048, F_VERSION_1);
	for (uint32_t k = 0; k < 500; k++)
		bufs[k] = (struct vdriver_seg){RAM_C_ADDR + 2 * k, 1 + k % 2, false};
	for (int i = 0; i < 3; i++)
		CU_ASSERT(gr_add(&f.gr, bufs, 500, 0, NULL) >= 0);
	gr_publish(&f.gr);
	fix_expect_ok(&f, VRING_DEQ, 2);
	CU_ASSERT_EQUAL(f.b.nseg, 1000);
	for (uint16_t i = 0; i < 2; i++)
		vring_split_put_used(&f.vr, i, f.b.chain[i].head, 0);
	vring_split_publish(&f.vr, 2);
	fix_expect_ok(&f, VRING_DEQ, 1);
	CU_ASSERT_EQUAL(f.b.chain[0].head, 1000);
	CU_ASSERT_EQUAL(f.b.chain[0].nseg, 500);
	for (uint16_t k = 0; k < 500; k++)
		fix_expect_seg(&f, k, bufs[k].addr, bufs[k].len);
	fix_down(&f);
}

CU_TestInfo chain_tests[] = {
	{"loop", test_loop},
	{"next beyond the ring", test_next_beyond},
	{"next without NEXT is ignored", test_next_unused},
	{"head beyond the ring", test_head_beyond},
	{"avail index jumps", test_avail_jump},
	{"avail index of a full ring, at the wrap", test_avail_full},
	{"wrong direction", test_direction},
	{"unknown descriptor flags", test_unknown_flags},
	{"buffers of no length, with any address", test_empty_buffers},
	{"address outside, past an end, wrapping", test_address_outside},
	{"first and last byte of each region", test_region_edges},
	{"buffer across two regions", test_crosses_regions},
	{"longest chain, and one longer", test_longest_chain},
	{"a fault keeps the chains before it", test_fault_keeps_batch},
	{"batch is full", test_full_batch},
	{"batch runs out of pieces", test_pieces_run_out},
	CU_TEST_INFO_NULL,
};
