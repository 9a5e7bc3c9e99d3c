/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Random rings, chains and packets through the reference backend, every byte
 * compared, both ways.  The seed is printed; VRING_SEED= runs another. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "fixture.h"

#define SLOTS 256u      /* chains in flight */
#define SLOT_SIZE 4096u /* memory of one chain */
#define CANARY 0xee
#define MAX_BUFS 40u
#define PACKETS 32u /* in one burst */

struct slot {
	bool busy;
	uint64_t addr, table;
	uint32_t seq; /* deq: packet that it holds */
	uint32_t n;
	struct vdriver_seg buf[MAX_BUFS];
};

struct run {
	struct fix f;
	struct rnd r;
	enum vring_dir dir;
	bool indirect;
	uint32_t max_bufs;   /* of one chain */
	uint32_t max_packet; /* header included */
	uint32_t chains;     /* gone through so far */
	uint32_t sent, received;
	uint32_t errors;
	struct slot slot[SLOTS];
};

static uint8_t noise[0x20000 + BE_PACKET_MAX];
static struct be_packet packets[PACKETS];

static uint64_t
seed(void)
{
	const char *s = getenv("VRING_SEED");

	return s ? strtoull(s, NULL, 0) : 20260101;
}

/* Packet number seq, header included: length and bytes follow from the number. */
static const uint8_t *
packet(const struct run *t, uint32_t seq, uint32_t *len)
{
	struct rnd r = {seq * 2654435761ull + 88172645463325252ull};

	rnd(&r);
	*len = t->f.vr.hdr_len + 1 + rnd_below(&r, t->max_packet - t->f.vr.hdr_len);
	return noise + (seq * 7919 & 0x1ffff);
}

static struct slot *
free_slot(struct run *t)
{
	uint32_t from = rnd_below(&t->r, SLOTS);

	for (uint32_t i = 0; i < SLOTS; i++) {
		struct slot *s = &t->slot[(from + i) % SLOTS];

		if (!s->busy)
			return s;
	}
	return NULL;
}

/* Cuts len bytes into buffers with gaps of up to 15 bytes; some are empty. */
static void
cut(struct run *t, struct slot *s, uint32_t len)
{
	uint32_t n = 1 + rnd_below(&t->r, t->max_bufs), at = rnd_below(&t->r, 16);

	s->n = n;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t part = len;

		if (i + 1 < n)
			part = rnd_below(&t->r, 4) ? rnd_below(&t->r, len + 1)
						   : rnd_below(&t->r, len < 4 ? len + 1 : 4);
		s->buf[i] = (struct vdriver_seg){s->addr + at, part, t->dir == VRING_ENQ};
		if (part == 0 && rnd_below(&t->r, 2))
			s->buf[i].addr = UINT64_MAX - rnd_below(&t->r, 3);
		at += part + rnd_below(&t->r, 16);
		len -= part;
	}
}

static uint64_t
flat_copy(struct run *t, const struct slot *s, const uint8_t *from, uint32_t len)
{
	uint32_t done = 0;

	for (uint32_t i = 0; i < s->n && done < len; i++) {
		uint32_t part = s->buf[i].len < len - done ? s->buf[i].len : len - done;

		if (part > 0)
			ram_write(t->f.gr.ram, s->buf[i].addr, from + done, part);
		done += part;
	}
	return done;
}

/* One more chain; false when the ring or the memory is full. */
static bool
post(struct run *t)
{
	struct slot *s = free_slot(t);
	bool mixed = t->indirect && rnd_below(&t->r, 8) == 0;
	const uint8_t *data = NULL;
	uint32_t len;
	int head;

	if (!s)
		return false;
	if (t->dir == VRING_DEQ)
		data = packet(t, t->sent, &len);
	else if (t->f.vr.mergeable)
		len = 256 + rnd_below(&t->r, 2000);
	else
		len = t->max_packet + rnd_below(&t->r, 100);
	cut(t, s, len);
	if (mixed && s->n > 1 && !t->f.vr.packed)
		head = gr_add_mixed(&t->f.gr, s->buf, s->n, s->table, s);
	else
		head = gr_add(&t->f.gr, s->buf, s->n,
			      t->indirect && rnd_below(&t->r, 4) ? s->table : 0, s);
	if (head < 0)
		return false;
	if (t->dir == VRING_DEQ) {
		flat_copy(t, s, data, len);
		s->seq = t->sent++;
	} else {
		ram_fill(t->f.gr.ram, s->addr, CANARY, SLOT_SIZE);
	}
	s->busy = true;
	return true;
}

