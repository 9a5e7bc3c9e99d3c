/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Killed behind any instruction of a burst: the guest, and the device that takes
 * the ring back by the rules of doc/protocol.md, find whole batches alone.  And a
 * burst whose ring is taken back under it stops there. */

#include <limits.h>
#include <string.h>

#include "model.h"
#include "packets.h"
#include "step.h"
#include "tests.h"
#include "vring_recover.h"

#define CHAINS 36u
#define PACKETS 40u /* more than a batch */
#define ROOM 340u   /* of a receive buffer */
#define SHADOW 64u  /* slots of the largest ring here */
#define POINTS 8u   /* of a burst, at which its ring is taken back */
#define COPIES 6u   /* the same, to see what is copied after it */

struct kill {
	struct world *w;
	const struct ring *g;
	bool rx;
	uint32_t visible; /* chains that the guest has seen used so far */
	unsigned int wrong, journaled, batches;
	unsigned long steps, until; /* taken back behind that one */
	struct raw shadow[SHADOW];
};

static uint8_t initial[RAM_REGIONS][RAM_SIZE], at_once[RAM_REGIONS][RAM_SIZE];

/* Bytes of a packet that the application sends. */
static uint32_t shortest, longest;

static bool
looks_used(const struct raw *d, bool wrap)
{
	return !!(d->word[1] & D_AVAIL) == wrap && !!(d->word[1] & D_USED) == wrap;
}

/* Position `slots` behind the ring's beginning. */
static uint16_t
position(const struct ring *g, uint32_t slots)
{
	if (!g->packed)
		return (uint16_t)(g->cfg.avail + slots);
	return vdriver_ahead(&g->gr.vd, g->cfg.avail, slots);
}

/* Used chains from the first on; whether others behind them are, too. */
static uint32_t
count_used(const struct ring *g, const struct raw *ring, bool *more, uint32_t *slots)
{
	uint32_t k = 0, ahead = 0, count = 0;
	bool broken = false;

	*more = false;
	*slots = 0;
	while (k < g->n) {
		uint16_t at = position(g, ahead);
		const struct raw *d = &ring[at & ~WRAP];
		bool used = looks_used(d, at & WRAP);

		if (broken && used) {
			*more = true;
			break;
		}
		for (uint32_t n = used ? ring_group(g, k, d->word[0]) : 1; n > 0; n--)
			ahead += g->p[k++].slots;
		if (used) {
			count = k;
			*slots = ahead;
		}
		broken = !used;
	}
	return count;
}

/* Chain k as it was when nobody was killed: its used entry, and its bytes. */
static bool
as_in_the_end(const struct kill *t, uint32_t k, const struct raw *ring)
{
	const struct ring *g = t->g;
	const struct posted *p = &g->p[k];

	if (g->packed &&
	    memcmp(&ring[p->first], ram_ptr(&model.ram, g->cfg.addr.desc + 16ull * p->first),
		   sizeof(*ring)) != 0)
		return false;
	for (uint32_t i = 0; i < p->n; i++)
		if (memcmp(ram_ptr(&t->w->ram, p->buf[i].addr), ram_ptr(&model.ram, p->buf[i].addr),
			   p->buf[i].len) != 0)
			return false;
	return true;
}

static void
see(struct kill *t, uint32_t count, const struct raw *ring)
{
	if (count < t->visible || count > model.done)
		t->wrong++;
	t->batches += count > t->visible;
	for (; t->visible < count; t->visible++)
		t->wrong += !as_in_the_end(t, t->visible, ring);
}

/* The next process recovers what this one left, in a copy: it has to find the position and
 * the used descriptors that the rules say. */
