/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Which burst functions a port gets, and when they leave the ring alone. */

#include <string.h>

#include <rte_vect.h>

#include "packets.h"
#include "tests.h"
#include "virtq_burst.h"

static void
test_width(void)
{
	struct rte_eth_dev dev;

	memset(&dev, 0, sizeof(dev));
	rte_vect_set_max_simd_bitwidth(RTE_VECT_SIMD_DISABLED);
	virtq_burst_select(&dev);
	CU_ASSERT(dev.rx_pkt_burst == virtq_rx_scalar);
	CU_ASSERT(dev.tx_pkt_burst == virtq_tx_scalar);
	CU_ASSERT(variants[0].rx == virtq_rx_scalar);
	/* each has a name of its own, and functions of its own */
	for (unsigned int i = 0; i < nvariants; i++) {
		for (unsigned int k = 0; k < i; k++) {
			CU_ASSERT_STRING_NOT_EQUAL(variants[i].name, variants[k].name);
			CU_ASSERT(variants[i].rx != variants[k].rx);
			CU_ASSERT(variants[i].tx != variants[k].tx);
		}
		CU_ASSERT_STRING_NOT_EQUAL(variants[i].name, "none");
	}
}

static struct rte_mbuf *
make(struct world *w, struct rnd *r, uint16_t i)
{
	(void)i;
	return packet_plain(w, r, 100);
}

enum left_alone {
	TAKEN_BACK, /* the run word says so */
	NO_RING,
	BROKEN,
};

static void
leave_alone(enum left_alone why, bool rx, uint64_t features)
{
	struct test_case c = {.r = {test_seed}, .rx = rx, .features = features | F_VERSION_1};

	case_name("left alone, case %d, %s, features 0x%llx", why, rx ? "rx" : "tx",
		  (unsigned long long)features);
	c.size = 64;
	c.pool_left = POOL_MBUFS;
	c.with_pos = true;
	case_begin(&c);
	for (uint32_t i = 0; i < 40; i++) {
		struct buf b = {case_alloc(&c, 200), 200};

		CU_ASSERT_TRUE(ring_post(&c.ring, &b, 1, 0));
	}
	case_go(&c);
	for (unsigned int i = 0; i < nvariants; i++) {
		if (why == TAKEN_BACK)
			worlds[i].run = i % 2 ? 0 : GENERATION + 1;
		else if (why == NO_RING)
			worlds[i].q.view = NULL;
		else
			worlds[i].vr.fault = VRING_FAULT_LOOP;
	}
	if (rx)
		case_rx(&c, 32);
	else
		case_tx(&c, 32, make);
	for (unsigned int i = 0; i < nvariants; i++) {
		CU_ASSERT_EQUAL(worlds[i].got, 0);
		CU_ASSERT_EQUAL(worlds[i].calls + worlds[i].wakes, 0);
		CU_ASSERT_EQUAL(worlds[i].vr.last_used, 0);
	}
	case_end(&c);
}

static void
test_left_alone(void)
{
	for (int why = TAKEN_BACK; why <= BROKEN; why++) {
		leave_alone(why, true, 0);
		leave_alone(why, false, 0);
		leave_alone(why, false, F_MRG_RXBUF);
		leave_alone(why, true, F_PACKED);
		leave_alone(why, false, F_PACKED);
	}
}

CU_TestInfo select_tests[] = {
	{"choice by the width allowed", test_width},
	{"a ring that is not ours, not there, broken", test_left_alone},
	CU_TEST_INFO_NULL,
};