static void
deq_round(struct run *t)
{
	unsigned int n = be_deq(&t->f.vr, packets, 1 + rnd_below(&t->r, PACKETS));

	for (unsigned int i = 0; i < n; i++) {
		uint32_t len;
		const uint8_t *data = packet(t, t->received++, &len);

		t->errors += packets[i].len != len || memcmp(packets[i].data, data, len) != 0;
	}
}

/* What the guest gets back of a transmitted chain: in order, of no length. */
static void
deq_reap(struct run *t, uint32_t *seq)
{
	uint16_t head;
	uint32_t len;
	void *cookie;

	while (gr_reap(&t->f.gr, &head, &len, &cookie)) {
		struct slot *s = cookie;

		t->errors += len != 0 || s->seq != (*seq)++;
		s->busy = false;
		t->chains++;
	}
}

static void
enq_round(struct run *t)
{
	unsigned int n = 1 + rnd_below(&t->r, 8);

	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *data = packet(t, t->sent + i, &packets[i].len);

		memcpy(packets[i].data, data, packets[i].len);
	}
	t->sent += be_enq(&t->f.vr, packets, n);
}

/* The whole memory of the chain is as it was posted, but for these bytes. */
static void
check_slot(struct run *t, struct slot *s, const uint8_t *data, uint32_t len)
{
	static uint8_t want[SLOT_SIZE], got[SLOT_SIZE];
	uint32_t done = 0;

	memset(want, CANARY, sizeof(want));
	for (uint32_t i = 0; i < s->n && done < len; i++) {
		uint32_t part = s->buf[i].len < len - done ? s->buf[i].len : len - done;

		if (part > 0)
			memcpy(want + (s->buf[i].addr - s->addr), data + done, part);
		done += part;
	}
	ram_read(t->f.gr.ram, s->addr, got, sizeof(got));
	t->errors += done != len || memcmp(want, got, sizeof(want)) != 0;
	s->busy = false;
	t->chains++;
}

static void
enq_reap(struct run *t)
{
	static uint8_t want[BE_PACKET_MAX];
	uint32_t part, total, done;
	uint16_t head, count;
	void *cookie;

	while (gr_reap(&t->f.gr, &head, &part, &cookie)) {
		const uint8_t *data = packet(t, t->received++, &total);
		const struct slot *s = cookie;
		uint8_t nb[2] = {1, 0};
		uint32_t at = 0;

		memcpy(want, data, total);
		/* num_buffers, wherever the header's bytes 10 and 11 ended up */
		for (uint32_t i = 0; i < s->n && t->f.vr.hdr_len == 12; i++) {
			for (uint32_t k = 0; k < s->buf[i].len && at < 12; k++, at++)
				if (at >= 10)
					ram_read(t->f.gr.ram, s->buf[i].addr + k, &nb[at - 10], 1);
		}
		count = (uint16_t)(nb[0] | nb[1] << 8);
		if (t->f.vr.hdr_len == 12)
			memcpy(want + 10, nb, 2);
		t->errors += count == 0 || (!t->f.vr.mergeable && count != 1);
		check_slot(t, cookie, want, part);
		done = part;
		while (count-- > 1) {
			/* all of a packet is there at once */
			if (!gr_reap(&t->f.gr, &head, &part, &cookie)) {
				t->errors++;
				break;
			}
			check_slot(t, cookie, want + done, part);
			done += part;
		}
		t->errors += done != total;
	}
}

