/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Chains that stay in the ring: taken in their order, and available again as they
 * were. */

#include <string.h>

#include "dev.h"
#include "vdriver_fast.h"

#define SIZE 12u /* entries of a packed ring; a split one has more, and not all of them */
#define MOST 8u  /* chains of a burst */

struct turns {
	uint32_t n;
	uint32_t chain[64], len[64];
};

static inline void
note(void *arg, uint32_t c, uint32_t len)
{
	struct turns *t = arg;

	t->chain[t->n] = c;
	t->len[t->n++] = len;
}

static uint32_t
burst(struct vdriver_fast *f, uint32_t min, struct turns *t)
{
	t->n = 0;
	return f->vd->packed ? vdriver_fast_packed(f, MOST, true, note, t)
			     : vdriver_fast_split(f, min, MOST, true, note, t);
}

/* Chains of one to three descriptors, one of them in a table. */
static void
up(struct dev *d, struct vdriver_fast *f, uint64_t features)
{
	const struct vdriver_seg seg[3] = {
		{0x1000, 100, true}, {0x2000, 100, true}, {0x3000, 100, true}};
	bool packed = features & F_PACKED;

	dev_up(d, features, packed ? SIZE : 16, DEV_START(packed));
	CU_ASSERT_EQUAL_FATAL(vdriver_fast_init(f, &d->vd), 0);
	/* but for a split one in any order, it has to be full */
	while (d->vd.nfree > (packed || d->vd.in_order ? 0 : 4)) {
		uint32_t n = 1 + f->nchain % 3;

		if (n > d->vd.nfree)
			n = d->vd.nfree;
		CU_ASSERT_TRUE_FATAL(vdriver_fast_add(f, seg, n, f->nchain == 1));
	}
	CU_ASSERT(d->vd.nfree > 0 || !vdriver_fast_add(f, seg, 1, false));
	CU_ASSERT_TRUE(vdriver_fast_start(f));
}

static void
down(struct dev *d, struct vdriver_fast *f)
{
	vdriver_fast_free(f);
	dev_down(d);
}

/* The device uses n chains, with a length that says which; in order: one entry for all. */
static void
use(struct dev *d, uint32_t n, uint32_t *number)
{
	uint16_t from = d->used;
	struct dev_chain c;
	uint32_t slots = 0;

	for (uint32_t i = 0; i < n; i++) {
		CU_ASSERT_TRUE_FATAL(dev_take(d, &c));
		slots += c.slots;
		if (!d->vd.in_order)
			dev_use(d, c.id, 1 + (*number)++ % 99, c.slots);
	}
	if (!d->vd.in_order || n == 0)
		return;
	*number += n;
	if (d->vd.packed) {
		dev_use(d, c.id, 1 + (*number - 1) % 99, slots);
		return;
	}
	d->vd.used->ring[from % d->vd.size] = (struct vring_used_elem){c.id,
								       1 + (*number - 1) % 99};
	d->used = (uint16_t)(from + n);
	__atomic_store_n(&d->vd.used->idx, d->used, __ATOMIC_RELEASE);
}

