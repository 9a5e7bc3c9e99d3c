/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Ports as an application makes, configures and removes them, without a device. */

#include "port.h"
#include "suites.h"

int
main(int argc, char **argv)
{
	CU_SuiteInfo suites[] = {
		{"arguments", NULL, NULL, NULL, NULL, args_tests},
		{"configuration", NULL, NULL, NULL, NULL, setup_tests},
		{"removal", NULL, NULL, NULL, NULL, remove_tests},
		CU_SUITE_INFO_NULL,
	};

	(void)argc;
	port_init(argv[0]);
	return suites_run(suites);
}
