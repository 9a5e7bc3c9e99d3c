/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Forty plain chains, and one bad or odd descriptor among them, at each place of
 * a batch: where every fast path must notice, and end or go another way. */

#include <string.h>

#include "model.h"
#include "packets.h"
#include "tests.h"

#define CHAINS 40u
#define PLACES 32u
#define ROOM 1526u

/* What becomes of the chain. */
enum fate {
	FINE,    /* it is odd, and fine; g->p[] says what it is now */
	WAITS,   /* it is not there yet: those before it are used */
	REFUSED, /* the guest broke the ring; those before it are used */
};

struct edge {
	const char *name;
	void (*make)(struct test_case *c, uint32_t k, uint64_t with);
	uint64_t with;
	enum fate fate;
	enum vring_fault fault[2]; /* deq, enq */
	uint64_t features;         /* that it needs */
	char only;                 /* 's'plit, 'p'acked; 'd'eq */
};
#define BOTH(f)      \
	REFUSED,     \
	{            \
		f, f \
	}

static void
set(struct test_case *c, uint32_t k, uint64_t addr, uint32_t len)
{
	struct raw *d = ring_desc(&c->ring, k);
	struct posted *p = &c->ring.p[k];

	d->addr = addr;
	d->len = len;
	p->buf[0] = (struct buf){addr, len};
	p->bytes = len;
}

static void
with_addr(struct test_case *c, uint32_t k, uint64_t addr)
{
	set(c, k, addr, c->ring.p[k].bytes);
}

static void
with_len(struct test_case *c, uint32_t k, uint64_t len)
{
	/* the start of a region, with nothing else in it */
	set(c, k, c->spare, (uint32_t)len);
}

static void
with_frame(struct test_case *c, uint32_t k, uint64_t len)
{
	with_len(c, k, len + (c->features & (F_MRG_RXBUF | F_VERSION_1) ? 12 : 10));
}

static void
empty_at(struct test_case *c, uint32_t k, uint64_t addr)
{
	set(c, k, addr, 0);
}

static void
wraps_into(struct test_case *c, uint32_t k, uint64_t back)
{
	set(c, k, 0 - back, (uint32_t)(RAM_A_ADDR + 4096));
}

/* Its last byte is the last one before `end`. */
static void
up_to(struct test_case *c, uint32_t k, uint64_t end)
{
	with_addr(c, k, end - c->ring.p[k].bytes);
}

static void
flip_flags(struct test_case *c, uint32_t k, uint64_t mask)
{
	*ring_flags(&c->ring, ring_desc(&c->ring, k)) ^= (uint16_t)mask;
}

static void
entry(struct test_case *c, uint32_t k, uint64_t beyond)
{
	*ring_avail_entry(&c->ring, k) = (uint16_t)(c->size + beyond);
}

/* The entry of the chain before it, once more. */
static void
again(struct test_case *c, uint32_t k, uint64_t unused)
{
	uint32_t from = k > 0 ? k - 1 : k + 1;

	(void)unused;
	*ring_avail_entry(&c->ring, k) = *ring_avail_entry(&c->ring, from);
	c->ring.p[k] = c->ring.p[from];
}

static void
next_is(struct test_case *c, uint32_t k, uint64_t beyond)
{
	struct raw *d = ring_desc(&c->ring, k);

	d->word[0] |= D_NEXT;
	d->word[1] = (uint16_t)(c->size + beyond);
}

static void
next_self(struct test_case *c, uint32_t k, uint64_t unused)
{
	(void)unused;
	next_is(c, k, c->ring.p[k].id - (uint64_t)c->size);
}

/* A second buffer in a descriptor that is free. */
static void
two_split(struct test_case *c, uint32_t k, uint64_t len)
{
	struct ring *g = &c->ring;
	struct posted *p = &g->p[k];
	uint16_t second = g->gr.vd.free[g->gr.vd.free_head];
	struct raw *d = ram_ptr(&worlds[0].ram, g->cfg.addr.desc + 16ull * second);

	next_is(c, k, second - (uint64_t)c->size);
	*d = (struct raw){c->spare, (uint32_t)len, {g->write ? D_WRITE : 0, 0xffff}};
	p->buf[p->n++] = (struct buf){d->addr, d->len};
	p->bytes += d->len;
}

