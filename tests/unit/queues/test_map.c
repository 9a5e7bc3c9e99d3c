/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "both.h"
#include "fixture.h"
#include "virtq_device.h"
#include "virtq_map.h"
#include "virtq_rarp.h"

static struct fixture f;

/* A frame that the guest sends by the pair arrives in this rx queue, and in no other. */
static void
arrives(uint32_t pair, uint32_t queue, uint32_t num_rxq)
{
	struct rte_mbuf *m[4];

	CU_ASSERT_TRUE(guest_send(&f, pair, (struct stamp){pair, 7}));
	for (uint32_t i = 0; i < num_rxq; i++) {
		uint16_t n = f.rx(&f.rxq[i], m, 4);

		CU_ASSERT_EQUAL_FATAL(n, i == queue);
		if (n == 0)
			continue;
		CU_ASSERT_EQUAL(app_stamp(m[0]).from, pair);
		rte_pktmbuf_free(m[0]);
	}
	guest_reap(&f, pair);
}

/* A frame that the application sends by this queue arrives in the pair, and in no other. */
static void
is_sent(uint32_t queue, uint32_t pair)
{
	struct rte_mbuf *m = app_frame(&f, queue, 9);
	struct stamp s;

	CU_ASSERT_EQUAL_FATAL(f.tx(&f.txq[queue], &m, 1), 1);
	for (uint32_t p = 0; p < PAIRS; p++) {
		bool got = guest_recv(&f, p, &s);

		CU_ASSERT_EQUAL_FATAL(got, p == pair);
		CU_ASSERT_TRUE(!got || s.from == queue);
	}
}

static void
combination(uint32_t num_rxq, uint32_t num_txq, uint32_t pairs)
{
	struct rte_mbuf *m;

	for (uint32_t p = 0; p < pairs; p++)
		arrives(p, p % num_rxq, num_rxq);
	for (uint32_t q = 0; q < num_txq; q++) {
		uint32_t alone = 0;

		is_sent(q, q % pairs);
		for (uint32_t i = 0; i < num_txq; i++)
			alone += i % pairs == q % pairs;
		/* a lock only where it is needed */
		CU_ASSERT_EQUAL(f.txq[q].view != NULL, alone == 1);
	}
	/* nothing is read from a pair that is not in use, until it is */
	if (pairs == PAIRS)
		return;
	CU_ASSERT_TRUE(guest_send(&f, pairs, (struct stamp){pairs, 1}));
	for (uint32_t i = 0; i < num_rxq; i++)
		CU_ASSERT_EQUAL(f.rx(&f.rxq[i], &m, 1), 0);
	fixture_pairs(&f, pairs + 1);
	CU_ASSERT_EQUAL_FATAL(f.rx(&f.rxq[pairs % num_rxq], &m, 1), 1);
	CU_ASSERT_EQUAL(app_stamp(m).from, pairs);
	rte_pktmbuf_free(m);
	guest_reap(&f, pairs);
	fixture_pairs(&f, pairs);
}

static void
every_combination(bool packed)
{
	fixture_start(&f, packed, 1);
	for (uint32_t num_rxq = 1; num_rxq <= QUEUES; num_rxq++)
		for (uint32_t num_txq = 1; num_txq <= QUEUES; num_txq++)
			for (uint32_t pairs = 1; pairs <= PAIRS; pairs++) {
				virtq_device_configure(&f.port, num_rxq, num_txq);
				fixture_pairs(&f, pairs);
				combination(num_rxq, num_txq, pairs);
			}
	fixture_stop(&f);
}
BOTH(every_combination)

/* A burst does not begin with the same ring each time, so none has to wait for another. */
static void
in_turn(bool packed)
{
	uint32_t got[PAIRS] = {0};
	struct rte_mbuf *m[8];

	fixture_start(&f, packed, PAIRS);
	virtq_device_configure(&f.port, 1, 1);
	for (uint32_t p = 0; p < PAIRS; p++)
		for (uint32_t i = 0; i < RING; i++)
			CU_ASSERT_TRUE(guest_send(&f, p, (struct stamp){p, i}));
	for (uint32_t i = 0; i < 2 * PAIRS; i++) {
		uint16_t n = f.rx(&f.rxq[0], m, 8);

		CU_ASSERT_EQUAL_FATAL(n, 8);
		for (uint16_t k = 0; k < n; k++)
			got[app_stamp(m[k]).from]++;
		rte_pktmbuf_free_bulk(m, n);
	}
	for (uint32_t p = 0; p < PAIRS; p++)
		CU_ASSERT_EQUAL(got[p], 16);
	fixture_stop(&f);
}
BOTH(in_turn)

