/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Chains of direct descriptors: which ones there are and how each goes on, good ones in every
 * shape and at every place, and each lie that a guest can tell with them. */

#include "fixture.h"

#define SIZE 16u
#define BAD FIX_BAD

/* Split: a chain that begins with this descriptor. */
static void
post_desc(struct fix *f, struct vring_desc d)
{
	gr_set_desc(&f->gr, BAD, d);
	gr_push_avail(&f->gr, BAD);
	gr_publish(&f->gr);
}

static void
bad_desc(enum vring_dir dir, struct vring_desc d, enum vring_fault fault)
{
	struct fix f;

	fix_up_good(&f, SIZE, false, dir);
	post_desc(&f, d);
	fix_expect_fault(&f, dir, fault);
	fix_down(&f);
}

static void
test_loop(void)
{
	struct fix f;
	struct vdriver_seg b;

	/* one that names itself, with bytes and without, and a ring of two */
	bad_desc(VRING_DEQ, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, BAD}, VRING_FAULT_LOOP);
	bad_desc(VRING_DEQ, (struct vring_desc){RAM_C_ADDR, 0, D_NEXT, BAD}, VRING_FAULT_LOOP);
	bad_desc(VRING_ENQ, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT | D_WRITE, BAD},
		 VRING_FAULT_LOOP);
	fix_up_good(&f, SIZE, false, VRING_DEQ);
	b = fix_buf(&f, VRING_DEQ);
	gr_set_desc(&f.gr, 5, (struct vring_desc){b.addr, 8, D_NEXT, BAD});
	post_desc(&f, (struct vring_desc){b.addr, 8, D_NEXT, 5});
	fix_expect_fault(&f, VRING_DEQ, VRING_FAULT_LOOP);
	fix_down(&f);
}

/* A chain that goes on into one that is before it in the same batch. */
static void
test_runs_into_itself(void)
{
	struct fix f;

	fix_up_size(&f, SIZE, FIX_FEATURES(true));
	fix_good(&f, VRING_DEQ);
	for (uint32_t k = 0; k < SIZE - 1; k++)
		fix_post(&f, RAM_C_ADDR, 8, D_NEXT);
	fix_expect_fault(&f, VRING_DEQ, VRING_FAULT_LOOP);
	fix_down(&f);
}

static void
test_next_beyond(void)
{
	bad_desc(VRING_DEQ, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, SIZE}, VRING_FAULT_NEXT);
	bad_desc(VRING_DEQ, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, 0x8000}, VRING_FAULT_NEXT);
	bad_desc(VRING_ENQ, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT | D_WRITE, 0xffff},
		 VRING_FAULT_NEXT);
}

/* Without NEXT the field means nothing. */
static void
test_next_unused(void)
{
	struct fix f;

	fix_up_size(&f, SIZE, F_VERSION_1);
	post_desc(&f, (struct vring_desc){RAM_C_ADDR, 8, 0, 0xffff});
	fix_expect_ok(&f, VRING_DEQ, 1);
	fix_expect_seg(&f, 0, RAM_C_ADDR, 8);
	fix_down(&f);
}

static void
test_head_beyond(void)
{
	static const uint16_t heads[] = {SIZE, SIZE + 1, 0x7fff, 0x8000, 0xffff};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct fix f;

		fix_up_good(&f, SIZE, false, VRING_DEQ);
		gr_push_avail(&f.gr, heads[i]);
		gr_publish(&f.gr);
		fix_expect_fault(&f, VRING_DEQ, VRING_FAULT_HEAD);
		fix_down(&f);
	}
}

static void
test_avail_jump(void)
{
	static const uint16_t starts[] = {0, 5, 0xfff8, 0xffff};
	static const uint16_t jumps[] = {SIZE + 1, SIZE * 2, 0x8000, 0xffff};

	for (size_t s = 0; s < 4; s++) {
		for (size_t j = 0; j < 4; j++) {
			struct gr_layout l = {.size = SIZE, .start = starts[s]};
			struct fix f;

			fix_up(&f, &l, F_VERSION_1);
			gr_set_avail_idx(&f.gr, (uint16_t)(starts[s] + jumps[j]));
			CU_ASSERT_EQUAL(vring_split_available(&f.vr, UINT16_MAX), 0);
			CU_ASSERT_EQUAL(f.vr.fault, VRING_FAULT_AVAIL_JUMP);
			fix_down(&f);
		}
	}
}

