/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Indirect tables, good and bad (virtio 1.1, 2.6.5.3 and 2.7.7).  Entries of a split
 * table are chained; those of a packed one are used in order, all of them. */

#include <string.h>

#include "fixture.h"

#define SIZE 16u
#define FEAT(packed) (FIX_FEATURES(packed) | F_INDIRECT)
#define BAD FIX_BAD

/* Entry i of a table of n; split: chained to the next one. */
static void
set_entry(struct fix *f, uint64_t table, uint32_t i, uint32_t n, struct vring_desc d)
{
	struct vring_packed_desc p = {d.addr, d.len, d.next, d.flags};

	if (f->vr.packed) {
		gp_set_table(&f->gr, table, i, p);
		return;
	}
	if (i + 1 < n) {
		d.flags |= D_NEXT;
		d.next = (uint16_t)(i + 1);
	}
	gr_set_table(&f->gr, table, i, d);
}

/* A guest with one good chain posted, and a table of `entries` good descriptors
 * of 8 bytes each in region D. */
static uint64_t
start(struct fix *f, bool packed, enum vring_dir dir, uint64_t features, uint32_t entries)
{
	struct gr_layout l = {.size = SIZE, .start = packed ? SIZE - 1 : 0};
	uint16_t flags = dir == VRING_ENQ ? D_WRITE : 0;
	uint64_t table, data;

	fix_up(f, &l, features);
	fix_good(f, dir);
	table = ram_alloc(&fix_ram, RAM_D, 16ull * entries, 16);
	data = ram_alloc(&fix_ram, RAM_C, 8ull * entries, 8);
	/* packed: what is `next` here is a reserved id there */
	for (uint32_t i = 0; i < entries; i++)
		set_entry(f, table, i, entries,
			  (struct vring_desc){data + 8ull * i, 8, flags, packed ? 0xeeee : 0});
	return table;
}

static void
post(struct fix *f, uint64_t table, uint32_t len, uint16_t flags)
{
	fix_post(f, table, len, flags | D_INDIRECT);
}

/* Posts it, and expects that the ring has this fault. */
static void
refuse(struct fix *f, enum vring_dir dir, uint64_t table, uint32_t len, uint16_t flags,
       enum vring_fault fault)
{
	post(f, table, len, flags);
	fix_expect_fault(f, dir, fault);
	fix_down(f);
}

static void
test_good(bool packed)
{
	/* what the descriptor says of its direction means nothing (2.6.5.3.2, 2.7.7) */
	for (uint16_t i = 0; i < 4; i++) {
		enum vring_dir dir = i & 1 ? VRING_ENQ : VRING_DEQ;
		struct fix f;
		uint64_t table = start(&f, packed, dir, FEAT(packed), 3);

		post(&f, table, 48, i & 2 ? D_WRITE : 0);
		if (!packed)
			f.gr.vd.desc[BAD].next = 0xffff;
		fix_expect_ok(&f, dir, 2);
		CU_ASSERT_EQUAL(f.b.chain[1].head, BAD);
		CU_ASSERT_EQUAL(f.b.chain[1].first, 1);
		CU_ASSERT_EQUAL(f.b.chain[1].nseg, 3);
		CU_ASSERT_EQUAL(f.b.chain[1].len, 24);
		CU_ASSERT_EQUAL(f.b.slots, 2);
		fix_down(&f);
	}
}
BOTH(test_good)

/* AVAIL, USED, NEXT and what is reserved mean nothing in a table: each entry is
 * used once, in its turn.  A split one ends without NEXT. */
static void
test_flags_in_table(bool packed)
{
	for (uint32_t bit = 0; bit < 16; bit++) {
		uint16_t flags = (uint16_t)(1u << bit);
		struct fix f;
		uint64_t table;

		if (flags & (D_WRITE | D_INDIRECT) || (!packed && (flags & D_NEXT)))
			continue;
		table = start(&f, packed, VRING_DEQ, FEAT(packed), 3);
		set_entry(&f, table, 1, 3, (struct vring_desc){RAM_A_ADDR, 5, flags, 0xffff});
		set_entry(&f, table, 2, 3, (struct vring_desc){RAM_B_ADDR, 6, flags, 0});
		post(&f, table, 48, 0);
		fix_expect_ok(&f, VRING_DEQ, 2);
		CU_ASSERT_EQUAL(f.b.chain[1].nseg, 3);
		fix_expect_seg(&f, 2, RAM_A_ADDR, 5);
		fix_expect_seg(&f, 3, RAM_B_ADDR, 6);
		fix_down(&f);
	}
}
BOTH(test_flags_in_table)

