/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_budget.c - how much work a peer can cause, and what each message costs. */

#include "fixture.h"
#include "ipc_budget.h"

#define NOW 1000000u

static void
test_burst_then_rate(void)
{
	struct ipc_budget b;
	unsigned int n = 0;

	ipc_budget_init(&b, NOW);
	while (ipc_budget_wait(&b, NOW) == 0) {
		ipc_budget_spend(&b, IPC_COST_RINGS, NOW);
		n++;
	}
	CU_ASSERT_EQUAL(n, IPC_BUDGET_MAX / IPC_COST_RINGS);
	/* for ten seconds: as soon as it may go on, it does */
	n = 0;
	for (uint64_t t = NOW; t < NOW + 10000; t++)
		while (ipc_budget_wait(&b, t) == 0) {
			ipc_budget_spend(&b, IPC_COST_RINGS, t);
			n++;
		}
	CU_ASSERT(n >= 10000 * IPC_BUDGET_PER_MS / IPC_COST_RINGS - 1);
	CU_ASSERT(n <= 10000 * IPC_BUDGET_PER_MS / IPC_COST_RINGS + 1);
}

/* The most that one input() handles, from the last token: what it waits for is bounded. */
static void
test_wait(void)
{
	const uint32_t most = IPC_INPUT_COST + IPC_COST_MESSAGE + IPC_COST_RINGS +
			      IPC_COST_FD * VIRTQ_IPC_MAX_FDS;
	struct ipc_budget b;
	uint64_t wait;

	ipc_budget_init(&b, NOW);
	ipc_budget_spend(&b, IPC_BUDGET_MAX - 1, NOW);
	CU_ASSERT_EQUAL(ipc_budget_wait(&b, NOW), 0);
	ipc_budget_spend(&b, most, NOW);
	wait = ipc_budget_wait(&b, NOW);
	CU_ASSERT(wait > 0 && wait <= 100);
	CU_ASSERT(ipc_budget_wait(&b, NOW + wait - 1) > 0);
	CU_ASSERT_EQUAL(ipc_budget_wait(&b, NOW + wait), 0);
}

/* It never holds more than it did at first, however long nothing was spent. */
static void
test_full(void)
{
	static const uint64_t later[] = {1, 1000, 1000000000000ull, UINT64_MAX - NOW};
	struct ipc_budget b;

	for (unsigned int i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		ipc_budget_init(&b, NOW);
		ipc_budget_spend(&b, 1, NOW);
		ipc_budget_spend(&b, IPC_BUDGET_MAX - 1, NOW + later[i]);
		CU_ASSERT_EQUAL(ipc_budget_wait(&b, NOW + later[i]), 0);
		ipc_budget_spend(&b, 1, NOW + later[i]);
		CU_ASSERT_EQUAL(ipc_budget_wait(&b, NOW + later[i]), 1);
	}
}

/* One input() stops when what it handled is worth a pause. */
static void
test_input_stops(void)
{
	struct fix f;

	fix_open_at(&f, IPC_IDLE);
	(void)ipc_session_take_cost(f.s);
	for (int i = 0; i < IPC_INPUT_BURST; i++)
		fix_send_type(&f, VIRTQ_IPC_MEM_TABLE);
	fix_input(&f, IPC_READY);
	CU_ASSERT(f.mems >= IPC_INPUT_COST / (IPC_COST_RINGS + 70) && f.mems < IPC_INPUT_BURST);
	CU_ASSERT(ipc_session_take_cost(f.s) >= f.mems * IPC_COST_RINGS);
	CU_ASSERT_EQUAL(ipc_session_take_cost(f.s), 0);
	while (f.mems < IPC_INPUT_BURST)
		fix_input(&f, IPC_READY);
	/* what the owner found expensive counts as well */
	(void)ipc_session_take_cost(f.s);
	ipc_session_charge(f.s, 123);
	CU_ASSERT_EQUAL(ipc_session_take_cost(f.s), 123);
	fix_close(&f);
}

CU_TestInfo budget_tests[] = {
	{"a burst, then a rate", test_burst_then_rate},
	{"the longest wait", test_wait},
	{"never more than at first", test_full},
	{"input stops", test_input_stops},
	CU_TEST_INFO_NULL,
};
