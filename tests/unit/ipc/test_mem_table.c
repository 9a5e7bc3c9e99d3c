/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_mem_table.c - MEM_TABLE. */

#include <stdint.h>
#include <string.h>

#include "fixture.h"

#define BAD VIRTQ_IPC_E_MALFORMED
#define MEM(change, code) SPOILED(VIRTQ_IPC_MEM_TABLE, change, code)
#define R(i) m.u.mem.region[i]
#define TOP (UINT64_MAX - 4095)

/* count regions of one page, one after the other */
static void
fill(struct virtq_ipc_mem_table *t, uint32_t count)
{
	memset(t, 0, sizeof(*t));
	t->count = count;
	for (uint32_t i = 0; i < count && i < VIRTQ_IPC_MAX_REGIONS; i++) {
		t->region[i].guest_addr = 0x1000 * (uint64_t)i;
		t->region[i].size = 0x1000;
	}
}

static void
test_count(void)
{
	static const uint32_t bad[] = {
		0, VIRTQ_IPC_MAX_REGIONS + 1, 0x10001, 0x101, INT32_MAX, 0x80000001, UINT32_MAX};
	struct ipc_msg_ctx ctx = ctx_make(IPC_IDLE);
	struct virtq_ipc_mem_table t;
	struct ipc_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fill(&t, bad[i]);
		CU_ASSERT_EQUAL(ipc_check_mem_table(&t, bad[i], &ctx, &err), -1);
		CU_ASSERT_EQUAL(err.code, BAD);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "expected 1 to 64"));
	}
	fill(&t, VIRTQ_IPC_MAX_REGIONS);
	CU_ASSERT_EQUAL(ipc_check_mem_table(&t, VIRTQ_IPC_MAX_REGIONS, &ctx, &err), 0);
	fill(&t, 1);
	CU_ASSERT_EQUAL(ipc_check_mem_table(&t, 1, &ctx, &err), 0);
	CU_ASSERT_EQUAL(ipc_check_mem_table(&t, 0, &ctx, &err), -1);
	CU_ASSERT_EQUAL(ipc_check_mem_table(&t, 2, &ctx, &err), -1);
	CU_ASSERT_EQUAL(err.code, BAD);
}

static void
test_region(void)
{
	MEM(R(0).size = 0, VIRTQ_IPC_E_MEMORY);
	MEM(R(1).size = 0, VIRTQ_IPC_E_MEMORY);
	MEM(R(0).guest_addr = 1, VIRTQ_IPC_E_MEMORY);
	MEM(R(0).guest_addr = 2048, VIRTQ_IPC_E_MEMORY);
	MEM(R(0).size += 1, VIRTQ_IPC_E_MEMORY);
	MEM(R(0).size += 2048, VIRTQ_IPC_E_MEMORY);
	MEM(R(0).fd_offset += 512, VIRTQ_IPC_E_MEMORY);
	MEM(R(0).reserved = 1, BAD);
	MEM(R(1).reserved = 1ull << 63, BAD);
}

static void
test_wrap(void)
{
	MEM((R(1).guest_addr = TOP, R(1).size = 4096), VIRTQ_IPC_E_MEMORY);
	MEM((R(1).guest_addr = TOP - 4096, R(1).size = 4096), 0);
	MEM((R(1).guest_addr = TOP - 4096, R(1).size = 8192), VIRTQ_IPC_E_MEMORY);
	MEM((R(1).guest_addr = 1ull << 63, R(1).size = 1ull << 63), VIRTQ_IPC_E_MEMORY);
	MEM((R(1).size = TOP), VIRTQ_IPC_E_MEMORY);
	MEM((R(1).fd_offset = TOP), VIRTQ_IPC_E_MEMORY);
	MEM((R(1).fd_offset = 1ull << 63), VIRTQ_IPC_E_MEMORY);
	MEM((R(1).fd_offset = (1ull << 63) - 4096, R(1).size = 4096), VIRTQ_IPC_E_MEMORY);
	MEM((R(1).fd_offset = (1ull << 63) - 8192, R(1).size = 4096), 0);
	/* the sum would be 0x200000 if cut to 32 bits */
	MEM((R(1).guest_addr = 0xffffffff00000000, R(1).size = 0x100200000), VIRTQ_IPC_E_MEMORY);
}

