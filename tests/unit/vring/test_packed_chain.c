/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Chains of direct descriptors in a packed ring: good ones in every shape and at
 * every place, and each lie that a guest can tell with them. */

#include <string.h>

#include "fixture.h"

#define SIZE 16u
#define FEAT (F_VERSION_1 | F_PACKED)

static void
bad_desc(enum vring_dir dir, struct vring_packed_desc d, enum vring_fault fault)
{
	struct fix f;

	/* slot 0 with counter 0 would be a ring that nobody has used */
	fix_up(&f, &(struct gr_layout){.size = SIZE, .start = 0x8000 | (SIZE - 1)}, FEAT);
	fix_good(&f, dir);
	gp_push(&f.gr, d, false);
	fix_expect_packed_fault(&f, dir, fault);
	fix_down(&f);
}

/* Chains of 1 to `most` descriptors, until the ring was gone through some times. */
static void
around(uint32_t size, uint16_t start, uint32_t most, uint32_t chains, uint64_t features)
{
	struct gr_layout l = {.size = size, .start = start};
	static struct vdriver_seg bufs[SIZE];
	unsigned int wrong = 0;
	struct fix f;

	fix_up(&f, &l, FEAT | features);
	for (uint32_t c = 0; c < chains; c++) {
		uint32_t n = 1 + c % most, len;
		uint16_t want, got = 0;
		int id;

		for (uint32_t k = 0; k < n; k++)
			bufs[k] = (struct vdriver_seg){RAM_C_ADDR + 16 * k, 1 + (c + k) % 16,
						       c % 2};
		id = gr_add(&f.gr, bufs, n, 0, NULL);
		want = vdriver_ahead(&f.gr.vd, vring_position(&f.vr), n);
		wrong += id < 0 || fix_snapshot(&f, c % 2 ? VRING_ENQ : VRING_DEQ) != 1;
		wrong += f.b.nseg != n || f.b.slots != n || f.b.chain[0].head != id;
		for (uint32_t k = 0; k < n && k < f.b.nseg; k++)
			wrong += f.b.seg[k].len != bufs[k].len;
		f.b.chain[0].len = c % 2 ? bufs[0].len : 0;
		vring_ring_return(&f.vr, &f.b, 1, true);
		wrong += vring_position(&f.vr) != want;
		wrong += !gr_reap(&f.gr, &got, &len, NULL) || got != id;
		wrong += len != (c % 2 ? bufs[0].len : 0) || gr_reap(&f.gr, &got, &len, NULL);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(f.vr.fault, VRING_OK);
	fix_down(&f);
}

static void
test_around(void)
{
	static const uint32_t sizes[] = {2, 3, 4, 7, SIZE, 100};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t most = sizes[i] < SIZE ? sizes[i] : SIZE;

		for (uint32_t slot = 0; slot < sizes[i]; slot++)
			for (uint32_t wrap = 0; wrap <= 0x8000; wrap += 0x8000)
				around(sizes[i], (uint16_t)(slot | wrap), most, 5 * most,
				       slot % 2 ? F_IN_ORDER : 0);
	}
	around(32768, 0x8000, 7, 40000, 0);
	around(32768, 32767, 1, 70000, 0);
	around(32767, 0x8000 | 32766, 5, 20000, F_IN_ORDER);
}

/* As many at once as the ring holds, over its end at every place. */
static void
test_full(void)
{
	for (uint32_t slot = 0; slot < 2 * SIZE; slot++) {
		struct gr_layout l = {
			.size = SIZE,
			.start = (uint16_t)(slot % SIZE | (slot < SIZE ? 0 : 0x8000))};
		struct fix f;
		uint16_t id;
		uint32_t len, n = 0;

		fix_up(&f, &l, FEAT);
		fix_expect_ok(&f, VRING_DEQ, 0);
		for (unsigned int i = 0; i < SIZE; i++)
			fix_good(&f, VRING_DEQ);
		fix_expect_ok(&f, VRING_DEQ, SIZE);
		CU_ASSERT_EQUAL(f.b.slots, SIZE);
		/* some of it, then the rest */
		fix_return(&f, 1 + slot % SIZE);
		while (gr_reap(&f.gr, &id, &len, NULL))
			n++;
		CU_ASSERT_EQUAL(n, 1 + slot % SIZE);
		fix_expect_ok(&f, VRING_DEQ, (uint16_t)(SIZE - n));
		if (n < SIZE)
			fix_return(&f, (uint16_t)(SIZE - n));
		while (gr_reap(&f.gr, &id, &len, NULL))
			n++;
		CU_ASSERT_EQUAL(n, SIZE);
		CU_ASSERT_EQUAL(vring_position(&f.vr), l.start ^ 0x8000);
		fix_down(&f);
	}
}

