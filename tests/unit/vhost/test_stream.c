/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_stream.c - messages in any pieces: they are handled once, when they are whole. */

#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "ipc_budget.h"

/* Every message that a back end takes. */
static bool
taken(const struct msg *m)
{
	return fix_verdict(m) >= 0;
}

/* Sends from..to, the descriptors with the first byte. */
static void
send_part(struct fix *f, const struct msg *m, size_t from, size_t to)
{
	unsigned char bytes[MSG_BYTES];
	int fd = fd_event();

	msg_bytes(m, bytes);
	fds_send(f->end.sock, bytes + from, to - from, fd, from == 0 ? m->nfds : 0);
	close(fd);
}

static size_t
length(const struct msg *m)
{
	unsigned char bytes[MSG_BYTES];

	return msg_bytes(m, bytes);
}

/* Cut between any two bytes. */
static void
cut(const struct msg *m, size_t at)
{
	size_t len = length(m);
	struct fix whole, f;
	struct msg got;

	fix_open(&whole);
	fix_input(&whole, m);
	fix_open(&f);
	send_part(&f, m, 0, at);
	CU_ASSERT_EQUAL(vhost_session_input(f.s), 0);
	CU_ASSERT_EQUAL(fix_calls(&f), 0);
	CU_ASSERT(!fix_recv(&f, &got, NULL));
	send_part(&f, m, at, len);
	CU_ASSERT_EQUAL(vhost_session_input(f.s), 0);
	for (unsigned int i = 0; i < OPS; i++)
		CU_ASSERT_EQUAL(f.calls[i], whole.calls[i]);
	CU_ASSERT_EQUAL(fix_recv(&f, &got, NULL), msg_has_reply(m->hdr.request));
	CU_ASSERT_EQUAL(vhost_session_input(f.s), 0);
	CU_ASSERT_EQUAL(fix_calls(&f), fix_calls(&whole));
	fix_close(&f);
	fix_close(&whole);
}

static void
test_cut(void)
{
	unsigned int before = fds_count();
	struct msg m;

	for (uint32_t request = 1; request < REQUESTS; request++) {
		msg_make(&m, request);
		if (!taken(&m))
			continue;
		for (size_t at = 1; at < length(&m); at++)
			cut(&m, at);
	}
	CU_ASSERT_EQUAL(fds_count(), before);
}

static void
test_byte_by_byte(void)
{
	unsigned int before = fds_count(), calls = 0;
	struct fix f;
	struct msg m, got;

	fix_open(&f);
	for (uint32_t request = 1; request < REQUESTS; request++) {
		size_t len;

		msg_make(&m, request);
		if (!taken(&m))
			continue;
		len = length(&m);
		for (size_t at = 0; at < len; at++) {
			CU_ASSERT_EQUAL(fix_calls(&f), calls);
			send_part(&f, &m, at, at + 1);
			CU_ASSERT_EQUAL(vhost_session_input(f.s), 0);
		}
		calls = fix_calls(&f);
		CU_ASSERT_EQUAL(fix_recv(&f, &got, NULL), msg_has_reply(request));
	}
	/* every operation there is, and RESET_OWNER and RESET_DEVICE are the same one */
	CU_ASSERT_EQUAL(calls, OPS);
	fix_close(&f);
	CU_ASSERT_EQUAL(fds_count(), before);
}

/* Messages that wait behind each other: no descriptor comes to another one. */
static void
test_behind_each_other(void)
{
	static const uint32_t order[] = {
		VHOST_USER_SET_OWNER,      VHOST_USER_SET_VRING_KICK, VHOST_USER_SET_VRING_NUM,
		VHOST_USER_SET_MEM_TABLE,  VHOST_USER_SET_VRING_CALL, VHOST_USER_GET_FEATURES,
		VHOST_USER_SET_VRING_CALL, VHOST_USER_REM_MEM_REG,
	};
	unsigned int with;
	struct fix f;
	struct msg m;

	fix_open(&f);
	f.end.keep = true;
	with = fds_count();
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		msg_make(&m, order[i]);
		fix_send(&f, &m);
	}
	CU_ASSERT_EQUAL(vhost_session_input(f.s), 0);
	CU_ASSERT_EQUAL(fix_calls(&f), 6);
	CU_ASSERT_EQUAL(f.end.num_kept, 5);
	CU_ASSERT_EQUAL(fds_count(), with + 5);
	fix_close(&f);
}

/* One packet with the end of a message and the beginning of the next. */
static void
test_glued(void)
{
	unsigned char bytes[4 * MSG_BYTES];
	struct msg m, got;
	size_t len = 0;
	struct fix f;

	msg_make(&m, VHOST_USER_SET_VRING_NUM);
	for (int i = 0; i < 4; i++)
		len += msg_bytes(&m, bytes + len);
	for (size_t piece = 1; piece <= len; piece++) {
		fix_open(&f);
		for (size_t at = 0; at < len; at += piece) {
			fds_send(f.end.sock, bytes + at, at + piece < len ? piece : len - at, -1,
				 0);
			CU_ASSERT_EQUAL(vhost_session_input(f.s), 0);
			CU_ASSERT_EQUAL(f.calls[OP_NUM],
					(at + piece < len ? at + piece : len) / (len / 4));
		}
		CU_ASSERT(!fix_recv(&f, &got, NULL));
		fix_close(&f);
	}
}

