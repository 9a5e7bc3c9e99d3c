/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_repeat.c - messages repeated many times leak no descriptor. */

#include <string.h>
#include <unistd.h>

#include "fixture.h"

#define REPEATS 100000
#define CONNECTS 10000

/* Sends m with copies of fd and lets the session answer. */
static void
ask(struct fix *f, struct msg *m, int fd)
{
	struct msg got;
	struct ipc_msg_in in;
	int fds[VIRTQ_IPC_MAX_FDS];

	m->hdr.seq = ++f->seq;
	fix_send_raw(f, m, sizeof(m->hdr) + m->hdr.size, fd, msg_fds(m));
	must(ipc_session_input(f->s) == 0);
	while (ipc_sock_recv(f->end.sock, &got, sizeof(got), &in, fds) == IPC_RECV_MSG)
		;
}

static void
repeat(uint16_t type, enum ipc_state state)
{
	int fd = fd_event();
	unsigned int with;
	struct fix f;
	struct msg m;

	fix_open_at(&f, state);
	msg_make(&m, type);
	ask(&f, &m, fd); /* what it stages stays until the next one replaces it */
	with = fds_count();
	for (int i = 0; i < REPEATS; i++)
		ask(&f, &m, fd);
	CU_ASSERT_EQUAL(fds_count(), with);
	CU_ASSERT_EQUAL(ipc_session_state(f.s), state);
	fix_close(&f);
	close(fd);
}

static void
test_mem_table(void)
{
	repeat(VIRTQ_IPC_MEM_TABLE, IPC_READY);
	repeat(VIRTQ_IPC_MEM_TABLE, IPC_RUNNING);
}

static void
test_queue_fds(void)
{
	repeat(VIRTQ_IPC_QUEUE_FDS, IPC_READY);
}

static void
test_log(void)
{
	repeat(VIRTQ_IPC_LOG, IPC_RUNNING);
}

static void
test_start_stop(void)
{
	struct msg fds, start, stop;
	int fd = fd_event();
	unsigned int with;
	struct fix f;

	fix_open_at(&f, IPC_READY);
	msg_make(&fds, VIRTQ_IPC_QUEUE_FDS);
	msg_make(&start, VIRTQ_IPC_START);
	msg_make(&stop, VIRTQ_IPC_STOP);
	with = fds_count();
	for (int i = 0; i < REPEATS; i++) {
		ask(&f, &fds, fd);
		start.u.start.generation++;
		ask(&f, &start, fd);
		ask(&f, &stop, fd);
	}
	CU_ASSERT_EQUAL(fds_count(), with);
	CU_ASSERT_EQUAL(f.starts, REPEATS);
	CU_ASSERT_EQUAL(f.stops, REPEATS);
	fix_close(&f);
	close(fd);
}

/* Peers that send descriptors with a message that is refused. */
static void
test_refused(void)
{
	unsigned int before = fds_count();
	int fd = fd_event();
	struct msg m;

	msg_make(&m, VIRTQ_IPC_HELLO);
	for (int i = 0; i < CONNECTS; i++) {
		struct fix f;

		fix_open(&f);
		fix_send_raw(&f, &m, sizeof(m.hdr) + m.hdr.size, fd, 1 + (unsigned int)i % 253);
		must(ipc_session_input(f.s) == -1);
		fix_close(&f);
	}
	close(fd);
	CU_ASSERT_EQUAL(fds_count(), before);
}

CU_TestInfo repeat_tests[] = {
	{"MEM_TABLE", test_mem_table},
	{"QUEUE_FDS", test_queue_fds},
	{"LOG", test_log},
	{"START and STOP", test_start_stop},
	{"refused connections with descriptors", test_refused},
	CU_TEST_INFO_NULL,
};
