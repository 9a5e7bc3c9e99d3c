/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_counters.c - GET_COUNTERS and COUNTERS. */

#include "fixture.h"

static void
test_fields(void)
{
	SPOILED(VIRTQ_IPC_COUNTERS, m.u.counters.reserved = 1, VIRTQ_IPC_E_MALFORMED);
	SPOILED(VIRTQ_IPC_COUNTERS, m.u.counters.enq_packets = ~0ull, 0);
}

static void
test_session(void)
{
	static const enum ipc_state states[] = {IPC_IDLE, IPC_READY, IPC_RUNNING};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct msg got;
		struct fix f;

		fix_open_at(&f, states[i]);
		fix_send_type(&f, VIRTQ_IPC_GET_COUNTERS);
		fix_input(&f, states[i]);
		CU_ASSERT(fix_recv(&f, &got));
		CU_ASSERT_EQUAL(got.hdr.type, VIRTQ_IPC_COUNTERS);
		CU_ASSERT_EQUAL(got.u.counters.enq_packets, 5);
		CU_ASSERT_EQUAL(got.u.counters.deq_packets, 0);
		fix_close(&f);
	}
}

static void
test_not_agreed(void)
{
	struct fix f;

	fix_open(&f);
	f.features = VIRTQ_IPC_F_LOG;
	fix_ask_type(&f, VIRTQ_IPC_HELLO, VIRTQ_IPC_HELLO_OK);
	fix_send_type(&f, VIRTQ_IPC_GET_COUNTERS);
	fix_refused(&f, VIRTQ_IPC_E_STATE);
	CU_ASSERT_EQUAL(f.counters, 0);
	fix_close(&f);
}

CU_TestInfo counters_tests[] = {
	{"fields", test_fields},
	{"is answered after HELLO", test_session},
	{"not agreed", test_not_agreed},
	CU_TEST_INFO_NULL,
};
