/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_peer.c - peers that do not send, do not read, leave, or may not connect. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "ipc_peer.h"

static void
test_silent(void)
{
	struct ipc_err late = {VIRTQ_IPC_E_TIMEOUT, "no HELLO within 2 s"};
	struct msg got;
	struct fix f;

	fix_open(&f);
	for (int i = 0; i < 100; i++)
		fix_input(&f, IPC_NEW);
	ipc_session_fail(f.s, &late);
	CU_ASSERT(fix_recv(&f, &got));
	CU_ASSERT_EQUAL(got.u.error.code, VIRTQ_IPC_E_TIMEOUT);
	fix_close(&f);
}

/* One call handles a limited number of messages, so that other sessions get their turn. */
static void
test_burst(void)
{
	struct fix f;

	fix_open_at(&f, IPC_IDLE);
	for (int i = 0; i < IPC_INPUT_BURST + 3; i++)
		fix_send_type(&f, VIRTQ_IPC_RXSTATE);
	fix_input(&f, IPC_IDLE);
	CU_ASSERT_EQUAL(f.rxs, IPC_INPUT_BURST);
	fix_input(&f, IPC_IDLE);
	CU_ASSERT_EQUAL(f.rxs, IPC_INPUT_BURST + 3);
	fix_close(&f);
}

/* A peer that asks and never reads: the session dies, in bounded memory and time. */
static void
test_never_reads(void)
{
	struct virtq_ipc_link link = {.up = 1};
	unsigned int i;
	struct fix f;

	fix_open_at(&f, IPC_IDLE);
	for (i = 0; i < 100000 && ipc_session_state(f.s) != IPC_DEAD; i++) {
		fix_send_type(&f, VIRTQ_IPC_GET_COUNTERS);
		ipc_session_input(f.s);
	}
	CU_ASSERT_EQUAL(ipc_session_state(f.s), IPC_DEAD);
	CU_ASSERT_EQUAL(ipc_session_why(f.s)->code, VIRTQ_IPC_E_RESOURCES);
	CU_ASSERT_PTR_NOT_NULL(strstr(ipc_session_why(f.s)->text, "does not read"));
	fix_close(&f);

	fix_open_at(&f, IPC_IDLE);
	for (i = 0; i < 100000 && ipc_session_send_link(f.s, &link) == 0; i++)
		;
	CU_ASSERT(i > 10 && i < 100000);
	CU_ASSERT_EQUAL(ipc_session_state(f.s), IPC_DEAD);
	fix_close(&f);
}

static void
test_seq(void)
{
	static const int off[] = {-1, 0, 2, 100};

	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		struct fix f;

		fix_open_at(&f, IPC_READY);
		f.seq += (uint32_t)off[i] - 1;
		fix_send_type(&f, VIRTQ_IPC_RXSTATE);
		fix_refused(&f, VIRTQ_IPC_E_MALFORMED);
		CU_ASSERT_EQUAL(f.rxs, 0);
		fix_close(&f);
	}
}

static void
test_closed(void)
{
	static const enum ipc_state states[] = {IPC_NEW, IPC_IDLE, IPC_READY, IPC_RUNNING};
	unsigned int before = fds_count();

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct fix f;

		fix_open_at(&f, states[i]);
		if (states[i] == IPC_READY)
			fix_ask_type(&f, VIRTQ_IPC_QUEUE_FDS, 0);
		close(f.end.sock);
		f.end.sock = -1;
		fix_input(&f, IPC_DEAD);
		CU_ASSERT_EQUAL(ipc_session_why(f.s)->code, 0);
		CU_ASSERT_STRING_EQUAL(ipc_session_why(f.s)->text, "peer closed the connection");
		fix_close(&f);
		CU_ASSERT_EQUAL(fds_count(), before);
	}
}

/* What a device sends in its life, in order. */
static const uint16_t life[] = {
	VIRTQ_IPC_HELLO, VIRTQ_IPC_MEM_TABLE,    VIRTQ_IPC_QUEUE_FDS,
	VIRTQ_IPC_START, VIRTQ_IPC_RXSTATE,      VIRTQ_IPC_MEM_TABLE,
	VIRTQ_IPC_LOG,   VIRTQ_IPC_GET_COUNTERS, VIRTQ_IPC_STOP,
};
#define LIFE (sizeof(life) / sizeof(life[0]))

/* The device is killed (SIGKILL) after each message of its life, with the answers
 * unread; its messages are handled, and then the end of the connection is seen. */