/* The front end dies between any two bytes: it has left, and that is all. */
static void
test_dies(void)
{
	unsigned int before = fds_count();

	for (uint32_t request = 1; request < REQUESTS; request++) {
		struct msg m;

		msg_make(&m, request);
		if (!taken(&m))
			continue;
		for (size_t at = 0; at < length(&m); at++) {
			for (unsigned int looked = 0; looked < 2; looked++) {
				struct fix f;
				bool failed = true;

				fix_open(&f);
				if (at > 0)
					send_part(&f, &m, 0, at);
				if (looked)
					CU_ASSERT_EQUAL(vhost_session_input(f.s), 0);
				close(f.end.sock);
				f.end.sock = -1;
				CU_ASSERT_EQUAL(vhost_session_input(f.s), -1);
				CU_ASSERT_STRING_EQUAL(vhost_session_why(f.s, &failed),
						       "front end closed the connection");
				CU_ASSERT(!failed);
				CU_ASSERT_EQUAL(fix_calls(&f) + f.failings, 0);
				fix_close(&f);
			}
		}
	}
	CU_ASSERT_EQUAL(fds_count(), before);
}

/* What it had said before is done first, and that it does not wait for the answer is no
 * failure. */
static void
test_says_and_leaves(void)
{
	struct fix f;
	struct msg m;
	bool failed = true;

	fix_open(&f);
	msg_make(&m, VHOST_USER_GET_VRING_BASE);
	fix_send(&f, &m);
	msg_make(&m, VHOST_USER_SET_VRING_NUM);
	fix_send(&f, &m);
	close(f.end.sock);
	f.end.sock = -1;
	CU_ASSERT_EQUAL(vhost_session_input(f.s), -1);
	CU_ASSERT_EQUAL(f.calls[OP_STOP], 1);
	CU_ASSERT_EQUAL(f.calls[OP_NUM], 1);
	vhost_session_why(f.s, &failed);
	CU_ASSERT(!failed);
	fix_close(&f);
}

/* A call handles a few messages; the others get their turn. */
static void
test_turns(void)
{
	struct fix f;
	struct msg m;

	fix_open(&f);
	vhost_session_take_cost(f.s);
	msg_make(&m, VHOST_USER_SET_VRING_NUM);
	for (int i = 0; i < 3 * VHOST_INPUT_BURST; i++)
		fix_send(&f, &m);
	for (unsigned int i = 1; i <= 3; i++) {
		CU_ASSERT_EQUAL(vhost_session_input(f.s), 0);
		CU_ASSERT_EQUAL(f.calls[OP_NUM], i * VHOST_INPUT_BURST);
		CU_ASSERT_EQUAL(vhost_session_take_cost(f.s), VHOST_INPUT_BURST * IPC_COST_MESSAGE);
	}
	/* of messages that cost more, fewer */
	msg_make(&m, VHOST_USER_SET_MEM_TABLE);
	for (int i = 0; i < VHOST_INPUT_BURST; i++)
		fix_send(&f, &m);
	CU_ASSERT_EQUAL(vhost_session_input(f.s), 0);
	CU_ASSERT(f.calls[OP_MEM_TABLE] < VHOST_INPUT_BURST);
	CU_ASSERT(vhost_session_take_cost(f.s) >= VHOST_INPUT_COST);
	fix_close(&f);
}

/* A message in pieces costs as much as one for each look at it. */
static void
test_pieces_cost(void)
{
	struct fix f;
	struct msg m;
	size_t len;

	fix_open(&f);
	vhost_session_take_cost(f.s);
	msg_make(&m, VHOST_USER_SET_VRING_ADDR);
	len = length(&m);
	for (size_t at = 0; at < len; at++) {
		send_part(&f, &m, at, at + 1);
		CU_ASSERT_EQUAL(vhost_session_input(f.s), 0);
	}
	CU_ASSERT_EQUAL(vhost_session_take_cost(f.s), len * IPC_COST_MESSAGE);
	/* a call for nothing is free */
	CU_ASSERT_EQUAL(vhost_session_input(f.s), 0);
	CU_ASSERT_EQUAL(vhost_session_take_cost(f.s), 0);
	vhost_session_charge(f.s, 5);
	CU_ASSERT_EQUAL(vhost_session_take_cost(f.s), 5);
	fix_close(&f);
}

CU_TestInfo stream_tests[] = {
	{"cut between any two bytes", test_cut},
	{"byte by byte", test_byte_by_byte},
	{"messages behind each other", test_behind_each_other},
	{"glued together", test_glued},
	{"dies between any two bytes", test_dies},
	{"says something and leaves", test_says_and_leaves},
	{"takes turns", test_turns},
	{"pieces cost", test_pieces_cost},
	CU_TEST_INFO_NULL,
};
