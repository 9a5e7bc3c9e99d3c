/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * test_matrix.c - every message in every state.  The table here is written down
 * from doc/protocol.md, not taken from the library.
 */

#include "fixture.h"

#define NUM_STATES 4
static const enum ipc_state states[NUM_STATES] = {IPC_NEW, IPC_IDLE, IPC_READY, IPC_RUNNING};

/* The state afterwards, IPC_DEAD where the message is not allowed. */
#define NEW IPC_NEW
#define IDLE IPC_IDLE
#define READY IPC_READY
#define RUN IPC_RUNNING
#define DEAD IPC_DEAD
static const struct {
	uint16_t type;
	enum ipc_state after[NUM_STATES];
	uint16_t answer;
} matrix[] = {
	{VIRTQ_IPC_HELLO, {IDLE, DEAD, DEAD, DEAD}, VIRTQ_IPC_HELLO_OK},
	{VIRTQ_IPC_MEM_TABLE, {DEAD, READY, READY, RUN}, VIRTQ_IPC_MEM_OK},
	{VIRTQ_IPC_QUEUE_FDS, {DEAD, IDLE, READY, DEAD}, 0},
	{VIRTQ_IPC_START, {DEAD, DEAD, RUN, DEAD}, VIRTQ_IPC_START_OK},
	{VIRTQ_IPC_STOP, {DEAD, DEAD, DEAD, READY}, VIRTQ_IPC_STOPPED},
	{VIRTQ_IPC_RXSTATE, {DEAD, IDLE, READY, RUN}, 0},
	{VIRTQ_IPC_LOG, {DEAD, IDLE, READY, RUN}, VIRTQ_IPC_LOG_OK},
	{VIRTQ_IPC_GET_COUNTERS, {DEAD, IDLE, READY, RUN}, VIRTQ_IPC_COUNTERS},
};
#define ROWS (sizeof(matrix) / sizeof(matrix[0]))

static unsigned int
calls(const struct fix *f)
{
	return f->hellos + f->mems + f->starts + f->stops + f->rxs + f->logs + f->counters;
}

static void
test_states(void)
{
	unsigned int before = fds_count();

	for (size_t r = 0; r < ROWS; r++) {
		for (int s = 0; s < NUM_STATES; s++) {
			unsigned int made;
			struct fix f;

			fix_open_at(&f, states[s]);
			if (matrix[r].type == VIRTQ_IPC_START && states[s] == IPC_READY)
				fix_ask_type(&f, VIRTQ_IPC_QUEUE_FDS, 0);
			made = calls(&f);
			if (matrix[r].after[s] == DEAD) {
				fix_send_type(&f, matrix[r].type);
				fix_refused(&f, VIRTQ_IPC_E_STATE);
				CU_ASSERT_EQUAL(calls(&f), made);
			} else {
				fix_ask_type(&f, matrix[r].type, matrix[r].answer);
				CU_ASSERT_EQUAL(ipc_session_state(f.s), matrix[r].after[s]);
			}
			fix_close(&f);
		}
	}
	CU_ASSERT_EQUAL(fds_count(), before);
}

/* What only a PMD sends is refused from a device, in every state. */
static void
test_wrong_way(void)
{
	const struct ipc_msg_row *rows = TO_DEVICE->row;

	for (size_t r = 0; r < TO_DEVICE->count; r++) {
		for (int s = 0; s < NUM_STATES && msg_table(rows[r].type) != TO_PMD; s++) {
			struct fix f;

			fix_open_at(&f, states[s]);
			fix_send_type(&f, rows[r].type);
			fix_refused(&f, VIRTQ_IPC_E_MALFORMED);
			fix_close(&f);
		}
	}
}

/* The table of the device: which message may arrive in which state. */
static void
test_device_side(void)
{
	static const struct {
		uint16_t type;
		unsigned int states;
	} allowed[] = {
		{VIRTQ_IPC_HELLO_OK, NEW},
		{VIRTQ_IPC_MEM_OK, IDLE | READY | RUN},
		{VIRTQ_IPC_START_OK, READY},
		{VIRTQ_IPC_STOPPED, RUN},
		{VIRTQ_IPC_LOG_OK, IDLE | READY | RUN},
		{VIRTQ_IPC_COUNTERS, IDLE | READY | RUN},
		{VIRTQ_IPC_LINK, IDLE | READY | RUN},
		{VIRTQ_IPC_ANNOUNCE, IDLE | READY | RUN},
		{VIRTQ_IPC_BROKEN, RUN},
		{VIRTQ_IPC_ERROR, NEW | IDLE | READY | RUN},
	};

	for (size_t r = 0; r < sizeof(allowed) / sizeof(allowed[0]); r++) {
		for (int s = 0; s < NUM_STATES; s++) {
			struct ipc_msg_ctx ctx = ctx_make(states[s]);
			bool ok = allowed[r].states & states[s];
			struct msg m;

			msg_make(&m, allowed[r].type);
			CU_ASSERT_EQUAL(msg_code(TO_DEVICE, &m, 0, &ctx),
					ok ? 0 : VIRTQ_IPC_E_STATE);
		}
	}
}

static void
test_state_names(void)
{
	CU_ASSERT_STRING_EQUAL(ipc_state_name(IPC_NEW), "new");
	CU_ASSERT_STRING_EQUAL(ipc_state_name(IPC_IDLE), "idle");
	CU_ASSERT_STRING_EQUAL(ipc_state_name(IPC_READY), "ready");
	CU_ASSERT_STRING_EQUAL(ipc_state_name(IPC_RUNNING), "running");
	CU_ASSERT_STRING_EQUAL(ipc_state_name(IPC_DEAD), "dead");
}

CU_TestInfo matrix_tests[] = {
	{"device to PMD", test_states},
	{"messages of the other side", test_wrong_way},
	{"PMD to device", test_device_side},
	{"names of states", test_state_names},
	CU_TEST_INFO_NULL,
};