static void
test_length(bool packed)
{
	static const uint32_t bad[] = {
		0,
		1,
		8,
		15,
		17,
		31,
		47,
		16 * 3 + 8,
		0xffffffff,
		16 * (VRING_MAX_CHAIN + 1),
		0x10000,
		0x100000,
		0x10000 * 16 + 16,
		0xfffffff0,
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fix f;
		uint64_t table = start(&f, packed, VRING_DEQ, FEAT(packed), 4);

		refuse(&f, VRING_DEQ, table, bad[i], 0, VRING_FAULT_INDIRECT);
	}
}
BOTH(test_length)

static void
test_longest(bool packed)
{
	struct fix f;
	uint64_t table = start(&f, packed, VRING_ENQ, FEAT(packed), VRING_MAX_CHAIN);

	post(&f, table, 16 * VRING_MAX_CHAIN, 0);
	fix_expect_ok(&f, VRING_ENQ, 2);
	CU_ASSERT_EQUAL(f.b.chain[1].nseg, VRING_MAX_CHAIN);
	CU_ASSERT_EQUAL(f.b.chain[1].len, 8 * VRING_MAX_CHAIN);
	fix_down(&f);
}
BOTH(test_longest)

static void
test_nested(bool packed)
{
	for (uint32_t at = 0; at < 3; at++) {
		struct fix f;
		uint64_t table = start(&f, packed, VRING_DEQ, FEAT(packed), 3);

		/* without NEXT, which would be another fault */
		set_entry(&f, table, at, 0, (struct vring_desc){table, 48, D_INDIRECT, 0});
		refuse(&f, VRING_DEQ, table, 48, 0, VRING_FAULT_INDIRECT);
	}
}
BOTH(test_nested)

static void
test_with_next(bool packed)
{
	struct fix f;
	uint64_t table = start(&f, packed, VRING_DEQ, FEAT(packed), 2);

	refuse(&f, VRING_DEQ, table, 32, D_NEXT, VRING_FAULT_INDIRECT);
}
BOTH(test_with_next)

static void
test_not_negotiated(bool packed)
{
	struct fix f;
	uint64_t table = start(&f, packed, VRING_DEQ, FIX_FEATURES(packed), 2);

	refuse(&f, VRING_DEQ, table, 32, 0, VRING_FAULT_INDIRECT);
}
BOTH(test_not_negotiated)

static void
test_table_outside(bool packed)
{
	static const uint64_t bad[] = {
		0,
		RAM_HOLE,
		RAM_A_ADDR - 16,
		RAM_D_ADDR + RAM_SIZE,
		RAM_D_ADDR + RAM_SIZE - 8,
		RAM_HOLE - 15,
		RAM_B_ADDR - 8, /* an entry in two regions */
		RAM_D_ADDR & 0xffffffff,
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fix f;

		start(&f, packed, VRING_DEQ, FEAT(packed), 1);
		refuse(&f, VRING_DEQ, bad[i], 32, 0, VRING_FAULT_ADDRESS);
	}
}
BOTH(test_table_outside)

/* Which of two faults that is, is the format's: a packed table is read whole. */
static void
test_table_at_the_top(bool packed)
{
	static const uint64_t wraps[] = {UINT64_MAX - 15, UINT64_MAX - 7, UINT64_MAX};

	for (size_t i = 0; i < 3; i++) {
		struct fix f;

		start(&f, packed, VRING_DEQ, FEAT(packed), 1);
		post(&f, wraps[i], 32, 0);
		if (!packed) {
			fix_expect_fault(&f, VRING_DEQ, VRING_FAULT_ADDRESS);
		} else {
			CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 1);
			CU_ASSERT(f.vr.fault == VRING_FAULT_ADDRESS ||
				  f.vr.fault == VRING_FAULT_INDIRECT);
		}
		fix_down(&f);
	}
}
BOTH(test_table_at_the_top)

/* It begins inside and ends outside, where its second or third entry is. */
static void
test_table_past_end(bool packed)
{
	static const uint64_t end[] = {RAM_HOLE, RAM_D_ADDR + RAM_SIZE};

	for (uint32_t i = 0; i < 4; i++) {
		uint32_t n = 1 + i % 2;
		uint64_t table = end[i / 2] - 16 * n;
		struct fix f;

		start(&f, packed, VRING_DEQ, FEAT(packed), 1);
		for (uint32_t k = 0; k < n; k++)
			set_entry(&f, table, k, n + 1, (struct vring_desc){RAM_C_ADDR, 8, 0, 0});
		refuse(&f, VRING_DEQ, table, 16 * (n + 1), 0, VRING_FAULT_ADDRESS);
	}
}
BOTH(test_table_past_end)

