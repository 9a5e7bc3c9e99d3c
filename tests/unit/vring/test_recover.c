/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* What a ring's last owner may have left, as a hostile peer would have it: a sentence, or
 * the ring's own slots and no other byte.  test_packed_journal.c has what an honest one
 * leaves. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "guest_log.h"
#include "vring_recover.h"

#define SIZE 8u
#define FEAT (F_VERSION_1 | F_PACKED)

static struct fix f;
static char err[256];

/* A ring of SIZE at slot 5, wrap counter 1, with n chains of one descriptor available. */
static void
up(unsigned int n)
{
	memset(&f, 0, sizeof(f));
	fix_up(&f, &(struct gr_layout){.size = SIZE, .start = WRAP | 5}, FEAT);
	for (unsigned int i = 0; i < n; i++)
		fix_good(&f, VRING_ENQ);
}

static uint64_t
pos_word(uint16_t avail, uint16_t used, uint16_t valid, uint16_t pending)
{
	return avail | (uint64_t)used << 16 | (uint64_t)valid << 32 | (uint64_t)pending << 48;
}

/* Returns what vring_recover() does; *at: where the ring goes on. */
static int
recover(uint16_t *at)
{
	struct vring_config cfg = fix_config(&f, FEAT);
	int ret = vring_recover(&cfg, err, sizeof(err));

	CU_ASSERT_EQUAL(cfg.avail, cfg.used);
	*at = cfg.avail;
	return ret;
}

static void
refuse(const char *sentence)
{
	uint8_t before[SIZE * 16];
	uint64_t pos = f.pos;
	uint16_t at;

	memcpy(before, f.gr.vd.slot, sizeof(before));
	CU_ASSERT_EQUAL(recover(&at), -1);
	CU_ASSERT_STRING_EQUAL(err, sentence);
	if (strcmp(err, sentence) != 0)
		fprintf(stderr, "\n    got:  %s\n    want: %s\n", err, sentence);
	CU_ASSERT_EQUAL(memcmp(before, f.gr.vd.slot, sizeof(before)), 0);
	CU_ASSERT_EQUAL(f.pos, pos);
}

static void
expect(uint16_t want)
{
	uint16_t at = 0;

	err[0] = 0;
	CU_ASSERT_EQUAL(recover(&at), 0);
	CU_ASSERT_EQUAL(at, want);
	CU_ASSERT_STRING_EQUAL(err, "");
}