/* Together with the chain behind it. */
static void
two_packed(struct test_case *c, uint32_t k, uint64_t unused)
{
	struct ring *g = &c->ring;
	struct posted *p = &g->p[k];

	(void)unused;
	ring_desc(g, k)->word[1] |= D_NEXT;
	p->id = p[1].id;
	p->slots = 2;
	p->buf[1] = p[1].buf[0];
	p->n = 2;
	p->bytes += p[1].bytes;
	memmove(p + 1, p + 2, (g->n - k - 2) * sizeof(*p));
	g->n--;
}

/* A good table of two, and what the descriptor says beside it. */
static void
table(struct test_case *c, uint32_t k, uint64_t len)
{
	struct ring *g = &c->ring;
	struct posted *p = &g->p[k];
	uint16_t dir = g->write ? D_WRITE : 0;
	struct raw e[2] = {{c->spare + 4096, 700, {dir, 1}}, {c->spare + 8192, 900, {dir, 0}}};

	if (g->packed) {
		e[0].word[1] = dir;
		e[1].word[1] = dir;
	} else {
		e[0].word[0] |= D_NEXT;
	}
	ram_write(&worlds[0].ram, c->spare, e, sizeof(e));
	set(c, k, c->spare, (uint32_t)len);
	*ring_flags(g, ring_desc(g, k)) ^= dir | D_INDIRECT;
	p->n = 2;
	p->bytes = 1600;
	p->buf[0] = (struct buf){e[0].addr, e[0].len};
	p->buf[1] = (struct buf){e[1].addr, e[1].len};
}

static void
table_nested(struct test_case *c, uint32_t k, uint64_t unused)
{
	struct raw *e;

	(void)unused;
	table(c, k, 32);
	e = ram_ptr(&worlds[0].ram, c->spare + 16);
	*ring_flags(&c->ring, e) |= D_INDIRECT;
}

static void
table_next(struct test_case *c, uint32_t k, uint64_t unused)
{
	(void)unused;
	table(c, k, 32);
	flip_flags(c, k, D_NEXT);
}

static void
table_at(struct test_case *c, uint32_t k, uint64_t addr)
{
	table(c, k, 32);
	ring_desc(&c->ring, k)->addr = addr;
}