static void
set_up(struct run *t, const struct gr_layout *l, uint64_t features, enum vring_dir dir)
{
	uint32_t rooms;

	fix_up(&t->f, l, features);
	vdriver_shuffle(&t->f.gr.vd, rnd(&t->r));
	t->dir = dir;
	t->indirect = features & F_INDIRECT;
	t->max_bufs = l->size < 8 ? 1 : l->size < 64 ? l->size / 4 : 16;
	rooms = l->size / t->max_bufs;
	t->max_packet = 3000;
	if (dir == VRING_ENQ && t->f.vr.mergeable)
		t->max_packet = 256 * (rooms < 24 ? rooms : 24);
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct slot *s = &t->slot[i];

		/* half of them around the border of two regions */
		s->addr = i % 2 ? RAM_D_ADDR + RAM_SIZE / 2 + i / 2 * SLOT_SIZE
				: RAM_B_ADDR - SLOTS / 4 * SLOT_SIZE - SLOT_SIZE / 2 +
					  i / 2 * SLOT_SIZE;
		s->table = RAM_C_ADDR + RAM_SIZE / 2 + i * MAX_BUFS * 16;
	}
}

static void
noise_make(uint64_t s)
{
	struct rnd r = {s};

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)rnd(&r);
}

static void
run(struct rnd *r, const struct gr_layout *l, uint64_t features, enum vring_dir dir,
    uint32_t chains)
{
	static struct run t;
	uint32_t seq = 0, rounds = 0;

	memset(&t, 0, sizeof(t));
	t.r = *r;
	set_up(&t, l, features, dir);
	while (t.chains < chains && t.errors == 0 && t.f.vr.fault == VRING_OK &&
	       t.f.gr.errors == 0 && rounds++ < 8 * chains) {
		for (uint32_t n = rnd_below(&t.r, 40); n > 0 && post(&t); n--)
			;
		gr_publish(&t.f.gr);
		if (t.f.vr.packed)
			gp_set_event(&t.f.gr, (uint16_t)rnd(&t.r), (uint16_t)rnd_below(&t.r, 5));
		else if (t.f.vr.event_idx)
			gr_set_used_event(&t.f.gr, (uint16_t)rnd(&t.r));
		else
			gr_set_no_interrupt(&t.f.gr, (uint16_t)rnd(&t.r));
		if (dir == VRING_DEQ)
			deq_round(&t);
		else
			enq_round(&t);
		if (rnd_below(&t.r, 3) == 0)
			continue;
		if (dir == VRING_DEQ)
			deq_reap(&t, &seq);
		else
			enq_reap(&t);
	}
	CU_ASSERT_EQUAL(t.errors, 0);
	CU_ASSERT_EQUAL(t.f.vr.fault, VRING_OK);
	CU_ASSERT(t.chains >= chains && t.received > 0);
	/* the rest comes back, and both are at the same place */
	if (dir == VRING_DEQ)
		deq_reap(&t, &seq);
	else
		enq_reap(&t);
	CU_ASSERT_EQUAL(vring_position(&t.f.vr), t.f.gr.vd.next_used);
	if (t.errors || t.f.vr.fault || t.chains < chains)
		fprintf(stderr, "\n    %s, size %u, %s, features 0x%llx: %s after %u chains\n",
			dir == VRING_DEQ ? "deq" : "enq", l->size,
			features & F_PACKED ? "packed"
			: l->legacy         ? "legacy"
					    : "modern",
			(unsigned long long)features, vring_fault_text(t.f.vr.fault), t.chains);
	fix_down(&t.f);
	*r = t.r;
}

static void
all_features(enum vring_dir dir)
{
	struct rnd r = {seed()};

	printf("(seed %llu) ", (unsigned long long)r.s);
	noise_make(r.s);
	for (unsigned int i = 0; i < 96; i++) {
		uint64_t features = (i & 1 ? F_EVENT_IDX : 0) | (i & 2 ? F_INDIRECT : 0) |
				    (i & 4 ? F_MRG_RXBUF : 0) | (i & 8 ? F_VERSION_1 : 0) |
				    (i & 32 ? F_IN_ORDER : 0);
		struct gr_layout l = {.size = 2u << rnd_below(&r, 10),
				      .start = (uint16_t)(rnd(&r)),
				      .legacy = !(i & 8),
				      .region = rnd_below(&r, RAM_REGIONS)};

		run(&r, &l, features, dir, 2500);
		if (!(i & 8))
			continue;
		/* a packed ring may have any size */
		l.size = 2 + rnd_below(&r, i & 16 ? 300 : 30);
		l.start = (uint16_t)(rnd_below(&r, l.size) | (rnd(&r) & WRAP));
		run(&r, &l, features | F_PACKED, dir, 2500);
	}
}

