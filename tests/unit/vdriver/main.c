/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Unit tests of lib/vdriver: what a driver must write, and what it must not believe. */

#include <CUnit/Basic.h>
#include <stdio.h>

#include "dev.h"

int
main(void)
{
	CU_SuiteInfo suites[] = {
		{"rings", NULL, NULL, NULL, NULL, ring_tests},
		{"faults of the device", NULL, NULL, NULL, NULL, fault_tests},
		{"notification", NULL, NULL, NULL, NULL, notify_tests},
		{"chains that stay", NULL, NULL, NULL, NULL, fast_tests},
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
