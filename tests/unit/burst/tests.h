/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_TESTS_H
#define TEST_TESTS_H

#include <stdint.h>

#include <CUnit/CUnit.h>

extern uint64_t test_seed; /* VQ_SEED */

/* The suites. */
extern CU_TestInfo select_tests[], random_tests[], edge_tests[], kill_tests[], race_tests[];

#endif /* TEST_TESTS_H */
