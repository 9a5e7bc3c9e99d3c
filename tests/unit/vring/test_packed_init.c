/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* vring_init() of packed rings: what it accepts, and the sentence of every refusal. */

#include <stdio.h>
#include <string.h>

#include "fixture.h"

#define FEAT (F_VERSION_1 | F_PACKED)

static void
refuse(struct fix *f, const struct vring_config *cfg, const char *sentence)
{
	f->err[0] = 0;
	CU_ASSERT_EQUAL(vring_init(&f->vr, cfg, f->err, sizeof(f->err)), -1);
	CU_ASSERT_STRING_EQUAL(f->err, sentence);
	if (strcmp(f->err, sentence) != 0)
		fprintf(stderr, "\n    got:  %s\n    want: %s\n", f->err, sentence);
}

static void
accept(struct fix *f, const struct vring_config *cfg)
{
	CU_ASSERT_EQUAL(vring_init(&f->vr, cfg, f->err, sizeof(f->err)), 0);
}

/* Any size: no power of two is asked for. */
static void
test_sizes(void)
{
	static const uint32_t good[] = {2, 3, 5, 100, 256, 1000, 32767, 32768};
	static const uint32_t bad[] = {0,     1,       32769,      49152,     65535,
				       65536, 0x10100, 0x80000000, 0xffffffff};
	struct fix f;
	struct vring_config cfg;
	char want[128];

	fix_up_size(&f, 32768, FEAT);
	cfg = fix_config(&f, FEAT);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cfg.size = bad[i];
		snprintf(want, sizeof(want), "ring size %u is not from 2 to 32768", bad[i]);
		refuse(&f, &cfg, want);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cfg.size = good[i];
		accept(&f, &cfg);
		CU_ASSERT_EQUAL(f.vr.size, good[i]);
	}
	fix_down(&f);
}

static void
test_position(void)
{
	struct fix f;
	struct vring_config cfg;

	fix_up_size(&f, 100, FEAT);
	cfg = fix_config(&f, FEAT);
	for (uint32_t at = 0; at < 0x10000; at++) {
		uint32_t slot = at & 0x7fff;
		char want[64];

		cfg.avail = (uint16_t)at;
		cfg.used = cfg.avail;
		if (slot < 100) {
			accept(&f, &cfg);
			CU_ASSERT_EQUAL(vring_position(&f.vr), at);
			CU_ASSERT_EQUAL(f.vr.last_avail, slot);
			CU_ASSERT_EQUAL(f.vr.wrap, !!(at & 0x8000));
		} else if (slot < 110 || slot == 0x7fff) {
			snprintf(want, sizeof(want), "position %u is beyond the ring of 100", slot);
			refuse(&f, &cfg, want);
		}
	}
	cfg.avail = 7;
	cfg.used = 0x8007;
	refuse(&f, &cfg, "position 7/32775: the two indices of a ring differ");
	fix_down(&f);
}

static void
test_alignment(void)
{
	struct fix f;
	struct vring_config cfg;
	char want[128];

	fix_up_size(&f, 16, FEAT);
	for (unsigned int off = 1; off < 16; off++) {
		cfg = fix_config(&f, FEAT);
		cfg.addr.desc = RAM_C_ADDR + off;
		snprintf(want, sizeof(want), "descriptor ring at 0x%llx is not aligned to 16 bytes",
			 (unsigned long long)cfg.addr.desc);
		refuse(&f, &cfg, want);
	}
	for (unsigned int off = 1; off < 4; off++) {
		cfg = fix_config(&f, FEAT);
		cfg.addr.driver = RAM_C_ADDR + off;
		snprintf(want, sizeof(want),
			 "driver event area at 0x%llx is not aligned to 4 bytes",
			 (unsigned long long)cfg.addr.driver);
		refuse(&f, &cfg, want);
		cfg = fix_config(&f, FEAT);
		cfg.addr.device = RAM_C_ADDR + off;
		snprintf(want, sizeof(want),
			 "device event area at 0x%llx is not aligned to 4 bytes",
			 (unsigned long long)cfg.addr.device);
		refuse(&f, &cfg, want);
	}
	cfg = fix_config(&f, FEAT);
	cfg.addr.driver = RAM_C_ADDR + 4;
	cfg.addr.device = RAM_C_ADDR + 8;
	accept(&f, &cfg);
	fix_down(&f);
}