/* Only one of the four values of AVAIL and USED says that it is ours. */
static void
test_not_available(void)
{
	for (uint32_t i = 0; i < 4 * 2 * SIZE; i++) {
		struct gr_layout l = {.size = SIZE,
				      .start = (uint16_t)(i / 4 % SIZE | (i & 1 ? 0x8000 : 0))};
		uint16_t both = (uint16_t)((i & 2 ? D_AVAIL : 0) | (i / 4 >= SIZE ? D_USED : 0));
		struct fix f;
		uint16_t at;

		fix_up(&f, &l, FEAT);
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
			fix_up(&f, &(struct gr_layout){.size = 3, .start = 0x8000}, FEAT);
		f.vr.fault = VRING_OK;
		gp_set_slot(&f.gr, 0,
			    (struct vring_packed_desc){RAM_C_ADDR, 8, 7, (uint16_t)flags});
		if (flags & D_INDIRECT)
			fault = VRING_F_INDIRECT;
		else if (flags & D_WRITE)
			fault = VRING_F_DIRECTION;
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

	fix_up_size(&f, SIZE, FEAT);
	for (uint32_t id = 0; id < 0x10000; id++) {
		uint16_t at = f.gr.vd.next_avail;
		const struct vring_packed_desc *d = &f.gr.vd.slot[at & 0x7fff];

		gp_push(&f.gr, (struct vring_packed_desc){RAM_C_ADDR, 8, (uint16_t)id, 0}, false);
		gp_push(&f.gr, (struct vring_packed_desc){RAM_C_ADDR, 8, (uint16_t)id, 0}, false);
		wrong += fix_snapshot(&f, VRING_DEQ) != 2;
		fix_return(&f, 2);
		wrong += d->id != id || (d->flags & (D_AVAIL | D_USED)) != vdriver_used_flags(at);
		wrong += f.gr.vd.slot[vdriver_ahead(&f.gr.vd, at, 1) & 0x7fff].id != id;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	fix_down(&f);
}

static void
test_direction(void)
{
	for (int dir = VRING_DEQ; dir <= VRING_ENQ; dir++) {
		uint16_t right = dir == VRING_ENQ ? D_WRITE : 0;
		struct fix f;

		bad_desc(dir, (struct vring_packed_desc){RAM_C_ADDR, 8, 1, right ^ D_WRITE},
			 VRING_F_DIRECTION);
		/* an empty buffer has a direction, too */
		bad_desc(dir, (struct vring_packed_desc){RAM_C_ADDR, 0, 1, right ^ D_WRITE},
			 VRING_F_DIRECTION);
		fix_up_size(&f, SIZE, FEAT);
		fix_good(&f, dir);
		gp_push(&f.gr, (struct vring_packed_desc){RAM_C_ADDR, 8, 1, right | D_NEXT}, false);
		gp_push(&f.gr, (struct vring_packed_desc){RAM_C_ADDR, 8, 1, right ^ D_WRITE},
			false);
		fix_expect_packed_fault(&f, dir, VRING_F_DIRECTION);
		fix_down(&f);
	}
}

static void
test_address_outside(void)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
	} bad[] = {
		{0, 1},                                    /* below the first region */
		{RAM_A_ADDR - 1, 1},                       /* the byte before it */
		{RAM_A_ADDR - 1, 2},                       /* runs into it */
		{RAM_HOLE, 1},                             /* the first byte of the hole */
		{RAM_HOLE - 8, 9},                         /* past a region's end into the hole */
		{RAM_D_ADDR + RAM_SIZE - 1, 2},            /* past the last region */
		{RAM_D_ADDR & 0xffffffff, 1},              /* the high region's address, cut */
		{RAM_C_ADDR, 0xffffffff},                  /* far too long */
		{RAM_A_ADDR, 2 * RAM_SIZE + 1},            /* across two regions and past both */
		{UINT64_MAX, 1},                           /* the last address there is */
		{UINT64_MAX - 7, 16},                      /* wraps */
		{UINT64_MAX - RAM_A_ADDR + 2, 0xffffffff}, /* wraps into memory */
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bad_desc(VRING_DEQ, (struct vring_packed_desc){bad[i].addr, bad[i].len, 1, 0},
			 VRING_F_ADDRESS);
		bad_desc(VRING_ENQ, (struct vring_packed_desc){bad[i].addr, bad[i].len, 1, D_WRITE},
			 VRING_F_ADDRESS);
	}
}

