/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Unit tests of the queues of an application and the rings of a guest: any number of the
 * ones with any number of the others. */

#include "fixture.h"
#include "suites.h"

int
main(void)
{
	CU_SuiteInfo suites[] = {
		{"which queue has which rings", NULL, NULL, NULL, NULL, map_tests},
		{"dirty log", NULL, NULL, NULL, NULL, log_tests},
		{"RARP", NULL, NULL, NULL, NULL, rarp_tests},
		{"changes under load", NULL, NULL, NULL, NULL, traffic_tests},
		CU_SUITE_INFO_NULL,
	};

	return suites_run(suites);
}
