/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Indirect tables, good and bad (virtio 1.1, 2.6.5.3). */

#include <string.h>

#include "fixture.h"

#define SIZE 16u
#define FEAT (F_VERSION_1 | F_INDIRECT)
#define BAD 9u

/* A guest with one good chain posted, and a table of `entries` good descriptors
 * of 8 bytes each, chained in order, in region D. */
static uint64_t
start(struct fix *f, enum vring_dir dir, uint64_t features, uint32_t entries)
{
	uint64_t table, data;

	fix_up_size(f, SIZE, features);
	fix_good(f, dir);
	table = ram_alloc(&fix_ram, RAM_D, 16ull * entries, 16);
	data = ram_alloc(&fix_ram, RAM_C, 8ull * entries, 8);
	for (uint32_t i = 0; i < entries; i++) {
		struct vring_desc d = {data + 8ull * i, 8, dir == VRING_ENQ ? D_WRITE : 0, 0};

		if (i + 1 < entries) {
			d.flags |= D_NEXT;
			d.next = (uint16_t)(i + 1);
		}
		gr_set_table(&f->gr, table, i, d);
	}
	return table;
}

static void
post(struct fix *f, uint64_t table, uint32_t len, uint16_t flags, uint16_t next)
{
	gr_set_desc(&f->gr, BAD, (struct vring_desc){table, len, flags | D_INDIRECT, next});
	gr_push_avail(&f->gr, BAD);
	gr_publish(&f->gr);
}

static void
test_good(void)
{
	for (int dir = VRING_DEQ; dir <= VRING_ENQ; dir++) {
		struct fix f;
		uint64_t table = start(&f, dir, FEAT, 3);

		post(&f, table, 48, 0, 0xffff);
		fix_expect_ok(&f, dir, 2);
		CU_ASSERT_EQUAL(f.b.chain[1].head, BAD);
		CU_ASSERT_EQUAL(f.b.chain[1].first, 1);
		CU_ASSERT_EQUAL(f.b.chain[1].nseg, 3);
		CU_ASSERT_EQUAL(f.b.chain[1].len, 24);
		fix_down(&f);
	}
}

/* The table of a receive chain may be marked as device-writable: its flag says
 * nothing (2.6.5.3.2). */
static void
test_write_flag_ignored(void)
{
	for (int dir = VRING_DEQ; dir <= VRING_ENQ; dir++) {
		struct fix f;
		uint64_t table = start(&f, dir, FEAT, 2);

		post(&f, table, 32, D_WRITE, 0);
		fix_expect_ok(&f, dir, 2);
		CU_ASSERT_EQUAL(f.b.chain[1].nseg, 2);
		fix_down(&f);
	}
}

static void
test_length(void)
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
		uint64_t table = start(&f, VRING_DEQ, FEAT, 4);

		post(&f, table, bad[i], 0, 0);
		fix_expect_fault(&f, VRING_DEQ, VRING_F_INDIRECT);
		fix_down(&f);
	}
}

static void
test_longest(void)
{
	struct fix f;
	uint64_t table = start(&f, VRING_ENQ, FEAT, VRING_MAX_CHAIN);

	post(&f, table, 16 * VRING_MAX_CHAIN, 0, 0);
	fix_expect_ok(&f, VRING_ENQ, 2);
	CU_ASSERT_EQUAL(f.b.chain[1].nseg, VRING_MAX_CHAIN);
	CU_ASSERT_EQUAL(f.b.chain[1].len, 8 * VRING_MAX_CHAIN);
	fix_down(&f);
}

static void
test_nested(void)
{
	for (uint32_t at = 0; at < 3; at++) {
		struct fix f;
		uint64_t table = start(&f, VRING_DEQ, FEAT, 3);

		gr_set_table(&f.gr, table, at, (struct vring_desc){table, 48, D_INDIRECT, 0});
		post(&f, table, 48, 0, 0);
		fix_expect_fault(&f, VRING_DEQ, VRING_F_INDIRECT);
		fix_down(&f);
	}
}