/* The guest breaks a ring by which it sends. */
static void
break_pair(uint32_t pair)
{
	const struct vdriver_seg bad = {RAM_HOLE, 100, false};

	CU_ASSERT_TRUE_FATAL(vdriver_add(&f.ring[2 * pair + 1].vd, &bad, 1, NULL) >= 0);
	vdriver_publish(&f.ring[2 * pair + 1].vd);
}

/* The pairs (a bit each) whose frames arrive when all but the broken ones send one. */
static uint32_t
pairs_that_arrive(uint32_t broken, uint32_t seq)
{
	struct rte_mbuf *m[8];
	uint32_t seen = 0;
	uint16_t n;

	for (uint32_t p = 0; p < PAIRS; p++)
		CU_ASSERT_TRUE(broken & 1u << p || guest_send(&f, p, (struct stamp){p, seq}));
	while ((n = f.rx(&f.rxq[0], m, 8)) > 0) {
		for (uint16_t k = 0; k < n; k++)
			seen |= 1u << app_stamp(m[k]).from;
		rte_pktmbuf_free_bulk(m, n);
	}
	return seen;
}

static void
broken_ones(bool packed, uint32_t broken)
{
	uint32_t count = (uint32_t)__builtin_popcount(broken);
	eventfd_t wakes;

	fixture_start(&f, packed, PAIRS);
	virtq_device_configure(&f.port, 1, 1);
	for (uint32_t p = 0; p < PAIRS; p++)
		if (broken & 1u << p)
			break_pair(p);
	for (uint32_t round = 0; round < 3; round++)
		CU_ASSERT_EQUAL(pairs_that_arrive(broken, round), ~broken & ((1u << PAIRS) - 1));
	CU_ASSERT_EQUAL(eventfd_read(f.wake_fd, &wakes), 0);
	CU_ASSERT_TRUE(wakes >= 1 && wakes <= count);
	virtq_device_check(&f.port);
	virtq_device_check(&f.port);
	CU_ASSERT_EQUAL(f.broken, count);
	CU_ASSERT_EQUAL(f.rxq[0].broken, count);
	fixture_stop(&f);
}

/* Rings that the guest broke do not stop the others of their queue, whichever they are and
 * wherever the turn begins: a burst that goes round and round would never return. */
static void
some_broken(bool packed)
{
	alarm(60);
	for (uint32_t broken = 1; broken < 1u << PAIRS; broken++)
		broken_ones(packed, broken);
	alarm(0);
}
BOTH(some_broken)

/* The peer was told that it has its rings back: stopping some of them does not hand the
 * others to the data threads again. */
static void
stop_of_a_dead_peer(bool packed)
{
	struct rte_mbuf *m;
	uint16_t index;

	fixture_start(&f, packed, PAIRS);
	virtq_device_configure(&f.port, 1, 2);
	while (virtq_map_take_event(&f.port, &index))
		;
	virtq_device_quiesce(&f.port);
	f.dead = true;
	for (uint32_t i = 0; i < 2 * PAIRS; i++) {
		virtq_device_stop_rings(&f.port, i, i + 1);
		CU_ASSERT_PTR_NULL(f.rxq[0].view);
		CU_ASSERT_PTR_NULL(f.rxq[0].many);
		CU_ASSERT_PTR_NULL(f.txq[1].view);
		CU_ASSERT_PTR_NULL(f.txq[1].many);
		CU_ASSERT_EQUAL(f.rx(&f.rxq[0], &m, 1), 0);
	}
	/* the application hears that they are gone */
	f.port.queues_pending = false;
	virtq_device_stop_rings(&f.port, 0, VIRTQ_MAX_VQS);
	CU_ASSERT_TRUE(f.port.queues_pending);
	fixture_stop(&f);
}
BOTH(stop_of_a_dead_peer)

