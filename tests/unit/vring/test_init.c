/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* vring_init(): what it accepts, and the sentence of every refusal. */

#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* The areas of a ring of 16 or, packed, 100 entries without event words. */
struct area {
	const char *name;
	uint32_t align, bytes;
};
static const struct area areas[2][3] = {
	{{"descriptor table", 16, 256}, {"available ring", 2, 36}, {"used ring", 4, 132}},
	{{"descriptor ring", 16, 1600}, {"driver event area", 4, 4}, {"device event area", 4, 4}},
};

/* Address number i of a config. */
static uint64_t *
field(struct vring_config *cfg, unsigned int i)
{
	return i == 0 ? &cfg->addr.desc : i == 1 ? &cfg->addr.driver : &cfg->addr.device;
}

static void
refuse(struct fix *f, const struct vring_config *cfg, const char *sentence)
{
	f->err[0] = 0;
	CU_ASSERT_EQUAL(vring_init(&f->vr, cfg, f->err, sizeof(f->err)), -1);
	CU_ASSERT_STRING_EQUAL(f->err, sentence);
	if (strcmp(f->err, sentence) != 0)
		fprintf(stderr, "\n    got:  %s\n    want: %s\n", f->err, sentence);
}

static int
accept(struct fix *f, const struct vring_config *cfg)
{
	int rc = vring_init(&f->vr, cfg, f->err, sizeof(f->err));

	CU_ASSERT_EQUAL(rc, 0);
	return rc;
}

static void
accept_size(struct fix *f, struct vring_config *cfg, uint32_t size)
{
	cfg->size = size;
	if (accept(f, cfg) != 0)
		return;
	CU_ASSERT_EQUAL(f->vr.size, size);
	if (!f->vr.packed)
		CU_ASSERT_EQUAL(f->vr.mask, size - 1);
}

/* Those of a packed ring need not be powers of two. */
static void
test_sizes(bool packed)
{
	static const uint32_t odd[] = {3, 5, 6, 100, 1000, 32767};
	static const uint32_t bad[] = {0,     1,       32769,      49152,     65535,
				       65536, 0x10100, 0x80000000, 0xffffffff};
	const char *sentence = packed ? "ring size %u is not from 2 to 32768"
				      : "ring size %u is not a power of two from 2 to 32768";
	struct vring_config cfg;
	struct fix f;
	char want[128];

	/* room for the areas of the largest ring */
	fix_up_size(&f, 32768, FIX_FEATURES(packed) | F_EVENT_IDX);
	cfg = fix_config(&f, FIX_FEATURES(packed) | F_EVENT_IDX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cfg.size = bad[i];
		snprintf(want, sizeof(want), sentence, cfg.size);
		refuse(&f, &cfg, want);
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		if (packed) {
			accept_size(&f, &cfg, odd[i]);
			continue;
		}
		cfg.size = odd[i];
		snprintf(want, sizeof(want), sentence, cfg.size);
		refuse(&f, &cfg, want);
	}
	for (uint32_t size = 2; size <= 32768; size *= 2)
		accept_size(&f, &cfg, size);
	fix_down(&f);
}
BOTH(test_sizes)

static void
test_position_split(void)
{
	struct fix f;
	struct vring_config cfg;

	fix_up_size(&f, 16, F_VERSION_1);
	cfg = fix_config(&f, F_VERSION_1);
	cfg.avail = 7;
	cfg.used = 5;
	refuse(&f, &cfg, "position 7/5: the two indices of a ring differ");
	cfg.avail = 5;
	cfg.used = 65535;
	refuse(&f, &cfg, "position 5/65535: the two indices of a ring differ");
	cfg.avail = 65535;
	accept(&f, &cfg);
	CU_ASSERT_EQUAL(f.vr.last_avail, 65535);
	CU_ASSERT_EQUAL(f.vr.last_used, 65535);
	fix_down(&f);
}