/* Its address and the number of an entry wrap together, into memory. */
static void
test_table_wraps(bool packed)
{
	struct guest_mem_desc desc[2] = {{UINT64_MAX - 4095, 4096, 0, 0}, {0, 4096, 0, 0}};
	int fds[2] = {ram_memfd(4096, 0), ram_memfd(4096, 0)};
	struct vring_desc d = {0, 8, D_NEXT, 1};
	struct fix f;

	if (packed)
		d = (struct vring_desc){.len = 8};
	fix_up_size(&f, SIZE, FEAT(packed));
	f.vr.mem = guest_mem_new(desc, 2, fds, f.err, sizeof(f.err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(f.vr.mem);
	memcpy(f.vr.mem->region[0].host + 4080, &d, sizeof(d));
	memcpy(f.vr.mem->region[1].host, &d, sizeof(d));
	post(&f, UINT64_MAX - 15, 32, 0);
	CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 0);
	CU_ASSERT(f.vr.fault == VRING_FAULT_ADDRESS ||
		  (packed && f.vr.fault == VRING_FAULT_INDIRECT));
	guest_mem_free((struct guest_mem *)f.vr.mem);
	fix_down(&f);
}
BOTH(test_table_wraps)

/* The table lies in two regions, between entries, or at an odd address: the
 * specification asks for no alignment of a table.  An entry that is itself in two
 * regions cannot be read in one piece and is refused. */
static void
test_table_places(bool packed)
{
	static const uint64_t at[] = {
		RAM_B_ADDR - 48, RAM_B_ADDR - 80, RAM_D_ADDR + 1,      RAM_D_ADDR + 2,
		RAM_D_ADDR + 3,  RAM_D_ADDR + 4,  RAM_D_ADDR + 7,      RAM_D_ADDR + 8,
		RAM_D_ADDR + 12, RAM_D_ADDR + 15, RAM_D_ADDR + 0x2000,
	};

	for (size_t k = 0; k < 2 * sizeof(at) / sizeof(at[0]); k++) {
		enum vring_dir dir = k % 2 ? VRING_ENQ : VRING_DEQ;
		struct vdriver_seg bufs[6];
		struct fix f;

		fix_up_size(&f, SIZE, FEAT(packed));
		for (int i = 0; i < 6; i++)
			bufs[i] = fix_buf(&f, dir);
		CU_ASSERT(gr_add(&f.gr, bufs, 6, at[k / 2], NULL) >= 0);
		gr_publish(&f.gr);
		fix_expect_ok(&f, dir, 1);
		CU_ASSERT_EQUAL(f.b.chain[0].nseg, 6);
		for (uint16_t i = 0; i < 6; i++)
			fix_expect_seg(&f, i, bufs[i].addr, 64);
		fix_down(&f);
	}
}
BOTH(test_table_places)

static void
test_next(void)
{
	static const uint16_t bad[] = {4, 5, SIZE, 0x8000, 0xffff};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fix f;
		uint64_t table = start(&f, false, VRING_DEQ, FEAT(false), 4);

		gr_set_table(&f.gr, table, 1, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, bad[i]});
		refuse(&f, VRING_DEQ, table, 64, 0, VRING_FAULT_NEXT);
	}
}

static void
test_loop(void)
{
	for (uint16_t to = 0; to < 3; to++) {
		for (uint32_t len = 0; len <= 8; len += 8) {
			struct fix f;
			uint64_t table = start(&f, false, VRING_DEQ, FEAT(false), 3);

			for (uint16_t i = 0; i < 3; i++)
				gr_set_table(&f.gr, table, i,
					     (struct vring_desc){RAM_C_ADDR, len, D_NEXT,
								 i < 2 ? i + 1 : to});
			refuse(&f, VRING_DEQ, table, 48, 0, VRING_FAULT_LOOP);
		}
	}
}

/* Entries of no length take no room, and are looked at all the same: a batch ends
 * when it has looked at enough of them, and the next one goes on. */
