/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_rarp.c - the RARP packet by which a guest that moved here is announced. */

#include <string.h>

#include "both.h"
#include "fixture.h"
#include "virtq_device.h"
#include "virtq_rarp.h"

static struct fixture f;
static const uint8_t mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

/* RFC 903: broadcast, type 0x8035, a request that names the sender twice. */
static void
is_rarp(const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t head[] = {0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3};

	CU_ASSERT_EQUAL(m->pkt_len, 64);
	CU_ASSERT_EQUAL(m->port, f.port.port_id);
	for (int i = 0; i < 6; i++)
		CU_ASSERT_EQUAL(p[i], 0xff);
	CU_ASSERT_EQUAL(memcmp(p + 6, mac, 6), 0);
	CU_ASSERT_EQUAL(memcmp(p + 12, head, sizeof(head)), 0);
	CU_ASSERT_EQUAL(memcmp(p + 22, mac, 6), 0);
	CU_ASSERT_EQUAL(memcmp(p + 32, mac, 6), 0);
}

static void
one_rarp(void)
{
	struct rte_mbuf *m[4];

	CU_ASSERT_EQUAL_FATAL(f.rx(&f.rxq[0], m, 4), 1);
	is_rarp(m[0]);
	rte_pktmbuf_free(m[0]);
	CU_ASSERT_EQUAL(f.rx(&f.rxq[0], m, 4), 0);
}

/* Once, in the first queue, before the guest's own packets; and bursts do no more than
 * before from then on. */
static void
announced_once(bool packed)
{
	struct rte_mbuf *m[4];

	fixture_start(&f, packed, 2);
	virtq_device_configure(&f.port, 2, 2);
	virtq_rarp_send(&f.port, mac);
	CU_ASSERT_EQUAL(f.port.count.announces, 1);
	CU_ASSERT_EQUAL(f.rx(&f.rxq[1], m, 4), 0);
	CU_ASSERT_EQUAL(f.rx(&f.rxq[0], m, 0), 0);
	CU_ASSERT_TRUE(guest_send(&f, 0, (struct stamp){0, 7}));
	CU_ASSERT_EQUAL_FATAL(f.rx(&f.rxq[0], m, 4), 2);
	is_rarp(m[0]);
	CU_ASSERT_EQUAL(app_stamp(m[1]).seq, 7);
	CU_ASSERT_EQUAL(f.rxq[0].stats.packets, 2);
	rte_pktmbuf_free_bulk(m, 2);
	guest_reap(&f, 0);
	CU_ASSERT_PTR_NULL(f.rxq[0].view);
	virtq_rarp_check(&f.port);
	CU_ASSERT_PTR_NOT_NULL(f.rxq[0].view);
	CU_ASSERT_EQUAL(f.rx(&f.rxq[0], m, 4), 0);
	fixture_stop(&f);
}
BOTH(announced_once)

/* Twice in a row is one packet, and a queue of several rings announces, too. */
static void
announced_by_many(bool packed)
{
	fixture_start(&f, packed, PAIRS);
	virtq_device_configure(&f.port, 1, 1);
	virtq_rarp_send(&f.port, mac);
	virtq_rarp_send(&f.port, mac);
	one_rarp();
	virtq_rarp_check(&f.port);
	virtq_rarp_send(&f.port, mac);
	one_rarp();
	fixture_stop(&f);
}
BOTH(announced_by_many)

/* The application has no queue yet, or the guest no ring. */
static void
announced_later(bool packed)
{
	fixture_start(&f, packed, 1);
	virtq_rarp_send(&f.port, mac);
	virtq_rarp_check(&f.port);
	virtq_device_configure(&f.port, 1, 1);
	one_rarp();
	virtq_rarp_check(&f.port);
	fixture_stop(&f);
}
BOTH(announced_later)

/* A pool without mbufs: it is tried again. */
static void
announced_again(bool packed)
{
	struct rte_mbuf *all[1024], *m[4];
	unsigned int n = 0;

	fixture_start(&f, packed, 1);
	virtq_device_configure(&f.port, 1, 1);
	while (n < RTE_DIM(all) && (all[n] = rte_pktmbuf_alloc(f.rxq[0].pool)) != NULL)
		n++;
	CU_ASSERT_FATAL(n < RTE_DIM(all));
	virtq_rarp_send(&f.port, mac);
	CU_ASSERT_EQUAL(f.rx(&f.rxq[0], m, 4), 0);
	virtq_rarp_check(&f.port);
	rte_pktmbuf_free_bulk(all, n);
	one_rarp();
	fixture_stop(&f);
}
BOTH(announced_again)

CU_TestInfo rarp_tests[] = {
	BOTH_TESTS("received once, before the guest's packets", announced_once),
	BOTH_TESTS("by a queue of several rings", announced_by_many),
	BOTH_TESTS("before there are queues", announced_later),
	BOTH_TESTS("without mbufs", announced_again),
	CU_TEST_INFO_NULL,
};
