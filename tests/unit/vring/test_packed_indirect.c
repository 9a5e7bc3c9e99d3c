/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Indirect tables of packed rings, good and bad (virtio 1.1, 2.7.7): the entries
 * of a table are used in order, all of them, and are not chained. */

#include <string.h>

#include "fixture.h"

#define SIZE 16u
#define FEAT (F_VERSION_1 | F_PACKED | F_INDIRECT)

static void
set_entry(struct fix *f, uint64_t table, uint32_t i, struct vring_packed_desc d)
{
	ram_write(f->gr.ram, table + 16ull * i, &d, sizeof(d));
}

/* A guest with one good chain posted, and a table of `entries` good descriptors
 * of 8 bytes each in region D. */
static uint64_t
start(struct fix *f, enum vring_dir dir, uint64_t features, uint32_t entries)
{
	uint64_t table, data;

	fix_up(f, &(struct gr_layout){.size = SIZE, .start = SIZE - 1}, features);
	fix_good(f, dir);
	table = ram_alloc(&fix_ram, RAM_D, 16ull * entries, 16);
	data = ram_alloc(&fix_ram, RAM_C, 8ull * entries, 8);
	for (uint32_t i = 0; i < entries; i++)
		set_entry(f, table, i,
			  (struct vring_packed_desc){data + 8ull * i, 8, 0xeeee,
						     dir == VRING_ENQ ? D_WRITE : 0});
	return table;
}

static void
post(struct fix *f, uint64_t table, uint32_t len, uint16_t flags)
{
	gp_push(&f->gr, (struct vring_packed_desc){table, len, 0x4321, flags | D_INDIRECT}, false);
}

static void
test_good(void)
{
	/* what the descriptor says of its direction means nothing (2.7.7) */
	for (uint16_t i = 0; i < 4; i++) {
		enum vring_dir dir = i & 1 ? VRING_ENQ : VRING_DEQ;
		struct fix f;
		uint64_t table = start(&f, dir, FEAT, 3);

		post(&f, table, 48, i & 2 ? D_WRITE : 0);
		fix_expect_ok(&f, dir, 2);
		CU_ASSERT_EQUAL(f.b.chain[1].head, 0x4321);
		CU_ASSERT_EQUAL(f.b.chain[1].first, 1);
		CU_ASSERT_EQUAL(f.b.chain[1].nseg, 3);
		CU_ASSERT_EQUAL(f.b.chain[1].len, 24);
		CU_ASSERT_EQUAL(f.b.slots, 2);
		fix_down(&f);
	}
}

/* AVAIL, USED, NEXT and what is reserved mean nothing in a table: each entry is
 * used once, in its turn. */
static void
test_flags_in_table(void)
{
	for (uint32_t bit = 0; bit < 16; bit++) {
		struct fix f;
		uint64_t table = start(&f, VRING_DEQ, FEAT, 3);

		if (1u << bit == D_WRITE || 1u << bit == D_INDIRECT) {
			fix_down(&f);
			continue;
		}
		set_entry(&f, table, 1,
			  (struct vring_packed_desc){RAM_A_ADDR, 5, 0xffff, (uint16_t)(1u << bit)});
		set_entry(&f, table, 2,
			  (struct vring_packed_desc){RAM_B_ADDR, 6, 0, (uint16_t)(1u << bit)});
		post(&f, table, 48, 0);
		fix_expect_ok(&f, VRING_DEQ, 2);
		CU_ASSERT_EQUAL(f.b.chain[1].nseg, 3);
		fix_expect_seg(&f, 2, RAM_A_ADDR, 5);
		fix_expect_seg(&f, 3, RAM_B_ADDR, 6);
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

		post(&f, table, bad[i], 0);
		fix_expect_packed_fault(&f, VRING_DEQ, VRING_F_INDIRECT);
		fix_down(&f);
	}
}

static void
test_longest(void)
{
	struct fix f;
	uint64_t table = start(&f, VRING_ENQ, FEAT, VRING_MAX_CHAIN);

	post(&f, table, 16 * VRING_MAX_CHAIN, 0);
	fix_expect_ok(&f, VRING_ENQ, 2);
	CU_ASSERT_EQUAL(f.b.chain[1].nseg, VRING_MAX_CHAIN);
	CU_ASSERT_EQUAL(f.b.chain[1].len, 8 * VRING_MAX_CHAIN);
	fix_down(&f);
}

