/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_error.c - ERROR, both ways, and what it does to a session. */

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

#define BAD VIRTQ_IPC_E_MALFORMED
#define ERROR(change, code)                    \
	do {                                   \
		struct msg m;                  \
		msg_make(&m, VIRTQ_IPC_ERROR); \
		change;                        \
		at_both_ends(&m, code);        \
	} while (0)

/* Either end may receive ERROR. */
static void
at_both_ends(const struct msg *m, uint32_t code)
{
	struct ipc_msg_ctx ctx = ctx_make(IPC_NEW);

	CU_ASSERT_EQUAL(msg_code(TO_PMD, m, 0, &ctx), code);
	CU_ASSERT_EQUAL(msg_code(TO_DEVICE, m, 0, &ctx), code);
}

static void
test_fields(void)
{
	ERROR(m.u.error.code = 0, BAD);
	ERROR(m.u.error.code = UINT32_MAX, 0); /* a code of a later version */
	ERROR(m.u.error.reserved = 1, BAD);
	ERROR(memset(m.u.error.text, 'x', VIRTQ_IPC_TEXT_LEN), BAD);
	ERROR(memset(m.u.error.text, 'x', VIRTQ_IPC_TEXT_LEN - 1), 0);
}

/* The device gives up: its text is the reason, made printable, and nothing is sent back. */
static void
test_from_device(void)
{
	static const enum ipc_state states[] = {IPC_NEW, IPC_IDLE, IPC_READY, IPC_RUNNING};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct msg m;
		struct fix f;

		fix_open_at(&f, states[i]);
		msg_make(&m, VIRTQ_IPC_ERROR);
		strcpy(m.u.error.text, "no\nmore \x1b[31mred");
		fix_send(&f, &m);
		fix_input(&f, IPC_DEAD);
		CU_ASSERT_EQUAL(ipc_session_why(f.s)->code, VIRTQ_IPC_E_GONE);
		CU_ASSERT_STRING_EQUAL(ipc_session_why(f.s)->text, "no?more ?[31mred");
		CU_ASSERT(!fix_recv(&f, &m));
		fix_close(&f);
	}
}

/* The device closes with messages unread: its ERROR still arrives. */
static void
test_last_words(void)
{
	struct virtq_ipc_link link = {.up = 1};
	struct fix f;

	fix_open_at(&f, IPC_RUNNING);
	CU_ASSERT_EQUAL(ipc_session_send_link(f.s, &link), 0);
	fix_send_type(&f, VIRTQ_IPC_ERROR);
	close(f.end.sock);
	f.end.sock = -1;
	CU_ASSERT_EQUAL(ipc_session_send_link(f.s, &link), 0);
	fix_input(&f, IPC_DEAD);
	CU_ASSERT_EQUAL(ipc_session_why(f.s)->code, VIRTQ_IPC_E_GONE);
	CU_ASSERT_STRING_EQUAL(ipc_session_why(f.s)->text, "that was it");
	fix_close(&f);

	fix_open_at(&f, IPC_RUNNING);
	CU_ASSERT_EQUAL(ipc_session_send_link(f.s, &link), 0);
	fix_send_type(&f, VIRTQ_IPC_ERROR);
	close(f.end.sock);
	f.end.sock = -1;
	fix_input(&f, IPC_DEAD);
	CU_ASSERT_EQUAL(ipc_session_why(f.s)->code, VIRTQ_IPC_E_GONE);
	fix_close(&f);
}

/* A session that is refused before its messages were read: the first recv() of the
 * device returns ERROR, not ECONNRESET. */
static void
test_refused_unread(void)
{
	struct ipc_err stranger = {VIRTQ_IPC_E_PEER, "user id 5 may not connect"};
	unsigned int before = fds_count();
	struct msg got = {0};
	struct fix f;

	fix_open(&f);
	fix_send_type(&f, VIRTQ_IPC_HELLO);
	fix_send_type(&f, VIRTQ_IPC_MEM_TABLE);
	fix_send_type(&f, VIRTQ_IPC_QUEUE_FDS);
	ipc_session_fail(f.s, &stranger);
	ipc_session_free(f.s);
	CU_ASSERT(recv(f.end.sock, &got, sizeof(got), 0) > 0);
	CU_ASSERT_EQUAL(got.hdr.type, VIRTQ_IPC_ERROR);
	CU_ASSERT_EQUAL(got.u.error.code, VIRTQ_IPC_E_PEER);
	CU_ASSERT_EQUAL(recv(f.end.sock, &got, sizeof(got), 0), 0);
	close(f.end.sock);
	CU_ASSERT_EQUAL(fds_count(), before);
}