/* Bytes at each region's edges, across two of them, and none at all at any
 * address. */
static void
test_buffers(void)
{
	struct vdriver_seg bufs[] = {
		{RAM_A_ADDR, 1, true},
		{UINT64_MAX, 0, true},
		{RAM_B_ADDR - 10, 30, true},
		{RAM_HOLE - 1, 1, true},
		{RAM_HOLE, 0, true},
		{RAM_D_ADDR, RAM_SIZE, true},
		{0, 0, true},
	};
	struct vdriver_seg none = {RAM_HOLE, 0, true};
	struct fix f;

	fix_up(&f, &(struct gr_layout){.size = SIZE, .start = SIZE - 3}, FEAT);
	CU_ASSERT(gr_add(&f.gr, bufs, 7, 0, NULL) >= 0);
	CU_ASSERT(gr_add(&f.gr, &none, 1, 0, NULL) >= 0);
	fix_expect_ok(&f, VRING_ENQ, 2);
	CU_ASSERT_EQUAL(f.b.nseg, 5);
	fix_expect_seg(&f, 0, RAM_A_ADDR, 1);
	fix_expect_seg(&f, 1, RAM_B_ADDR - 10, 10);
	fix_expect_seg(&f, 2, RAM_B_ADDR, 20);
	fix_expect_seg(&f, 3, RAM_HOLE - 1, 1);
	fix_expect_seg(&f, 4, RAM_D_ADDR, RAM_SIZE);
	CU_ASSERT_EQUAL(f.b.chain[0].len, 32 + RAM_SIZE);
	CU_ASSERT_EQUAL(f.b.chain[1].nseg, 0);
	CU_ASSERT_EQUAL(f.b.chain[1].len, 0);
	CU_ASSERT_EQUAL(f.b.slots, 8);
	fix_down(&f);
}

/* As long as the ring or the limit allows; and one that never ends: every
 * descriptor of the ring says NEXT, with bytes or without. */
static void
test_longest(void)
{
	static const uint32_t sizes[] = {2, 3, SIZE, VRING_MAX_CHAIN, 4096};
	static struct vdriver_seg bufs[VRING_MAX_CHAIN];

	for (size_t i = 0; i < 5; i++) {
		uint32_t n = sizes[i] < VRING_MAX_CHAIN ? sizes[i] : VRING_MAX_CHAIN;
		struct gr_layout l = {.size = sizes[i], .start = 1};
		struct fix f;

		for (uint32_t k = 0; k < n; k++)
			bufs[k] = (struct vdriver_seg){RAM_C_ADDR + k, 1, false};
		fix_up(&f, &l, FEAT);
		CU_ASSERT(gr_add(&f.gr, bufs, n, 0, NULL) >= 0);
		fix_expect_ok(&f, VRING_DEQ, 1);
		CU_ASSERT_EQUAL(f.b.nseg, n);
		CU_ASSERT_EQUAL(f.b.slots, n);
		fix_down(&f);
		for (uint32_t len = 0; len < 2; len++) {
			fix_up(&f, &l, FEAT);
			for (uint32_t k = 0; k < sizes[i]; k++)
				gp_push(&f.gr,
					(struct vring_packed_desc){RAM_C_ADDR, len, 1, D_NEXT},
					false);
			CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 0);
			CU_ASSERT_EQUAL(f.vr.fault, VRING_F_LOOP);
			CU_ASSERT(f.b.ndesc <= VRING_MAX_CHAIN);
			fix_down(&f);
		}
	}
}

