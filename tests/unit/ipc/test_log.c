/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_log.c - LOG. */

#include <stdint.h>

#include "fixture.h"

#define BAD VIRTQ_IPC_E_MALFORMED
#define LOG(change, code) SPOILED(VIRTQ_IPC_LOG, change, code)
#define L m.u.log

static void
test_fields(void)
{
	struct ipc_msg_ctx ctx = ctx_make(IPC_READY);
	struct msg m;

	LOG(L.reserved = 1, BAD);
	LOG(L.size = 0, VIRTQ_IPC_E_MEMORY);
	LOG((L.enable = 0, L.size = 0), 0);
	LOG((L.enable = 0, L.size = 1), BAD);
	LOG((L.enable = 0, L.size = 0, L.offset = 1), BAD);
	LOG(L.offset = 1ull << 63, VIRTQ_IPC_E_MEMORY);
	LOG(L.offset = UINT64_MAX, VIRTQ_IPC_E_MEMORY);
	LOG(L.size = UINT64_MAX, VIRTQ_IPC_E_MEMORY);
	LOG((L.offset = INT64_MAX - 4096, L.size = 4096), 0);
	LOG((L.offset = INT64_MAX - 4096, L.size = 4097), VIRTQ_IPC_E_MEMORY);
	LOG((L.offset = 1ull << 32, L.size = 0xffffffff), 0);
	/* the number of descriptors has to match enable */
	msg_make(&m, VIRTQ_IPC_LOG);
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 0, &ctx), BAD);
	L.enable = 0;
	L.size = 0;
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 1, &ctx), BAD);
	L.enable = 2;
	L.size = 4096;
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 1, &ctx), BAD);
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 2, &ctx), BAD);
	L.enable = UINT32_MAX;
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 1, &ctx), BAD);
	CU_ASSERT_EQUAL(ipc_check_log(&m.u.log, UINT32_MAX, &ctx, &(struct ipc_err){0, ""}), -1);
}

/* One bit a page, up to the last page of memory. */
static void
test_covers(void)
{
	struct ipc_msg_ctx ctx = ctx_make(IPC_READY);
	struct msg m;

	msg_make(&m, VIRTQ_IPC_LOG);
	ctx.mem_last = 0x1fffff; /* 512 pages */
	L.size = 64;
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 1, &ctx), 0);
	L.size = 63;
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 1, &ctx), VIRTQ_IPC_E_MEMORY);
	ctx.mem_last = 0x200fff;
	L.size = 65;
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 1, &ctx), 0);
	L.size = 64;
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 1, &ctx), VIRTQ_IPC_E_MEMORY);
	ctx.mem_last = UINT64_MAX;
	L.size = 1ull << 48;
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 1, &ctx), VIRTQ_IPC_E_MEMORY);
}

/* Memory that grows beyond the log in force is refused as well. */
static void
test_memory_grows(void)
{
	struct fix f;
	struct msg m;

	fix_open_at(&f, IPC_RUNNING);
	msg_make(&m, VIRTQ_IPC_LOG);
	L.size = 64;
	fix_ask(&f, &m, VIRTQ_IPC_LOG_OK);
	CU_ASSERT_EQUAL(f.log.size, 64);
	fix_ask_type(&f, VIRTQ_IPC_MEM_TABLE, VIRTQ_IPC_MEM_OK);
	L.enable = 0;
	L.size = 0;
	fix_ask(&f, &m, VIRTQ_IPC_LOG_OK);
	CU_ASSERT_EQUAL(f.logs, 2);
	msg_make(&m, VIRTQ_IPC_MEM_TABLE);
	m.u.mem.region[1].size += 4096;
	fix_ask(&f, &m, VIRTQ_IPC_MEM_OK);
	fix_ask_type(&f, VIRTQ_IPC_MEM_TABLE, VIRTQ_IPC_MEM_OK);
	msg_make(&m, VIRTQ_IPC_LOG);
	L.size = 64;
	fix_ask(&f, &m, VIRTQ_IPC_LOG_OK);
	msg_make(&m, VIRTQ_IPC_MEM_TABLE);
	m.u.mem.region[1].size += 4096;
	fix_send(&f, &m);
	fix_refused(&f, VIRTQ_IPC_E_MEMORY);
	CU_ASSERT_EQUAL(f.mems, 4);
	fix_close(&f);
}

static void
test_too_short(void)
{
	struct fix f;
	struct msg m;

	fix_open_at(&f, IPC_READY);
	msg_make(&m, VIRTQ_IPC_LOG);
	L.size = 63;
	fix_send(&f, &m);
	fix_refused(&f, VIRTQ_IPC_E_MEMORY);
	CU_ASSERT_EQUAL(f.logs, 0);
	fix_close(&f);
}

static void
test_not_agreed(void)
{
	struct fix f;

	fix_open(&f);
	f.features = VIRTQ_IPC_F_COUNTERS;
	fix_ask_type(&f, VIRTQ_IPC_HELLO, VIRTQ_IPC_HELLO_OK);
	fix_send_type(&f, VIRTQ_IPC_LOG);
	fix_refused(&f, VIRTQ_IPC_E_STATE);
	CU_ASSERT_EQUAL(f.logs, 0);
	fix_close(&f);
}

/* Disabled without ever having been enabled: the owner is given no descriptor. */
static void
test_off_first(void)
{
	struct fix f;
	struct msg m;

	fix_open_at(&f, IPC_IDLE);
	msg_make(&m, VIRTQ_IPC_LOG);
	L.enable = 0;
	L.size = 0;
	fix_ask(&f, &m, VIRTQ_IPC_LOG_OK);
	CU_ASSERT_EQUAL(f.logs, 1);
	fix_close(&f);
}

static void
test_refused(void)
{
	unsigned int before = fds_count();
	struct fix f;

	fix_open_at(&f, IPC_RUNNING);
	ipc_err_set(&f.log_err, VIRTQ_IPC_E_MEMORY, "dirty log is larger than its file");
	fix_send_type(&f, VIRTQ_IPC_LOG);
	fix_refused(&f, VIRTQ_IPC_E_MEMORY);
	fix_close(&f);
	CU_ASSERT_EQUAL(fds_count(), before);
}

CU_TestInfo log_tests[] = {
	{"fields", test_fields},
	{"covers memory", test_covers},
	{"memory grows beyond it", test_memory_grows},
	{"shorter than memory", test_too_short},
	{"not agreed", test_not_agreed},
	{"off before it was on", test_off_first},
	{"the owner refuses", test_refused},
	CU_TEST_INFO_NULL,
};