/* Each lap the device finds the same chains. */
static void
laps(uint64_t features)
{
	uint32_t used = 0, seen = 0, wrong = 0, nfirst = 0;
	struct dev_chain first[16], c;
	struct vdriver_fast f;
	struct turns t;
	struct dev d;

	up(&d, &f, features);
	for (struct dev look = d; dev_take(&look, &c); nfirst++)
		first[nfirst] = c;
	CU_ASSERT_EQUAL(nfirst, f.nchain);
	CU_ASSERT_EQUAL(burst(&f, 1, &t), 0);
	for (uint32_t round = 0; round < 500; round++) {
		uint32_t n = 1 + round % f.nchain, got;
		uint32_t begin = used;

		for (struct dev look = d; n == f.nchain && dev_take(&look, &c); begin++)
			wrong += memcmp(&c, &first[begin % nfirst], sizeof(c)) != 0;
		use(&d, n, &used);
		while (n > 0 && (got = burst(&f, 1, &t)) > 0 && got <= n) {
			n -= got;
			wrong += t.n != got;
			for (uint32_t i = 0; i < t.n; i++, seen++) {
				bool last = !d.vd.in_order || seen + 1 == used;

				wrong += t.chain[i] != seen % f.nchain;
				wrong += t.len[i] != (last ? 1 + seen % 99 : f.len[t.chain[i]]);
			}
		}
		wrong += n != 0 || burst(&f, 1, &t) != 0 || f.bad;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(seen, used);
	down(&d, &f);
}

static void
test_laps(bool packed)
{
	laps(packed ? F_PACKED : 0);
	laps(F_IN_ORDER | (packed ? F_PACKED : 0));
}
BOTH(test_laps)

/* Fewer than asked for are left where they are. */
static void
test_min(void)
{
	struct vdriver_fast f;
	uint32_t number = 0;
	struct turns t;
	struct dev d;

	up(&d, &f, 0);
	use(&d, 2, &number);
	CU_ASSERT_EQUAL(burst(&f, 3, &t), 0);
	CU_ASSERT_EQUAL(t.n, 0);
	use(&d, 1, &number);
	CU_ASSERT_EQUAL(burst(&f, 3, &t), 3);
	down(&d, &f);
}

/* After `good` chains. */
static void
bad(uint64_t features, uint32_t good, uint32_t id, uint32_t len)
{
	struct vdriver_fast f;
	uint32_t number = 0;
	struct turns t;
	struct dev d;

	up(&d, &f, features);
	use(&d, good, &number);
	burst(&f, 1, &t);
	CU_ASSERT_FALSE(f.bad);
	dev_use(&d, id, len, 1);
	burst(&f, 1, &t);
	CU_ASSERT_EQUAL(t.n, 0);
	CU_ASSERT_TRUE(f.bad);
	down(&d, &f);
}

/* An id that there is not, one that is not due, and more bytes than there are. */
static void
test_bad(bool packed)
{
	uint64_t features = packed ? F_PACKED : 0;
	struct vdriver_fast f;
	struct dev d;
	uint16_t due, other, unknown;

	up(&d, &f, features);
	due = f.id[1];
	other = f.id[3];
	unknown = packed ? f.nchain : d.vd.desc[f.id[2]].next;
	CU_ASSERT(unknown < d.vd.size);
	down(&d, &f);
	bad(features, 1, 0xffff, 1);
	bad(features, 1, other, 1);
	bad(features, 1, due, 201);
	/* one that no chain has, where the first is due */
	bad(features, 0, unknown, 1);
	/* split: with one entry where it would take two */
	if (!packed)
		bad(F_IN_ORDER, 1, 0, 1);
}
BOTH(test_bad)

/* The interrupt that is asked for is that of the chain that is due. */
static void
test_interrupt(bool packed)
{
	struct vdriver_fast f;
	uint32_t number = 0;
	struct turns t;
	struct dev d;

	up(&d, &f, F_EVENT_IDX | (packed ? F_PACKED : 0));
	for (int i = 0; i < 40; i++) {
		use(&d, 1 + i % 3, &number);
		burst(&f, 1, &t);
		vdriver_fast_ask_interrupt(&f);
		CU_ASSERT_EQUAL(packed ? d.vd.driver_event->off_wrap : *vdriver_used_event(&d.vd),
				d.used);
	}
	down(&d, &f);
}
BOTH(test_interrupt)

CU_TestInfo fast_tests[] = {
	{"split: a least number", test_min},
	BOTH_TESTS("laps, also in order", test_laps),
	BOTH_TESTS("faults of the device", test_bad),
	BOTH_TESTS("interrupts", test_interrupt),
	CU_TEST_INFO_NULL,
};
