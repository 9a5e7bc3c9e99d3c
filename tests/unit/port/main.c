/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Ports as an application makes, configures and removes them, without a device. */

#include <CUnit/Basic.h>
#include <stdio.h>

#include "port.h"

int
main(int argc, char **argv)
{
	CU_SuiteInfo suites[] = {
		{"arguments", NULL, NULL, NULL, NULL, args_tests},
		{"configuration", NULL, NULL, NULL, NULL, setup_tests},
		{"removal", NULL, NULL, NULL, NULL, remove_tests},
		CU_SUITE_INFO_NULL,
	};
	unsigned int failed;

	(void)argc;
	port_init(argv[0]);
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
