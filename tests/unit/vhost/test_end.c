/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_end.c - how a session ends. */

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "ipc_fd.h"

/* Between two messages: told to nobody but the owner, and the socket is shut down. */
static void
test_fail(void)
{
	bool failed = false;
	struct fix f;

	fix_open(&f);
	vhost_session_fail(f.s, "the port is removed");
	CU_ASSERT(vhost_session_is_dead(f.s));
	CU_ASSERT_EQUAL(f.failings, 1);
	CU_ASSERT(fix_at_end(&f));
	vhost_session_fail(f.s, "again");
	CU_ASSERT_EQUAL(f.failings, 1);
	CU_ASSERT_EQUAL(vhost_session_input(f.s), -1);
	CU_ASSERT_STRING_EQUAL(vhost_session_why(f.s, &failed), "the port is removed");
	CU_ASSERT(failed);
	fix_close(&f);
}

/* The header of a message that asks for an answer is here, and it is refused. */
static void
refused(uint32_t request, bool asks, bool agreed)
{
	struct vhost_user_hdr hdr = {request, VHOST_USER_VERSION, 0x1000};
	struct msg got;
	struct fix f;

	fix_open_with(&f, agreed ? PROTOCOL : PROTOCOL & ~F(REPLY_ACK));
	hdr.flags |= asks ? VHOST_USER_NEED_REPLY : 0;
	fds_send(f.end.sock, &hdr, VHOST_USER_HDR_SIZE, -1, 0);
	CU_ASSERT_EQUAL(vhost_session_input(f.s), -1);
	CU_ASSERT_EQUAL(fix_recv(&f, &got, NULL), asks && agreed && !msg_has_reply(request));
	if (asks && agreed && !msg_has_reply(request)) {
		CU_ASSERT_EQUAL(got.hdr.request, request);
		CU_ASSERT_EQUAL(got.u.u64, 1);
	}
	CU_ASSERT(!f.told_first);
	CU_ASSERT(fix_at_end(&f));
	fix_close(&f);
}

static void
test_refused(void)
{
	for (uint32_t request = 0; request < REQUESTS; request++)
		for (unsigned int how = 0; how < 4; how++)
			refused(request, how & 1, how & 2);
}

/* With messages unread, the front end finds the answer before the end. */
static void
test_unread(void)
{
	unsigned int before = fds_count();
	struct fix f;
	struct msg m, got;

	fix_open(&f);
	msg_make(&m, VHOST_USER_SET_MEM_TABLE);
	m.hdr.flags |= VHOST_USER_NEED_REPLY;
	f.result = -1;
	for (int i = 0; i < 10; i++)
		fix_send(&f, &m);
	CU_ASSERT_EQUAL(vhost_session_input(f.s), -1);
	CU_ASSERT_EQUAL(f.calls[OP_MEM_TABLE], 1);
	vhost_session_free(f.s);
	CU_ASSERT(fix_recv(&f, &got, NULL));
	CU_ASSERT_EQUAL(got.u.u64, 1);
	CU_ASSERT_EQUAL(recv(f.end.sock, &got, 1, MSG_DONTWAIT), 0);
	close(f.end.sock);
	CU_ASSERT_EQUAL(fds_count(), before);
}

/* Half a message with descriptors at hand, and one behind it. */
static void
test_free_half(void)
{
	unsigned int before = fds_count();
	unsigned char bytes[MSG_BYTES];
	struct fix f;
	struct msg m;
	int fd = fd_event();

	fix_open(&f);
	msg_make(&m, VHOST_USER_SET_MEM_TABLE);
	fds_send(f.end.sock, bytes, msg_bytes(&m, bytes) - 1, fd, 2);
	CU_ASSERT_EQUAL(vhost_session_input(f.s), 0);
	fds_send(f.end.sock, bytes, 1, -1, 0);
	fix_send(&f, &m);
	fix_close(&f);
	close(fd);
	CU_ASSERT_EQUAL(fds_count(), before);
}

/* Without a free slot the kernel drops descriptors: the session says so and is over. */
static void
test_no_slots(void)
{
	unsigned int before = fds_count();
	struct fds_used used;
	struct fix f;
	struct msg m;

	fix_open(&f);
	msg_make(&m, VHOST_USER_SET_MEM_TABLE);
	fix_send(&f, &m);
	/* one free slot of the two that are needed */
	fds_use_up(&used, f.end.sock, 1);
	fix_over(&f, "ulimit");
	fds_release(&used);
	CU_ASSERT_EQUAL(fix_calls(&f), 0);
	fix_close(&f);
	CU_ASSERT_EQUAL(fds_count(), before);
}

/* Nothing it receives survives an exec. */
static void
test_cloexec(void)
{
	struct fix f;
	struct msg m;

	fix_open(&f);
	f.end.keep = true;
	msg_make(&m, VHOST_USER_SET_MEM_TABLE);
	fix_input(&f, &m);
	for (unsigned int i = 0; i < f.end.num_kept; i++)
		CU_ASSERT(fcntl(f.end.kept[i], F_GETFD) & FD_CLOEXEC);
	CU_ASSERT_EQUAL(f.end.num_kept, 2);
	CU_ASSERT_PTR_EQUAL(vhost_session_owner(f.s), &f);
	fix_close(&f);
	vhost_session_free(NULL);
}

CU_TestInfo end_tests[] = {
	{"between two messages", test_fail},
	{"a header that is refused", test_refused},
	{"messages unread", test_unread},
	{"half a message", test_free_half},
	{"no free descriptor slots", test_no_slots},
	{"descriptors close on exec", test_cloexec},
	CU_TEST_INFO_NULL,
};