static const struct edge edges[] = {
	{"nothing odd", with_frame, 1514, FINE, {0}, 0, 0},
	/* addresses */
	{"in the hole", with_addr, RAM_HOLE, BOTH(VRING_FAULT_ADDRESS), 0, 0},
	{"just before a region", with_addr, RAM_C_ADDR - 1, BOTH(VRING_FAULT_ADDRESS), 0, 0},
	{"at 0", with_addr, 0, BOTH(VRING_FAULT_ADDRESS), 0, 0},
	{"past a region into the hole", with_addr, RAM_HOLE - 20, BOTH(VRING_FAULT_ADDRESS), 0, 0},
	{"past the last region", up_to, RAM_D_ADDR + RAM_SIZE + 1, BOTH(VRING_FAULT_ADDRESS), 0, 0},
	{"at a region's end", with_addr, RAM_HOLE, BOTH(VRING_FAULT_ADDRESS), 0, 0},
	{"cut to 32 bits", with_addr, RAM_D_ADDR & 0xffffffff, BOTH(VRING_FAULT_ADDRESS), 0, 0},
	{"wraps", with_addr, UINT64_MAX - 3, BOTH(VRING_FAULT_ADDRESS), 0, 0},
	{"ends at the last address", up_to, 0, BOTH(VRING_FAULT_ADDRESS), 0, 0},
	{"wraps into a region", wraps_into, 6, BOTH(VRING_FAULT_ADDRESS), 0, 0},
	{"up to a region's last byte", up_to, RAM_HOLE, FINE, {0}, 0, 0},
	{"from a region's first byte", with_addr, RAM_B_ADDR, FINE, {0}, 0, 0},
	{"across two regions", with_addr, RAM_B_ADDR - 20, FINE, {0}, 0, 0},
	{"all but a byte in the next region", with_addr, RAM_B_ADDR - 1, FINE, {0}, 0, 0},
	/* lengths */
	{"a byte less than a header",
	 with_frame,
	 -1ull,
	 REFUSED,
	 {0, VRING_FAULT_SHORT_BUFFER},
	 0,
	 0},
	{"a header", with_frame, 0, FINE, {0}, 0, 0},
	{"a byte less than a frame", with_frame, 13, FINE, {0}, 0, 0},
	{"the shortest frame", with_frame, 14, FINE, {0}, 0, 0},
	{"as much as an mbuf holds", with_frame, 2048, FINE, {0}, 0, 0},
	{"a byte more", with_frame, 2049, FINE, {0}, 0, 0},
	{"the longest frame", with_frame, VIRTQ_MAX_FRAME, FINE, {0}, 0, 0},
	{"a byte longer", with_frame, VIRTQ_MAX_FRAME + 1, FINE, {0}, 0, 0},
	{"2 GiB", with_len, 0x80000000, BOTH(VRING_FAULT_ADDRESS), 0, 0},
	{"2 GiB less a byte", with_len, 0x7fffffff, BOTH(VRING_FAULT_ADDRESS), 0, 0},
	{"4 GiB less a byte", with_len, 0xffffffff, BOTH(VRING_FAULT_ADDRESS), 0, 0},
	{"of no length", with_len, 0, REFUSED, {0, VRING_FAULT_SHORT_BUFFER}, 0, 0},
	{"of no length, nowhere", empty_at, RAM_HOLE, REFUSED, {0, VRING_FAULT_SHORT_BUFFER}, 0, 0},
	{"of no length, at the end", empty_at, -1ull, REFUSED, {0, VRING_FAULT_SHORT_BUFFER}, 0, 0},
	/* flags */
	{"wrong direction", flip_flags, D_WRITE, BOTH(VRING_FAULT_DIRECTION), 0, 0},
	{"flags that nobody knows", flip_flags, 0x7f78, FINE, {0}, 0, 0},
	{"not available", flip_flags, D_AVAIL | D_USED, WAITS, {0}, 0, 'p'},
	{"used, a round ago", flip_flags, D_AVAIL, WAITS, {0}, 0, 'p'},
	{"used, as if by us", flip_flags, D_USED, WAITS, {0}, 0, 'p'},
	/* chains */
	{"next is itself", next_self, 0, BOTH(VRING_FAULT_LOOP), 0, 's'},
	{"next is the ring's size", next_is, 0, BOTH(VRING_FAULT_NEXT), 0, 's'},
	{"next is far beyond", next_is, 0x8000, BOTH(VRING_FAULT_NEXT), 0, 's'},
	{"two descriptors", two_split, 900, FINE, {0}, 0, 's'},
	{"a second one of no length", two_split, 0, FINE, {0}, 0, 's'},
	{"two slots", two_packed, 0, FINE, {0}, 0, 'p'},
	/* tables */
	{"indirect", table, 32, FINE, {0}, F_INDIRECT, 0},
	{"indirect, not agreed on", table, 32, BOTH(VRING_FAULT_INDIRECT), 0, 0},
	{"indirect, empty", table, 0, BOTH(VRING_FAULT_INDIRECT), F_INDIRECT, 0},
	{"indirect, one and a half", table, 24, BOTH(VRING_FAULT_INDIRECT), F_INDIRECT, 0},
	{"indirect, too long", table, 16 * 1025, BOTH(VRING_FAULT_INDIRECT), F_INDIRECT, 0},
	{"indirect in a table", table_nested, 0, BOTH(VRING_FAULT_INDIRECT), F_INDIRECT, 0},
	{"indirect and NEXT", table_next, 0, BOTH(VRING_FAULT_INDIRECT), F_INDIRECT, 0},
	{"table outside", table_at, RAM_HOLE, BOTH(VRING_FAULT_ADDRESS), F_INDIRECT, 0},
	/* heads */
	{"head is the ring's size", entry, 0, BOTH(VRING_FAULT_HEAD), 0, 's'},
	{"head is one more", entry, 1, BOTH(VRING_FAULT_HEAD), 0, 's'},
	{"head is far beyond", entry, 0x8000, BOTH(VRING_FAULT_HEAD), 0, 's'},
	{"head is the one before", again, 0, FINE, {0}, 0, 's'},
};

static struct rte_mbuf *
make(struct world *w, struct rnd *r, uint16_t i)
{
	(void)i;
	return packet_plain(w, r, rnd_from(r, 60, ROOM - 12));
}

/* Two descriptors first: then the whole batch goes the general way. */
static bool
post(struct test_case *c, bool general)
{
	uint32_t hdr = c->features & (F_MRG_RXBUF | F_VERSION_1) ? 12 : 10;

	while (c->ring.n < CHAINS) {
		uint32_t len = c->rx ? hdr + rnd_from(&c->r, 60, 1514) : ROOM;
		struct buf b[2] = {{case_alloc(c, len), len}};

		if (general && c->ring.n == 0) {
			b[1] = (struct buf){b[0].addr + hdr, len - hdr};
			b[0].len = hdr;
		}
		if (!ring_post(&c->ring, b, b[1].len ? 2 : 1, 0))
			return false;
	}
	return true;
}