static void
test_malformed(void)
{
	struct fix f;
	uint64_t table;

	for (uint32_t at = 0; at < 3; at++) {
		table = start(&f, VRING_DEQ, FEAT, 3);
		set_entry(&f, table, at, (struct vring_packed_desc){table, 48, 0, D_INDIRECT});
		post(&f, table, 48, 0);
		fix_expect_packed_fault(&f, VRING_DEQ, VRING_F_INDIRECT);
		fix_down(&f);
	}
	table = start(&f, VRING_DEQ, FEAT, 2);
	post(&f, table, 32, D_NEXT);
	fix_expect_packed_fault(&f, VRING_DEQ, VRING_F_INDIRECT);
	fix_down(&f);
	table = start(&f, VRING_DEQ, FEAT & ~F_INDIRECT, 2);
	post(&f, table, 32, 0);
	fix_expect_packed_fault(&f, VRING_DEQ, VRING_F_INDIRECT);
	fix_down(&f);
	/* behind a direct descriptor (2.7.17 allows no mix) */
	table = start(&f, VRING_DEQ, FEAT, 2);
	gp_push(&f.gr, (struct vring_packed_desc){RAM_C_ADDR, 8, 0, D_NEXT}, false);
	post(&f, table, 32, 0);
	fix_expect_packed_fault(&f, VRING_DEQ, VRING_F_INDIRECT);
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
		RAM_D_ADDR + RAM_SIZE - 16, /* its second entry */
		RAM_HOLE - 15,
		RAM_B_ADDR - 8, /* an entry in two regions */
		RAM_D_ADDR & 0xffffffff,
	};
	static const uint64_t wraps[] = {UINT64_MAX - 15, UINT64_MAX - 7, UINT64_MAX};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vring_packed_desc good = {RAM_C_ADDR, 8, 0, 0};
		struct fix f;

		start(&f, VRING_DEQ, FEAT, 1);
		ram_write(&fix_ram, RAM_D_ADDR + RAM_SIZE - 16, &good, sizeof(good));
		post(&f, bad[i], 32, 0);
		fix_expect_packed_fault(&f, VRING_DEQ, VRING_F_ADDRESS);
		fix_down(&f);
	}
	for (size_t i = 0; i < 3; i++) {
		struct fix f;

		start(&f, VRING_DEQ, FEAT, 1);
		post(&f, wraps[i], 32, 0);
		CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 1);
		CU_ASSERT(f.vr.fault == VRING_F_ADDRESS || f.vr.fault == VRING_F_INDIRECT);
		fix_down(&f);
	}
}

