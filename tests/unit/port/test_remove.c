/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_remove.c - ports that end while they are started. */

#include "port.h"

#include <rte_dev.h>

static const struct rte_eth_conf conf;

static void
remove_one(uint16_t id)
{
	struct rte_eth_dev_info info;

	CU_ASSERT_EQUAL_FATAL(rte_eth_dev_info_get(id, &info), 0);
	CU_ASSERT_EQUAL(rte_dev_remove((struct rte_device *)(uintptr_t)info.device), 0);
	CU_ASSERT(!rte_eth_dev_is_valid_port(id));
}

static void
test_remove_started(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		uint16_t id = port_new(0, "");

		CU_ASSERT(port_has_socket());
		CU_ASSERT_EQUAL(port_threads(), 1);
		port_start(id, &conf);
		remove_one(id);
		CU_ASSERT(!port_has_socket());
		CU_ASSERT_EQUAL(port_threads(), 0);
	}
}

/* The others of its connector stay. */
static void
test_remove_one_of_two(void)
{
	uint16_t a = port_new(0, ""), b = port_new(1, "");

	port_start(a, &conf);
	port_start(b, &conf);
	remove_one(a);
	CU_ASSERT(port_has_socket());
	CU_ASSERT_EQUAL(port_threads(), 1);
	CU_ASSERT_EQUAL(rte_eth_dev_stop(b), 0);
	remove_one(b);
	CU_ASSERT(!port_has_socket());
	CU_ASSERT_EQUAL(port_threads(), 0);
}

/* The last test of the program. */
static void
test_cleanup(void)
{
	port_start(port_new(0, ""), &conf);
	port_start(port_new(1, ""), &conf);
	port_end();
	CU_ASSERT(!port_has_socket());
	CU_ASSERT_EQUAL(port_threads(), 0);
}

CU_TestInfo remove_tests[] = {
	{"removed while started", test_remove_started},
	{"one of two removed", test_remove_one_of_two},
	{"EAL ends while ports are started", test_cleanup},
	CU_TEST_INFO_NULL,
};