static void
test_with_next(void)
{
	struct fix f;
	uint64_t table = start(&f, VRING_DEQ, FEAT, 2);

	post(&f, table, 32, D_NEXT, 0);
	fix_expect_fault(&f, VRING_DEQ, VRING_F_INDIRECT);
	fix_down(&f);
}

static void
test_not_negotiated(void)
{
	struct fix f;
	uint64_t table = start(&f, VRING_DEQ, F_VERSION_1, 2);

	post(&f, table, 32, 0, 0);
	fix_expect_fault(&f, VRING_DEQ, VRING_F_INDIRECT);
	fix_down(&f);
}

static void
test_table_outside(void)
{
	static const uint64_t bad[] = {
		0,
		RAM_HOLE,
		RAM_A_ADDR - 16,
		RAM_D_ADDR + RAM_SIZE,
		RAM_D_ADDR + RAM_SIZE - 8,
		RAM_HOLE - 15,
		RAM_D_ADDR & 0xffffffff,
		UINT64_MAX - 15,
		UINT64_MAX - 7,
		UINT64_MAX,
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fix f;

		start(&f, VRING_DEQ, FEAT, 1);
		post(&f, bad[i], 32, 0, 0);
		fix_expect_fault(&f, VRING_DEQ, VRING_F_ADDRESS);
		fix_down(&f);
	}
}

/* It begins inside and ends outside: only entries that are used count. */
static void
test_table_past_end(void)
{
	uint64_t table = RAM_HOLE - 32;
	struct fix f;

	start(&f, VRING_DEQ, FEAT, 1);
	gr_set_table(&f.gr, table, 0, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, 1});
	gr_set_table(&f.gr, table, 1, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, 2});
	post(&f, table, 48, 0, 0);
	fix_expect_fault(&f, VRING_DEQ, VRING_F_ADDRESS);
	fix_down(&f);
}

/* Its address and the number of an entry wrap together, into memory. */
static void
test_table_wraps(void)
{
	struct guest_mem_desc desc[2] = {{UINT64_MAX - 4095, 4096, 0}, {0, 4096, 0}};
	int fds[2] = {ram_memfd(4096, 0), ram_memfd(4096, 0)};
	struct vring_desc d = {0, 8, D_NEXT, 1};
	struct fix f;

	start(&f, VRING_DEQ, FEAT, 1);
	f.vr.mem = guest_mem_new(desc, 2, fds, f.err, sizeof(f.err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(f.vr.mem);
	memcpy(f.vr.mem->region[0].host + 4080, &d, sizeof(d));
	gr_set_avail_idx(&f.gr, 0);
	f.gr.vd.next_avail = 0;
	f.gr.vd.published = 0;
	post(&f, UINT64_MAX - 15, 32, 0, 0);
	CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 0);
	CU_ASSERT_EQUAL(f.vr.fault, VRING_F_ADDRESS);
	guest_mem_free((struct guest_mem *)f.vr.mem);
	fix_down(&f);
}

/* The table lies in two regions, once between entries; an entry that is itself
 * in two cannot be read in one piece and is refused. */
static void
test_table_crosses(void)
{
	struct fix f;
	struct vdriver_seg bufs[6];
	uint64_t table = RAM_B_ADDR - 3 * 16;

	fix_up_size(&f, SIZE, FEAT);
	for (int i = 0; i < 6; i++)
		bufs[i] = fix_buf(&f, VRING_DEQ);
	CU_ASSERT(gr_add(&f.gr, bufs, 6, table, NULL) >= 0);
	gr_publish(&f.gr);
	fix_expect_ok(&f, VRING_DEQ, 1);
	CU_ASSERT_EQUAL(f.b.chain[0].nseg, 6);
	for (uint16_t i = 0; i < 6; i++)
		fix_expect_seg(&f, i, bufs[i].addr, 64);
	fix_down(&f);
}

static void
test_table_misaligned(void)
{
	static const uint64_t off[] = {1, 2, 3, 4, 7, 8, 15};

	for (size_t k = 0; k < sizeof(off) / sizeof(off[0]); k++) {
		struct vdriver_seg bufs[3];
		struct fix f;

		/* the specification asks for no alignment of a table */
		fix_up_size(&f, SIZE, FEAT);
		for (int i = 0; i < 3; i++)
			bufs[i] = fix_buf(&f, VRING_ENQ);
		CU_ASSERT(gr_add(&f.gr, bufs, 3, RAM_D_ADDR + 0x2000 + off[k], NULL) >= 0);
		gr_publish(&f.gr);
		fix_expect_ok(&f, VRING_ENQ, 1);
		for (uint16_t i = 0; i < 3; i++)
			fix_expect_seg(&f, i, bufs[i].addr, 64);
		fix_down(&f);
	}
}

static void
test_next(void)
{
	static const uint16_t bad[] = {4, 5, SIZE, 0x8000, 0xffff};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fix f;
		uint64_t table = start(&f, VRING_DEQ, FEAT, 4);

		gr_set_table(&f.gr, table, 1, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, bad[i]});
		post(&f, table, 64, 0, 0);
		fix_expect_fault(&f, VRING_DEQ, VRING_F_NEXT);
		fix_down(&f);
	}
}