static void
test_fail(void)
{
	struct ipc_err first = {VIRTQ_IPC_E_GONE, "the port was closed"};
	struct ipc_err second = {VIRTQ_IPC_E_RING, "something later"};
	struct virtq_ipc_link link = {.up = 1};
	struct msg got;
	struct fix f;

	fix_open_at(&f, IPC_RUNNING);
	ipc_session_fail(f.s, &first);
	ipc_session_fail(f.s, &second);
	CU_ASSERT_EQUAL(ipc_session_state(f.s), IPC_DEAD);
	CU_ASSERT_EQUAL(ipc_session_why(f.s)->code, VIRTQ_IPC_E_GONE);
	/* once, and before ERROR let the device take its rings back */
	CU_ASSERT_EQUAL(f.failings, 1);
	CU_ASSERT(!f.told_first);
	CU_ASSERT(fix_recv(&f, &got));
	CU_ASSERT_EQUAL(got.hdr.type, VIRTQ_IPC_ERROR);
	CU_ASSERT_EQUAL(got.hdr.reply_to, 0);
	CU_ASSERT_STRING_EQUAL(got.u.error.text, "the port was closed");
	/* a dead session sends and handles nothing */
	CU_ASSERT_EQUAL(ipc_session_send_link(f.s, &link), -1);
	CU_ASSERT_EQUAL(ipc_session_send_announce(f.s), -1);
	CU_ASSERT_EQUAL(ipc_session_send_broken(f.s, 0, "x"), -1);
	fix_send_type(&f, VIRTQ_IPC_STOP);
	fix_input(&f, IPC_DEAD);
	CU_ASSERT_EQUAL(f.stops, 0);
	CU_ASSERT(!fix_recv(&f, &got));
	fix_close(&f);
	ipc_session_free(NULL);
}

/* The ERROR says which message it is about. */
static void
test_reply_to(void)
{
	struct msg got;
	struct fix f;

	fix_open_at(&f, IPC_READY);
	fix_send_type(&f, VIRTQ_IPC_STOP);
	fix_input(&f, IPC_DEAD);
	CU_ASSERT_EQUAL(f.failings, 0); /* no ring was in use */
	CU_ASSERT(fix_recv(&f, &got));
	CU_ASSERT_EQUAL(got.hdr.reply_to, f.seq);
	fix_close(&f);
}

/* A callback that fails the session: one ERROR and no answer after it. */
static void
test_fail_inside(void)
{
	static const struct {
		enum ipc_state state;
		uint16_t type;
	} at[] = {{IPC_NEW, VIRTQ_IPC_HELLO},
		  {IPC_IDLE, VIRTQ_IPC_MEM_TABLE},
		  {IPC_READY, VIRTQ_IPC_START},
		  {IPC_RUNNING, VIRTQ_IPC_STOP},
		  {IPC_RUNNING, VIRTQ_IPC_LOG}};
	unsigned int before = fds_count();

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		struct fix f;

		fix_open_at(&f, at[i].state);
		if (at[i].type == VIRTQ_IPC_START)
			fix_ask_type(&f, VIRTQ_IPC_QUEUE_FDS, 0);
		f.fail_inside = true;
		fix_send_type(&f, at[i].type);
		fix_refused(&f, VIRTQ_IPC_E_GONE);
		fix_close(&f);
		CU_ASSERT_EQUAL(fds_count(), before);
	}
}

static void
test_err_set(void)
{
	char longer[2 * VIRTQ_IPC_TEXT_LEN];
	struct ipc_err err;

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CU_ASSERT_EQUAL(ipc_err_set(&err, VIRTQ_IPC_E_RING, "%s", longer), -1);
	CU_ASSERT_EQUAL(strlen(err.text), VIRTQ_IPC_TEXT_LEN - 1);
	CU_ASSERT_EQUAL(err.code, VIRTQ_IPC_E_RING);
}

CU_TestInfo error_tests[] = {
	{"fields", test_fields},
	{"from the device", test_from_device},
	{"from a device that is gone", test_last_words},
	{"before anything was read", test_refused_unread},
	{"from the owner", test_fail},
	{"names its message", test_reply_to},
	{"from within a callback", test_fail_inside},
	{"long sentence", test_err_set},
	CU_TEST_INFO_NULL,
};
