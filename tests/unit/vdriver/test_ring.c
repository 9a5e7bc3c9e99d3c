/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Chains that are added, found by the device, used in any order, and taken back. */

#include <string.h>

#include "dev.h"

static bool
same(const struct dev_chain *c, const struct vdriver_seg *seg, uint32_t n)
{
	bool same = c->n == n;

	for (uint32_t i = 0; i < n && same; i++)
		same = c->seg[i].addr == seg[i].addr && c->seg[i].len == seg[i].len &&
		       c->seg[i].write == seg[i].write;
	return same;
}

/* One that is read and two that are written, in each of the three ways; none of them is
 * there before it is published. */
static void
test_add(bool packed)
{
	const struct vdriver_seg seg[] = {
		{0x1000, 10, false}, {0x2000, 20, true}, {0x3000, 30, true}};
	struct dev_chain c;
	int id[3];
	struct dev d;

	dev_up(&d, packed ? F_PACKED : 0, 8, packed ? WRAP | 6 : 0xfffe);
	id[0] = vdriver_add(&d.vd, seg, 3, cookie(1));
	id[1] = vdriver_add_indirect(&d.vd, seg, 3, cookie(2));
	id[2] = vdriver_add(&d.vd, seg + 1, 1, cookie(3));
	CU_ASSERT(id[0] >= 0 && id[1] >= 0 && id[2] >= 0);
	CU_ASSERT_EQUAL(d.vd.nfree, 3);
	CU_ASSERT_EQUAL(d.vd.nbusy, 3);
	CU_ASSERT_FALSE(dev_take(&d, &c));
	CU_ASSERT_TRUE(vdriver_publish(&d.vd));
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_FATAL(dev_take(&d, &c));
		CU_ASSERT_EQUAL(c.id, id[i]);
		CU_ASSERT_EQUAL(c.slots, i == 0 ? 3 : 1);
		CU_ASSERT_TRUE(same(&c, i == 2 ? seg + 1 : seg, i == 2 ? 1 : 3));
	}
	CU_ASSERT_FALSE(dev_take(&d, &c));
	dev_down(&d);
}
BOTH(test_add)

/* A table of the caller's, alone or, split, behind a descriptor. */
static void
test_add_table(bool packed)
{
	const struct vdriver_seg seg[] = {
		{0x1000, 10, false}, {0x2000, 20, true}, {0x3000, 30, true}};
	uint8_t at[16 * 3 + 1]; /* tables need no alignment, but the test device's do */
	struct vring_desc table[2];
	struct vdriver_table t = {(uintptr_t)table + DEV_OFFSET, 2, 50};
	struct vdriver_done done;
	struct dev_chain c;
	struct dev d;
	int id;

	vdriver_fill_table(at + 1, packed, seg + 1, 2);
	memcpy(table, at + 1, sizeof(table));
	dev_up(&d, packed ? F_PACKED : 0, 4, DEV_START(packed));
	id = vdriver_add_table(&d.vd, seg, 1, &t, NULL);
	CU_ASSERT_EQUAL(id < 0, packed);
	if (packed)
		id = vdriver_add_table(&d.vd, NULL, 0, &t, NULL);
	vdriver_publish(&d.vd);
	CU_ASSERT_TRUE_FATAL(dev_take(&d, &c));
	CU_ASSERT_EQUAL(c.id, id);
	CU_ASSERT_EQUAL(c.slots, packed ? 1 : 2);
	CU_ASSERT_TRUE(same(&c, packed ? seg + 1 : seg, packed ? 2 : 3));
	/* what the table has for writing counts */
	dev_use(&d, c.id, 50, c.slots);
	CU_ASSERT_EQUAL(vdriver_get(&d.vd, &done), 1);
	CU_ASSERT_EQUAL(done.len, 50);
	CU_ASSERT_EQUAL(d.vd.nfree, 4);
	dev_down(&d);
}
BOTH(test_add_table)

static void
test_no_room(bool packed)
{
	struct vdriver_seg seg[DEV_TABLE + 1] = {{0x1000, 1, false}};
	struct dev d;

	dev_up(&d, packed ? F_PACKED : 0, 4, DEV_START(packed));
	CU_ASSERT_EQUAL(vdriver_add(&d.vd, seg, 0, NULL), -1);
	CU_ASSERT_EQUAL(vdriver_add(&d.vd, seg, 5, NULL), -1);
	CU_ASSERT_EQUAL(vdriver_add_indirect(&d.vd, seg, 0, NULL), -1);
	CU_ASSERT_EQUAL(vdriver_add_indirect(&d.vd, seg, DEV_TABLE + 1, NULL), -1);
	CU_ASSERT(vdriver_add(&d.vd, seg, 3, NULL) >= 0);
	CU_ASSERT_EQUAL(vdriver_add(&d.vd, seg, 2, NULL), -1);
	CU_ASSERT(vdriver_add_indirect(&d.vd, seg, DEV_TABLE, NULL) >= 0);
	CU_ASSERT_EQUAL(vdriver_add_indirect(&d.vd, seg, 1, NULL), -1);
	CU_ASSERT_EQUAL(vdriver_add(&d.vd, seg, 1, NULL), -1);
	CU_ASSERT_EQUAL(d.vd.nfree, 0);
	CU_ASSERT_EQUAL(d.vd.nbusy, 2);
	dev_down(&d);
}
BOTH(test_no_room)

