/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_sock.c - bytes and descriptors on a real socket. */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

static struct msg buf;
static int fds[VIRTQ_IPC_MAX_FDS];
static struct ipc_msg_in in;

static enum ipc_recv
receive(struct fix *f)
{
	memset(&in, 0xff, sizeof(in));
	return ipc_sock_recv(ipc_session_fd(f->s), &buf, VIRTQ_IPC_MAX_MSG, &in, fds);
}

static void
test_message(void)
{
	unsigned int before = fds_count();
	int fd = fd_event();
	struct fix f;
	struct msg m;

	fix_open(&f);
	CU_ASSERT_EQUAL(receive(&f), IPC_RECV_NONE);
	msg_make(&m, VIRTQ_IPC_QUEUE_FDS);
	fix_send_raw(&f, &m, sizeof(m.hdr) + m.hdr.size, fd, VIRTQ_IPC_MAX_FDS);
	CU_ASSERT_EQUAL(receive(&f), IPC_RECV_MSG);
	CU_ASSERT_EQUAL(in.len, sizeof(m.hdr) + m.hdr.size);
	CU_ASSERT_EQUAL(memcmp(&buf, &m, in.len), 0);
	CU_ASSERT_EQUAL(in.nfds, VIRTQ_IPC_MAX_FDS);
	CU_ASSERT(!in.cut_data && !in.cut_fds);
	for (unsigned int i = 0; i < in.nfds; i++)
		CU_ASSERT(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
	ipc_fds_close(fds, in.nfds);
	CU_ASSERT_EQUAL(fds[0], -1);
	close(fd);
	fix_close(&f);
	CU_ASSERT_EQUAL(fds_count(), before);
}

static void
test_longest(void)
{
	unsigned char bytes[VIRTQ_IPC_MAX_MSG + 1] = {0};
	int fd = fd_event();
	struct fix f;

	fix_open(&f);
	fix_send_raw(&f, bytes, VIRTQ_IPC_MAX_MSG, -1, 0);
	CU_ASSERT_EQUAL(receive(&f), IPC_RECV_MSG);
	CU_ASSERT(!in.cut_data);
	CU_ASSERT_EQUAL(in.len, VIRTQ_IPC_MAX_MSG);
	fix_send_raw(&f, bytes, VIRTQ_IPC_MAX_MSG + 1, fd, 1);
	CU_ASSERT_EQUAL(receive(&f), IPC_RECV_MSG);
	CU_ASSERT(in.cut_data);
	CU_ASSERT_EQUAL(in.len, VIRTQ_IPC_MAX_MSG);
	CU_ASSERT_EQUAL(in.nfds, 1);
	ipc_fds_close(fds, in.nfds);
	close(fd);
	fix_close(&f);
}

/* More descriptors than a message may carry: none leaks, and cut_fds is set. */
static void
test_too_many(void)
{
	static const unsigned int counts[] = {VIRTQ_IPC_MAX_FDS + 1, VIRTQ_IPC_MAX_FDS + 2, 253};
	unsigned int before = fds_count();
	int fd = fd_event();

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct fix f;
		struct msg m;

		fix_open(&f);
		msg_make(&m, VIRTQ_IPC_STOP);
		fix_send_raw(&f, &m, sizeof(m.hdr), fd, counts[i]);
		CU_ASSERT_EQUAL(receive(&f), IPC_RECV_MSG);
		CU_ASSERT_EQUAL(in.nfds, VIRTQ_IPC_MAX_FDS);
		CU_ASSERT(in.cut_fds);
		ipc_fds_close(fds, in.nfds);

		fix_send_raw(&f, &m, sizeof(m.hdr), fd, counts[i]);
		fix_refused(&f, VIRTQ_IPC_E_MALFORMED);
		fix_close(&f);
	}
	close(fd);
	CU_ASSERT_EQUAL(fds_count(), before);
}

static void
add_rights(struct msghdr *mh, struct cmsghdr **c, unsigned int count)
{
	*c = *c ? CMSG_NXTHDR(mh, *c) : CMSG_FIRSTHDR(mh);
	(*c)->cmsg_level = SOL_SOCKET;
	(*c)->cmsg_type = SCM_RIGHTS;
	(*c)->cmsg_len = CMSG_LEN(count * sizeof(int));
	for (unsigned int i = 0; i < count; i++) {
		int fd = fd_event();

		memcpy(CMSG_DATA(*c) + i * sizeof(int), &fd, sizeof(fd));
	}
}