static void
test_position_packed(void)
{
	struct fix f;
	struct vring_config cfg;

	fix_up_size(&f, 100, FIX_FEATURES(true));
	cfg = fix_config(&f, FIX_FEATURES(true));
	for (uint32_t at = 0; at < 0x10000; at++) {
		uint32_t slot = at & 0x7fff;
		char want[64];

		cfg.avail = (uint16_t)at;
		cfg.used = cfg.avail;
		if (slot < 100) {
			accept(&f, &cfg);
			CU_ASSERT_EQUAL(vring_position(&f.vr), at);
			CU_ASSERT_EQUAL(f.vr.last_avail, slot);
			CU_ASSERT_EQUAL(f.vr.wrap, !!(at & WRAP));
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
test_alignment(bool packed)
{
	struct fix f;
	struct vring_config cfg;
	char want[128];

	fix_up_size(&f, 16, FIX_FEATURES(packed));
	for (unsigned int i = 0; i < 3; i++) {
		const struct area *a = &areas[packed][i];

		for (uint32_t off = 1; off < a->align; off++) {
			cfg = fix_config(&f, FIX_FEATURES(packed));
			*field(&cfg, i) = RAM_C_ADDR + off;
			snprintf(want, sizeof(want), "%s at 0x%llx is not aligned to %u bytes",
				 a->name, (unsigned long long)*field(&cfg, i), a->align);
			refuse(&f, &cfg, want);
		}
		*field(&cfg, i) = RAM_C_ADDR + a->align;
		accept(&f, &cfg);
	}
	cfg = fix_config(&f, FIX_FEATURES(packed));
	cfg.addr.driver = RAM_C_ADDR + areas[packed][1].align;
	cfg.addr.device = RAM_D_ADDR + areas[packed][2].align;
	accept(&f, &cfg);
	fix_down(&f);
}
BOTH(test_alignment)

/* Where an area of `bytes` may not stand: holes, both ends, one step too far. */
static void
outside(struct fix *f, struct vring_config *cfg, unsigned int i, const char *name, uint32_t bytes)
{
	const uint32_t step = bytes < 16 ? 4 : 16, inside = (bytes - 1) / step * step;
	uint64_t bad[] = {
		0,
		RAM_HOLE,
		RAM_A_ADDR - step,
		RAM_D_ADDR + RAM_SIZE,
		RAM_D_ADDR & 0xffffffff,
		UINT64_MAX - (step - 1),
		RAM_HOLE - inside,   /* ends one or more bytes too late */
		RAM_B_ADDR - inside, /* its end is in another region */
		RAM_B_ADDR - 16,     /* most of it is */
	};
	/* one of a single step is inside or outside */
	size_t n = sizeof(bad) / sizeof(bad[0]) - (bytes <= step ? 3 : 0);
	uint64_t *at = field(cfg, i), good = *at;
	char want[128];

	for (size_t k = 0; k < n; k++) {
		*at = bad[k];
		snprintf(want, sizeof(want),
			 "%s at 0x%llx, %u bytes, is outside the guest's memory", name,
			 (unsigned long long)bad[k], bytes);
		refuse(f, cfg, want);
	}
	*at = RAM_HOLE - (bytes + 3) / 4 * 4;
	accept(f, cfg);
	*at = good;
}

static void
test_outside(bool packed)
{
	struct vring_config cfg;
	struct fix f;

	for (int event = 0; event < 2; event++) {
		uint64_t features = FIX_FEATURES(packed) | (event ? F_EVENT_IDX : 0);

		fix_up_size(&f, packed ? 100 : 16, features);
		cfg = fix_config(&f, features);
		for (unsigned int i = 0; i < 3; i++) {
			const struct area *a = &areas[packed][i];

			/* with a word more at the ends of a split ring's two */
			outside(&f, &cfg, i, a->name,
				a->bytes + (event && !packed && i > 0 ? 2 : 0));
		}
		accept(&f, &cfg);
		fix_down(&f);
	}
}
BOTH(test_outside)

/* The areas end exactly where memory does: without event words they fit, with
 * them the last two bytes are outside. */
static void
test_event_words_outside(void)
{
	struct vring_config cfg;
	struct fix f;

	fix_up_size(&f, 16, F_VERSION_1);
	cfg = fix_config(&f, F_VERSION_1);
	cfg.addr.driver = RAM_HOLE - 36;
	cfg.addr.device = RAM_D_ADDR + RAM_SIZE - 132;
	accept(&f, &cfg);
	cfg.features |= F_EVENT_IDX;
	refuse(&f, &cfg, "available ring at 0x8fffdc, 38 bytes, is outside the guest's memory");
	cfg.addr.driver -= 2;
	refuse(&f, &cfg, "used ring at 0x1403fff7c, 134 bytes, is outside the guest's memory");
	cfg.addr.device -= 4;
	accept(&f, &cfg);
	cfg.addr.desc = RAM_HOLE - 256;
	accept(&f, &cfg);
	fix_down(&f);
}

static void
test_features(bool packed)
{
	static const struct {
		uint64_t features;
		uint8_t hdr_len;
		bool mergeable, indirect, event, in_order;
	} want[] = {
		{0, 10, false, false, false, false},
		{F_INDIRECT, 10, false, true, false, false},
		{F_EVENT_IDX, 10, false, false, true, false},
		{F_MRG_RXBUF, 12, true, false, false, false},
		{F_VERSION_1, 12, false, false, false, false},
		{F_VERSION_1 | F_EVENT_IDX, 12, false, false, true, false},
		{F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT | F_IN_ORDER, 12, true, true, false, true},
		{F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT | F_EVENT_IDX, 12, true, true, true, false},
	};

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct fix f;

		/* a packed ring is a modern one */
		if (packed && !(want[i].features & F_VERSION_1))
			continue;
		fix_up_size(&f, 16, want[i].features | (packed ? F_PACKED : 0));
		CU_ASSERT_EQUAL(f.vr.packed, packed);
		CU_ASSERT_EQUAL(f.vr.hdr_len, want[i].hdr_len);
		CU_ASSERT_EQUAL(f.vr.mergeable, want[i].mergeable);
		CU_ASSERT_EQUAL(f.vr.indirect, want[i].indirect);
		CU_ASSERT_EQUAL(f.vr.event_idx, want[i].event);
		CU_ASSERT_EQUAL(f.vr.in_order, want[i].in_order);
		fix_down(&f);
	}
	/* everything that is claimed is something that was tested above */
	CU_ASSERT_EQUAL(vring_features(), F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT | F_EVENT_IDX |
						  BIT(27) | BIT(34) | BIT(35));
}
BOTH(test_features)

/* Asks the guest not to notify, and touches nothing else of its memory. */
static void
test_touches_split(void)
{
	static const uint16_t starts[] = {0, 1, 0x8000, 0xffff};
	struct vring_config cfg;
	uint16_t word;
	struct fix f;

	for (size_t i = 0; i < 4; i++) {
		struct gr_layout l = {.size = 16, .start = starts[i]};

		fix_up(&f, &l, F_VERSION_1);
		CU_ASSERT_EQUAL(f.gr.vd.used->flags, 1);
		CU_ASSERT_EQUAL(gr_used_idx(&f.gr), starts[i]);
		/* behind the used ring there is somebody else's memory now */
		word = 0x1234;
		ram_write(&fix_ram, f.gr.vd.addr.device + 4 + 8 * 16, &word, sizeof(word));
		cfg = fix_config(&f, F_VERSION_1);
		accept(&f, &cfg);
		CU_ASSERT_EQUAL(*vdriver_avail_event(&f.gr.vd), 0x1234);
		fix_down(&f);
		fix_up(&f, &l, F_VERSION_1 | F_EVENT_IDX);
		/* as far away as an index can be */
		CU_ASSERT_EQUAL(*vdriver_avail_event(&f.gr.vd), (uint16_t)(starts[i] - 1));
		CU_ASSERT_EQUAL(f.gr.vd.used->flags, 0);
		CU_ASSERT_EQUAL(gr_used_idx(&f.gr), starts[i]);
		CU_ASSERT_EQUAL(f.vr.fault, VRING_OK);
		CU_ASSERT_EQUAL(fix_calls(&f), 0);
		fix_down(&f);
	}
}

static void
test_touches_packed(void)
{
	static const uint16_t starts[] = {0, 0x8000, 5, 0x800f};

	for (size_t i = 0; i < 8; i++) {
		uint64_t features = FIX_FEATURES(true) | (i & 4 ? F_EVENT_IDX : 0);
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
test_short_err(void)
{
	struct vring_config cfg;
	char err[9];
	struct fix f;

	fix_up_size(&f, 16, F_VERSION_1);
	cfg = fix_config(&f, F_VERSION_1);
	cfg.size = 3;
	CU_ASSERT_EQUAL(vring_init(&f.vr, &cfg, err, sizeof(err)), -1);
	CU_ASSERT_STRING_EQUAL(err, "ring siz");
	fix_down(&f);
}

static void
test_fault_texts(void)
{
	for (int i = VRING_OK; i <= VRING_FAULT_SHORT_BUFFER; i++) {
		const char *text = vring_fault_text(i);

		CU_ASSERT(strlen(text) > 4 && text[strlen(text) - 1] != '.');
		CU_ASSERT_STRING_NOT_EQUAL(text, "unknown fault");
		for (int k = VRING_OK; k < i; k++)
			CU_ASSERT_STRING_NOT_EQUAL(text, vring_fault_text(k));
	}
	CU_ASSERT_STRING_EQUAL(vring_fault_text(99), "unknown fault");
}

CU_TestInfo init_tests[] = {
	{"split: event words outside memory", test_event_words_outside},
	{"a short error buffer", test_short_err},
	{"a sentence for each fault", test_fault_texts},
	BOTH_TESTS("ring sizes", test_sizes),
	BOTH_TESTS("position", test_position),
	BOTH_TESTS("alignment of the areas", test_alignment),
	BOTH_TESTS("areas outside memory", test_outside),
	BOTH_TESTS("features and header length", test_features),
	BOTH_TESTS("what it writes to the guest", test_touches),
	CU_TEST_INFO_NULL,
};
