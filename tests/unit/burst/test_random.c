/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Random rings, chains, packets and bursts.  VQ_SEED= runs others, VQ_CASES= more
 * or fewer of them, VQ_CASE= a single one. */

#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "packets.h"
#include "tests.h"

#define CASES 6000u
#define LOGGED 4u /* of so many cases one is made again with a dirty log */

/* What all cases together came across. */
static struct virtq_queue_stats seen;

/* Lengths of the frames in one case. */
static const struct {
	uint32_t min, max;
} frames[] = {{14, 60}, {60, 128}, {14, 300}, {60, 1518}, {60, 1518}, {14, 2300}, {1000, 9000}};

static uint32_t
env_number(const char *name, uint32_t otherwise)
{
	const char *s = getenv(name);

	return s ? (uint32_t)strtoul(s, NULL, 0) : otherwise;
}

static uint32_t
ring_size(struct rnd *r, bool packed)
{
	if (!packed)
		return 2u << rnd_below(r, 12);
	switch (rnd_below(r, 4)) {
	case 0:
		return rnd_from(r, 2, 40);
	case 1:
		return rnd_from(r, 41, 300);
	case 2:
		return 256;
	default:
		return rnd_from(r, 2, 4096);
	}
}

/* Anywhere, often so that a burst goes over the end. */
static uint16_t
ring_start(struct rnd *r, uint32_t size, bool packed)
{
	uint32_t back = rnd_below(r, RTE_MIN(size, 40u)), at = rnd(r);

	if (!packed)
		return (uint16_t)(one_in(r, 3) ? 0u - back : one_in(r, 2) ? at * size - back : at);
	at = one_in(r, 2) ? size - 1 - back : at % size;
	return (uint16_t)(at | (one_in(r, 2) ? 0x8000u : 0));
}

static void
choose(struct test_case *c)
{
	struct rnd *r = &c->r;

	c->features = rnd(r) & (F_MRG_RXBUF | F_INDIRECT | F_EVENT_IDX);
	if (one_in(r, 2))
		c->features |= F_PACKED | F_VERSION_1;
	if (one_in(r, 2))
		c->features |= F_VERSION_1;
	if (one_in(r, 4))
		c->features |= F_IN_ORDER;
	c->size = ring_size(r, c->features & F_PACKED);
	c->start = ring_start(r, c->size, c->features & F_PACKED);
	c->pool = one_in(r, 2) ? POOL_STD : rnd_below(r, POOLS);
	c->pool_left = c->rx && one_in(r, 6) ? rnd_below(r, 70) : POOL_MBUFS;
	c->with_pos = !one_in(r, 4);
	c->filter = !c->rx && one_in(r, 8);
	c->whole = c->rx && one_in(r, 3);
	c->mtu = (uint16_t)(c->rx && one_in(r, 4) ? rnd_from(r, 68, 2000) : 0);
}

/* A chain of len bytes: in one buffer, the header apart, or cut anywhere. */
static bool
post_chain(struct test_case *c, uint32_t len, uint32_t hdr, uint32_t odd)
{
	struct rnd *r = &c->r;
	bool plain = odd == 0 || !one_in(r, odd);
	uint32_t n = plain ? 1 : one_in(r, 3) ? 2 : rnd_from(r, 1, MAX_BUFS);
	bool table = !plain && (c->features & F_INDIRECT) && one_in(r, 2);
	struct buf buf[MAX_BUFS];
	uint64_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t part = len;

		if (i + 1 < n)
			part = n == 2 && len > hdr && one_in(r, 2) ? hdr : rnd_below(r, len + 1);
		buf[i] = (struct buf){rnd(r), part};
		if (part > 0)
			buf[i].addr = case_alloc(c, part);
		if (part > 0 && !buf[i].addr)
			return false;
		len -= part;
	}
	if (table) {
		at = (case_alloc(c, 16 * n + 15) + 15) & ~15ull;
		if (at < 16)
			return false;
	}
	return ring_post(&c->ring, buf, n, at);
}

static void
post_rx(struct test_case *c, uint32_t hdr, uint32_t odd)
{
	unsigned int mix = rnd_below(&c->r, RTE_DIM(frames));
	uint32_t chains = rnd_from(&c->r, 0, MAX_POSTED);

	while (chains-- > 0) {
		uint32_t len = hdr + rnd_from(&c->r, frames[mix].min, frames[mix].max);

		/* now and then less than a frame, down to nothing */
		if (odd > 0 && one_in(&c->r, 30))
			len = rnd_below(&c->r, hdr + 16);
		if (!post_chain(c, len, hdr, odd))
			return;
	}
}

