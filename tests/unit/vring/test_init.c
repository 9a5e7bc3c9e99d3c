/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* vring_init(): what it accepts, and the sentence of every refusal. */

#include <stdio.h>
#include <string.h>

#include "fixture.h"

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
test_sizes(void)
{
	static const uint32_t bad[] = {0,     1,     3,     5,     6,       100,        32767,
				       32769, 49152, 65535, 65536, 0x10100, 0x80000000, 0xffffffff};
	struct fix f;
	struct vring_config cfg;
	char want[128];

	/* room for the areas of the largest ring */
	fix_up_size(&f, 32768, F_VERSION_1 | F_EVENT_IDX);
	cfg = fix_config(&f, F_VERSION_1 | F_EVENT_IDX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cfg.size = bad[i];
		snprintf(want, sizeof(want), "ring size %u is not a power of two from 2 to 32768",
			 bad[i]);
		refuse(&f, &cfg, want);
	}
	for (uint32_t size = 2; size <= 32768; size *= 2) {
		cfg.size = size;
		if (accept(&f, &cfg) == 0) {
			CU_ASSERT_EQUAL(f.vr.size, size);
			CU_ASSERT_EQUAL(f.vr.mask, size - 1);
		}
	}
	fix_down(&f);
}

static void
test_position(void)
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
test_alignment(void)
{
	struct fix f;
	struct vring_config cfg;
	char want[128];

	fix_up_size(&f, 16, F_VERSION_1);
	for (unsigned int off = 1; off < 16; off++) {
		cfg = fix_config(&f, F_VERSION_1);
		cfg.addr.desc = RAM_C_ADDR + off;
		snprintf(want, sizeof(want),
			 "descriptor table at 0x%llx is not aligned to 16 bytes",
			 (unsigned long long)cfg.addr.desc);
		refuse(&f, &cfg, want);
	}
	cfg = fix_config(&f, F_VERSION_1);
	cfg.addr.driver = RAM_C_ADDR + 1;
	refuse(&f, &cfg, "available ring at 0x4000001 is not aligned to 2 bytes");
	cfg.addr.driver = RAM_C_ADDR + 2;
	accept(&f, &cfg);
	for (unsigned int off = 1; off < 4; off++) {
		cfg.addr.device = RAM_D_ADDR + off;
		snprintf(want, sizeof(want), "used ring at 0x%llx is not aligned to 4 bytes",
			 (unsigned long long)cfg.addr.device);
		refuse(&f, &cfg, want);
	}
	cfg.addr.device = RAM_D_ADDR + 4;
	accept(&f, &cfg);
	fix_down(&f);
}

/* Where an area of `bytes` may not stand: holes, both ends, 16 more bytes. */
static void
outside(struct fix *f, struct vring_config *cfg, uint64_t *field, const char *name, uint32_t bytes)
{
	uint64_t bad[] = {
		0,
		RAM_HOLE,
		RAM_A_ADDR - 16,
		RAM_D_ADDR + RAM_SIZE,
		RAM_D_ADDR & 0xffffffff,
		RAM_HOLE - ((bytes - 1) & ~15u), /* ends one or more bytes too late */
		RAM_B_ADDR - 16,                 /* half of it in another region */
		UINT64_MAX - 15,
	};
	uint64_t good = *field;
	char want[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		*field = bad[i];
		snprintf(want, sizeof(want),
			 "%s at 0x%llx, %u bytes, is outside the guest's memory", name,
			 (unsigned long long)bad[i], bytes);
		refuse(f, cfg, want);
	}
	*field = good;
}

static void
test_outside(void)
{
	struct vring_config cfg;
	struct fix f;

	for (int event = 0; event < 2; event++) {
		uint64_t features = F_VERSION_1 | (event ? F_EVENT_IDX : 0);

		fix_up_size(&f, 16, features);
		cfg = fix_config(&f, features);
		outside(&f, &cfg, &cfg.addr.desc, "descriptor table", 256);
		outside(&f, &cfg, &cfg.addr.driver, "available ring", event ? 38 : 36);
		outside(&f, &cfg, &cfg.addr.device, "used ring", event ? 134 : 132);
		accept(&f, &cfg);
		fix_down(&f);
	}
}

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
test_header_length(void)
{
	static const struct {
		uint64_t features;
		uint8_t hdr_len;
		bool mergeable, indirect, event;
	} want[] = {
		{0, 10, false, false, false},
		{F_INDIRECT, 10, false, true, false},
		{F_EVENT_IDX, 10, false, false, true},
		{F_MRG_RXBUF, 12, true, false, false},
		{F_VERSION_1, 12, false, false, false},
		{F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT | F_EVENT_IDX, 12, true, true, true},
	};

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct fix f;

		fix_up_size(&f, 16, want[i].features);
		CU_ASSERT_EQUAL(f.vr.hdr_len, want[i].hdr_len);
		CU_ASSERT_EQUAL(f.vr.mergeable, want[i].mergeable);
		CU_ASSERT_EQUAL(f.vr.indirect, want[i].indirect);
		CU_ASSERT_EQUAL(f.vr.event_idx, want[i].event);
		fix_down(&f);
	}
	/* everything that is claimed is something that was tested above */
	CU_ASSERT_EQUAL(vring_features(), F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT | F_EVENT_IDX |
						  BIT(27) | BIT(34) | BIT(35));
}

/* Asks the guest not to notify, and touches nothing else of its memory. */
static void
test_touches(void)
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
	for (int i = VRING_OK; i <= VRING_F_SHORT_BUFFER; i++) {
		const char *text = vring_fault_text(i);

		CU_ASSERT(strlen(text) > 4 && text[strlen(text) - 1] != '.');
		CU_ASSERT_STRING_NOT_EQUAL(text, "unknown fault");
		for (int k = VRING_OK; k < i; k++)
			CU_ASSERT_STRING_NOT_EQUAL(text, vring_fault_text(k));
	}
	CU_ASSERT_STRING_EQUAL(vring_fault_text(99), "unknown fault");
}

CU_TestInfo init_tests[] = {
	{"ring sizes", test_sizes},
	{"position", test_position},
	{"alignment of the areas", test_alignment},
	{"areas outside memory", test_outside},
	{"event words outside memory", test_event_words_outside},
	{"features and header length", test_header_length},
	{"what it writes to the guest", test_touches},
	{"a short error buffer", test_short_err},
	{"a sentence for each fault", test_fault_texts},
	CU_TEST_INFO_NULL,
};