static void
empty_entries(bool packed, bool give_back)
{
	const uint32_t tables = 3, entries = VRING_MAX_CHAIN - 1;
	uint64_t table = RAM_C_ADDR + 0x10000;
	uint32_t seen = 0;
	struct fix f;

	fix_up_size(&f, SIZE, FEAT(packed));
	for (uint32_t i = 0; i < entries; i++)
		set_entry(&f, table, i, entries,
			  (struct vring_desc){RAM_C_ADDR, i + 1 == entries ? 8 : 0, 0, 0});
	for (uint32_t i = 0; i < tables; i++)
		post(&f, table, 16 * entries, 0);
	for (uint32_t batches = 0; seen < tables && batches < 2 * tables; batches++) {
		uint16_t n;

		if (give_back) {
			n = fix_snapshot(&f, VRING_DEQ);
		} else {
			vring_batch_begin(&f.b);
			n = vring_split_snapshot(&f.vr, VRING_DEQ, &f.b, (uint16_t)seen,
						 (uint16_t)(tables - seen));
		}
		CU_ASSERT(f.b.ndesc <= VRING_BATCH_DESCS + 1);
		CU_ASSERT_EQUAL(n, 1);
		if (n > 0 && give_back)
			fix_return(&f, n);
		seen += n;
	}
	CU_ASSERT_EQUAL(seen, tables);
	CU_ASSERT_EQUAL(f.vr.fault, VRING_OK);
	fix_down(&f);
}

static void
test_empty_entries(bool packed)
{
	empty_entries(packed, true);
	/* a split ring can go on behind what was not given back */
	if (!packed)
		empty_entries(packed, false);
}
BOTH(test_empty_entries)

/* After as many steps as there are descriptors, not when the batch is full of
 * its pieces: that would look as if there were only too little room. */
static void
test_loop_at_once(void)
{
	static struct vdriver_seg bufs[300];
	uint64_t loop = RAM_D_ADDR + 0x8000;
	struct fix f;

	for (int i = 0; i < 300; i++)
		bufs[i] = (struct vdriver_seg){RAM_C_ADDR, 1, false};
	for (int direct = 0; direct < 2; direct++) {
		fix_up_size(&f, SIZE, FEAT(false));
		CU_ASSERT(gr_add(&f.gr, bufs, 300, RAM_D_ADDR, NULL) >= 0);
		for (uint16_t i = 0; i < 3; i++)
			gr_set_table(&f.gr, loop, i,
				     (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, (i + 1) % 3});
		post(&f, loop, 48, 0);
		if (direct)
			gr_set_desc(&f.gr, BAD, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, BAD});
		CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 1);
		CU_ASSERT_EQUAL(f.vr.fault, VRING_FAULT_LOOP);
		CU_ASSERT_EQUAL(f.b.nseg, 300);
		fix_down(&f);
	}
}

static void
test_bad_buffers(bool packed)
{
	static const struct {
		struct vring_desc d;
		enum vring_fault fault;
	} bad[] = {
		{{RAM_C_ADDR, 8, D_WRITE, 0}, VRING_FAULT_DIRECTION},
		{{RAM_C_ADDR, 0, D_WRITE, 0}, VRING_FAULT_DIRECTION},
		{{RAM_HOLE, 8, 0, 0}, VRING_FAULT_ADDRESS},
		{{RAM_HOLE - 4, 8, 0, 0}, VRING_FAULT_ADDRESS},
		{{UINT64_MAX - 3, 8, 0, 0}, VRING_FAULT_ADDRESS},
		{{RAM_C_ADDR, 0xffffffff, 0, 0}, VRING_FAULT_ADDRESS},
	};
	struct fix f;
	uint64_t table;

	for (size_t i = 0; i < 3 * sizeof(bad) / sizeof(bad[0]); i++) {
		table = start(&f, packed, VRING_DEQ, FEAT(packed), 3);
		set_entry(&f, table, (uint32_t)i % 3, 3, bad[i / 3].d);
		refuse(&f, VRING_DEQ, table, 48, 0, bad[i / 3].fault);
	}
	table = start(&f, packed, VRING_ENQ, FEAT(packed), 3);
	set_entry(&f, table, 2, 3, (struct vring_desc){RAM_C_ADDR, 8, 0, 0});
	refuse(&f, VRING_ENQ, table, 48, 0, VRING_FAULT_DIRECTION);
}
BOTH(test_bad_buffers)

