/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Batches: as many chains as fit into one, and the rest with the next. */

#include "fixture.h"

/* From any entry, with nothing given back. */
static void
test_full_batch_from(void)
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

static void
test_full_batch(bool packed)
{
	uint32_t left = 1000;
	struct fix f;

	fix_up_size(&f, packed ? 1000 : 1024, FIX_FEATURES(packed));
	for (uint32_t i = 0; i < left; i++)
		fix_good(&f, VRING_DEQ);
	while (left > 0) {
		uint16_t n = left < VRING_BATCH ? (uint16_t)left : VRING_BATCH;

		vring_batch_begin(&f.b);
		/* in two steps: the second goes behind the first */
		CU_ASSERT_EQUAL(fix_snapshot_more(&f, VRING_DEQ, 10), 10);
		CU_ASSERT_FALSE(f.b.full);
		CU_ASSERT_EQUAL(fix_snapshot_more(&f, VRING_DEQ, (uint16_t)(left - 10)), n - 10);
		CU_ASSERT_EQUAL(f.b.full, left > VRING_BATCH);
		CU_ASSERT_EQUAL(f.b.nchain, n);
		CU_ASSERT_EQUAL(f.b.slots, n);
		fix_return(&f, n);
		left -= n;
	}
	if (packed)
		CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 0);
	CU_ASSERT_EQUAL(f.vr.fault, VRING_OK);
	fix_down(&f);
}
BOTH(test_full_batch)

/* Three chains of 500 pieces: two fit into a batch, the third comes with the next one,
 * and the ring is not at fault.  cut() forgets one of them. */
static void
pieces_run_out(bool packed, bool cut)
{
	struct gr_layout l = {.size = packed ? 1600 : 2048, .start = packed ? 1400 : 0};
	static struct vdriver_seg bufs[500];
	uint16_t first = cut ? 1 : 2, third = 2 - first;
	struct fix f;
	int ids[3];

	fix_up(&f, &l, FIX_FEATURES(packed));
	for (uint32_t k = 0; k < 500; k++)
		bufs[k] = (struct vdriver_seg){RAM_C_ADDR + 2 * k, 1 + k % 2, false};
	for (int i = 0; i < 3; i++) {
		ids[i] = gr_add(&f.gr, bufs, 500, 0, NULL);
		CU_ASSERT(ids[i] >= 0);
	}
	gr_publish(&f.gr);
	fix_expect_ok(&f, VRING_DEQ, 2);
	CU_ASSERT_TRUE(f.b.full);
	CU_ASSERT_EQUAL(f.b.nseg, 1000);
	if (cut) {
		vring_batch_cut(&f.b, 1);
		CU_ASSERT_EQUAL(f.b.slots, packed ? 500 : 1);
		CU_ASSERT_EQUAL(f.b.nseg, 500);
	}
	fix_return(&f, first);
	CU_ASSERT_EQUAL(fix_reap(&f), first);
	fix_expect_ok(&f, VRING_DEQ, 3 - first);
	CU_ASSERT_EQUAL(f.b.chain[third].head, ids[2]);
	CU_ASSERT_EQUAL(f.b.chain[third].nseg, 500);
	for (uint16_t k = 0; k < 500; k++)
		fix_expect_seg(&f, third * 500 + k, bufs[k].addr, bufs[k].len);
	fix_return(&f, 3 - first);
	CU_ASSERT_EQUAL(fix_reap(&f), 3u - first);
	CU_ASSERT_EQUAL(vring_position(&f.vr), packed ? 1300 | WRAP : 3);
	fix_down(&f);
}

static void
test_pieces_run_out(bool packed)
{
	pieces_run_out(packed, false);
	pieces_run_out(packed, true);
}
BOTH(test_pieces_run_out)

CU_TestInfo batch_tests[] = {
	{"split: batch is full, from any entry", test_full_batch_from},
	BOTH_TESTS("batch is full", test_full_batch),
	BOTH_TESTS("batch runs out of pieces", test_pieces_run_out),
	CU_TEST_INFO_NULL,
};
