/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * test_matrix.c - every message at each size, with each number of descriptors, with and
 * without its protocol feature, asked for an answer or not, wanted by the owner or not.
 * The table here is written down from the text of vhost-user, not taken from the library.
 */

#include <string.h>
#include <unistd.h>

#include "fixture.h"

#define ALL_FDS 10u

static const struct {
	uint32_t request;
	uint32_t min, max; /* sizes whose payload is read */
	unsigned int fds;  /* bit n: n descriptors, with the valid payload */
	uint64_t feature;  /* has to be agreed on */
	enum op op;        /* what the owner is asked */
} matrix[] = {
	{VHOST_USER_GET_FEATURES, 0, 0, 1, 0, OP_NONE},
	{VHOST_USER_SET_FEATURES, 8, 8, 1, 0, OP_FEATURES},
	{VHOST_USER_SET_OWNER, 0, 0, 1, 0, OP_NONE},
	{VHOST_USER_RESET_OWNER, 0, 0, 1, 0, OP_RESET},
	{VHOST_USER_SET_MEM_TABLE, 8, 264, 4, 0, OP_MEM_TABLE},
	{VHOST_USER_SET_LOG_BASE, 16, 16, 2, F(LOG_SHMFD), OP_LOG},
	{VHOST_USER_SET_LOG_FD, 0, 8, 3, 0, OP_NONE},
	{VHOST_USER_SET_VRING_NUM, 8, 8, 1, 0, OP_NUM},
	{VHOST_USER_SET_VRING_ADDR, 40, 40, 1, 0, OP_ADDR},
	{VHOST_USER_SET_VRING_BASE, 8, 8, 1, 0, OP_BASE},
	{VHOST_USER_GET_VRING_BASE, 8, 8, 1, 0, OP_STOP},
	{VHOST_USER_SET_VRING_KICK, 8, 8, 2, 0, OP_KICK},
	{VHOST_USER_SET_VRING_CALL, 8, 8, 2, 0, OP_CALL},
	{VHOST_USER_SET_VRING_ERR, 8, 8, 2, 0, OP_ERR},
	{VHOST_USER_GET_PROTOCOL_FEATURES, 0, 0, 1, 0, OP_NONE},
	{VHOST_USER_SET_PROTOCOL_FEATURES, 8, 8, 1, 0, OP_NONE},
	{VHOST_USER_GET_QUEUE_NUM, 0, 0, 1, 0, OP_NONE},
	{VHOST_USER_SET_VRING_ENABLE, 8, 8, 1, 0, OP_ENABLE},
	{VHOST_USER_SEND_RARP, 8, 8, 1, 0, OP_RARP},
	{VHOST_USER_NET_SET_MTU, 8, 8, 1, 0, OP_MTU},
	{VHOST_USER_GET_CONFIG, 12, 268, 1, F(CONFIG), OP_GET_CONFIG},
	{VHOST_USER_SET_CONFIG, 12, 268, 1, F(CONFIG), OP_NONE},
	{VHOST_USER_GET_INFLIGHT_FD, 20, 24, 1, F(INFLIGHT_SHMFD), OP_GET_INFLIGHT},
	{VHOST_USER_SET_INFLIGHT_FD, 20, 24, 2, F(INFLIGHT_SHMFD), OP_SET_INFLIGHT},
	{VHOST_USER_RESET_DEVICE, 0, 0, 1, F(RESET_DEVICE), OP_RESET},
	{VHOST_USER_GET_MAX_MEM_SLOTS, 0, 0, 1, F(CONFIGURE_MEM_SLOTS), OP_NONE},
	{VHOST_USER_ADD_MEM_REG, 40, 40, 2, F(CONFIGURE_MEM_SLOTS), OP_MEM_ADD},
	{VHOST_USER_REM_MEM_REG, 40, 40, 3, F(CONFIGURE_MEM_SLOTS), OP_MEM_REMOVE},
	{VHOST_USER_SET_STATUS, 8, 8, 1, F(STATUS), OP_STATUS},
	{VHOST_USER_GET_STATUS, 0, 0, 1, F(STATUS), OP_NONE},
};
#define ROWS (sizeof(matrix) / sizeof(matrix[0]))

/* Every size up to one beyond the largest message: one that the header's check refuses ends
 * the session with no payload sent; one that it lets pass waits for the payload. */