static void
test_loop(void)
{
	for (uint16_t to = 0; to < 3; to++) {
		for (uint32_t len = 0; len <= 8; len += 8) {
			struct fix f;
			uint64_t table = start(&f, VRING_DEQ, FEAT, 3);

			for (uint16_t i = 0; i < 3; i++)
				gr_set_table(&f.gr, table, i,
					     (struct vring_desc){RAM_C_ADDR, len, D_NEXT,
								 i < 2 ? i + 1 : to});
			post(&f, table, 48, 0, 0);
			fix_expect_fault(&f, VRING_DEQ, VRING_F_LOOP);
			fix_down(&f);
		}
	}
}

/* Entries of no length take no room, and are looked at all the same: a batch ends
 * when it has looked at enough of them, and the next one goes on. */
static void
test_empty_entries(void)
{
	const uint32_t tables = 3, entries = VRING_MAX_CHAIN - 1;
	uint64_t table = RAM_C_ADDR + 0x10000;
	uint32_t seen = 0, batches = 0;
	struct fix f;

	fix_up_size(&f, SIZE, F_VERSION_1 | F_INDIRECT);
	for (uint32_t i = 0; i < entries; i++)
		gr_set_table(&f.gr, table, i,
			     (struct vring_desc){RAM_C_ADDR, i + 1 == entries ? 8 : 0,
						 i + 1 == entries ? 0 : D_NEXT, (uint16_t)(i + 1)});
	for (uint32_t i = 0; i < tables; i++) {
		gr_set_desc(&f.gr, (uint16_t)i,
			    (struct vring_desc){table, 16 * entries, D_INDIRECT, 0});
		gr_push_avail(&f.gr, (uint16_t)i);
	}
	gr_publish(&f.gr);
	while (seen < tables && batches < 2 * tables) {
		uint16_t n;

		vring_batch_begin(&f.b);
		n = vring_split_snapshot(&f.vr, VRING_DEQ, &f.b, (uint16_t)seen,
					 (uint16_t)(tables - seen));
		CU_ASSERT(f.b.ndesc <= VRING_BATCH_DESCS + 1);
		CU_ASSERT_EQUAL(n, 1);
		seen += n;
		batches++;
	}
	CU_ASSERT_EQUAL(seen, tables);
	CU_ASSERT_EQUAL(f.vr.fault, VRING_OK);
	fix_down(&f);
}

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
		fix_up_size(&f, SIZE, FEAT);
		CU_ASSERT(gr_add(&f.gr, bufs, 300, RAM_D_ADDR, NULL) >= 0);
		for (uint16_t i = 0; i < 3; i++)
			gr_set_table(&f.gr, loop, i,
				     (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, (i + 1) % 3});
		post(&f, loop, 48, 0, 0);
		if (direct)
			gr_set_desc(&f.gr, BAD, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, BAD});
		CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 1);
		CU_ASSERT_EQUAL(f.vr.fault, VRING_F_LOOP);
		CU_ASSERT_EQUAL(f.b.nseg, 300);
		fix_down(&f);
	}
}