static void
check_recover(struct kill *t, const struct raw *ring, uint16_t at)
{
	const struct vring_config *where = &t->g->cfg;
	static struct virtq_ipc_state_queue state;
	static struct raw left[SHADOW];
	uint8_t event[2][4] = {0};
	const struct guest_mem mem = {
		.count = 3,
		.region = {{where->addr.desc, where->size * sizeof(*left), (uint8_t *)left, 0},
			   {where->addr.driver, 4, event[0], 0},
			   {where->addr.device, 4, event[1], 0}},
	};
	struct vring_config cfg = *where;
	char err[200];

	memcpy(left, ring, where->size * sizeof(*left));
	state = t->w->state;
	cfg.mem = &mem;
	cfg.state = ring_state_none;
	cfg.state.pos = (uint64_t *)&state.pos;
	cfg.state.journal = (uint64_t *)state.journal;
	t->wrong += vring_recover(&cfg, err, sizeof(err)) != 0 || cfg.avail != at ||
		    cfg.used != at || memcmp(left, t->shadow, where->size * sizeof(*left)) != 0;
}

static void
look_packed(struct kill *t)
{
	const struct ring *g = t->g;
	const struct raw *ring = ram_ptr(&t->w->ram, g->cfg.addr.desc);
	struct virtq_ipc_ring_pos pos = t->w->state.pos;
	uint32_t count, slots;
	bool more;

	see(t, count_used(g, ring, &more, &slots), ring);
	if (!(pos.flags & VIRTQ_IPC_POS_VALID))
		pos.avail = g->cfg.avail;
	memcpy(t->shadow, ring, g->cfg.size * sizeof(*ring));
	if (pos.pending > 0 && !looks_used(&ring[pos.used & ~WRAP], pos.used & WRAP)) {
		t->journaled++;
		for (uint32_t i = RTE_MIN(pos.pending, VIRTQ_IPC_JOURNAL); i-- > 0;) {
			struct virtq_ipc_used e = t->w->state.journal[i];
			struct raw *d = &t->shadow[(e.slot & ~WRAP) % SHADOW];

			d->len = e.len;
			d->word[0] = e.id;
			d->word[1] = (uint16_t)((e.slot & WRAP ? D_AVAIL | D_USED : 0) |
						(e.len ? D_WRITE : 0));
		}
	}
	check_recover(t, ring, pos.avail);
	count = count_used(g, t->shadow, &more, &slots);
	t->wrong += more || pos.avail != position(g, slots);
	for (uint32_t k = t->visible; k < count; k++)
		t->wrong += !as_in_the_end(t, k, t->shadow);
}

static void
look_split(struct kill *t)
{
	const struct ring *g = t->g;
	const uint16_t *area = ram_ptr(&t->w->ram, g->cfg.addr.device);
	const uint16_t *end = ram_ptr(&model.ram, g->cfg.addr.device);
	struct virtq_ipc_ring_pos pos = t->w->state.pos;
	uint16_t count = (uint16_t)(area[1] - g->cfg.used);

	for (uint32_t k = t->visible; k < count; k++) {
		uint32_t at = 2 + 4 * ((uint16_t)(g->cfg.used + k) % g->cfg.size);

		t->wrong += memcmp(area + at, end + at, 2 * sizeof(uint32_t)) != 0;
	}
	see(t, count, NULL);
	/* the page is never ahead of the guest */
	if (pos.flags & VIRTQ_IPC_POS_VALID)
		t->wrong += (uint16_t)(pos.used - g->cfg.used) > count || pos.pending != 0;
}

static void
look(void *arg)
{
	struct kill *t = arg;

	if (t->g->packed)
		look_packed(t);
	else
		look_split(t);
}

static void
burst(void *arg)
{
	struct kill *t = arg;
	const struct variant *v = &variants[t->w - worlds];
	struct world *w = t->w;

	w->got = (t->rx ? v->rx : v->tx)(&w->q, w->pkts, PACKETS);
}

static struct rte_mbuf *
make(struct world *w, struct rnd *r, uint16_t i)
{
	(void)i;
	return packet_plain(w, r, rnd_from(r, shortest, longest));
}