static void
test_sizes(void)
{
	for (size_t r = 0; r < ROWS; r++) {
		for (uint32_t size = 0; size <= sizeof(union vhost_payload) + 1; size++) {
			bool waits = size > 0 && size >= matrix[r].min && size <= matrix[r].max;
			struct fix f;
			struct msg m;

			fix_open(&f);
			msg_make(&m, matrix[r].request);
			m.hdr.size = size;
			fds_send(f.end.sock, &m.hdr, VHOST_USER_HDR_SIZE, -1, 0);
			if (waits) {
				CU_ASSERT_EQUAL(vhost_session_input(f.s), 0);
				CU_ASSERT_EQUAL(fix_calls(&f), 0);
			} else if (size < matrix[r].min || size > matrix[r].max) {
				fix_over(&f, "bytes, expected");
			}
			fix_close(&f);
		}
	}
}

/* Of the sizes that a row allows, the payload itself allows one or two. */
static bool
fits(const struct msg *m, uint32_t size)
{
	switch (m->hdr.request) {
	case VHOST_USER_SET_LOG_FD:
		return size <= 8;
	case VHOST_USER_GET_INFLIGHT_FD:
	case VHOST_USER_SET_INFLIGHT_FD:
		return size == 20 || size == 24;
	default:
		return size == m->hdr.size;
	}
}

static void
test_whole_sizes(void)
{
	for (size_t r = 0; r < ROWS; r++) {
		for (uint32_t size = matrix[r].min; size <= matrix[r].max; size++) {
			struct msg m;
			bool ok;

			msg_make(&m, matrix[r].request);
			ok = fits(&m, size);
			m.hdr.size = size;
			if (matrix[r].request == VHOST_USER_SET_CONFIG && ok)
				CU_ASSERT_EQUAL(fix_verdict(&m), 1)
			else
				CU_ASSERT_EQUAL(fix_verdict(&m), ok ? 0 : -1);
		}
	}
}

static void
test_fds(void)
{
	unsigned int before = fds_count();

	for (size_t r = 0; r < ROWS; r++) {
		for (unsigned int n = 0; n <= ALL_FDS; n++) {
			unsigned int count = n == ALL_FDS ? FDS_MOST : n;
			bool ok = n < ALL_FDS && (matrix[r].fds & (1u << n));
			struct fix f;
			struct msg m;

			fix_open(&f);
			msg_make(&m, matrix[r].request);
			m.nfds = count;
			if (ok)
				fix_input(&f, &m);
			else
				fix_ends(&f, &m, "descriptors");
			CU_ASSERT_EQUAL(fix_calls(&f), ok && matrix[r].op != OP_NONE);
			fix_close(&f);
		}
	}
	CU_ASSERT_EQUAL(fds_count(), before);
}

/* Each is enough with its own feature, and with all others it is not. */
static void
test_feature(void)
{
	for (size_t r = 0; r < ROWS; r++) {
		struct fix f;
		struct msg m;

		msg_make(&m, matrix[r].request);
		fix_open_with(&f, matrix[r].feature);
		fix_input(&f, &m);
		fix_close(&f);
		if (!matrix[r].feature)
			continue;
		fix_open_with(&f, PROTOCOL & ~matrix[r].feature);
		fix_ends(&f, &m, "was not agreed on");
		CU_ASSERT_EQUAL(fix_calls(&f), 0);
		fix_close(&f);
		fix_open_new(&f);
		fix_ends(&f, &m, "was not agreed on");
		fix_close(&f);
	}
}

/* Calls the one operation of its message, once. */
static void
test_ops(void)
{
	for (size_t r = 0; r < ROWS; r++) {
		struct fix f;
		struct msg m;

		fix_open(&f);
		msg_make(&m, matrix[r].request);
		fix_input(&f, &m);
		CU_ASSERT_EQUAL(f.calls[matrix[r].op], matrix[r].op != OP_NONE);
		CU_ASSERT_EQUAL(fix_calls(&f), matrix[r].op != OP_NONE);
		fix_close(&f);
	}
}

/* One answer to each message that asks for one, if that was agreed on; none to others. */
static void
test_answers(void)
{
	for (size_t r = 0; r < ROWS; r++) {
		for (unsigned int how = 0; how < 4; how++) {
			bool asks = how & 1, agreed = how & 2;
			bool refused = matrix[r].request == VHOST_USER_SET_CONFIG;
			bool own = msg_has_reply(matrix[r].request);
			struct fix f;
			struct msg m, got;

			if (matrix[r].request == VHOST_USER_SET_PROTOCOL_FEATURES)
				continue; /* test_features.c */
			fix_open_with(&f, agreed ? PROTOCOL : PROTOCOL & ~F(REPLY_ACK));
			msg_make(&m, matrix[r].request);
			m.hdr.flags |= asks ? VHOST_USER_NEED_REPLY : 0;
			fix_input(&f, &m);
			CU_ASSERT_EQUAL(fix_recv(&f, &got, NULL), own || (asks && agreed));
			if (!own && asks && agreed) {
				CU_ASSERT_EQUAL(got.hdr.request, matrix[r].request);
				CU_ASSERT_EQUAL(got.hdr.size, 8);
				CU_ASSERT_EQUAL(got.u.u64, refused);
			}
			CU_ASSERT_EQUAL(f.refusals, refused);
			CU_ASSERT(!fix_recv(&f, &got, NULL));
			fix_close(&f);
		}
	}
}

