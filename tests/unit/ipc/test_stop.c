/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_stop.c - STOP and STOPPED. */

#include <stdint.h>

#include "fixture.h"

#define BAD VIRTQ_IPC_E_MALFORMED
#define STOPPED(change, code) SPOILED(VIRTQ_IPC_STOPPED, change, code)

static void
test_fields(void)
{
	STOPPED(m.u.stopped.num_queues = 0, BAD);
	STOPPED(m.u.stopped.num_queues = QUEUES - 1, BAD);
	STOPPED(m.u.stopped.num_queues = QUEUES + 1, BAD);
	STOPPED(m.u.stopped.num_queues = UINT32_MAX, BAD);
	STOPPED(m.u.stopped.reserved = 1, BAD);
	STOPPED(m.u.stopped.pos[0].flags = 2, BAD);
	STOPPED(m.u.stopped.pos[QUEUES - 1].pending = 1, BAD);
	STOPPED(m.u.stopped.pos[QUEUES].avail = 1, BAD);
	STOPPED(m.u.stopped.pos[VIRTQ_IPC_MAX_QUEUES - 1].flags = 1, BAD);
	STOPPED(m.u.stopped.pos[QUEUES - 1].flags = 1, 0);
}

static void
test_all_queues(void)
{
	struct ipc_msg_ctx ctx = ctx_make(IPC_RUNNING);
	struct msg m;

	msg_make(&m, VIRTQ_IPC_STOPPED);
	ctx.max_pairs = VIRTQ_IPC_MAX_PAIRS;
	m.u.stopped.num_queues = VIRTQ_IPC_MAX_QUEUES;
	CU_ASSERT_EQUAL(msg_code(TO_DEVICE, &m, 0, &ctx), 0);
	m.u.stopped.pos[VIRTQ_IPC_MAX_QUEUES - 1].pending = 1;
	CU_ASSERT_EQUAL(msg_code(TO_DEVICE, &m, 0, &ctx), BAD);
	m.u.stopped.pos[VIRTQ_IPC_MAX_QUEUES - 1].pending = 0;
	ctx.max_pairs++;
	m.u.stopped.num_queues += 2;
	CU_ASSERT_EQUAL(msg_code(TO_DEVICE, &m, 0, &ctx), BAD);
}

static void
test_session(void)
{
	struct msg got;
	struct fix f;

	fix_open_at(&f, IPC_RUNNING);
	fix_send_type(&f, VIRTQ_IPC_STOP);
	fix_input(&f, IPC_READY);
	CU_ASSERT(fix_recv(&f, &got));
	CU_ASSERT_EQUAL(got.hdr.type, VIRTQ_IPC_STOPPED);
	CU_ASSERT_EQUAL(got.hdr.reply_to, f.seq);
	CU_ASSERT_EQUAL(got.u.stopped.pos[1].avail, 11);
	CU_ASSERT_EQUAL(got.u.stopped.pos[1].used, 10);
	CU_ASSERT_EQUAL(got.u.stopped.pos[0].flags, 0);
	CU_ASSERT_EQUAL(f.stops, 1);
	fix_close(&f);
}

static void
test_twice(void)
{
	struct fix f;

	fix_open_at(&f, IPC_RUNNING);
	fix_ask_type(&f, VIRTQ_IPC_STOP, VIRTQ_IPC_STOPPED);
	fix_send_type(&f, VIRTQ_IPC_STOP);
	fix_refused(&f, VIRTQ_IPC_E_STATE);
	CU_ASSERT_EQUAL(f.stops, 1);
	fix_close(&f);
}

CU_TestInfo stop_tests[] = {
	{"fields of STOPPED", test_fields},
	{"all queues of the wire", test_all_queues},
	{"is answered with the positions", test_session},
	{"twice", test_twice},
	CU_TEST_INFO_NULL,
};
