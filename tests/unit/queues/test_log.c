/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* A guest that migrates: which queues log what they write, and from when to when. */

#include <stdlib.h>
#include <unistd.h>

#include "both.h"
#include "fixture.h"
#include "virtq_device.h"

static struct fixture f;

/* One frame each way by every pair in use. */
static void
exchange(uint32_t num_rxq, uint32_t num_txq, uint32_t pairs)
{
	struct rte_mbuf *m;
	struct stamp s;

	for (uint32_t p = 0; p < pairs; p++) {
		CU_ASSERT_TRUE(guest_send(&f, p, (struct stamp){p, 7}));
		CU_ASSERT_EQUAL_FATAL(f.rx(&f.rxq[p % num_rxq], &m, 1), 1);
		CU_ASSERT_EQUAL(app_stamp(m).from, p);
		rte_pktmbuf_free(m);
		guest_reap(&f, p);
	}
	for (uint32_t q = 0; q < num_txq; q++) {
		m = app_frame(&f, q, 9);
		CU_ASSERT_EQUAL_FATAL(f.tx(&f.txq[q], &m, 1), 1);
		CU_ASSERT_TRUE(guest_recv(&f, q % pairs, &s));
		CU_ASSERT_EQUAL(s.from, q);
	}
}

static uint32_t
views(uint32_t n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += (f.rxq[i].view != NULL) + (f.txq[i].view != NULL);
	return count;
}

/* Rings that are logged have no view; with the log off they are as before. */
static void
on_and_off(bool packed)
{
	struct dirty d;

	fixture_start(&f, packed, PAIRS);
	virtq_device_configure(&f.port, PAIRS, PAIRS);
	CU_ASSERT_EQUAL(views(PAIRS), 2 * PAIRS);
	for (uint32_t round = 0; round < 3; round++) {
		dirty_make(&d);
		virtq_device_set_log(&f.port, d.log);
		CU_ASSERT_EQUAL(views(PAIRS), 0);
		for (uint32_t i = 0; i < 2 * PAIRS; i++)
			CU_ASSERT_FALSE(dirty_has_ring(&d, &f.vq[i]));
		exchange(PAIRS, PAIRS, PAIRS);
		for (uint32_t i = 0; i < 2 * PAIRS; i++)
			CU_ASSERT_TRUE(dirty_has_ring(&d, &f.vq[i]));
		CU_ASSERT_TRUE(dirty_is_marked(&d, f.got_at));
		virtq_device_set_log(&f.port, NULL);
		dirty_free(&d);
		CU_ASSERT_EQUAL(views(PAIRS), 2 * PAIRS);
		exchange(PAIRS, PAIRS, PAIRS);
	}
	fixture_stop(&f);
}
BOTH(on_and_off)

/* Whatever changes while the log is on: it stays on. */
static void
changes(bool packed)
{
	char err[200];
	struct dirty d;

	fixture_start(&f, packed, 1);
	dirty_make(&d);
	virtq_device_set_log(&f.port, d.log);
	for (uint32_t num_rxq = 1; num_rxq <= QUEUES; num_rxq++)
		for (uint32_t pairs = 1; pairs <= PAIRS; pairs++) {
			virtq_device_configure(&f.port, num_rxq, QUEUES + 1 - num_rxq);
			fixture_pairs(&f, pairs);
			CU_ASSERT_EQUAL(views(QUEUES), 0);
			exchange(num_rxq, QUEUES + 1 - num_rxq, pairs);
		}
	for (uint32_t i = 0; i < 2 * PAIRS; i++)
		CU_ASSERT_TRUE(dirty_has_ring(&d, &f.vq[i]));
	/* the driver stops and starts again, in the same memory */
	virtq_device_stop_rings(&f.port, 0, 2 * PAIRS);
	for (uint32_t i = 0; i < 2 * PAIRS; i++)
		f.vq[i].ring.enabled = true;
	CU_ASSERT_EQUAL(virtq_device_start_rings(&f.port, err, sizeof(err)), 0);
	CU_ASSERT_EQUAL(views(QUEUES), 0);
	exchange(QUEUES, 1, PAIRS);
	virtq_device_set_log(&f.port, NULL);
	CU_ASSERT_TRUE(views(QUEUES) > 0);
	dirty_free(&d);
	fixture_stop(&f);
}
BOTH(changes)

/* The front end truncates the log: the connection is over, and no ring is accessed. */
static void
vanishes(bool packed)
{
	struct rte_mbuf *m;
	struct dirty d;

	fixture_start(&f, packed, 1);
	virtq_device_configure(&f.port, 1, 1);
	dirty_make(&d);
	virtq_device_set_log(&f.port, d.log);
	CU_ASSERT_EQUAL(ftruncate(d.fd, 0), 0);
	m = app_frame(&f, 0, 1);
	CU_ASSERT_EQUAL(f.tx(&f.txq[0], &m, 1), 1);
	CU_ASSERT_PTR_NULL(f.txq[0].many);
	CU_ASSERT_PTR_NULL(f.rxq[0].many);
	virtq_device_check(&f.port);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f.failed);
	CU_ASSERT_STRING_EQUAL(f.failed, VIRTQ_LOG_LOST);
	virtq_device_set_log(&f.port, NULL);
	dirty_free(&d);
	fixture_stop(&f);
}
BOTH(vanishes)

CU_TestInfo log_tests[] = {
	BOTH_TESTS("on and off", on_and_off),
	BOTH_TESTS("changes while it is on", changes),
	BOTH_TESTS("a log that vanishes", vanishes),
	CU_TEST_INFO_NULL,
};