static void
post(struct test_case *c, uint32_t odd)
{
	while (c->ring.n < CHAINS) {
		uint32_t len = c->rx ? 12 + rnd_from(&c->r, 60, 300) : ROOM;
		struct buf b[2] = {{case_alloc(c, len), len}};

		if (odd && c->ring.n % odd == odd - 1) {
			b[1] = (struct buf){b[0].addr + 12, len - 12};
			b[0].len = 12;
		}
		if (!ring_post(&c->ring, b, b[1].len ? 2 : 1, 0))
			break;
	}
}

/* As it was before the burst, and its packets again. */
static void
begin_again(struct test_case *c, struct world *w, struct rnd r)
{
	for (unsigned int i = 0; i < RAM_REGIONS; i++)
		memcpy(w->ram.view[i], initial[i], RAM_SIZE);
	for (unsigned int k = 0; k < POOLS; k++)
		pool_reset(&w->pool[k], POOL_MBUFS);
	world_start(w, &c->ring.cfg, c->pool, true);
	memset(&w->state.pos, 0, sizeof(w->state.pos));
	for (uint16_t k = 0; !c->rx && k < PACKETS; k++)
		w->pkts[k] = make(w, &r, k);
}

static void
give_packets_back(struct test_case *c, struct world *w)
{
	if (c->rx)
		rte_pktmbuf_free_bulk(w->pkts, w->got);
	else
		rte_pktmbuf_free_bulk(w->pkts + w->got, PACKETS - w->got);
}

/* Returns how many steps there were. */
static unsigned long
stepped(struct test_case *c, struct world *w, struct rnd r)
{
	struct kill t = {.w = w, .g = &c->ring, .rx = c->rx};
	unsigned long steps;

	begin_again(c, w, r);
	steps = step_through(burst, look, &t);
	world_listen(w);
	if (t.wrong > 0)
		case_fail(w, "a half of a batch is found behind some instruction");
	for (unsigned int i = 0; i < RAM_REGIONS; i++)
		if (memcmp(w->ram.view[i], model.ram.view[i], RAM_SIZE) != 0)
			case_fail(w, "memory differs from that without steps");
	/* it was seen in between */
	if (steps > 0 && (t.batches == 0 || (c->ring.packed && t.journaled == 0)))
		case_fail(w, "the steps did not see a batch");
	give_packets_back(c, w);
	return steps;
}

static void
take_back(void *arg)
{
	struct kill *t = arg;

	if (t->steps++ != t->until)
		return;
	t->w->run = 0;
	for (unsigned int i = 0; i < RAM_REGIONS; i++)
		memcpy(at_once[i], t->w->ram.view[i], RAM_SIZE);
}

/* Chains that were written to after the ring was taken back. */
static uint32_t
written_since(const struct kill *t)
{
	uint32_t count = 0;

	for (uint32_t k = 0; k < t->g->n; k++) {
		const struct posted *p = &t->g->p[k];
		bool written = false;

		for (uint32_t i = 0; i < p->n; i++) {
			const uint8_t *now = ram_ptr(&t->w->ram, p->buf[i].addr);

			for (unsigned int r = 0; r < RAM_REGIONS; r++) {
				uintptr_t off = (uintptr_t)now - (uintptr_t)t->w->ram.view[r];

				if (off < RAM_SIZE)
					written |= memcmp(now, at_once[r] + off, p->buf[i].len) !=
						   0;
			}
		}
		count += written;
	}
	return count;
}

/* The device takes a ring back behind some instruction, and then its memory may have
 * another owner: the chains of one packet more may be written to, and no others.  Returns how
 * often they were. */
static unsigned int
one_packet_more(struct test_case *c, struct world *w, struct rnd r, unsigned long steps)
{
	const uint32_t chains = (longest + 12 + ROOM - 1) / ROOM;
	unsigned int late = 0;

	for (unsigned int part = 1; steps > 0 && part <= COPIES; part++) {
		struct kill t = {.w = w, .g = &c->ring};
		uint32_t count;

		t.until = steps * part / (COPIES + 1);
		begin_again(c, w, r);
		step_through(burst, take_back, &t);
		count = written_since(&t);
		if (count > chains)
			case_fail(w, "more than a packet is written after a ring was taken back");
		late += count > 0;
		give_packets_back(c, w);
	}
	return late;
}

