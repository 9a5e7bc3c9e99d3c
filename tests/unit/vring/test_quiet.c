/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Rings whose guest keeps notifications off, and the watchdog that they need. */

#include "fixture.h"

#define SIZE 16u
#define OFF 1u  /* split: VIRTQ_AVAIL_F_NO_INTERRUPT; packed: RING_EVENT_FLAGS_DISABLE */
#define DESC 2u /* packed: RING_EVENT_FLAGS_DESC */

static void
wish(struct fix *f, bool packed, uint16_t flags)
{
	if (packed)
		gp_set_event(&f->gr, 0, flags);
	else
		gr_set_no_interrupt(&f->gr, flags);
}

/* Bursts of one chain; how often the guest was told. */
static uint64_t
bursts(struct fix *f, unsigned int n)
{
	uint64_t told = 0;
	uint16_t id;
	uint32_t len;

	while (n-- > 0) {
		fix_good(f, VRING_DEQ);
		CU_ASSERT_EQUAL_FATAL(fix_snapshot(f, VRING_DEQ), 1);
		told += fix_return(f, 1);
		CU_ASSERT_FATAL(gr_reap(&f->gr, &id, &len, NULL));
	}
	CU_ASSERT_EQUAL(fix_calls(f), told);
	return told;
}

/* The first VRING_ELIDE_AFTER looks are behind a fence, then one in so many. */
static void
test_fences(void)
{
	for (int packed = 0; packed < 2; packed++) {
		unsigned int loud = 0;
		struct fix f;

		fix_up_size(&f, SIZE, F_VERSION_1 | (packed ? F_PACKED : 0));
		wish(&f, packed, OFF);
		for (unsigned int i = 0; i < 4 * VRING_ELIDE_AFTER; i++) {
			loud += vring_needs_fence(&f.vr);
			CU_ASSERT_EQUAL(bursts(&f, 1), 0);
		}
		CU_ASSERT_EQUAL(loud, VRING_ELIDE_AFTER + 3);
		wish(&f, packed, 0);
		CU_ASSERT_EQUAL(bursts(&f, 3), 3);
		CU_ASSERT(vring_needs_fence(&f.vr));
		fix_down(&f);
	}
}

/* With event indices nobody can tell off from far ahead: every look has its fence. */
static void
test_event_idx_never_quiet(void)
{
	struct fix f;

	fix_up_size(&f, SIZE, F_VERSION_1 | F_EVENT_IDX);
	gr_set_used_event(&f.gr, 0x7fff);
	for (unsigned int i = 0; i < 3 * VRING_ELIDE_AFTER; i++) {
		CU_ASSERT(vring_needs_fence(&f.vr));
		CU_ASSERT_EQUAL(bursts(&f, 1), 0);
	}
	fix_down(&f);
}

/* A guest that was quiet and now names a place: it may be one that is past. */
static void
test_packed_event_after_quiet(void)
{
	struct fix f;

	fix_up_size(&f, SIZE, F_VERSION_1 | F_PACKED | F_EVENT_IDX);
	wish(&f, true, OFF);
	CU_ASSERT_EQUAL(bursts(&f, VRING_ELIDE_AFTER), 0);
	gp_set_event(&f.gr, vdriver_ahead(&f.gr.vd, vring_position(&f.vr), SIZE - 1), DESC);
	CU_ASSERT_EQUAL(bursts(&f, 1), 1);
	gp_set_event(&f.gr, vdriver_ahead(&f.gr.vd, vring_position(&f.vr), SIZE - 1), DESC);
	CU_ASSERT_EQUAL(bursts(&f, 1), 0);
	fix_down(&f);
}

/* Once behind each pause of a quiet ring, never of another one. */
static void
test_overdue(void)
{
	for (int packed = 0; packed < 2; packed++) {
		struct vring_watch w = {0, false};
		struct fix f;

		fix_up_size(&f, SIZE, F_VERSION_1 | (packed ? F_PACKED : 0));
		CU_ASSERT(!vring_watch_overdue(&f.vr, &w));
		wish(&f, packed, OFF);
		bursts(&f, VRING_ELIDE_AFTER - 1);
		CU_ASSERT(!vring_watch_overdue(&f.vr, &w));
		CU_ASSERT(!vring_watch_overdue(&f.vr, &w));
		for (unsigned int round = 0; round < 3; round++) {
			bursts(&f,
			       SIZE); /* back where it was: a packed ring's position is the same */
			CU_ASSERT(!vring_watch_overdue(&f.vr, &w));
			bursts(&f, SIZE);
			CU_ASSERT(!vring_watch_overdue(&f.vr, &w));
			CU_ASSERT(vring_watch_overdue(&f.vr, &w));
			CU_ASSERT(!vring_watch_overdue(&f.vr, &w));
		}
		wish(&f, packed, 0);
		bursts(&f, 1);
		CU_ASSERT(!vring_watch_overdue(&f.vr, &w));
		CU_ASSERT(!vring_watch_overdue(&f.vr, &w));
		fix_down(&f);
	}
}

/* The guest's index is looked at when the known entries do not do, and only then;
 * one that jumped is not kept. */
static void
test_known_entries(void)
{
	struct fix f;

	fix_up_size(&f, SIZE, F_VERSION_1);
	for (unsigned int i = 0; i < 4; i++)
		fix_good(&f, VRING_DEQ);
	CU_ASSERT_EQUAL(vring_split_available(&f.vr, 4), 4);
	fix_good(&f, VRING_DEQ);
	CU_ASSERT_EQUAL(vring_split_available(&f.vr, 4), 4);
	CU_ASSERT_EQUAL(vring_split_available(&f.vr, 5), 5);
	gr_set_avail_idx(&f.gr, 0x4000);
	for (unsigned int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(vring_split_available(&f.vr, 6), 0);
	CU_ASSERT_EQUAL(f.vr.fault, VRING_FAULT_AVAIL_JUMP);
	CU_ASSERT_EQUAL(vring_split_available(&f.vr, 5), 5);
	fix_down(&f);
}

/* A ring whose owner left no position begins at its used index. */
static void
test_at_used_idx(void)
{
	struct gr_layout l = {.size = SIZE, .start = 0xfffe};
	struct vring_config cfg;
	struct fix f;

	fix_up(&f, &l, F_VERSION_1);
	bursts(&f, 5);
	cfg = fix_config(&f, F_VERSION_1);
	cfg.avail = 9;
	cfg.used = 7;
	cfg.at_used_idx = true;
	CU_ASSERT_EQUAL(vring_init(&f.vr, &cfg, f.err, sizeof(f.err)), 0);
	CU_ASSERT_EQUAL(vring_position(&f.vr), 3);
	CU_ASSERT_EQUAL(bursts(&f, 2), 2);
	fix_down(&f);
}

CU_TestInfo quiet_tests[] = {
	{"fences", test_fences},
	{"event index: never quiet", test_event_idx_never_quiet},
	{"packed: an event behind a quiet time", test_packed_event_after_quiet},
	{"the watchdog", test_overdue},
	{"entries that are known", test_known_entries},
	{"a ring without a position", test_at_used_idx},
	CU_TEST_INFO_NULL,
};
