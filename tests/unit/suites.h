/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_SUITES_H
#define TEST_SUITES_H

#include <CUnit/CUnit.h>

/* Runs the suites and prints what failed.  Returns the exit status of the program: 0, or 1
 * if a test failed or none ran. */
int suites_run(CU_SuiteInfo *suites);

#endif /* TEST_SUITES_H */