/* The device takes its rings back to free them, looks what their last bursts did, and finds
 * that an announcement was delivered: it does not hand them out again. */
static void
announced_before_a_stop(bool packed)
{
	const uint8_t mac[6] = {2, 0, 0, 0, 0, 7};
	struct rte_mbuf *m;

	fixture_start(&f, packed, 2);
	virtq_device_configure(&f.port, 1, 1);
	virtq_rarp_send(&f.port, mac);
	CU_ASSERT_EQUAL_FATAL(f.rx(&f.rxq[0], &m, 1), 1);
	rte_pktmbuf_free(m);
	virtq_device_quiesce(&f.port);
	virtq_device_check(&f.port);
	CU_ASSERT_PTR_NULL(f.rxq[0].view);
	CU_ASSERT_PTR_NULL(f.rxq[0].many);
	virtq_rarp_send(&f.port, mac);
	CU_ASSERT_PTR_NULL(f.rxq[0].view);
	CU_ASSERT_PTR_NULL(f.rxq[0].many);
	fixture_stop(&f);
}
BOTH(announced_before_a_stop)

/* Chains as long as they can be: a burst ends early, and the next one goes on. */
#define LONG 1000u

/* Adds a chain of LONG bytes, each of its own descriptor, to a ring. */
static void
add_long(uint32_t ring, bool write)
{
	static struct vdriver_seg seg[LONG];
	uint64_t table = ram_alloc(&f.ram, RAM_B, LONG * 16, 16);

	for (uint32_t k = 0; k < LONG; k++)
		seg[k] = (struct vdriver_seg){RAM_C_ADDR + k, 1, write};
	CU_ASSERT_TRUE_FATAL(gr_add(&f.ring[ring], seg, LONG, table, NULL) >= 0);
}

static void
long_chains(bool packed)
{
	struct rte_mbuf *m[32];
	uint32_t bursts = 0, got = 0;

	fixture_start(&f, packed, 1);
	virtq_device_configure(&f.port, 1, 1);
	for (uint32_t i = 0; i < 32; i++)
		add_long(1, false);
	gr_publish(&f.ring[1]);
	while (got < 32 && bursts < 64) {
		uint16_t n = f.rx(&f.rxq[0], m, 32);

		bursts++;
		got += n;
		rte_pktmbuf_free_bulk(m, n);
		CU_ASSERT_TRUE(n * LONG <= 4 * 1216);
	}
	CU_ASSERT_EQUAL(got, 32);
	fixture_stop(&f);
}
BOTH(long_chains)

static void
long_receive_chains(bool packed)
{
	struct rte_mbuf *m[32];
	uint32_t bursts = 0, sent = 0;

	fixture_start(&f, packed, 1);
	virtq_device_configure(&f.port, 1, 1);
	/* instead of the buffers that were posted at first */
	for (uint32_t i = 0; i < RING; i++) {
		struct rte_mbuf *one = app_frame(&f, 0, i);
		struct vdriver_done done;

		CU_ASSERT_EQUAL_FATAL(f.tx(&f.txq[0], &one, 1), 1);
		CU_ASSERT_EQUAL_FATAL(vdriver_get(&f.ring[0].vd, &done), 1);
		add_long(0, true);
	}
	gr_publish(&f.ring[0]);
	for (uint32_t i = 0; i < 32; i++)
		m[i] = app_frame(&f, 0, i);
	while (sent < 32 && bursts < 64) {
		uint16_t n = f.tx(&f.txq[0], m + sent, (uint16_t)(32 - sent));

		bursts++;
		sent += n;
		CU_ASSERT_TRUE(n * LONG <= 4 * 1216);
	}
	CU_ASSERT_EQUAL(sent, 32);
	fixture_stop(&f);
}
BOTH(long_receive_chains)