/* Headers are there already, or are zero, or are whatever was there. */
static void
post_tx(struct test_case *c, uint32_t hdr, uint32_t odd)
{
	static const uint8_t blank[12] = {0}, single[12] = {[10] = 1};
	static const uint32_t rooms[] = {64, 256, 1526, 1600, 2048, 2304, 9100};
	uint32_t room = rooms[rnd_below(&c->r, RTE_DIM(rooms))];
	uint32_t chains = rnd_from(&c->r, 0, MAX_POSTED);

	while (chains-- > 0) {
		const struct posted *p = &c->ring.p[c->ring.n];
		uint32_t len = odd > 0 ? rnd_from(&c->r, room / 2, room) : room;

		if (odd > 0 && one_in(&c->r, 30))
			len = rnd_from(&c->r, hdr, hdr + 20);
		if (!post_chain(c, len, hdr, odd))
			return;
		if (p->buf[0].len >= 12 && one_in(&c->r, 2))
			ram_write(&worlds[0].ram, p->buf[0].addr, one_in(&c->r, 2) ? single : blank,
				  12);
	}
}

static void
set_filter(struct test_case *c)
{
	static const uint32_t modes[] = {0, VIRTQ_RX_PROMISC, VIRTQ_RX_ALLUNI, VIRTQ_RX_ALLMULTI};
	uint32_t mode = modes[rnd_below(&c->r, RTE_DIM(modes))];

	for (unsigned int i = 0; i < nvariants; i++)
		worlds[i].port.rx_filter.mode = mode;
}

static void
add_seen(const struct virtq_queue_stats *st)
{
	seen.packets += st->packets;
	seen.nombuf += st->nombuf;
	seen.missed += st->missed;
	seen.runt += st->runt;
	seen.oversize += st->oversize;
	seen.filtered += st->filtered;
	seen.no_buffer += st->no_buffer;
	seen.notified += st->notified;
}

static void
run(bool rx, bool log, uint32_t number, uint64_t seed)
{
	struct test_case c = {.r = {seed + number * 0x1234567ull + rx}, .rx = rx, .log = log};
	uint32_t hdr, odd;
	bool good = true;

	case_name("VQ_CASE=%u, %s%s", number, rx ? "rx" : "tx", log ? ", logged" : "");
	choose(&c);
	case_name("VQ_CASE=%u, %s%s, %s ring of %u at 0x%x, features 0x%llx, %u mbufs", number,
		  rx ? "rx" : "tx", log ? ", logged" : "",
		  c.features & F_PACKED ? "packed" : "split", c.size, c.start,
		  (unsigned long long)c.features, c.pool_left);
	hdr = c.features & (F_MRG_RXBUF | F_VERSION_1) ? 12 : 10;
	odd = one_in(&c.r, 3) ? 0 : one_in(&c.r, 2) ? 10 : 2;
	case_begin(&c);
	if (rx)
		post_rx(&c, hdr, odd);
	else
		post_tx(&c, hdr, odd);
	case_go(&c);
	if (c.filter)
		set_filter(&c);
	packet_mix.odd = one_in(&c.r, 2) ? 0 : rnd_from(&c.r, 1, 8);
	for (uint32_t k = rnd_from(&c.r, 1, 4); good && k > 0; k--) {
		unsigned int mix = rnd_below(&c.r, RTE_DIM(frames) - !one_in(&c.r, 5));
		uint16_t n = (uint16_t)(one_in(&c.r, 2) ? 32 : rnd_from(&c.r, 1, BURST_MAX));

		packet_mix.min = frames[mix].min;
		packet_mix.max = frames[mix].max;
		/* five segments each, with mbufs behind them that they refer to */
		if (packet_mix.odd > 0)
			n = RTE_MIN(n, (uint16_t)16);
		good = rx ? case_rx(&c, n) : case_tx(&c, n, packet_make);
	}
	add_seen(&worlds[0].q.stats);
	case_end(&c);
}

static void
all(bool rx, bool log)
{
	uint32_t only = env_number("VQ_CASE", UINT32_MAX), cases = env_number("VQ_CASES", CASES);

	memset(&seen, 0, sizeof(seen));
	if (only != UINT32_MAX)
		run(rx, log, only, test_seed);
	for (uint32_t i = 0; only == UINT32_MAX && i < cases; i += log ? LOGGED : 1)
		run(rx, log, i, test_seed);
	/* the cases are worth something only if each of these happened in them */
	if (log || only != UINT32_MAX || cases < CASES)
		return;
	CU_ASSERT(seen.packets > 10ull * cases && seen.notified > cases / 10);
	if (rx)
		CU_ASSERT(seen.nombuf > 100 && seen.missed > 100 && seen.runt > 100 &&
			  seen.oversize > 100);
	if (!rx)
		CU_ASSERT(seen.oversize > 100 && seen.filtered > 100 && seen.no_buffer > 100);
}

static void
test_rx(void)
{
	all(true, false);
}

static void
test_tx(void)
{
	all(false, false);
}

static void
test_rx_logged(void)
{
	all(true, true);
}

static void
test_tx_logged(void)
{
	all(false, true);
}

CU_TestInfo random_tests[] = {
	{"receive", test_rx},
	{"transmit", test_tx},
	{"receive, with a dirty log", test_rx_logged},
	{"transmit, with a dirty log", test_tx_logged},
	CU_TEST_INFO_NULL,
};