static void
expect(const struct edge *e, struct test_case *c, uint32_t k)
{
	enum vring_fault fault = e->fate == REFUSED ? e->fault[!c->rx] : VRING_OK;
	const struct world *w = &worlds[0];

	if (w->vr.fault != fault)
		case_fail(w, "another fault than expected");
	if ((w->wakes > 0) != (fault != VRING_OK))
		case_fail(w, "the control thread was told, or not, against expectation");
	if ((e->fate == WAITS || fault != VRING_OK) && model.done != k)
		case_fail(w, "not just the chains before it were used");
	if (c->rx && e->fate != WAITS && fault == VRING_OK && model.done != c->ring.n)
		case_fail(w, "not all chains were used");
}

static void
one(const struct edge *e, bool rx, bool packed, bool general, uint32_t place)
{
	struct test_case c = {.r = {test_seed + place * 0x10001}, .rx = rx};
	uint32_t k = place + general;

	c.features = e->features | (packed ? F_PACKED | F_VERSION_1 : 0) |
		     (place & 1 ? F_MRG_RXBUF : 0) | (place & 2 ? F_EVENT_IDX : 0) |
		     (place & 4 ? F_VERSION_1 : 0);
	c.size = packed ? 61 : 64;
	/* nobody goes over the end in the first, everybody somewhere in the others */
	c.start = (uint16_t)(place * 5 % c.size);
	c.pool_left = POOL_MBUFS;
	c.with_pos = true;
	case_name("edge \"%s\" at %u, %s, %s%s", e->name, k, rx ? "rx" : "tx",
		  packed ? "packed" : "split", general ? ", general path" : "");
	case_begin(&c);
	c.next = RAM_A_ADDR;
	if (!post(&c, general))
		case_fail(&worlds[0], "the test has no room");
	e->make(&c, k, e->with);
	c.ring.p[k].hidden = e->fate == WAITS;
	case_go(&c);
	if (rx ? case_rx(&c, BURST_MAX) : case_tx(&c, BURST_MAX, make))
		expect(e, &c, k);
	/* and once more: a broken ring stays alone, the others have nothing new */
	if (rx)
		case_rx(&c, 32);
	else
		case_tx(&c, 32, make);
	case_end(&c);
}

static void
all(bool rx, bool packed)
{
	for (size_t i = 0; i < RTE_DIM(edges); i++) {
		if (edges[i].only && edges[i].only != (packed ? 'p' : 's'))
			continue;
		for (uint32_t place = 0; place < PLACES; place++) {
			one(&edges[i], rx, packed, false, place);
			one(&edges[i], rx, packed, true, place);
		}
	}
}

static void
test_rx_split(void)
{
	all(true, false);
}

static void
test_tx_split(void)
{
	all(false, false);
}

static void
test_rx_packed(void)
{
	all(true, true);
}

static void
test_tx_packed(void)
{
	all(false, true);
}

/* In order: the last chain's name stands for those before it, once a run. */
static void
test_rx_in_order(void)
{
	for (unsigned int packed = 0; packed < 2; packed++) {
		struct test_case c = {.r = {test_seed}, .rx = true};
		struct used used[MAX_POSTED];
		uint32_t written;

		c.features = F_VERSION_1 | F_IN_ORDER | (packed ? F_PACKED : 0);
		c.size = 64;
		c.start = 3;
		c.pool_left = POOL_MBUFS;
		case_name("in order, %s", packed ? "packed" : "split");
		case_begin(&c);
		c.next = RAM_A_ADDR;
		if (!post(&c, false))
			case_fail(&worlds[0], "the test has no room");
		case_go(&c);
		case_rx(&c, 32);
		for (unsigned int i = 0; i < nvariants; i++) {
			written = 0;
			CU_ASSERT_EQUAL(ring_used(&c.ring, &worlds[i], used, MAX_POSTED), 32);
			for (unsigned int k = 0; k < 32; k++)
				written += used[k].written != NOT_WRITTEN;
			CU_ASSERT_EQUAL(written, 1);
			CU_ASSERT_EQUAL(used[0].written, c.ring.p[31].id);
		}
		case_end(&c);
	}
}

