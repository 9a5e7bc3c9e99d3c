/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_answer.c - a front end that does not read what it is sent. */

#include <string.h>
#include <sys/socket.h>

#include "fixture.h"

/* Bounded by the socket's buffer, then over; nothing waits. */
static void
never_reads(uint32_t request, uint32_t flags)
{
	unsigned int before = fds_count(), sent = 0;
	bool failed = false;
	struct fix f;
	struct msg m;

	fix_open(&f);
	msg_make(&m, request);
	m.hdr.flags |= flags;
	do {
		fix_send(&f, &m);
		must(++sent < 100000);
	} while (vhost_session_input(f.s) == 0);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(vhost_session_why(f.s, &failed), "does not read its replies"));
	CU_ASSERT(failed);
	CU_ASSERT_EQUAL(f.failings, 1);
	CU_ASSERT_EQUAL(vhost_session_input(f.s), -1);
	fix_close(&f);
	CU_ASSERT_EQUAL(fds_count(), before);
}

static void
test_never_reads(void)
{
	never_reads(VHOST_USER_GET_FEATURES, 0);
	never_reads(VHOST_USER_GET_VRING_BASE, 0);
	never_reads(VHOST_USER_GET_CONFIG, 0);
	never_reads(VHOST_USER_SET_MEM_TABLE, VHOST_USER_NEED_REPLY);
	never_reads(VHOST_USER_SET_CONFIG, VHOST_USER_NEED_REPLY);
}

/* The session refuses more than half a reply: here the socket takes no part of it. */
static void
test_small_buffer(void)
{
	int least = 1;
	struct fix f;
	struct msg m, got;
	unsigned int sent = 0, received = 0;

	fix_open(&f);
	must(setsockopt(vhost_session_fd(f.s), SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)) == 0);
	msg_make(&m, VHOST_USER_GET_CONFIG);
	m.u.config.offset = 0;
	m.u.config.size = VHOST_USER_MAX_CONFIG;
	m.hdr.size = sizeof(m.u.config);
	do {
		fix_send(&f, &m);
		sent++;
	} while (vhost_session_input(f.s) == 0);
	/* whole replies, and the end */
	while (fix_recv(&f, &got, NULL)) {
		CU_ASSERT_EQUAL(got.hdr.size, sizeof(m.u.config));
		received++;
	}
	CU_ASSERT_EQUAL(received, sent - 1);
	CU_ASSERT(fix_at_end(&f));
	fix_close(&f);
}

CU_TestInfo answer_tests[] = {
	{"a front end that never reads", test_never_reads},
	{"a small buffer", test_small_buffer},
	CU_TEST_INFO_NULL,
};