static void
test_killed(void)
{
	unsigned int before = fds_count();

	for (size_t n = 0; n <= LIFE; n++) {
		int status;
		struct fix f;
		pid_t pid;

		fix_open(&f);
		fflush(NULL);
		pid = fork();
		must(pid >= 0);
		if (pid == 0) {
			for (size_t i = 0; i < n; i++)
				fix_send_type(&f, life[i]);
			raise(SIGKILL);
			_exit(1);
		}
		close(f.end.sock);
		f.end.sock = -1;
		must(waitpid(pid, &status, 0) == pid);
		CU_ASSERT(WIFSIGNALED(status));
		CU_ASSERT_EQUAL(ipc_session_input(f.s), -1);
		CU_ASSERT_EQUAL(ipc_session_state(f.s), IPC_DEAD);
		CU_ASSERT_EQUAL(ipc_session_why(f.s)->code, 0);
		CU_ASSERT_EQUAL(f.hellos, n > 0);
		CU_ASSERT_EQUAL(f.starts, n > 3);
		CU_ASSERT_EQUAL(f.stops, n > 8);
		fix_close(&f);
		CU_ASSERT_EQUAL(fds_count(), before);
	}
}

/* Random bytes end a session, and no callback is made. */
static void
test_garbage(void)
{
	unsigned char bytes[600];
	unsigned int seed = 1;

	for (int i = 0; i < 2000; i++) {
		size_t len = 1 + (unsigned int)rand_r(&seed) % sizeof(bytes);
		struct fix f;

		for (size_t j = 0; j < len; j++)
			bytes[j] = (unsigned char)rand_r(&seed);
		fix_open(&f);
		fix_send_raw(&f, bytes, len, -1, 0);
		fix_input(&f, IPC_DEAD);
		CU_ASSERT_EQUAL(f.hellos, 0);
		fix_close(&f);
	}
}

/* In a process of user uid: may root connect (self false), may uid itself (self true)? */
static int
allowed_as(uid_t uid, bool self)
{
	int sv[2], status;
	pid_t pid;

	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == 0);
	fflush(NULL);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		struct ipc_err err = {0, ""};

		if (setresuid(uid, uid, uid))
			_exit(100);
		/* both ends of a socket pair have the credentials of the process that made it */
		if (self && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
			_exit(100);
		_exit(ipc_peer_allowed(sv[0], (uid_t)-1, &err) ? (int)err.code : 0);
	}
	must(waitpid(pid, &status, 0) == pid);
	close(sv[0]);
	close(sv[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 101;
}

static void
test_root_and_self(void)
{
	struct ipc_err err = {0, ""};
	struct ucred cred;
	struct fix f;

	fix_open(&f);
	CU_ASSERT_EQUAL(ipc_peer_allowed(f.end.sock, (uid_t)-1, &err), 0);
	CU_ASSERT_EQUAL(ipc_peer_cred(f.end.sock, &cred), 0);
	CU_ASSERT_EQUAL(cred.uid, geteuid());
	CU_ASSERT_EQUAL(cred.pid, getpid());
	fix_close(&f);
	CU_ASSERT_EQUAL(ipc_peer_allowed(-1, (uid_t)-1, &err), -1);
	CU_ASSERT_EQUAL(err.code, VIRTQ_IPC_E_PEER);
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL(allowed_as(4321, false), 0);
		CU_ASSERT_EQUAL(allowed_as(4321, true), 0);
	}
}

/* A pair of sockets that a process of user uid made. */
static void
pair_of(uid_t uid, int sv[2])
{
	must(seteuid(uid) == 0);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == 0);
	must(seteuid(0) == 0);
}

static void
test_stranger(void)
{
	struct ipc_err err = {0, ""};
	int sv[2];

	if (geteuid() != 0)
		return;
	pair_of(4321, sv);
	CU_ASSERT_EQUAL(ipc_peer_allowed(sv[0], (uid_t)-1, &err), -1);
	CU_ASSERT_EQUAL(err.code, VIRTQ_IPC_E_PEER);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "give the port uid=4321,"));
	CU_ASSERT_EQUAL(ipc_peer_allowed(sv[0], 4322, &err), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "user id 0 or 4322"));
	CU_ASSERT_EQUAL(ipc_peer_allowed(sv[0], 4321, &err), 0);
	close(sv[0]);
	close(sv[1]);
}

CU_TestInfo peer_tests[] = {
	{"silent", test_silent},
	{"sends without end", test_burst},
	{"never reads", test_never_reads},
	{"sequence numbers", test_seq},
	{"closes", test_closed},
	{"killed after each message", test_killed},
	{"garbage", test_garbage},
	{"root and this user may connect", test_root_and_self},
	{"another user may connect if the port names it", test_stranger},
	CU_TEST_INFO_NULL,
};