/* Chains in the device's hands. */
struct held {
	struct dev_chain c;
	uint32_t number;
};

static uint32_t
next_random(uint64_t *s)
{
	*s = *s * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*s >> 33);
}

static bool
add_one(struct dev *d, uint64_t *s, uint32_t number)
{
	struct vdriver_seg seg[4];
	uint32_t n = 1 + next_random(s) % 4;

	for (uint32_t i = 0; i < n; i++)
		seg[i] = (struct vdriver_seg){(uint64_t)number << 8 | i, 1 + i, i > 0};
	return (next_random(s) % 3 ? vdriver_add : vdriver_add_indirect)(&d->vd, seg, n,
									 cookie(number)) >= 0;
}

/* Whatever is added is found as it was, and what is used, in any order, comes back as
 * what it is; ids and descriptors last for ever. */
static void
any_order(bool packed, uint32_t size, uint16_t position, bool shuffle)
{
	uint32_t added = 0, nheld = 0, back = 0, wrong = 0;
	uint64_t s = size + position;
	struct held held[64];
	struct vdriver_done done;
	struct dev d;

	dev_up(&d, packed ? F_PACKED : 0, size, position);
	if (shuffle)
		vdriver_shuffle(&d.vd, 7);
	while (back < 4000 && wrong == 0) {
		struct dev_chain c;
		uint32_t k;

		while (next_random(&s) % 4 && add_one(&d, &s, added))
			added++;
		vdriver_publish(&d.vd);
		for (; dev_take(&d, &c); nheld++)
			held[nheld] = (struct held){c, (uint32_t)(c.seg[0].addr >> 8)};
		for (; nheld > 0 && next_random(&s) % 4; back++) {
			k = next_random(&s) % nheld;
			c = held[k].c;
			dev_use(&d, c.id, c.n > 1 ? 2 : 0, c.slots);
			wrong += vdriver_get(&d.vd, &done) != 1;
			wrong += done.cookie != cookie(held[k].number) || done.id != c.id ||
				 done.len != (c.n > 1 ? 2 : 0) || done.skipped;
			held[k] = held[--nheld];
		}
		wrong += vdriver_get(&d.vd, &done) != 0 || d.vd.nbusy != nheld ||
			 vdriver_position(&d.vd) != d.used;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	dev_down(&d);
}

static void
test_any_order(bool packed)
{
	static const uint32_t sizes[] = {2, 4, 16, 64, 3, 7, 61};

	for (size_t i = 0; i < (packed ? 7 : 4); i++)
		for (uint32_t k = 0; k < 2 * sizes[i]; k++)
			any_order(packed, sizes[i],
				  (uint16_t)(packed ? k % sizes[i] | (k < sizes[i] ? 0 : WRAP)
						    : 0xffff - k),
				  k % 3 == 0);
}
BOTH(test_any_order)

/* One used entry for a batch (2.6.9): those before it come back with it, in order. */
static void
test_in_order(bool packed)
{
	const struct vdriver_seg seg[2] = {{0x1000, 10, false}, {0x2000, 99, true}};
	struct vdriver_done done[16];
	uint32_t next = 0, begun = 0, wrong = 0;
	struct dev d;

	dev_up(&d, F_IN_ORDER | (packed ? F_PACKED : 0), 16, DEV_START(packed));
	for (uint32_t round = 0; round < 1000; round++) {
		uint32_t n = 1 + round % 8, slots = 0;
		struct dev_chain c;

		/* of two descriptors and of one, so that they do not come to lie alike */
		for (uint32_t k = 0; k < n; k++)
			wrong += vdriver_add(&d.vd, seg + (k % 2), 2 - k % 2, cookie(begun++)) < 0;
		vdriver_publish(&d.vd);
		for (uint32_t k = 0; k < n; k++) {
			wrong += !dev_take(&d, &c);
			slots += c.slots;
		}
		/* the entry of the last one, in place of the first (2.6.9, 2.7.9) */
		if (packed) {
			dev_use(&d, c.id, 5 + n % 2, slots);
		} else {
			uint16_t last = (uint16_t)(d.used + n);

			d.vd.used->ring[d.used % 16] = (struct vring_used_elem){c.id, 5 + n % 2};
			d.vd.used->idx = d.used = last;
		}
		/* some, and then the rest */
		wrong += n > 1 && (vdriver_get(&d.vd, done) != 1 || !done->skipped ||
				   done->cookie != cookie(next++) || !vdriver_has_used(&d.vd));
		n -= n > 1;
		wrong += vdriver_get_burst(&d.vd, done, 16) != (int)n;
		for (uint32_t k = 0; k < n; k++)
			wrong += done[k].cookie != cookie(next++) || done[k].skipped != (k + 1 < n);
		wrong += done[n - 1].len != 5 + (1 + round % 8) % 2 || vdriver_has_used(&d.vd);
		wrong += d.vd.nfree != 16 || vdriver_position(&d.vd) != d.used;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	dev_down(&d);
}
BOTH(test_in_order)

/* IN_ORDER: the descriptor table is used from its beginning to its end (2.6.9). */
static void
test_in_order_descriptors(void)
{
	const struct vdriver_seg seg[3] = {{0x1000, 10, false}};
	struct vdriver_done done;
	uint32_t at = 0;
	struct dev d;

	dev_up(&d, F_IN_ORDER, 8, 0);
	for (uint32_t i = 0; i < 100; i++) {
		uint32_t n = 1 + i % 3;

		CU_ASSERT_EQUAL(vdriver_add(&d.vd, seg, n, NULL), (int)(at % 8));
		for (uint32_t k = 0; k + 1 < n; k++)
			CU_ASSERT_EQUAL(d.vd.desc[(at + k) % 8].next, (at + k + 1) % 8);
		vdriver_publish(&d.vd);
		dev_use(&d, at % 8, 0, 0);
		CU_ASSERT_EQUAL(vdriver_get(&d.vd, &done), 1);
		at += n;
	}
	dev_down(&d);
}

/* All ids in turn, and others in the descriptors whose id does not count (2.7.6). */
static void
test_all_ids(void)
{
	const struct vdriver_seg seg[2] = {{0x1000, 10, false}, {0x2000, 10, false}};
	struct vdriver_done done;
	unsigned int wrong = 0;
	char err[128];
	struct dev d;

	dev_up(&d, F_PACKED, 5, WRAP);
	vdriver_free(&d.vd);
	d.cfg.max_table = 0;
	d.cfg.id_first = 0xfffe;
	d.cfg.id_step = 3;
	d.cfg.decoy_ids = true;
	CU_ASSERT_EQUAL_FATAL(vdriver_init(&d.vd, &d.cfg, err, sizeof(err)), 0);
	for (uint32_t i = 0; i < 70000; i++) {
		uint16_t want = (uint16_t)(0xfffe + 3 * i), at = d.vd.next_avail & (uint16_t)~WRAP;
		struct dev_chain c;

		wrong += vdriver_add(&d.vd, seg, 2, NULL) != want;
		wrong += d.vd.slot[at].id == want;
		vdriver_publish(&d.vd);
		wrong += !dev_take(&d, &c) || c.id != want;
		dev_use(&d, want, 0, 2);
		wrong += vdriver_get(&d.vd, &done) != 1 || done.id != want;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	dev_down(&d);
}

/* Anything may be going on: afterwards nothing is. */
static void
test_reset(bool packed)
{
	const struct vdriver_seg seg = {0x1000, 10, true};
	struct vdriver_done done;
	struct dev_chain c;
	struct dev d;

	dev_up(&d, F_EVENT_IDX | (packed ? F_PACKED : 0), 8, DEV_START(packed));
	for (uint16_t round = 0; round < 16; round++) {
		uint16_t to = packed ? (uint16_t)(round % 8 | (round < 8 ? WRAP : 0))
				     : (uint16_t)(0xfff8 + round);

		for (int i = 0; i < 8; i++)
			CU_ASSERT(vdriver_add(&d.vd, &seg, 1, NULL) >= 0);
		vdriver_publish(&d.vd);
		CU_ASSERT_TRUE(dev_take(&d, &c));
		dev_use(&d, c.id, 3, 1);
		dev_use(&d, 7777, 3, 1);
		CU_ASSERT_EQUAL(vdriver_get(&d.vd, &done), 1);
		CU_ASSERT_EQUAL(vdriver_get(&d.vd, &done), -1);
		vdriver_reset(&d.vd, to);
		d.avail = d.used = to;
		CU_ASSERT_EQUAL(vdriver_position(&d.vd), to);
		CU_ASSERT(d.vd.nfree == 8 && d.vd.nbusy == 0);
		CU_ASSERT_FALSE(dev_take(&d, &c));
		CU_ASSERT_FALSE(vdriver_has_used(&d.vd));
		CU_ASSERT_EQUAL(vdriver_get(&d.vd, &done), 0);
	}
	dev_down(&d);
}
BOTH(test_reset)

/* What was in flight, or only added, or half taken back, is forgotten. */
static void
test_reset_forgets(bool packed)
{
	const struct vdriver_seg seg = {0x1000, 10, true};
	struct vdriver_done done;
	struct dev_chain c;
	struct dev d;

	dev_up(&d, F_IN_ORDER | (packed ? F_PACKED : 0), 8, DEV_START(packed));
	for (int i = 0; i < 7; i++)
		CU_ASSERT(vdriver_add(&d.vd, &seg, 1, NULL) >= 0);
	vdriver_publish(&d.vd);
	if (packed) {
		dev_use(&d, 4, 3, 5);
	} else {
		d.vd.used->ring[0].id = 4;
		d.vd.used->idx = 5;
	}
	CU_ASSERT_EQUAL(vdriver_get(&d.vd, &done), 1);
	CU_ASSERT(vdriver_add(&d.vd, &seg, 1, NULL) >= 0);
	d.avail = d.used = (uint16_t)(DEV_START(packed) | 3);
	vdriver_reset(&d.vd, d.used);
	CU_ASSERT_FALSE(vdriver_publish(&d.vd));
	CU_ASSERT_EQUAL(vdriver_get(&d.vd, &done), 0);
	CU_ASSERT_EQUAL(vdriver_add(&d.vd, &seg, 1, cookie(1)), 0);
	vdriver_publish(&d.vd);
	CU_ASSERT_TRUE(dev_take(&d, &c));
	dev_use(&d, c.id, 3, 1);
	CU_ASSERT_EQUAL(vdriver_get(&d.vd, &done), 1);
	CU_ASSERT_EQUAL(done.cookie, cookie(1));
	CU_ASSERT_EQUAL(vdriver_add(&d.vd, &seg, 1, cookie(2)), 1);
	vdriver_publish(&d.vd);
	dev_use(&d, 6, 3, 1);
	CU_ASSERT_EQUAL(vdriver_get(&d.vd, &done), -1);
	CU_ASSERT_EQUAL(d.vd.fault, VDRIVER_FAULT_ID);
	dev_down(&d);
}
BOTH(test_reset_forgets)

static void
refused(const struct vdriver_config *c, const char *sentence)
{
	char err[128] = "";
	struct vdriver vd;

	CU_ASSERT_EQUAL(vdriver_init(&vd, c, err, sizeof(err)), -1);
	CU_ASSERT_STRING_EQUAL(err, sentence);
}

static void
test_refused(bool packed)
{
	struct vdriver_config c;
	struct dev d;

	dev_up(&d, packed ? F_PACKED : 0, 8, DEV_START(packed));
	for (uint32_t size = 0; size < 2; size++) {
		c = d.cfg;
		c.size = size ? 32769 : 1;
		refused(&c, "the ring size is not from 2 to 32768");
	}
	c = d.cfg;
	c.size = 7;
	c.position = 7;
	refused(&c, packed ? "the position is beyond the ring"
			   : "the size of a split ring is no power of two");
	c = d.cfg;
	c.desc = (uint8_t *)c.desc + 8;
	refused(&c, "the descriptors are missing or not aligned");
	c = d.cfg;
	c.driver = (uint8_t *)c.driver + 1;
	refused(&c, "the driver area is missing or not aligned");
	c = d.cfg;
	c.device = NULL;
	refused(&c, "the device area is missing or not aligned");
	c = d.cfg;
	c.tables = NULL;
	refused(&c, "the indirect tables are missing or not aligned");
	c = d.cfg;
	c.id_step = 3;
	refused(&c, "id_step is not odd, or not for this kind of ring");
	c.max_table = 0;
	c.id_step = packed ? 2 : 1;
	refused(&c, "id_step is not odd, or not for this kind of ring");
	dev_down(&d);
}
BOTH(test_refused)

CU_TestInfo ring_tests[] = {
	{"split: descriptors in order", test_in_order_descriptors},
	{"packed: all ids", test_all_ids},
	BOTH_TESTS("direct and indirect chains", test_add),
	BOTH_TESTS("a table of the caller's", test_add_table),
	BOTH_TESTS("no room", test_no_room),
	BOTH_TESTS("used in any order", test_any_order),
	BOTH_TESTS("one used entry for a batch", test_in_order),
	BOTH_TESTS("reset", test_reset),
	BOTH_TESTS("reset in the middle of it all", test_reset_forgets),
	BOTH_TESTS("refused", test_refused),
	CU_TEST_INFO_NULL,
};
