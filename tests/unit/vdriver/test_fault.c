/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Used entries that a device must not write: nothing comes back of them, nor after
 * them, until the ring is reset. */

#include "dev.h"

/* Three chains of which the first is used: read, written, both. */
static void
start(struct dev *d, uint64_t features, int id[3])
{
	const struct vdriver_seg seg[2] = {{0x1000, 10, false}, {0x2000, 20, true}};
	bool packed = features & F_PACKED;
	struct vdriver_done done;

	dev_up(d, features, 8, DEV_START(packed));
	id[0] = vdriver_add(&d->vd, seg, 1, cookie(0));
	id[1] = vdriver_add(&d->vd, seg + 1, 1, cookie(1));
	id[2] = vdriver_add(&d->vd, seg, 2, cookie(2));
	vdriver_publish(&d->vd);
	dev_use(d, (uint32_t)id[0], 0, 1);
	CU_ASSERT_EQUAL(vdriver_get(&d->vd, &done), 1);
	CU_ASSERT_EQUAL(done.cookie, cookie(0));
}

static void
expect(struct dev *d, enum vdriver_fault fault)
{
	struct vdriver_done done[4] = {{NULL, 0, 0, false}};
	uint16_t nbusy = d->vd.nbusy;

	CU_ASSERT_TRUE(vdriver_has_used(&d->vd));
	CU_ASSERT_EQUAL(vdriver_get(&d->vd, done), -1);
	CU_ASSERT_EQUAL(d->vd.fault, fault);
	CU_ASSERT(d->vd.err[0] != 0);
	/* it stays broken, and a driver that waits for interrupts does not sleep */
	CU_ASSERT_EQUAL(vdriver_get_burst(&d->vd, done, 4), -1);
	CU_ASSERT_FALSE(vdriver_enable_interrupts(&d->vd));
	CU_ASSERT_EQUAL(d->vd.nbusy, nbusy);
	dev_down(d);
}

static void
test_id(bool packed)
{
	static const uint32_t beyond[] = {8, 0x7fff, 0xffff, 0x10000, 0x80000000, 0xffffffff};
	uint64_t features = packed ? F_PACKED : 0;
	struct dev d;
	int id[3];

	for (size_t i = 0; i < (packed ? 3 : 6); i++) {
		start(&d, features, id);
		dev_use(&d, beyond[i], 0, 1);
		expect(&d, VDRIVER_FAULT_ID);
	}
	/* one that is back already, and one that never was a head */
	for (uint32_t i = 0; i < 2; i++) {
		start(&d, features, id);
		dev_use(&d, i ? 7 : (uint32_t)id[0], 0, 1);
		expect(&d, VDRIVER_FAULT_ID);
	}
}
BOTH(test_id)

/* What the device makes good afterwards comes too late: even where it has taken the
 * entry back, or written a right one. */
static void
test_stays_broken(bool packed)
{
	struct vdriver_done done;
	struct dev d;
	int id[3];

	start(&d, packed ? F_PACKED : 0, id);
	dev_use(&d, (uint32_t)id[0], 0, 1);
	CU_ASSERT_EQUAL(vdriver_get(&d.vd, &done), -1);
	d.used = d.vd.next_used;
	if (packed)
		d.vd.slot[d.used & ~WRAP].flags = vdriver_avail_flags(d.used);
	else
		d.vd.used->idx = d.used;
	CU_ASSERT_TRUE(vdriver_has_used(&d.vd));
	CU_ASSERT_FALSE(vdriver_enable_interrupts(&d.vd));
	dev_use(&d, (uint32_t)id[1], 0, 1);
	CU_ASSERT_EQUAL(vdriver_get(&d.vd, &done), -1);
	CU_ASSERT_EQUAL(d.vd.fault, VDRIVER_FAULT_ID);
	dev_down(&d);
}
BOTH(test_stays_broken)

/* More than there is for writing: of a chain that is read, nothing. */
static void
test_length(bool packed)
{
	static const uint32_t room[] = {0, 20, 20};

	for (int k = 1; k < 3; k++) {
		struct vdriver_done done;
		struct dev d;
		int id[3];

		start(&d, packed ? F_PACKED : 0, id);
		dev_use(&d, (uint32_t)id[k], room[k] + 1, 1);
		expect(&d, VDRIVER_FAULT_LENGTH);
		/* all of it is fine */
		start(&d, packed ? F_PACKED : 0, id);
		dev_use(&d, (uint32_t)id[k], room[k], 1);
		CU_ASSERT_EQUAL(vdriver_get(&d.vd, &done), 1);
		CU_ASSERT_EQUAL(done.len, room[k]);
		dev_down(&d);
	}
}
BOTH(test_length)

/* A chain that is only read: neither bytes nor the flag; without the flag the length
 * says nothing (2.7.5). */
static void
test_write_flag(void)
{
	const struct vdriver_seg seg = {0x1000, 10, false};
	struct vdriver_done done;
	struct dev d;
	int id[3];

	start(&d, F_PACKED, id);
	id[0] = vdriver_add(&d.vd, &seg, 1, NULL);
	CU_ASSERT(id[0] >= 0);
	vdriver_publish(&d.vd);
	dev_use(&d, (uint32_t)id[0], 0, 1);
	d.vd.slot[1].flags |= VRING_DESC_F_WRITE;
	expect(&d, VDRIVER_FAULT_WRITE);
	start(&d, F_PACKED, id);
	dev_use(&d, (uint32_t)id[1], 0, 1);
	d.vd.slot[1].len = 9999;
	CU_ASSERT_EQUAL(vdriver_get(&d.vd, &done), 1);
	CU_ASSERT_EQUAL(done.len, 0);
	dev_down(&d);
}

static void
test_index(void)
{
	static const uint16_t jump[] = {3, 8, 9, 0x7fff, 0x8000, 0xfffe};

	for (size_t i = 0; i < sizeof(jump) / sizeof(jump[0]); i++) {
		struct dev d;
		int id[3];

		start(&d, 0, id);
		d.vd.used->idx = (uint16_t)(d.used + jump[i]);
		expect(&d, VDRIVER_FAULT_INDEX);
	}
}

/* The third with one entry, where it would take two to be its turn. */
static void
test_order(void)
{
	struct dev d;
	int id[3];

	start(&d, F_IN_ORDER, id);
	dev_use(&d, (uint32_t)id[2], 0, 1);
	expect(&d, VDRIVER_FAULT_ORDER);
}

/* A ring that has nothing to give. */
static void
test_nothing_available(bool packed)
{
	struct vdriver_done done;
	struct dev d;

	dev_up(&d, packed ? F_PACKED : 0, 4, DEV_START(packed));
	dev_use(&d, 0, 0, 1);
	CU_ASSERT_EQUAL(vdriver_get(&d.vd, &done), -1);
	CU_ASSERT_EQUAL(d.vd.fault, packed ? VDRIVER_FAULT_ID : VDRIVER_FAULT_INDEX);
	dev_down(&d);
}
BOTH(test_nothing_available)

CU_TestInfo fault_tests[] = {
	{"split: used index", test_index},
	{"split: order", test_order},
	{"packed: WRITE", test_write_flag},
	BOTH_TESTS("id", test_id),
	BOTH_TESTS("length", test_length),
	BOTH_TESTS("a broken ring stays so", test_stays_broken),
	BOTH_TESTS("nothing is available", test_nothing_available),
	CU_TEST_INFO_NULL,
};