/* The owner refuses: the front end is told if it asks, or in the reply, and goes on. */
static void
test_owner_refuses(void)
{
	for (size_t r = 0; r < ROWS; r++) {
		bool own = msg_has_reply(matrix[r].request);
		struct fix f;
		struct msg m, got;

		if (matrix[r].op == OP_NONE || matrix[r].op == OP_RESET ||
		    matrix[r].op == OP_STATUS)
			continue;
		fix_open(&f);
		f.result = 1;
		msg_make(&m, matrix[r].request);
		fix_input(&f, &m);
		CU_ASSERT_EQUAL(fix_recv(&f, &got, NULL), own);
		m.hdr.flags |= VHOST_USER_NEED_REPLY;
		if (!own)
			fix_asked(&f, &m, 1);
		else
			fix_input(&f, &m);
		CU_ASSERT_EQUAL(f.refusals, 2);
		CU_ASSERT_STRING_EQUAL(f.refused, "the owner does not want it");
		CU_ASSERT_EQUAL(f.calls[matrix[r].op], 2);
		CU_ASSERT_EQUAL(f.failings, 0);
		fix_close(&f);
	}
}

/* The owner ends the session by its result, or by vhost_session_fail(): a message that asks
 * is answered, after the owner has heard that it fails. */
static void
owner_ends(size_t r, bool asks, bool inside)
{
	bool answer = asks && !msg_has_reply(matrix[r].request), failed;
	struct msg m, got;
	struct fix f;

	fix_open(&f);
	f.result = inside ? (int)r % 2 : -1;
	f.fail_inside = inside;
	msg_make(&m, matrix[r].request);
	m.hdr.flags |= asks ? VHOST_USER_NEED_REPLY : 0;
	fix_send(&f, &m);
	CU_ASSERT_EQUAL(vhost_session_input(f.s), -1);
	CU_ASSERT_EQUAL(fix_recv(&f, &got, NULL), answer);
	if (answer)
		CU_ASSERT_EQUAL(got.u.u64, 1);
	CU_ASSERT(fix_at_end(&f));
	CU_ASSERT_EQUAL(f.failings, 1);
	CU_ASSERT(!f.told_first);
	CU_ASSERT_STRING_EQUAL(vhost_session_why(f.s, &failed),
			       inside ? "the port was closed" : "the owner does not want it");
	CU_ASSERT(failed);
	CU_ASSERT_EQUAL(vhost_session_input(f.s), -1);
	CU_ASSERT_EQUAL(f.refusals, 0);
	fix_close(&f);
}

static void
test_owner_ends(void)
{
	unsigned int before = fds_count();

	for (size_t r = 0; r < ROWS; r++) {
		if (matrix[r].op == OP_NONE)
			continue;
		for (unsigned int asks = 0; asks < 2; asks++) {
			owner_ends(r, asks, true);
			if (matrix[r].op != OP_RESET && matrix[r].op != OP_STATUS)
				owner_ends(r, asks, false);
		}
	}
	CU_ASSERT_EQUAL(fds_count(), before);
}

/* What a callback keeps stays open, what it leaves is closed. */
static void
test_keep(void)
{
	unsigned int before = fds_count();

	for (size_t r = 0; r < ROWS; r++) {
		for (unsigned int keeps = 0; keeps < 2; keeps++) {
			unsigned int with;
			struct fix f;
			struct msg m;

			fix_open(&f);
			f.end.keep = keeps;
			with = fds_count();
			msg_make(&m, matrix[r].request);
			fix_input(&f, &m);
			CU_ASSERT_EQUAL(fds_count(), with + f.end.num_kept);
			CU_ASSERT(f.end.num_kept == 0 || f.end.num_kept == m.nfds);
			fix_close(&f);
		}
	}
	CU_ASSERT_EQUAL(fds_count(), before);
}

CU_TestInfo matrix_tests[] = {
	{"sizes in the header", test_sizes},
	{"sizes of whole messages", test_whole_sizes},
	{"descriptors", test_fds},
	{"protocol features", test_feature},
	{"operations", test_ops},
	{"answers", test_answers},
	{"the owner refuses", test_owner_refuses},
	{"the owner ends the session", test_owner_ends},
	{"descriptors that are kept", test_keep},
	CU_TEST_INFO_NULL,
};
