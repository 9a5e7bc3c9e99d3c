/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_args.c - arguments of --vdev. */

#include <stdio.h>

#include "port.h"

static const char *const keys[] = {"mac",    "lcore_id", "connector", "nid",
				   "queues", "uid",      "rxfilter"};

static void
refused(const char *args, const char *key)
{
	char why[64];

	snprintf(why, sizeof(why), "eth_virtq0: %s has no value: expected %s=VALUE", key, key);
	port_log_begin();
	CU_ASSERT_NOT_EQUAL(port_attach(0, args), 0);
	CU_ASSERT_EQUAL(port_logged(why), 1);
	CU_ASSERT_EQUAL(port_logged(NULL), 1);
	CU_ASSERT_EQUAL(rte_eth_dev_count_total(), 0);
	CU_ASSERT(!port_has_socket());
}

static void
test_no_value(void)
{
	char args[64];

	for (size_t i = 0; i < RTE_DIM(keys); i++) {
		refused(keys[i], keys[i]);
		snprintf(args, sizeof(args), "%s,nid=3", keys[i]);
		refused(args, keys[i]);
		snprintf(args, sizeof(args), "nid=3,%s", keys[i]);
		refused(args, keys[i]);
	}
}

/* An empty value is a wrong one. */
static void
test_empty_value(void)
{
	char args[64], why[64];

	for (size_t i = 0; i < RTE_DIM(keys); i++) {
		snprintf(args, sizeof(args), "%s=", keys[i]);
		snprintf(why, sizeof(why), "eth_virtq0: %s=: expected ", keys[i]);
		port_log_begin();
		CU_ASSERT_NOT_EQUAL(port_attach(0, args), 0);
		CU_ASSERT_EQUAL(port_logged(why), 1);
		CU_ASSERT_EQUAL(port_logged(NULL), 1);
	}
}

CU_TestInfo args_tests[] = {
	{"a key without a value", test_no_value},
	{"an empty value", test_empty_value},
	CU_TEST_INFO_NULL,
};