/* A ring full to the last entry is no jump, nor is one at the index's wrap. */
static void
test_avail_full(void)
{
	struct gr_layout l = {.size = SIZE, .start = 0xfff9};
	struct fix f;

	fix_up(&f, &l, F_VERSION_1);
	CU_ASSERT_EQUAL(vring_split_available(&f.vr, UINT16_MAX), 0);
	CU_ASSERT_EQUAL(f.vr.fault, VRING_OK);
	for (unsigned int i = 0; i < SIZE; i++)
		fix_good(&f, VRING_DEQ);
	CU_ASSERT_EQUAL(vring_split_available(&f.vr, UINT16_MAX), SIZE);
	fix_expect_ok(&f, VRING_DEQ, SIZE);
	for (uint16_t i = 0; i < SIZE; i++)
		CU_ASSERT_EQUAL(f.b.chain[i].head, i);
	fix_down(&f);
}

/* Chains of 1 to `most` descriptors, until the ring was gone through some times. */
static void
around(bool packed, uint32_t size, uint16_t begin, uint32_t most, uint32_t chains,
       uint64_t features)
{
	struct gr_layout l = {.size = size, .start = begin};
	static struct vdriver_seg bufs[SIZE];
	unsigned int wrong = 0;
	struct fix f;

	fix_up(&f, &l, FIX_FEATURES(packed) | features);
	for (uint32_t c = 0; c < chains; c++) {
		uint32_t n = 1 + c % most, len;
		uint16_t want, got = 0;
		int id;

		for (uint32_t k = 0; k < n; k++)
			bufs[k] = (struct vdriver_seg){RAM_C_ADDR + 16 * k, 1 + (c + k) % 16,
						       c % 2};
		id = gr_add(&f.gr, bufs, n, 0, NULL);
		gr_publish(&f.gr);
		want = fix_ahead(&f, vring_position(&f.vr), packed ? n : 1);
		wrong += id < 0 || fix_snapshot(&f, c % 2 ? VRING_ENQ : VRING_DEQ) != 1;
		wrong += f.b.nseg != n || f.b.slots != (packed ? n : 1) || f.b.chain[0].head != id;
		for (uint32_t k = 0; k < n && k < f.b.nseg; k++)
			wrong += f.b.seg[k].len != bufs[k].len;
		f.b.chain[0].len = c % 2 ? bufs[0].len : 0;
		fix_return_written(&f, 1);
		wrong += vring_position(&f.vr) != want;
		wrong += !gr_reap(&f.gr, &got, &len, NULL) || got != id;
		wrong += len != (c % 2 ? bufs[0].len : 0) || gr_reap(&f.gr, &got, &len, NULL);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(f.vr.fault, VRING_OK);
	fix_down(&f);
}

static void
test_around(bool packed)
{
	static const uint32_t sizes[] = {2, 3, 4, 7, SIZE, 100};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t most = sizes[i] < SIZE ? sizes[i] : SIZE;

		if (!packed && (sizes[i] & (sizes[i] - 1)) != 0)
			continue;
		/* of a split ring: before and after the index's wrap */
		for (uint32_t slot = 0; slot < sizes[i]; slot++)
			for (uint32_t half = 0; half < 2; half++)
				around(packed, sizes[i],
				       (uint16_t)(packed ? slot | half * WRAP : slot - half * SIZE),
				       most, 5 * most, slot % 2 ? F_IN_ORDER : 0);
	}
	around(packed, 32768, 0x8000, 7, 40000, 0);
	around(packed, 32768, 32767, 1, 70000, 0);
	if (packed)
		around(packed, 32767, 0x8000 | 32766, 5, 20000, F_IN_ORDER);
}
BOTH(test_around)

/* As many at once as the ring holds, over its end at every place. */
static void
test_full(bool packed)
{
	for (uint32_t slot = 0; slot < 2 * SIZE; slot++) {
		struct gr_layout l = {.size = SIZE, .start = (uint16_t)(slot - SIZE)};
		uint16_t part = (uint16_t)(1 + slot % SIZE);
		struct fix f;
		uint32_t n;

		if (packed)
			l.start = (uint16_t)(slot % SIZE | (slot < SIZE ? 0 : WRAP));
		fix_up(&f, &l, FIX_FEATURES(packed));
		fix_expect_ok(&f, VRING_DEQ, 0);
		for (unsigned int i = 0; i < SIZE; i++)
			fix_good(&f, VRING_DEQ);
		fix_expect_ok(&f, VRING_DEQ, SIZE);
		CU_ASSERT_EQUAL(f.b.slots, SIZE);
		/* some of it, then the rest */
		fix_return(&f, part);
		n = fix_reap(&f);
		CU_ASSERT_EQUAL(n, part);
		fix_expect_ok(&f, VRING_DEQ, (uint16_t)(SIZE - n));
		if (n < SIZE)
			fix_return(&f, (uint16_t)(SIZE - n));
		n += fix_reap(&f);
		CU_ASSERT_EQUAL(n, SIZE);
		CU_ASSERT_EQUAL(vring_position(&f.vr), fix_ahead(&f, l.start, SIZE));
		fix_down(&f);
	}
}
BOTH(test_full)