/* Its address and the number of an entry wrap together, into memory. */
static void
test_table_wraps(void)
{
	struct guest_mem_desc desc[2] = {{UINT64_MAX - 4095, 4096, 0}, {0, 4096, 0}};
	int fds[2] = {ram_memfd(4096, 0), ram_memfd(4096, 0)};
	struct vring_packed_desc d = {0, 8, 0, 0};
	struct fix f;

	fix_up_size(&f, SIZE, FEAT);
	f.vr.mem = guest_mem_new(desc, 2, fds, f.err, sizeof(f.err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(f.vr.mem);
	memcpy(f.vr.mem->region[0].host + 4080, &d, sizeof(d));
	memcpy(f.vr.mem->region[1].host, &d, sizeof(d));
	post(&f, UINT64_MAX - 15, 32, 0);
	CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 0);
	CU_ASSERT(f.vr.fault == VRING_F_ADDRESS || f.vr.fault == VRING_F_INDIRECT);
	guest_mem_free((struct guest_mem *)f.vr.mem);
	fix_down(&f);
}

/* The table lies in two regions, or at an odd address. */
static void
test_table_places(void)
{
	static const uint64_t at[] = {RAM_B_ADDR - 48, RAM_B_ADDR - 80, RAM_D_ADDR + 1,
				      RAM_D_ADDR + 2,  RAM_D_ADDR + 7,  RAM_D_ADDR + 12};

	for (size_t k = 0; k < sizeof(at) / sizeof(at[0]); k++) {
		struct vdriver_seg bufs[6];
		struct fix f;

		fix_up_size(&f, SIZE, FEAT);
		for (int i = 0; i < 6; i++)
			bufs[i] = fix_buf(&f, VRING_ENQ);
		CU_ASSERT(gr_add(&f.gr, bufs, 6, at[k], NULL) >= 0);
		fix_expect_ok(&f, VRING_ENQ, 1);
		CU_ASSERT_EQUAL(f.b.chain[0].nseg, 6);
		for (uint16_t i = 0; i < 6; i++)
			fix_expect_seg(&f, i, bufs[i].addr, 64);
		fix_down(&f);
	}
}

static void
test_bad_buffers(void)
{
	static const struct {
		struct vring_packed_desc d;
		enum vring_fault fault;
	} bad[] = {
		{{RAM_C_ADDR, 8, 0, D_WRITE}, VRING_F_DIRECTION},
		{{RAM_C_ADDR, 0, 0, D_WRITE}, VRING_F_DIRECTION},
		{{RAM_HOLE, 8, 0, 0}, VRING_F_ADDRESS},
		{{RAM_HOLE - 4, 8, 0, 0}, VRING_F_ADDRESS},
		{{UINT64_MAX - 3, 8, 0, 0}, VRING_F_ADDRESS},
		{{RAM_C_ADDR, 0xffffffff, 0, 0}, VRING_F_ADDRESS},
	};

	for (size_t i = 0; i < 3 * sizeof(bad) / sizeof(bad[0]); i++) {
		struct fix f;
		uint64_t table = start(&f, VRING_DEQ, FEAT, 3);

		set_entry(&f, table, (uint32_t)i % 3, bad[i / 3].d);
		post(&f, table, 48, 0);
		fix_expect_packed_fault(&f, VRING_DEQ, bad[i / 3].fault);
		fix_down(&f);
	}
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
	fix_expect_ok(&f, VRING_DEQ, 1);
	CU_ASSERT_EQUAL(f.b.nseg, 3);
	fix_expect_seg(&f, 0, RAM_B_ADDR - 1, 1);
	fix_expect_seg(&f, 1, RAM_B_ADDR, 1);
	fix_expect_seg(&f, 2, RAM_D_ADDR + RAM_SIZE - 5, 5);
	fix_down(&f);
}

/* Entries of no length take no room, and are looked at all the same: a batch ends
 * when it has looked at enough of them, and the next one goes on. */
static void
test_empty_entries(void)
{
	const uint32_t tables = 3, entries = VRING_MAX_CHAIN - 1;
	uint64_t table = RAM_C_ADDR + 0x10000;
	uint32_t seen = 0;
	struct fix f;

	fix_up_size(&f, SIZE, FEAT);
	for (uint32_t i = 0; i < entries; i++)
		set_entry(&f, table, i,
			  (struct vring_packed_desc){RAM_C_ADDR, i + 1 == entries ? 8 : 0, 0, 0});
	for (uint32_t i = 0; i < tables; i++)
		post(&f, table, 16 * entries, 0);
	for (uint32_t batches = 0; seen < tables && batches < 2 * tables; batches++) {
		uint16_t n = fix_snapshot(&f, VRING_DEQ);

		CU_ASSERT(f.b.ndesc <= VRING_BATCH_DESCS + 1);
		CU_ASSERT_EQUAL(n, 1);
		if (n > 0)
			fix_return(&f, n);
		seen += n;
	}
	CU_ASSERT_EQUAL(seen, tables);
	CU_ASSERT_EQUAL(f.vr.fault, VRING_OK);
	fix_down(&f);
}

CU_TestInfo packed_indirect_tests[] = {
	{"good tables", test_good},
	{"flags in a table", test_flags_in_table},
	{"length 0, not a multiple of 16, too many", test_length},
	{"longest table", test_longest},
	{"nested, with NEXT, behind another, not agreed on", test_malformed},
	{"table outside memory", test_table_outside},
	{"table wraps", test_table_wraps},
	{"table in two regions, at odd addresses", test_table_places},
	{"bad buffers in the table", test_bad_buffers},
	{"empty and crossing buffers in the table", test_shapes},
	{"entries of no length are bounded", test_empty_entries},
	CU_TEST_INFO_NULL,
};