static void
test_buffers(void)
{
	static const struct {
		struct vring_desc d;
		enum vring_fault fault;
	} bad[] = {
		{{RAM_C_ADDR, 8, D_WRITE, 0}, VRING_F_DIRECTION},
		{{RAM_C_ADDR, 0, D_WRITE, 0}, VRING_F_DIRECTION},
		{{RAM_HOLE, 8, 0, 0}, VRING_F_ADDRESS},
		{{RAM_HOLE - 4, 8, 0, 0}, VRING_F_ADDRESS},
		{{UINT64_MAX - 3, 8, 0, 0}, VRING_F_ADDRESS},
	};
	struct fix f;
	uint64_t table;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		table = start(&f, VRING_DEQ, FEAT, 3);
		gr_set_table(&f.gr, table, 2, bad[i].d);
		post(&f, table, 48, 0, 0);
		fix_expect_fault(&f, VRING_DEQ, bad[i].fault);
		fix_down(&f);
	}
	table = start(&f, VRING_ENQ, FEAT, 3);
	gr_set_table(&f.gr, table, 2, (struct vring_desc){RAM_C_ADDR, 8, 0, 0});
	post(&f, table, 48, 0, 0);
	fix_expect_fault(&f, VRING_ENQ, VRING_F_DIRECTION);
	fix_down(&f);
}

/* Empty entries with a bad address, and a buffer across two regions. */
static void
test_shapes(void)
{
	struct fix f;
	struct vdriver_seg bufs[4] = {{UINT64_MAX, 0, false},
				      {RAM_B_ADDR - 1, 2, false},
				      {RAM_HOLE, 0, false},
				      {RAM_D_ADDR + RAM_SIZE - 5, 5, false}};

	fix_up_size(&f, SIZE, FEAT);
	CU_ASSERT(gr_add(&f.gr, bufs, 4, RAM_D_ADDR + 0x2000, NULL) >= 0);
	gr_publish(&f.gr);
	fix_expect_ok(&f, VRING_DEQ, 1);
	CU_ASSERT_EQUAL(f.b.nseg, 3);
	fix_expect_seg(&f, 0, RAM_B_ADDR - 1, 1);
	fix_expect_seg(&f, 1, RAM_B_ADDR, 1);
	fix_expect_seg(&f, 2, RAM_D_ADDR + RAM_SIZE - 5, 5);
	fix_down(&f);
}

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

		fix_up_size(&f, SIZE, FEAT);
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
			fix_expect_fault(&f, VRING_DEQ, VRING_F_LOOP);
		}
		fix_down(&f);
	}
	table = start(&f, VRING_DEQ, FEAT, 2);
	gr_set_desc(&f.gr, 4, (struct vring_desc){RAM_C_ADDR, 4, D_NEXT | D_WRITE, BAD});
	gr_set_desc(&f.gr, BAD, (struct vring_desc){table, 32, D_INDIRECT, 0});
	gr_push_avail(&f.gr, 4);
	gr_publish(&f.gr);
	fix_expect_fault(&f, VRING_DEQ, VRING_F_DIRECTION);
	fix_down(&f);
}

CU_TestInfo indirect_tests[] = {
	{"good tables", test_good},
	{"WRITE beside INDIRECT is ignored", test_write_flag_ignored},
	{"length 0, not a multiple of 16, too many", test_length},
	{"longest table", test_longest},
	{"nested", test_nested},
	{"together with NEXT", test_with_next},
	{"not negotiated", test_not_negotiated},
	{"table outside memory", test_table_outside},
	{"table runs past a region's end", test_table_past_end},
	{"table wraps", test_table_wraps},
	{"table in two regions", test_table_crosses},
	{"table at odd addresses", test_table_misaligned},
	{"next beyond the table", test_next},
	{"loop in the table", test_loop},
	{"a loop is found at once", test_loop_at_once},
	{"entries of no length are bounded", test_empty_entries},
	{"bad buffers in the table", test_buffers},
	{"empty and crossing buffers in the table", test_shapes},
	{"table behind direct descriptors", test_behind_direct},
	CU_TEST_INFO_NULL,
};
