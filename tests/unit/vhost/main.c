/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Unit tests of lib/vhost: the session of a vhost-user front end. */

#include "fixture.h"
#include "suites.h"

int
main(void)
{
	CU_SuiteInfo suites[] = {
		{"envelope", NULL, NULL, NULL, NULL, envelope_tests},
		{"all messages", NULL, NULL, NULL, NULL, matrix_tests},
		{"features", NULL, NULL, NULL, NULL, features_tests},
		{"memory", NULL, NULL, NULL, NULL, mem_tests},
		{"rings", NULL, NULL, NULL, NULL, vring_tests},
		{"network", NULL, NULL, NULL, NULL, net_tests},
		{"log and inflight area", NULL, NULL, NULL, NULL, shared_tests},
		{"stream", NULL, NULL, NULL, NULL, stream_tests},
		{"answers", NULL, NULL, NULL, NULL, answer_tests},
		{"ends of a session", NULL, NULL, NULL, NULL, end_tests},
		{"repeats", NULL, NULL, NULL, NULL, repeat_tests},
		{"random bytes", NULL, NULL, NULL, NULL, random_tests},
		CU_SUITE_INFO_NULL,
	};

	return suites_run(suites);
}
