/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_hello.c - HELLO and HELLO_OK. */

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

#define BAD VIRTQ_IPC_E_MALFORMED
#define HELLO(change, code) SPOILED(VIRTQ_IPC_HELLO, change, code)
#define OK(change, code) SPOILED(VIRTQ_IPC_HELLO_OK, change, code)

static void
test_versions(void)
{
	HELLO(m.u.hello.version_min = 0, BAD);
	HELLO((m.u.hello.version_min = 2, m.u.hello.version_max = 1), BAD);
	HELLO(m.u.hello.version_max = 0, BAD);
	HELLO((m.u.hello.version_min = 2, m.u.hello.version_max = 2), VIRTQ_IPC_E_VERSION);
	HELLO((m.u.hello.version_min = m.u.hello.version_max = UINT16_MAX), VIRTQ_IPC_E_VERSION);
	HELLO(m.u.hello.version_max = UINT16_MAX, 0);
}

static void
test_pairs(void)
{
	HELLO(m.u.hello.max_pairs = 0, BAD);
	HELLO(m.u.hello.max_pairs = 1, 0);
	HELLO(m.u.hello.max_pairs = VIRTQ_IPC_MAX_PAIRS, 0);
	HELLO(m.u.hello.max_pairs = VIRTQ_IPC_MAX_PAIRS + 1, BAD);
	HELLO(m.u.hello.max_pairs = 0x10001, BAD); /* would be 1 if cut to 16 bits */
	HELLO(m.u.hello.max_pairs = 0x101, BAD);
	HELLO(m.u.hello.max_pairs = 0x80000001, BAD);
	HELLO(m.u.hello.max_pairs = UINT32_MAX, BAD);
}

static void
test_names(void)
{
	HELLO(memset(m.u.hello.device, 'x', VIRTQ_IPC_NAME_LEN), BAD);
	HELLO(memset(m.u.hello.vm_name, 'x', VIRTQ_IPC_NAME_LEN), BAD);
	HELLO(memset(m.u.hello.device, 'x', VIRTQ_IPC_NAME_LEN - 1), 0);
	HELLO(memset(m.u.hello.vm_name, 0, VIRTQ_IPC_NAME_LEN), 0);
	for (int c = 1; c < 256; c++) {
		uint32_t want = c >= 0x20 && c <= 0x7e ? 0 : BAD;

		HELLO(m.u.hello.device[1] = (char)c, want);
		HELLO(m.u.hello.vm_name[0] = (char)c, want);
		OK(m.u.hello_ok.port[2] = (char)c, want);
	}
	OK(memset(m.u.hello_ok.port, 'x', VIRTQ_IPC_NAME_LEN), BAD);
}

static void
test_reserved(void)
{
	HELLO(m.u.hello.reserved0 = 1, BAD);
	OK(m.u.hello_ok.reserved0 = 1, BAD);
	OK(m.u.hello_ok.reserved1 = 1, BAD);
	for (int i = 0; i < 4; i++) {
		HELLO(m.u.hello.reserved[i] = 1ull << 63, BAD);
		OK(m.u.hello_ok.reserved[i] = 1ull << 63, BAD);
	}
	/* a later version may offer more: the answer is the intersection */
	HELLO(m.u.hello.features = ~0ull, 0);
}

static void
test_ok(void)
{
	OK(m.u.hello_ok.version = 0, VIRTQ_IPC_E_VERSION);
	OK(m.u.hello_ok.version = 2, VIRTQ_IPC_E_VERSION);
	OK(m.u.hello_ok.max_pairs = 0, BAD);
	OK(m.u.hello_ok.max_pairs = VIRTQ_IPC_MAX_PAIRS, 0);
	OK(m.u.hello_ok.max_pairs = VIRTQ_IPC_MAX_PAIRS + 1, BAD);
	OK(m.u.hello_ok.features = VIRTQ_IPC_F_ALL, 0);
	OK(m.u.hello_ok.features = VIRTQ_IPC_F_ALL + 1, BAD);
	OK(m.u.hello_ok.link.up = 2, BAD);
}

static void
test_session(void)
{
	struct msg m, got;
	struct fix f;

	fix_open(&f);
	CU_ASSERT_EQUAL(ipc_session_state(f.s), IPC_NEW);
	CU_ASSERT_PTR_NULL(ipc_session_hello(f.s));
	CU_ASSERT_PTR_EQUAL(ipc_session_owner(f.s), &f);
	msg_make(&m, VIRTQ_IPC_HELLO);
	m.u.hello.nid = 5;
	m.u.hello.features = ~0ull;
	f.features = ~VIRTQ_IPC_F_LOG;
	fix_send(&f, &m);
	fix_input(&f, IPC_IDLE);
	CU_ASSERT(fix_recv(&f, &got));
	CU_ASSERT_EQUAL(got.hdr.type, VIRTQ_IPC_HELLO_OK);
	CU_ASSERT_EQUAL(got.hdr.reply_to, 1);
	CU_ASSERT_EQUAL(got.u.hello_ok.features, VIRTQ_IPC_F_COUNTERS | VIRTQ_IPC_F_ANNOUNCE);
	CU_ASSERT_EQUAL(got.u.hello_ok.max_pairs, PAIRS);
	CU_ASSERT_EQUAL(got.u.hello_ok.pid, (uint32_t)getpid());
	CU_ASSERT_STRING_EQUAL(got.u.hello_ok.port, "eth_virtq0");
	CU_ASSERT_EQUAL(f.hello.nid, 5);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ipc_session_hello(f.s));
	CU_ASSERT_EQUAL(ipc_session_hello(f.s)->nid, 5);
	fix_close(&f);
}

/* A feature that the device did not offer is not agreed, whatever the owner can do. */
static void
test_features_offered(void)
{
	struct msg m, got;
	struct fix f;

	fix_open(&f);
	msg_make(&m, VIRTQ_IPC_HELLO);
	m.u.hello.features = VIRTQ_IPC_F_COUNTERS;
	fix_send(&f, &m);
	fix_input(&f, IPC_IDLE);
	CU_ASSERT(fix_recv(&f, &got));
	CU_ASSERT_EQUAL(got.u.hello_ok.features, VIRTQ_IPC_F_COUNTERS);
	fix_close(&f);
}

static void
test_refused(void)
{
	static const uint32_t codes[] = {VIRTQ_IPC_E_NID, VIRTQ_IPC_E_BUSY, VIRTQ_IPC_E_QUEUES};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct fix f;

		fix_open(&f);
		ipc_err_set(&f.hello_err, codes[i], "no port serves nid %d", 3);
		fix_send_type(&f, VIRTQ_IPC_HELLO);
		fix_refused(&f, codes[i]);
		CU_ASSERT_STRING_EQUAL(ipc_session_why(f.s)->text, "no port serves nid 3");
		fix_close(&f);
	}
}

static void
test_twice(void)
{
	struct fix f;

	fix_open_at(&f, IPC_IDLE);
	fix_send_type(&f, VIRTQ_IPC_HELLO);
	fix_refused(&f, VIRTQ_IPC_E_STATE);
	CU_ASSERT_EQUAL(f.hellos, 1);
	fix_close(&f);
}

CU_TestInfo hello_tests[] = {
	{"versions", test_versions},
	{"queue pairs", test_pairs},
	{"names", test_names},
	{"reserved fields", test_reserved},
	{"HELLO_OK", test_ok},
	{"is answered", test_session},
	{"features are the intersection", test_features_offered},
	{"the owner refuses", test_refused},
	{"twice", test_twice},
	CU_TEST_INFO_NULL,
};
