/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The buffers of chains: direction, length, and where in memory they are. */

#include "fixture.h"

#define SIZE 16u

/* Either format: a chain of one descriptor. */
static void
bad_buffer(bool packed, enum vring_dir dir, struct vdriver_seg b, enum vring_fault fault)
{
	struct fix f;

	fix_up_good(&f, SIZE, packed, dir);
	fix_post(&f, b.addr, b.len, b.write ? D_WRITE : 0);
	fix_expect_fault(&f, dir, fault);
	fix_down(&f);
}

static void
test_direction(bool packed)
{
	for (int dir = VRING_DEQ; dir <= VRING_ENQ; dir++) {
		bool right = dir == VRING_ENQ;
		struct vdriver_seg b[2] = {{RAM_C_ADDR, 8, right}, {RAM_C_ADDR, 8, !right}};
		struct fix f;

		bad_buffer(packed, dir, b[1], VRING_FAULT_DIRECTION);
		/* an empty buffer has a direction, too */
		b[1].len = 0;
		bad_buffer(packed, dir, b[1], VRING_FAULT_DIRECTION);
		/* the second of two: readable behind writable and the reverse */
		b[1].len = 8;
		fix_up_good(&f, SIZE, packed, dir);
		fix_post_two(&f, b);
		fix_expect_fault(&f, dir, VRING_FAULT_DIRECTION);
		fix_down(&f);
	}
}
BOTH(test_direction)

static void
test_empty_buffers(bool packed)
{
	static const uint64_t addrs[] = {RAM_C_ADDR, 0, RAM_HOLE, UINT64_MAX};

	for (size_t i = 0; i < 4; i++) {
		struct fix f;
		struct vdriver_seg bufs[3];

		/* in front of, between and behind bytes: it adds no piece */
		fix_up_size(&f, SIZE, FIX_FEATURES(packed));
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
BOTH(test_empty_buffers)

static void
test_address_outside(bool packed)
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

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (int dir = VRING_DEQ; dir <= VRING_ENQ; dir++)
			bad_buffer(packed, dir,
				   (struct vdriver_seg){bad[i].addr, bad[i].len, dir == VRING_ENQ},
				   VRING_FAULT_ADDRESS);
}
BOTH(test_address_outside)

static void
test_region_edges(bool packed)
{
	static const uint64_t base[] = {RAM_A_ADDR, RAM_B_ADDR, RAM_C_ADDR, RAM_D_ADDR};

	for (size_t i = 0; i < 4; i++) {
		struct vdriver_seg bufs[3] = {{base[i], 1, false},
					      {base[i] + RAM_SIZE - 1, 1, false},
					      {base[i], RAM_SIZE, false}};
		struct fix f;

		fix_up_size(&f, SIZE, FIX_FEATURES(packed));
		CU_ASSERT(gr_add(&f.gr, bufs, 3, 0, NULL) >= 0);
		gr_publish(&f.gr);
		fix_expect_ok(&f, VRING_DEQ, 1);
		for (uint16_t k = 0; k < 3; k++)
			fix_expect_seg(&f, k, bufs[k].addr, bufs[k].len);
		CU_ASSERT_EQUAL(f.b.chain[0].len, RAM_SIZE + 2);
		fix_down(&f);
	}
}
BOTH(test_region_edges)

static void
test_crosses_regions(bool packed)
{
	struct vdriver_seg b = {RAM_B_ADDR - 10, 30, true};
	struct fix f;

	fix_up_size(&f, SIZE, FIX_FEATURES(packed));
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
BOTH(test_crosses_regions)

/* Bytes at each region's edges, across two of them, and none at all at any address,
 * in one chain. */
static void
test_buffers(bool packed)
{
	struct vdriver_seg bufs[] = {
		{RAM_A_ADDR, 1, true},
		{UINT64_MAX, 0, true},
		{RAM_B_ADDR - 10, 30, true},
		{RAM_HOLE - 1, 1, true},
		{RAM_HOLE, 0, true},
		{RAM_D_ADDR, RAM_SIZE, true},
		{0, 0, true},
	};
	struct vdriver_seg none = {RAM_HOLE, 0, true};
	struct fix f;

	fix_up(&f, &(struct gr_layout){.size = SIZE, .start = SIZE - 3}, FIX_FEATURES(packed));
	CU_ASSERT(gr_add(&f.gr, bufs, 7, 0, NULL) >= 0);
	CU_ASSERT(gr_add(&f.gr, &none, 1, 0, NULL) >= 0);
	gr_publish(&f.gr);
	fix_expect_ok(&f, VRING_ENQ, 2);
	CU_ASSERT_EQUAL(f.b.nseg, 5);
	fix_expect_seg(&f, 0, RAM_A_ADDR, 1);
	fix_expect_seg(&f, 1, RAM_B_ADDR - 10, 10);
	fix_expect_seg(&f, 2, RAM_B_ADDR, 20);
	fix_expect_seg(&f, 3, RAM_HOLE - 1, 1);
	fix_expect_seg(&f, 4, RAM_D_ADDR, RAM_SIZE);
	CU_ASSERT_EQUAL(f.b.chain[0].len, 32 + RAM_SIZE);
	CU_ASSERT_EQUAL(f.b.chain[1].nseg, 0);
	CU_ASSERT_EQUAL(f.b.chain[1].len, 0);
	CU_ASSERT_EQUAL(f.b.slots, packed ? 8 : 2);
	fix_down(&f);
}
BOTH(test_buffers)

CU_TestInfo buffer_tests[] = {
	BOTH_TESTS("wrong direction", test_direction),
	BOTH_TESTS("buffers of no length, with any address", test_empty_buffers),
	BOTH_TESTS("address outside, past an end, wrapping", test_address_outside),
	BOTH_TESTS("first and last byte of each region", test_region_edges),
	BOTH_TESTS("buffer across two regions", test_crosses_regions),
	BOTH_TESTS("buffers at edges, across regions, empty", test_buffers),
	CU_TEST_INFO_NULL,
};
