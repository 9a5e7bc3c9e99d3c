/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_repeat.c - messages repeated many times leak no descriptor. */

#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

#define REPEATS 100000
#define CONNECTS 10000

static void
read_all(struct fix *f)
{
	struct msg got;

	while (fix_recv(f, &got, NULL))
		;
}

static void
repeat(uint32_t request, int result)
{
	unsigned char bytes[MSG_BYTES];
	int fd = fd_event();
	unsigned int with;
	struct fix f;
	struct msg m;
	size_t len;

	fix_open(&f);
	f.result = result;
	msg_make(&m, request);
	m.hdr.flags |= VHOST_USER_NEED_REPLY;
	len = msg_bytes(&m, bytes);
	with = fds_count();
	for (int i = 0; i < REPEATS; i++) {
		fds_send(f.end.sock, bytes, len, fd, m.nfds);
		must(vhost_session_input(f.s) == 0);
		read_all(&f);
	}
	CU_ASSERT_EQUAL(fds_count(), with);
	CU_ASSERT(f.calls[OP_NONE] == 0 && fix_calls(&f) <= REPEATS);
	fix_close(&f);
	close(fd);
}

/* All that carry descriptors, taken and refused. */
static void
test_taken(void)
{
	repeat(VHOST_USER_SET_MEM_TABLE, 0);
	repeat(VHOST_USER_ADD_MEM_REG, 0);
	repeat(VHOST_USER_SET_VRING_KICK, 0);
	repeat(VHOST_USER_SET_VRING_CALL, 0);
	repeat(VHOST_USER_SET_VRING_ERR, 0);
	repeat(VHOST_USER_SET_LOG_BASE, 0);
	repeat(VHOST_USER_SET_LOG_FD, 0);
	repeat(VHOST_USER_GET_INFLIGHT_FD, 0);
	repeat(VHOST_USER_SET_INFLIGHT_FD, 0);
}

static void
test_refused(void)
{
	repeat(VHOST_USER_SET_MEM_TABLE, 1);
	repeat(VHOST_USER_SET_VRING_KICK, 1);
	repeat(VHOST_USER_GET_INFLIGHT_FD, 1);
	repeat(VHOST_USER_SET_INFLIGHT_FD, 1);
}

/* Peers that send descriptors with a message that ends the session. */
static void
test_ended(void)
{
	unsigned int before = fds_count();
	unsigned char bytes[MSG_BYTES];
	int fd = fd_event();
	struct msg m;
	size_t len;

	for (int i = 0; i < CONNECTS; i++) {
		struct fix f;

		msg_make(&m, (uint32_t)i % REQUESTS);
		len = msg_bytes(&m, bytes);
		fix_open(&f);
		fds_send(f.end.sock, bytes, len, fd, 3 + (unsigned int)i % (FDS_MOST - 2));
		must(vhost_session_input(f.s) == -1);
		fix_close(&f);
	}
	close(fd);
	CU_ASSERT_EQUAL(fds_count(), before);
}

CU_TestInfo repeat_tests[] = {
	{"messages that are taken", test_taken},
	{"messages that are refused", test_refused},
	{"messages that end the session", test_ended},
	CU_TEST_INFO_NULL,
};