/* Only one of the four values of AVAIL and USED says that it is ours. */
static void
test_not_available(void)
{
	for (uint32_t i = 0; i < 4 * 2 * SIZE; i++) {
		struct gr_layout l = {.size = SIZE,
				      .start = (uint16_t)(i / 4 % SIZE | (i & 1 ? WRAP : 0))};
		uint16_t both = (uint16_t)((i & 2 ? D_AVAIL : 0) | (i / 4 >= SIZE ? D_USED : 0));
		struct fix f;
		uint16_t at;

		fix_up(&f, &l, FIX_FEATURES(true));
		fix_good(&f, VRING_DEQ);
		at = f.gr.vd.next_avail;
		gp_push(&f.gr, (struct vring_packed_desc){RAM_C_ADDR, 8, 1, both}, true);
		fix_good(&f, VRING_DEQ);
		fix_expect_ok(&f, VRING_DEQ, both == vdriver_avail_flags(at) ? 3 : 1);
		fix_down(&f);
	}
}

/* Every value of the flags, alone in the ring: it is what the specification says,
 * and the reserved bits change nothing. */
static void
test_any_flags(void)
{
	unsigned int wrong = 0;

	for (uint32_t flags = 0; flags < 0x10000; flags++) {
		enum vring_fault fault = VRING_OK;
		static struct fix f;
		uint16_t n = 1;

		if (flags == 0)
			fix_up(&f, &(struct gr_layout){.size = 3, .start = WRAP},
			       FIX_FEATURES(true));
		f.vr.fault = VRING_OK;
		gp_set_slot(&f.gr, 0,
			    (struct vring_packed_desc){RAM_C_ADDR, 8, 7, (uint16_t)flags});
		if (flags & D_INDIRECT)
			fault = VRING_FAULT_INDIRECT;
		else if (flags & D_WRITE)
			fault = VRING_FAULT_DIRECTION;
		if ((flags & (D_AVAIL | D_USED)) != D_AVAIL) {
			fault = VRING_OK;
			n = 0;
		} else if (fault != VRING_OK) {
			n = 0;
		}
		wrong += fix_snapshot(&f, VRING_DEQ) != n || f.vr.fault != fault;
		/* what follows is an empty one, whatever it says of itself */
		wrong += n == 1 && f.b.slots != (flags & D_NEXT ? 2 : 1);
		if (flags == 0xffff)
			fix_down(&f);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

/* The id is the guest's: every value comes back as it is, also twice. */
static void
test_any_id(void)
{
	unsigned int wrong = 0;
	struct fix f;

	fix_up_size(&f, SIZE, FIX_FEATURES(true));
	for (uint32_t id = 0; id < 0x10000; id++) {
		uint16_t at = f.gr.vd.next_avail;
		const struct vring_packed_desc *d = &f.gr.vd.slot[at & 0x7fff];
		const struct vring_packed_desc b = {RAM_C_ADDR, 8, (uint16_t)id, 0};

		gp_push(&f.gr, b, false);
		gp_push(&f.gr, b, false);
		wrong += fix_snapshot(&f, VRING_DEQ) != 2;
		fix_return(&f, 2);
		wrong += d->id != id || (d->flags & (D_AVAIL | D_USED)) != vdriver_used_flags(at);
		wrong += f.gr.vd.slot[vdriver_ahead(&f.gr.vd, at, 1) & 0x7fff].id != id;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	fix_down(&f);
}

/* Flags that the specification does not know change nothing; nor, in a split ring,
 * those of a packed one. */
static void
test_unknown_flags(bool packed)
{
	uint16_t known = D_NEXT | D_WRITE | D_INDIRECT | (packed ? D_AVAIL | D_USED : 0);
	struct fix f;

	fix_up_size(&f, SIZE, FIX_FEATURES(packed));
	fix_post(&f, RAM_C_ADDR, 8, (uint16_t)~known);
	fix_expect_ok(&f, VRING_DEQ, 1);
	fix_expect_seg(&f, 0, RAM_C_ADDR, 8);
	fix_down(&f);
}
BOTH(test_unknown_flags)

/* As long as the ring or the limit of all chains allows, and one longer. */
static void
test_longest_chain(bool packed)
{
	static const uint32_t sizes[] = {2, 3, SIZE, VRING_MAX_CHAIN, 4096};
	static struct vdriver_seg bufs[VRING_MAX_CHAIN + 1];
	struct fix f;

	for (size_t i = 0; i < 5; i++) {
		uint32_t n = sizes[i] < VRING_MAX_CHAIN ? sizes[i] : VRING_MAX_CHAIN;

		if (!packed && sizes[i] == 3)
			continue;
		for (uint32_t k = 0; k <= n; k++)
			bufs[k] = (struct vdriver_seg){RAM_C_ADDR + k, 1, false};
		fix_up(&f, &(struct gr_layout){.size = sizes[i], .start = 1}, FIX_FEATURES(packed));
		CU_ASSERT(gr_add(&f.gr, bufs, n, 0, NULL) >= 0);
		gr_publish(&f.gr);
		fix_expect_ok(&f, VRING_DEQ, 1);
		CU_ASSERT_EQUAL(f.b.nseg, n);
		CU_ASSERT_EQUAL(f.b.chain[0].nseg, n);
		CU_ASSERT_EQUAL(f.b.chain[0].len, n);
		CU_ASSERT_EQUAL(f.b.slots, packed ? n : 1);
		fix_down(&f);
	}
	for (int empty = 0; empty < 2; empty++) {
		for (uint32_t k = 0; k <= VRING_MAX_CHAIN; k++)
			bufs[k].len = empty ? 0 : 1;
		fix_up_size(&f, 4096, FIX_FEATURES(packed));
		fix_good(&f, VRING_DEQ);
		CU_ASSERT(gr_add(&f.gr, bufs, VRING_MAX_CHAIN + 1, 0, NULL) >= 0);
		gr_publish(&f.gr);
		fix_expect_fault(&f, VRING_DEQ, VRING_FAULT_LOOP);
		fix_down(&f);
	}
}
BOTH(test_longest_chain)

/* Every descriptor of the ring says NEXT, with bytes or without. */
static void
test_endless(void)
{
	static const uint32_t sizes[] = {2, 3, SIZE, VRING_MAX_CHAIN, 4096};

	for (size_t i = 0; i < 2 * 5; i++) {
		struct gr_layout l = {.size = sizes[i / 2], .start = 1};
		struct fix f;

		fix_up(&f, &l, FIX_FEATURES(true));
		for (uint32_t k = 0; k < l.size; k++)
			fix_post(&f, RAM_C_ADDR, i % 2, D_NEXT);
		CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 0);
		CU_ASSERT_EQUAL(f.vr.fault, VRING_FAULT_LOOP);
		CU_ASSERT(f.b.ndesc <= VRING_MAX_CHAIN);
		fix_down(&f);
	}
}

/* Fault in the middle: the chains before it can be used and given back. */
static void
test_fault_keeps_batch(bool packed)
{
	uint16_t ids[5];
	struct fix f;

	fix_up_size(&f, SIZE, FIX_FEATURES(packed));
	for (int i = 0; i < 5; i++)
		ids[i] = fix_good(&f, VRING_DEQ);
	if (packed)
		fix_post(&f, RAM_HOLE, 8, 0);
	else
		post_desc(&f, (struct vring_desc){RAM_C_ADDR, 8, D_NEXT, 0x4000});
	fix_good(&f, VRING_DEQ);
	CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 5);
	CU_ASSERT_EQUAL(f.vr.fault, packed ? VRING_FAULT_ADDRESS : VRING_FAULT_NEXT);
	CU_ASSERT_EQUAL(f.b.nchain, 5);
	CU_ASSERT_EQUAL(f.b.nseg, 5);
	for (uint16_t i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(f.b.chain[i].head, ids[i]);
	fix_return(&f, 5);
	for (uint16_t i = 0; i < 5; i++) {
		uint16_t head = 99;
		uint32_t len;

		CU_ASSERT(gr_reap(&f.gr, &head, &len, NULL));
		CU_ASSERT_EQUAL(head, ids[i]);
	}
	CU_ASSERT_EQUAL(fix_reap(&f), 0);
	if (!packed)
		CU_ASSERT_EQUAL(gr_used_idx(&f.gr), 5);
	fix_down(&f);
}
BOTH(test_fault_keeps_batch)

CU_TestInfo chain_tests[] = {
	{"split: loop", test_loop},
	{"split: next beyond the ring", test_next_beyond},
	{"split: next without NEXT is ignored", test_next_unused},
	{"split: head beyond the ring", test_head_beyond},
	{"split: avail index jumps", test_avail_jump},
	{"split: avail index of a full ring, at the wrap", test_avail_full},
	{"packed: what is not available", test_not_available},
	{"packed: flags of any value", test_any_flags},
	{"packed: ids of any value", test_any_id},
	{"packed: a chain that runs into another", test_runs_into_itself},
	{"packed: a chain without end", test_endless},
	BOTH_TESTS("around, from every place", test_around),
	BOTH_TESTS("a full ring, from every place", test_full),
	BOTH_TESTS("unknown descriptor flags", test_unknown_flags),
	BOTH_TESTS("longest chain, and one longer", test_longest_chain),
	BOTH_TESTS("a fault keeps the chains before it", test_fault_keeps_batch),
	CU_TEST_INFO_NULL,
};