/* Twenty packets that the whole ring does not hold: working that out is what a batch
 * may look at, and more.  Those behind them have room. */
#define TOO_LONG 20u

static struct rte_mbuf *
make_long(struct world *w, struct rnd *r, uint16_t i)
{
	return packet_plain(w, r, i < TOO_LONG ? 9000 : 60);
}

static void
test_tx_behind_long_ones(void)
{
	for (unsigned int packed = 0; packed < 2; packed++) {
		struct test_case c = {.r = {test_seed}, .with_pos = true};

		c.features = F_VERSION_1 | F_MRG_RXBUF | (packed ? F_PACKED : 0);
		c.size = 64;
		c.pool_left = POOL_MBUFS;
		case_name("behind long ones, %s", packed ? "packed" : "split");
		case_begin(&c);
		c.next = RAM_A_ADDR;
		for (uint32_t k = 0; k < c.size; k++) {
			struct buf b = {case_alloc(&c, 100), 100};

			if (!ring_post(&c.ring, &b, 1, 0))
				case_fail(&worlds[0], "the test has no room");
		}
		case_go(&c);
		case_tx(&c, 32, make_long);
		for (unsigned int i = 0; i < nvariants; i++) {
			CU_ASSERT_EQUAL(worlds[i].got, 32);
			CU_ASSERT_EQUAL(worlds[i].q.stats.oversize, TOO_LONG);
			CU_ASSERT_EQUAL(worlds[i].q.stats.packets, 32 - TOO_LONG);
		}
		case_end(&c);
	}
}

/* What may be received, and what is a byte too long for the MTU or for one mbuf. */
static const struct {
	uint16_t mtu;
	bool whole;
	unsigned int pool;
	uint32_t most;
} limits[] = {
	{0, true, POOL_STD, 2048},       {0, true, POOL_SMALL, 192},
	{1500, false, POOL_STD, 1522},   {1500, true, POOL_STD, 1522},
	{1500, false, POOL_SMALL, 1522}, {1500, true, POOL_SMALL, 192},
	{68, false, POOL_BIG, 90},       {9000, false, POOL_STD, 9022},
};

static void
post_limits(struct test_case *c, uint32_t most, bool general)
{
	for (uint32_t i = 0; i < 12; i++) {
		uint32_t len = 12 + most + (i % 4 == 3) - (i % 4 == 1);
		struct buf b[2] = {{case_alloc(c, len), len}};

		if (general && i == 0) {
			b[1] = (struct buf){b[0].addr + 12, len - 12};
			b[0].len = 12;
		}
		if (!ring_post(&c->ring, b, b[1].len ? 2 : 1, 0))
			case_fail(&worlds[0], "the test has no room");
	}
}

static void
test_rx_limits(void)
{
	for (unsigned int i = 0; i < 4 * RTE_DIM(limits); i++) {
		const bool packed = i & 1, general = i & 2;
		struct test_case c = {.r = {test_seed}, .rx = true, .size = 64, .with_pos = true};
		uint32_t most = limits[i / 4].most;

		c.features = F_VERSION_1 | (packed ? F_PACKED : 0);
		c.pool = limits[i / 4].pool;
		c.pool_left = POOL_MBUFS;
		c.whole = limits[i / 4].whole;
		c.mtu = limits[i / 4].mtu;
		case_name("MTU %u, %s, mbufs of %u, %s%s", c.mtu, c.whole ? "whole" : "scattered",
			  worlds[0].pool[c.pool].room, packed ? "packed" : "split",
			  general ? ", general path" : "");
		case_begin(&c);
		c.next = RAM_A_ADDR;
		post_limits(&c, most, general);
		case_go(&c);
		case_rx(&c, BURST_MAX);
		CU_ASSERT_EQUAL(worlds[0].q.stats.packets, 9);
		CU_ASSERT_EQUAL(worlds[0].q.stats.oversize, 3);
		CU_ASSERT_EQUAL(worlds[0].q.oversize_len, most + 1);
		case_end(&c);
	}
}

CU_TestInfo edge_tests[] = {
	{"receive, lengths", test_rx_limits},
	{"receive, split", test_rx_split},
	{"transmit, split", test_tx_split},
	{"receive, packed", test_rx_packed},
	{"transmit, packed", test_tx_packed},
	{"receive, in order", test_rx_in_order},
	{"behind long ones", test_tx_behind_long_ones},
	CU_TEST_INFO_NULL,
};