static void
test_overlap(void)
{
	MEM((R(1).guest_addr = 0xa0000), 0);
	MEM((R(1).guest_addr = 0x9f000), VIRTQ_IPC_E_MEMORY);
	MEM((R(1).guest_addr = 0), VIRTQ_IPC_E_MEMORY);
	MEM((R(0).guest_addr = 0x101000), VIRTQ_IPC_E_MEMORY); /* inside the other */
	MEM((R(0).guest_addr = 0x1ff000), VIRTQ_IPC_E_MEMORY);
	MEM((R(0).guest_addr = 0x200000), 0);
	MEM((m.u.mem.count = 3, R(2) = R(0)), VIRTQ_IPC_E_MEMORY);
	MEM((m.u.mem.count = 3, R(2) = R(1)), VIRTQ_IPC_E_MEMORY);
}

static void
test_reserved(void)
{
	MEM(m.u.mem.reserved = 1, BAD);
	MEM(R(2).guest_addr = 4096, BAD);
	MEM(R(VIRTQ_IPC_MAX_REGIONS - 1).reserved = 1, BAD);
	MEM(R(VIRTQ_IPC_MAX_REGIONS - 1).size = 4096, BAD);
}

static void
test_last(void)
{
	struct msg m;

	msg_make(&m, VIRTQ_IPC_MEM_TABLE);
	CU_ASSERT_EQUAL(ipc_mem_last(&m.u.mem), 0x1fffff);
	m.u.mem.region[0].guest_addr = 0x100000000;
	CU_ASSERT_EQUAL(ipc_mem_last(&m.u.mem), 0x10009ffff);
}

static void
test_session(void)
{
	struct fix f;
	struct msg m;

	fix_open_at(&f, IPC_IDLE);
	fix_ask_type(&f, VIRTQ_IPC_MEM_TABLE, VIRTQ_IPC_MEM_OK);
	CU_ASSERT_EQUAL(ipc_session_state(f.s), IPC_READY);
	CU_ASSERT_EQUAL(f.mem.count, 2);
	/* a later one replaces it and does not change the state */
	fix_ask_type(&f, VIRTQ_IPC_MEM_TABLE, VIRTQ_IPC_MEM_OK);
	CU_ASSERT_EQUAL(ipc_session_state(f.s), IPC_READY);
	fix_ask_type(&f, VIRTQ_IPC_QUEUE_FDS, 0);
	fix_ask_type(&f, VIRTQ_IPC_START, VIRTQ_IPC_START_OK);
	msg_make(&m, VIRTQ_IPC_MEM_TABLE);
	fill(&m.u.mem, VIRTQ_IPC_MAX_REGIONS);
	f.end.keep = true;
	fix_ask(&f, &m, VIRTQ_IPC_MEM_OK);
	CU_ASSERT_EQUAL(ipc_session_state(f.s), IPC_RUNNING);
	CU_ASSERT_EQUAL(f.end.num_kept, VIRTQ_IPC_MAX_REGIONS);
	CU_ASSERT_EQUAL(f.mems, 3);
	fix_close(&f);
}

static void
test_refused(void)
{
	unsigned int before = fds_count();
	struct fix f;

	fix_open_at(&f, IPC_RUNNING);
	ipc_err_set(&f.mem_err, VIRTQ_IPC_E_MEMORY, "region 1 is larger than its file");
	fix_send_type(&f, VIRTQ_IPC_MEM_TABLE);
	fix_refused(&f, VIRTQ_IPC_E_MEMORY);
	fix_close(&f);
	CU_ASSERT_EQUAL(fds_count(), before);
}

CU_TestInfo mem_table_tests[] = {
	{"count", test_count},
	{"empty and misaligned regions", test_region},
	{"regions that wrap", test_wrap},
	{"regions that overlap", test_overlap},
	{"reserved fields", test_reserved},
	{"end of memory", test_last},
	{"is answered in every state", test_session},
	{"the owner refuses", test_refused},
	CU_TEST_INFO_NULL,
};
