/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Unit tests of the queues of an application and the rings of a guest: any number of the
 * ones with any number of the others. */

#include <CUnit/Basic.h>
#include <stdio.h>

#include "fixture.h"

int
main(void)
{
	CU_SuiteInfo suites[] = {
		{"which queue has which rings", NULL, NULL, NULL, NULL, map_tests},
		{"changes under load", NULL, NULL, NULL, NULL, traffic_tests},
		CU_SUITE_INFO_NULL,
	};
	unsigned int failed;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS) {
		fprintf(stderr, "CUnit: %s\n", CU_get_error_msg());
		return 1;
	}
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
	CU_cleanup_registry();
	return failed ? 1 : 0;
}