/* The device takes a split ring back behind some instruction: what was not published
 * by then never is, and the ring is no further than the guest knows. */
static void
taken(struct test_case *c, struct world *w, struct rnd r)
{
	const uint16_t *area = ram_ptr(&w->ram, c->ring.cfg.addr.device);
	unsigned long steps = 0, early = 0;

	/* first not at all, to see how long it takes */
	for (unsigned int part = 0; part <= POINTS; part++) {
		struct kill t = {.w = w, .rx = c->rx, .until = ULONG_MAX};
		unsigned long n;

		if (part > 0)
			t.until = steps * part / POINTS;
		begin_again(c, w, r);
		n = step_through(burst, take_back, &t);
		steps = part > 0 ? steps : n;
		if (w->vr.last_used != area[1] || w->vr.last_avail != area[1])
			case_fail(w, "a ring that was taken back is ahead of its used index");
		if (w->q.stats.packets != w->got)
			case_fail(w, "packets counted that were not sent");
		early += part > 0 && w->got == 0;
		give_packets_back(c, w);
	}
	if (steps > 0 && early == 0)
		case_fail(w, "the ring was never taken back in time");
}

static void
one(bool rx, uint64_t features, uint32_t size, uint16_t start, uint32_t odd)
{
	struct test_case c = {.r = {test_seed + start}, .rx = rx, .features = features};
	unsigned int late = 0;
	struct rnd r;

	c.size = size;
	c.start = start;
	c.pool_left = POOL_MBUFS;
	c.with_pos = true;
	case_name("killed in %s, %s ring of %u at 0x%x, odd %u", rx ? "rx" : "tx",
		  features & F_PACKED ? "packed" : "split", size, start, odd);
	case_begin(&c);
	/* no buffer in two regions, to compare in one piece */
	c.next = RAM_B_ADDR;
	post(&c, odd);
	case_go(&c);
	for (unsigned int i = 0; i < RAM_REGIONS; i++)
		memcpy(initial[i], worlds[0].ram.view[i], RAM_SIZE);
	r = c.r;
	if (rx)
		case_rx(&c, PACKETS);
	else
		case_tx(&c, PACKETS, make);
	for (unsigned int i = 0; i < nvariants; i++) {
		unsigned long steps = stepped(&c, &worlds[i], r);

		if (!(features & F_PACKED) && longest > ROOM)
			taken(&c, &worlds[i], r);
		if (!rx)
			late += one_packet_more(&c, &worlds[i], r, steps);
		if (!rx && steps > 0 && i == nvariants - 1 && late == 0)
			case_fail(&worlds[i], "the ring was never taken back within a copy");
	}
	case_end(&c);
}

static void
all(bool rx)
{
	shortest = 60;
	longest = 300;
	one(rx, F_PACKED | F_VERSION_1, 64, WRAP | 13, 0);
	one(rx, F_PACKED | F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX, 53, 41, 11);
	one(rx, F_PACKED | F_VERSION_1 | F_IN_ORDER, 53, 41, 11);
	one(rx, F_VERSION_1, 64, 0xfff3, 0);
	one(rx, F_VERSION_1 | F_IN_ORDER, 64, 60, 11);
	one(rx, F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX, 64, 60, 11);
}

static void
test_rx(void)
{
	all(true);
}

static void
test_tx(void)
{
	all(false);
}

/* Each takes several buffers, and all together more than one run of them. */
static void
test_tx_long(void)
{
	shortest = 700;
	longest = 1000;
	one(false, F_VERSION_1 | F_MRG_RXBUF, 64, 0xfff3, 0);
	one(false, F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX, 64, 60, 0);
	one(false, F_PACKED | F_VERSION_1 | F_MRG_RXBUF, 53, 41, 0);
}

CU_TestInfo kill_tests[] = {
	{"receive", test_rx},
	{"transmit", test_tx},
	{"transmit, several buffers a packet", test_tx_long},
	CU_TEST_INFO_NULL,
};