static void
outside(struct fix *f, struct vring_config *cfg, uint64_t *field, const char *name, uint32_t bytes)
{
	const uint64_t align = bytes < 16 ? 3 : 15;
	uint64_t bad[] = {
		0,
		RAM_HOLE,
		RAM_A_ADDR - align - 1,
		RAM_D_ADDR + RAM_SIZE,
		RAM_D_ADDR & 0xffffffff,
		UINT64_MAX - align,
		RAM_HOLE - (bytes - align - 1), /* one step too late, if it has more than one */
		RAM_B_ADDR - (bytes - align - 1),
	};
	size_t n = sizeof(bad) / sizeof(bad[0]) - (bytes < 16 ? 2 : 0);
	uint64_t good = *field;
	char want[128];

	for (size_t i = 0; i < n; i++) {
		*field = bad[i];
		snprintf(want, sizeof(want),
			 "%s at 0x%llx, %u bytes, is outside the guest's memory", name,
			 (unsigned long long)bad[i], bytes);
		refuse(f, cfg, want);
	}
	*field = RAM_HOLE - bytes;
	accept(f, cfg);
	*field = good;
}

static void
test_outside(void)
{
	struct vring_config cfg;
	struct fix f;

	fix_up_size(&f, 100, FEAT | F_EVENT_IDX);
	cfg = fix_config(&f, FEAT | F_EVENT_IDX);
	outside(&f, &cfg, &cfg.addr.desc, "descriptor ring", 1600);
	outside(&f, &cfg, &cfg.addr.driver, "driver event area", 4);
	outside(&f, &cfg, &cfg.addr.device, "device event area", 4);
	accept(&f, &cfg);
	fix_down(&f);
}

/* Asks the guest not to notify, and touches nothing else of its memory. */
static void
test_touches(void)
{
	static const uint16_t starts[] = {0, 0x8000, 5, 0x800f};

	for (size_t i = 0; i < 8; i++) {
		uint64_t features = FEAT | (i & 4 ? F_EVENT_IDX : 0);
		struct gr_layout l = {.size = 16, .start = starts[i % 4]};
		struct vring_packed_desc ring[16];
		struct vring_config cfg;
		struct fix f;

		fix_up(&f, &l, features);
		f.gr.vd.device_event->off_wrap = 0x1234;
		f.gr.vd.device_event->flags = 0x5678;
		gp_set_event(&f.gr, 0x9abc, 0xdef0);
		memcpy(ring, f.gr.vd.slot, sizeof(ring));
		cfg = fix_config(&f, features);
		accept(&f, &cfg);
		CU_ASSERT_EQUAL(f.gr.vd.device_event->off_wrap, 0x1234);
		CU_ASSERT_EQUAL(f.gr.vd.device_event->flags, 1);
		CU_ASSERT_EQUAL(f.gr.vd.driver_event->off_wrap, 0x9abc);
		CU_ASSERT_EQUAL(f.gr.vd.driver_event->flags, 0xdef0);
		CU_ASSERT_EQUAL(memcmp(ring, f.gr.vd.slot, sizeof(ring)), 0);
		CU_ASSERT_EQUAL(fix_calls(&f), 0);
		CU_ASSERT_EQUAL(f.pos, 0);
		fix_down(&f);
	}
}

static void
test_features(void)
{
	struct fix f;

	fix_up_size(&f, 16, FEAT | F_IN_ORDER | F_INDIRECT | F_MRG_RXBUF);
	CU_ASSERT_TRUE(f.vr.packed && f.vr.in_order && f.vr.indirect && f.vr.mergeable);
	CU_ASSERT_FALSE(f.vr.event_idx);
	CU_ASSERT_EQUAL(f.vr.hdr_len, 12);
	fix_down(&f);
	fix_up_size(&f, 16, FEAT | F_EVENT_IDX);
	CU_ASSERT_FALSE(f.vr.in_order || f.vr.indirect || f.vr.mergeable);
	CU_ASSERT_TRUE(f.vr.event_idx);
	CU_ASSERT_EQUAL(f.vr.hdr_len, 12);
	fix_down(&f);
}

CU_TestInfo packed_init_tests[] = {
	{"ring sizes", test_sizes},
	{"position", test_position},
	{"alignment of the areas", test_alignment},
	{"areas outside memory", test_outside},
	{"what it writes to the guest", test_touches},
	{"features", test_features},
	CU_TEST_INFO_NULL,
};
