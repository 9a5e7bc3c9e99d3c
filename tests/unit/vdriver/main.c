/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Unit tests of lib/vdriver: what a driver must write, and what it must not believe. */

#include "dev.h"
#include "suites.h"

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

	return suites_run(suites);
}