/* What the application is told: each change once, and nothing that changed back. */
static void
events(bool packed)
{
	uint16_t i;

	fixture_start(&f, packed, 2);
	virtq_device_configure(&f.port, 1, 1);
	CU_ASSERT_TRUE(f.port.queues_pending);
	for (uint16_t want = 0; want < 4; want++) {
		CU_ASSERT_TRUE(virtq_vq_in_use(&f.vq[want]));
		CU_ASSERT_TRUE(virtq_map_take_event(&f.port, &i));
		CU_ASSERT_EQUAL(i, want);
		CU_ASSERT_TRUE(f.port.reported[i]);
	}
	CU_ASSERT_FALSE(virtq_map_take_event(&f.port, &i));
	f.port.queues_pending = false;
	fixture_pairs(&f, 2);
	CU_ASSERT_FALSE(f.port.queues_pending);
	fixture_pairs(&f, 3);
	CU_ASSERT_TRUE(f.port.queues_pending);
	fixture_stop(&f);
	CU_ASSERT_TRUE(f.port.queues_pending);
	/* the peer is gone, and its rings with it */
	f.port.vq = NULL;
	for (uint16_t want = 0; want < 4; want++) {
		CU_ASSERT_TRUE(virtq_map_take_event(&f.port, &i));
		CU_ASSERT_EQUAL(i, want);
		CU_ASSERT_FALSE(f.port.reported[i]);
	}
	CU_ASSERT_FALSE(virtq_map_take_event(&f.port, &i));
}
BOTH(events)

/* A front that does not know where the rings go on, after the process that served them died:
 * the words that it kept say so, and it begins with the wrong position. */
static void
recovers(bool packed)
{
	static struct {
		uint64_t pos, journal[RING_JOURNAL];
	} words[2];
	uint16_t begin = packed ? VRING_PACKED_WRAP : 0;
	char err[200];

	memset(words, 0, sizeof(words));
	fixture_start(&f, packed, 1);
	virtq_device_configure(&f.port, 1, 1);
	for (uint32_t round = 0; round < 20; round++) {
		virtq_device_stop_rings(&f.port, 0, 2);
		for (uint32_t i = 0; i < 2; i++) {
			struct virtq_ring *ring = &f.vq[i].ring;

			ring->state.pos = &words[i].pos;
			ring->state.journal = words[i].journal;
			ring->avail = ring->used = begin;
			ring->recover = true;
			ring->enabled = true;
		}
		CU_ASSERT_EQUAL_FATAL(virtq_device_start_rings(&f.port, err, sizeof(err)), 0);
		for (uint32_t i = 0; i < 7; i++) {
			arrives(0, 0, 1);
			is_sent(0, 0);
		}
	}
	/* what the words say is not true of the ring that a front describes itself */
	words[1].pos = 0x7fff7fff7fffull;
	virtq_device_stop_rings(&f.port, 0, 2);
	CU_ASSERT_FALSE(f.vq[1].ring.recover);
	f.vq[1].ring.enabled = true;
	CU_ASSERT_EQUAL(virtq_device_start_rings(&f.port, err, sizeof(err)), 0);
	arrives(0, 0, 1);
	virtq_device_stop_rings(&f.port, 0, 2);
	words[1].pos = 0x7fff7fff7fffull;
	f.vq[1].ring.enabled = f.vq[1].ring.recover = true;
	CU_ASSERT_EQUAL(virtq_device_start_rings(&f.port, err, sizeof(err)), packed ? -EINVAL : 0);
	if (packed)
		CU_ASSERT_STRING_EQUAL(err, "queue 1: position 32767 is beyond the ring of 64");
	fixture_stop(&f);
}
BOTH(recovers)

CU_TestInfo map_tests[] = {
	BOTH_TESTS("1 to 4 queues each way with 1 to 4 pairs", every_combination),
	BOTH_TESTS("rings are served in turn", in_turn),
	BOTH_TESTS("broken rings beside others", some_broken),
	BOTH_TESTS("rings of a dead peer stay with it", stop_of_a_dead_peer),
	BOTH_TESTS("an announcement before a stop", announced_before_a_stop),
	BOTH_TESTS("long chains shorten a receive burst", long_chains),
	BOTH_TESTS("long chains shorten a transmit burst", long_receive_chains),
	BOTH_TESTS("changes are events", events),
	BOTH_TESTS("a ring that begins where its words say", recovers),
	CU_TEST_INFO_NULL,
};
