/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* main.c - runs every suite; exits with 1 if a test failed or none ran. */

#include <CUnit/Basic.h>

#include "fixture.h"
#include "suites.h"

static CU_pSuite current;

void
suite_begin(const char *name)
{
	suite_begin_with(name, NULL);
}

void
suite_begin_with(const char *name, int (*init)(void))
{
	current = CU_add_suite(name, init, NULL);
	must(current != NULL);
}

void
suite_test(const char *name, void (*test)(void))
{
	must(CU_add_test(current, name, test) != NULL);
}

int
main(void)
{
	must(CU_initialize_registry() == CUE_SUCCESS);
	suite_envelope();
	suite_budget();
	suite_hello();
	suite_mem_table();
	suite_queue_fds();
	suite_start();
	suite_stop();
	suite_rxstate();
	suite_log();
	suite_counters();
	suite_error();
	suite_unsolicited();
	suite_matrix();
	suite_sock();
	suite_peer();
	suite_repeat();
	suite_listener();
	suite_listener_race();
	suite_dialer();
	return suites_finish();
}