static void
test_deq(void)
{
	all_features(VRING_DEQ);
}

static void
test_enq(void)
{
	all_features(VRING_ENQ);
}

/* Every size, and the 16-bit indices twice around. */
static void
test_wrap(void)
{
	struct rnd r = {seed() ^ 0x5555};
	struct gr_layout l = {.size = 256};

	noise_make(r.s);
	run(&r, &l, F_VERSION_1 | F_INDIRECT | F_EVENT_IDX, VRING_DEQ, 140000);
	run(&r, &l, F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT, VRING_ENQ, 140000);
	run(&r, &l, F_VERSION_1 | F_PACKED | F_INDIRECT | F_EVENT_IDX, VRING_DEQ, 70000);
	for (l.size = 2; l.size <= 1024; l.size *= 2) {
		l.start = (uint16_t)(0 - l.size);
		run(&r, &l, F_VERSION_1 | F_MRG_RXBUF, VRING_ENQ, 3 * l.size);
		run(&r, &l, F_VERSION_1, VRING_DEQ, 3 * l.size);
	}
	for (l.size = 2; l.size <= 40; l.size++) {
		l.start = (uint16_t)(l.size - 1);
		run(&r, &l, F_VERSION_1 | F_PACKED | F_MRG_RXBUF, VRING_ENQ, 8 * l.size);
		run(&r, &l, F_VERSION_1 | F_PACKED | F_IN_ORDER, VRING_DEQ, 8 * l.size);
	}
}

/* A packet of 64 KiB, in as many receive buffers as it takes, and back. */
static void
test_64k(void)
{
	const uint32_t len = 12 + 65535, room = 2304;
	struct vdriver_seg bufs[30];
	struct fix f;
	uint32_t part, done = 0;
	uint16_t head;

	noise_make(seed());
	for (int i = 0; i < 30; i++)
		bufs[i] = (struct vdriver_seg){RAM_B_ADDR - 10000 + i * room, room, true};
	fix_up_size(&f, 64, F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT);
	for (int i = 0; i < 30; i++)
		CU_ASSERT(gr_add(&f.gr, &bufs[i], 1, 0, NULL) >= 0);
	gr_publish(&f.gr);
	packets[0].len = len;
	memcpy(packets[0].data, noise, len);
	CU_ASSERT_EQUAL(be_enq(&f.vr, packets, 1), 1);
	while (gr_reap(&f.gr, &head, &part, NULL))
		done += part;
	CU_ASSERT_EQUAL(done, len);
	CU_ASSERT_EQUAL(f.vr.last_used, 29);
	ram_read(&fix_ram, bufs[0].addr, packets[1].data, len);
	CU_ASSERT_EQUAL(packets[1].data[10], 29);
	CU_ASSERT_EQUAL(packets[1].data[11], 0);
	CU_ASSERT_EQUAL(memcmp(packets[1].data, noise, 10), 0);
	CU_ASSERT_EQUAL(memcmp(packets[1].data + 12, noise + 12, len - 12), 0);
	fix_down(&f);

	/* the same memory as one transmitted chain */
	fix_up_size(&f, 64, F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT);
	for (int i = 0; i < 30; i++)
		bufs[i].write = false;
	bufs[28].len = len - 28 * room;
	CU_ASSERT(gr_add(&f.gr, bufs, 29, RAM_C_ADDR, NULL) >= 0);
	gr_publish(&f.gr);
	CU_ASSERT_EQUAL(be_deq(&f.vr, packets, 1), 1);
	CU_ASSERT_EQUAL(packets[0].len, len);
	CU_ASSERT_EQUAL(memcmp(packets[0].data, packets[1].data, len), 0);
	fix_down(&f);
}

CU_TestInfo random_tests[] = {
	{"guest to host", test_deq}, {"host to guest", test_enq},
	{"indices wrap", test_wrap}, {"64 KiB in one packet", test_64k},
	CU_TEST_INFO_NULL,
};