/* Empty entries with a bad address, and a buffer across two regions. */
static void
test_shapes(bool packed)
{
	struct fix f;
	struct vdriver_seg bufs[4] = {{UINT64_MAX, 0, false},
				      {RAM_B_ADDR - 1, 2, false},
				      {RAM_HOLE, 0, false},
				      {RAM_D_ADDR + RAM_SIZE - 5, 5, false}};

	fix_up_size(&f, SIZE, FEAT(packed));
	CU_ASSERT(gr_add(&f.gr, bufs, 4, RAM_D_ADDR + 0x2000, NULL) >= 0);
	gr_publish(&f.gr);
	fix_expect_ok(&f, VRING_DEQ, 1);
	CU_ASSERT_EQUAL(f.b.nseg, 3);
	fix_expect_seg(&f, 0, RAM_B_ADDR - 1, 1);
	fix_expect_seg(&f, 1, RAM_B_ADDR, 1);
	fix_expect_seg(&f, 2, RAM_D_ADDR + RAM_SIZE - 5, 5);
	fix_down(&f);
}
BOTH(test_shapes)

/* A table may end a chain of direct descriptors (2.6.5.3.1); the direction of
 * those is checked all the same, and the limit is for both together. */
static void
test_behind_direct(void)
{
	static struct vdriver_seg bufs[VRING_MAX_CHAIN + 1];
	struct fix f;
	uint64_t table;

	for (uint32_t extra = 0; extra < 2; extra++) {
		uint32_t n = VRING_MAX_CHAIN + extra;

		fix_up_size(&f, SIZE, FEAT(false));
		fix_good(&f, VRING_DEQ);
		table = ram_alloc(&fix_ram, RAM_D, 16ull * n, 16);
		for (uint32_t i = 0; i < n; i++)
			bufs[i] = (struct vdriver_seg){RAM_C_ADDR + i, 1, false};
		CU_ASSERT(gr_add_mixed(&f.gr, bufs, n, table, NULL) >= 0);
		gr_publish(&f.gr);
		if (extra == 0) {
			fix_expect_ok(&f, VRING_DEQ, 2);
			CU_ASSERT_EQUAL(f.b.chain[1].nseg, n);
			for (uint16_t i = 0; i < n; i++)
				fix_expect_seg(&f, i + 1, bufs[i].addr, 1);
		} else {
			fix_expect_fault(&f, VRING_DEQ, VRING_FAULT_LOOP);
		}
		fix_down(&f);
	}
	table = start(&f, false, VRING_DEQ, FEAT(false), 2);
	gr_set_desc(&f.gr, 4, (struct vring_desc){RAM_C_ADDR, 4, D_NEXT | D_WRITE, BAD});
	gr_set_desc(&f.gr, BAD, (struct vring_desc){table, 32, D_INDIRECT, 0});
	gr_push_avail(&f.gr, 4);
	gr_publish(&f.gr);
	fix_expect_fault(&f, VRING_DEQ, VRING_FAULT_DIRECTION);
	fix_down(&f);
}

/* In a packed ring it may not (2.7.17). */
static void
test_behind_direct_packed(void)
{
	struct fix f;
	uint64_t table = start(&f, true, VRING_DEQ, FEAT(true), 2);

	fix_post(&f, RAM_C_ADDR, 8, D_NEXT);
	refuse(&f, VRING_DEQ, table, 32, 0, VRING_FAULT_INDIRECT);
}

CU_TestInfo indirect_tests[] = {
	{"split: next beyond the table", test_next},
	{"split: loop in the table", test_loop},
	{"split: a loop is found at once", test_loop_at_once},
	{"split: table behind direct descriptors", test_behind_direct},
	{"packed: table behind a direct descriptor", test_behind_direct_packed},
	BOTH_TESTS("good tables", test_good),
	BOTH_TESTS("flags in a table", test_flags_in_table),
	BOTH_TESTS("length 0, not a multiple of 16, too many", test_length),
	BOTH_TESTS("longest table", test_longest),
	BOTH_TESTS("nested", test_nested),
	BOTH_TESTS("together with NEXT", test_with_next),
	BOTH_TESTS("not negotiated", test_not_negotiated),
	BOTH_TESTS("table outside memory", test_table_outside),
	BOTH_TESTS("table at the last address", test_table_at_the_top),
	BOTH_TESTS("table runs past a region's end", test_table_past_end),
	BOTH_TESTS("table wraps", test_table_wraps),
	BOTH_TESTS("table in two regions, at odd addresses", test_table_places),
	BOTH_TESTS("entries of no length are bounded", test_empty_entries),
	BOTH_TESTS("bad buffers in the table", test_bad_buffers),
	BOTH_TESTS("empty and crossing buffers in the table", test_shapes),
	CU_TEST_INFO_NULL,
};