/* Nothing was published: the front end's position holds. */
static void
test_not_valid(void)
{
	struct vring_config cfg;

	up(3);
	f.pos = 0;
	expect(WRAP | 5);
	f.pos = pos_word(3, 2, 0, 5);
	expect(WRAP | 5);
	f.pos = pos_word(3, 2, 0xfffe, 5);
	expect(WRAP | 5);
	cfg = fix_config(&f, FEAT);
	cfg.state = ring_state_none;
	CU_ASSERT_EQUAL(vring_recover(&cfg, err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(cfg.avail, WRAP | 5);
	fix_down(&f);
}

static void
test_positions(void)
{
	up(3);
	f.pos = pos_word(WRAP | 7, WRAP | 7, 1, 0);
	expect(WRAP | 7);
	f.pos = pos_word(1, 1, 0xffff, 0);
	expect(1);
	f.pos = pos_word(8, 8, 1, 0);
	refuse("position 8 is beyond the ring of 8");
	f.pos = pos_word(0x7fff, 0xffff, 1, 1);
	refuse("position 32767 is beyond the ring of 8");
	f.pos = pos_word(WRAP | 7, WRAP | 5, 1, 0);
	refuse("its last owner left the positions 0x8007 and 0x8005, and a journal of 0 entries");
	f.pos = pos_word(8, WRAP | 5, 1, 0);
	refuse("its last owner left the positions 0x8 and 0x8005, and a journal of 0 entries");
	fix_down(&f);
}

/* A burst of n slots from slot 5 on, and its journal. */
static void
burst(uint16_t n)
{
	for (uint16_t k = 0; k < n; k++)
		f.journal[k] = ring_state_used(vdriver_ahead(&f.gr.vd, WRAP | 5, k), k, 8);
	f.pos = pos_word(vdriver_ahead(&f.gr.vd, WRAP | 5, n), WRAP | 5, 1, n);
}

static void
test_journal_lengths(void)
{
	up(SIZE);
	burst(SIZE);
	f.pos = pos_word(5, WRAP | 5, 1, 129);
	refuse("its last owner left the positions 0x5 and 0x8005, and a journal of 129 entries");
	f.pos = pos_word(5, WRAP | 5, 1, 0xffff);
	refuse("its last owner left the positions 0x5 and 0x8005, and a journal of 65535 entries");
	f.pos = pos_word(WRAP | 5, WRAP | 5, 1, 1);
	refuse("its last owner left the positions 0x8005 and 0x8005, and a journal of 1 entries");
	/* to a place before, beyond the ring, and more than a lap away */
	f.pos = pos_word(WRAP | 4, WRAP | 5, 1, 1);
	refuse("its last owner left the positions 0x8004 and 0x8005, and a journal of 1 entries");
	f.pos = pos_word(WRAP | 8, WRAP | 5, 1, 1);
	refuse("its last owner left the positions 0x8008 and 0x8005, and a journal of 1 entries");
	f.pos = pos_word(6, WRAP | 5, 1, 1);
	refuse("its last owner left the positions 0x6 and 0x8005, and a journal of 1 entries");
	/* more entries than slots */
	f.pos = pos_word(WRAP | 7, WRAP | 5, 1, 3);
	refuse("entry 2 in the journal of its last owner is not of that burst");
	fix_down(&f);
}

static void
test_journal_entries(void)
{
	static const struct {
		uint16_t k, place;
	} bad[] = {{0, WRAP | 6}, {0, 5},        {0, WRAP | 4}, {0, 0x7fff},   {1, WRAP | 5},
		   {1, 6},        {1, WRAP | 8}, {1, 0xffff},   {2, WRAP | 6}, {3, WRAP},
		   {3, 1},        {3, 2},        {3, 0x8001}};

	up(SIZE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char sentence[100];

		/* slots 5, 6, 7 and 0; one is said to be another one */
		burst(4);
		f.journal[bad[i].k] = ring_state_used(bad[i].place, 0, 8);
		snprintf(sentence, sizeof(sentence),
			 "entry %u in the journal of its last owner is not of that burst",
			 bad[i].k);
		refuse(sentence);
	}
	/* chains of several slots: not every slot has an entry */
	burst(5);
	f.journal[1] = ring_state_used(WRAP | 7, 1, 8);
	f.journal[2] = ring_state_used(1, 2, 8);
	f.pos = pos_word(2, WRAP | 5, 1, 3);
	expect(2);
	for (uint16_t k = 0; k < 5; k++) {
		uint16_t at = vdriver_ahead(&f.gr.vd, WRAP | 5, k);
		bool used = (f.gr.vd.slot[at & 7].flags & (D_AVAIL | D_USED)) ==
			    vdriver_used_flags(at);

		CU_ASSERT_EQUAL(used, k % 2 == 0);
	}
	fix_down(&f);
}

/* Any id and length: they are the guest's matter, and do not lead out of the ring. */
static void
test_contents(void)
{
	up(SIZE);
	burst(2);
	f.journal[0] = ring_state_used(WRAP | 5, 0xffff, UINT32_MAX);
	f.journal[1] = ring_state_used(WRAP | 6, 0x8000, 0);
	expect(WRAP | 7);
	CU_ASSERT_EQUAL(f.gr.vd.slot[5].id, 0xffff);
	CU_ASSERT_EQUAL(f.gr.vd.slot[5].len, UINT32_MAX);
	CU_ASSERT_EQUAL(f.gr.vd.slot[5].flags, D_AVAIL | D_USED | D_WRITE);
	CU_ASSERT_EQUAL(f.gr.vd.slot[6].flags, D_AVAIL | D_USED);
	CU_ASSERT_EQUAL(f.gr.vd.slot[7].flags & (D_AVAIL | D_USED), D_AVAIL);
	CU_ASSERT_EQUAL(f.pos, pos_word(WRAP | 7, WRAP | 7, 1, 0));
	fix_down(&f);
}

/* A slot that is neither available nor what the journal says; one whose first chain the
 * guest already has, and made another one available in its place. */
static void
test_slots(void)
{
	up(4);
	burst(4);
	f.gr.vd.slot[7].flags ^= D_AVAIL;
	refuse("the descriptor of entry 2 in the journal of its last owner is neither available "
	       "nor as the journal has it");
	f.gr.vd.slot[7].flags = D_AVAIL | D_USED;
	refuse("the descriptor of entry 2 in the journal of its last owner is neither available "
	       "nor as the journal has it");
	fix_down(&f);
	/* never made available */
	up(3);
	burst(4);
	f.gr.vd.slot[0].flags = D_AVAIL;
	refuse("the descriptor of entry 3 in the journal of its last owner is neither available "
	       "nor as the journal has it");
	fix_down(&f);
	up(4);
	burst(4);
	f.gr.vd.slot[5].flags = D_USED;
	f.gr.vd.slot[7].flags = 0;
	expect(1);
	CU_ASSERT_EQUAL(f.gr.vd.slot[5].flags, D_USED);
	CU_ASSERT_EQUAL(f.gr.vd.slot[7].flags, 0);
	fix_down(&f);
}

/* What vring_init() refuses. */
static void
test_ring(void)
{
	struct vring_config cfg;

	up(4);
	burst(4);
	cfg = fix_config(&f, FEAT);
	cfg.addr.desc = RAM_HOLE;
	CU_ASSERT_EQUAL(vring_recover(&cfg, err, sizeof(err)), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "128 bytes, is outside the guest's memory"));
	cfg = fix_config(&f, FEAT);
	cfg.size = 1;
	CU_ASSERT_EQUAL(vring_recover(&cfg, err, sizeof(err)), -1);
	fix_down(&f);
}

/* All that a peer can have in these words: no slot outside the ring is written, and a ring
 * that can go on goes on inside of it. */
static void
test_random(void)
{
	struct rnd r = {20260101};
	unsigned int done = 0;

	up(SIZE);
	for (unsigned int i = 0; i < 200000; i++) {
		uint8_t before[64], after[64], *end = (uint8_t *)(f.gr.vd.slot + SIZE);
		uint16_t n = (uint16_t)rnd_below(&r, SIZE + 1), at;

		memcpy(before, end, sizeof(before));
		burst(n);
		for (unsigned int k = rnd_below(&r, 3); k > 0; k--)
			f.journal[rnd_below(&r, SIZE)] ^= 1ull << rnd_below(&r, 16);
		if (rnd_below(&r, 2))
			f.pos ^= 1ull << rnd_below(&r, 64);
		f.gr.vd.slot[rnd_below(&r, SIZE)].flags = (uint16_t)rnd(&r);
		if (recover(&at) == 0) {
			CU_ASSERT_FATAL((at & ~WRAP) < SIZE);
			done++;
		}
		memcpy(after, end, sizeof(after));
		CU_ASSERT_FATAL(memcmp(before, after, sizeof(before)) == 0);
	}
	CU_ASSERT(done > 10000 && done < 190000);
	fix_down(&f);
}

/* The used index of a split ring is the truth, whatever the words say. */
static void
test_split(void)
{
	struct vring_config cfg;

	memset(&f, 0, sizeof(f));
	fix_up(&f, &(struct gr_layout){.size = SIZE, .start = 0xfffe}, F_VERSION_1);
	for (int i = 0; i < 5; i++)
		fix_good(&f, VRING_ENQ);
	fix_expect_ok(&f, VRING_ENQ, 5);
	fix_return(&f, 4);
	f.pos = pos_word(9, 3, 1, 77);
	cfg = fix_config(&f, F_VERSION_1);
	CU_ASSERT_EQUAL(vring_recover(&cfg, err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(cfg.avail, 2);
	CU_ASSERT_EQUAL(cfg.used, 2);
	CU_ASSERT_FALSE(cfg.at_used_idx);
	CU_ASSERT_EQUAL(vring_init(&f.vr, &cfg, err, sizeof(err)), 0);
	fix_expect_ok(&f, VRING_ENQ, 1);
	fix_down(&f);
}

/* The slots that it writes are in the dirty log. */
static void
test_logged(void)
{
	int fd = ram_memfd(0x100000, 0);
	struct guest_log *log = guest_log_new(fd, 0, 0x100000, err, sizeof(err));
	struct vring_config cfg;
	uint64_t page;

	CU_ASSERT_PTR_NOT_NULL_FATAL(log);
	up(4);
	burst(4);
	cfg = fix_config(&f, FEAT);
	page = cfg.addr.desc / GUEST_LOG_PAGE;
	cfg.log = log;
	CU_ASSERT_NOT_EQUAL(page, cfg.addr.device / GUEST_LOG_PAGE);
	CU_ASSERT_EQUAL(vring_recover(&cfg, err, sizeof(err)), 0);
	CU_ASSERT_TRUE(log->bits[page / 8] >> page % 8 & 1);
	fix_down(&f);
	guest_log_free(log);
	close(fd);
}

CU_TestInfo recover_tests[] = {
	{"nothing was published", test_not_valid},
	{"positions", test_positions},
	{"lengths of the journal", test_journal_lengths},
	{"entries of the journal", test_journal_entries},
	{"any id and length", test_contents},
	{"the slots", test_slots},
	{"the ring", test_ring},
	{"200,000 random words", test_random},
	{"split", test_split},
	{"dirty log", test_logged},
	CU_TEST_INFO_NULL,
};