/* Several control messages, some of other kinds, and more descriptors than there is room for. */
static void
test_several(void)
{
	union {
		struct cmsghdr align;
		char bytes[4 * CMSG_SPACE(3 * sizeof(int))];
	} control = {0};
	struct msghdr mh = {.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
	unsigned int before = fds_count();
	struct cmsghdr *c = NULL;
	int got[4] = {-1, -1, -1, -1};
	bool cut;

	add_rights(&mh, &c, 3);
	add_rights(&mh, &c, 0);
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(3 * sizeof(int));
	add_rights(&mh, &c, 0);
	c->cmsg_level = SOL_TCP; /* number 1 of another level */
	c->cmsg_len = CMSG_LEN(sizeof(int));
	add_rights(&mh, &c, 3);
	mh.msg_controllen = (size_t)((char *)c - control.bytes) + CMSG_SPACE(3 * sizeof(int));
	CU_ASSERT_EQUAL(fds_count(), before + 6);
	CU_ASSERT_EQUAL(ipc_sock_take_fds(&mh, got, 4, &cut), 4);
	CU_ASSERT(cut);
	CU_ASSERT_EQUAL(fds_count(), before + 4);
	ipc_fds_close(got, 4);
	CU_ASSERT_EQUAL(fds_count(), before);
	mh.msg_controllen = 0;
	CU_ASSERT_EQUAL(ipc_sock_take_fds(&mh, got, 4, &cut), 0);
	CU_ASSERT(!cut);
}

/* An empty packet looks like the end of the connection, and can carry descriptors. */
static void
test_empty_packet(void)
{
	unsigned int before = fds_count();
	int fd = fd_event();
	struct fix f;

	fix_open(&f);
	fix_send_raw(&f, "", 0, fd, 3);
	CU_ASSERT_EQUAL(receive(&f), IPC_RECV_CLOSED);
	fix_close(&f);
	close(fd);
	CU_ASSERT_EQUAL(fds_count(), before);
}

/* Without a free slot the kernel drops descriptors: the session says so and dies, and no
 * descriptor leaks. */
static void
test_no_slots(void)
{
	unsigned int before = fds_count();
	struct fds_used used;
	struct fix f;

	fix_open_at(&f, IPC_IDLE);
	fix_send_type(&f, VIRTQ_IPC_MEM_TABLE);
	/* one free slot of the two that are needed */
	fds_use_up(&used, f.end.sock, 1);
	CU_ASSERT_EQUAL(ipc_session_input(f.s), -1);
	fds_release(&used);
	CU_ASSERT_EQUAL(ipc_session_why(f.s)->code, VIRTQ_IPC_E_RESOURCES);
	CU_ASSERT_PTR_NOT_NULL(strstr(ipc_session_why(f.s)->text, "ulimit"));
	CU_ASSERT_EQUAL(f.mems, 0);
	fix_close(&f);
	CU_ASSERT_EQUAL(fds_count(), before);
}

static void
test_send(void)
{
	unsigned int before = fds_count();
	int some[VIRTQ_IPC_MAX_FDS];
	struct fix f;
	struct msg m;

	fix_open(&f);
	for (unsigned int i = 0; i < VIRTQ_IPC_MAX_FDS; i++)
		some[i] = fd_event();
	msg_make(&m, VIRTQ_IPC_QUEUE_FDS);
	CU_ASSERT_EQUAL(ipc_sock_send(f.end.sock, &m.hdr, &m.u, some, VIRTQ_IPC_MAX_FDS + 1),
			-EINVAL);
	CU_ASSERT_EQUAL(ipc_sock_send(f.end.sock, &m.hdr, &m.u, some, VIRTQ_IPC_MAX_FDS), 0);
	CU_ASSERT_EQUAL(receive(&f), IPC_RECV_MSG);
	CU_ASSERT_EQUAL(in.len, sizeof(m.hdr) + m.hdr.size);
	CU_ASSERT_EQUAL(in.nfds, VIRTQ_IPC_MAX_FDS);
	ipc_fds_close(fds, in.nfds);
	ipc_fds_close(some, VIRTQ_IPC_MAX_FDS);
	/* a peer that is gone is an error, not a signal */
	close(f.end.sock);
	f.end.sock = -1;
	CU_ASSERT_EQUAL(ipc_sock_send(ipc_session_fd(f.s), &m.hdr, &m.u, NULL, 0), -EPIPE);
	fix_close(&f);
	CU_ASSERT_EQUAL(fds_count(), before);
}

CU_TestInfo sock_tests[] = {
	{"a message and its descriptors", test_message},
	{"longest message", test_longest},
	{"too many descriptors", test_too_many},
	{"several control messages", test_several},
	{"empty packet", test_empty_packet},
	{"no free descriptor slots", test_no_slots},
	{"send", test_send},
	CU_TEST_INFO_NULL,
};