/* A chain that goes on into one that is before it in the same batch. */
static void
test_runs_into_itself(void)
{
	struct fix f;

	fix_up_size(&f, SIZE, FEAT);
	fix_good(&f, VRING_DEQ);
	for (uint32_t k = 0; k < SIZE - 1; k++)
		gp_push(&f.gr, (struct vring_packed_desc){RAM_C_ADDR, 8, 1, D_NEXT}, false);
	fix_expect_packed_fault(&f, VRING_DEQ, VRING_F_LOOP);
	fix_down(&f);
}

static void
test_full_batch(void)
{
	struct fix f;

	fix_up_size(&f, 1000, FEAT);
	for (uint32_t i = 0; i < 1000; i++)
		fix_good(&f, VRING_DEQ);
	for (uint32_t left = 1000; left > 0;) {
		uint16_t n = left < VRING_BATCH ? (uint16_t)left : VRING_BATCH;

		vring_batch_begin(&f.b);
		/* in two steps: the second goes behind the first */
		CU_ASSERT_EQUAL(vring_ring_snapshot(&f.vr, VRING_DEQ, &f.b, 10, true), 10);
		CU_ASSERT_FALSE(f.b.full);
		CU_ASSERT_EQUAL(vring_ring_snapshot(&f.vr, VRING_DEQ, &f.b, 1000, true), n - 10);
		CU_ASSERT_EQUAL(f.b.full, left > VRING_BATCH);
		CU_ASSERT_EQUAL(f.b.nchain, n);
		CU_ASSERT_EQUAL(f.b.slots, n);
		fix_return(&f, n);
		left -= n;
	}
	CU_ASSERT_EQUAL(f.vr.fault, VRING_OK);
	fix_down(&f);
}

/* Three chains of 500 pieces: two fit into a batch, the third comes with the next
 * one; cut() forgets one of them. */
static void
test_pieces_run_out(void)
{
	static struct vdriver_seg bufs[500];
	struct fix f;
	uint16_t id;
	uint32_t len;

	fix_up(&f, &(struct gr_layout){.size = 1600, .start = 1400}, FEAT);
	for (uint32_t k = 0; k < 500; k++)
		bufs[k] = (struct vdriver_seg){RAM_C_ADDR + 2 * k, 1 + k % 2, false};
	for (int i = 0; i < 3; i++)
		CU_ASSERT(gr_add(&f.gr, bufs, 500, 0, NULL) >= 0);
	fix_expect_ok(&f, VRING_DEQ, 2);
	CU_ASSERT_TRUE(f.b.full);
	CU_ASSERT_EQUAL(f.b.nseg, 1000);
	vring_batch_cut(&f.b, 1);
	CU_ASSERT_EQUAL(f.b.slots, 500);
	CU_ASSERT_EQUAL(f.b.nseg, 500);
	fix_return(&f, 1);
	CU_ASSERT(gr_reap(&f.gr, &id, &len, NULL) && !gr_reap(&f.gr, &id, &len, NULL));
	fix_expect_ok(&f, VRING_DEQ, 2);
	fix_return(&f, 2);
	for (int i = 0; i < 2; i++)
		CU_ASSERT(gr_reap(&f.gr, &id, &len, NULL));
	CU_ASSERT_EQUAL(vring_position(&f.vr), 1300 | 0x8000);
	fix_down(&f);
}

CU_TestInfo packed_chain_tests[] = {
	{"around, from every place", test_around},
	{"a full ring, from every place", test_full},
	{"what is not available", test_not_available},
	{"flags of any value", test_any_flags},
	{"ids of any value", test_any_id},
	{"wrong direction", test_direction},
	{"address outside, past an end, wrapping", test_address_outside},
	{"buffers at edges, across regions, empty", test_buffers},
	{"longest chain, and one without end", test_longest},
	{"a chain that runs into another", test_runs_into_itself},
	{"batch is full", test_full_batch},
	{"batch runs out of pieces", test_pieces_run_out},
	CU_TEST_INFO_NULL,
};
