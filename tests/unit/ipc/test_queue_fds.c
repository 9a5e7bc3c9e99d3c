/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_queue_fds.c - QUEUE_FDS: what is staged, and who closes it. */

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "fixture.h"

#define BAD VIRTQ_IPC_E_MALFORMED

static uint32_t
range(uint32_t max_pairs, uint32_t first, uint32_t count)
{
	struct ipc_msg_ctx ctx = ctx_make(IPC_IDLE);
	struct virtq_ipc_queue_fds q = {.first = first, .count = count};
	struct ipc_err err = {0, ""};

	ctx.max_pairs = max_pairs;
	ipc_check_queue_fds(&q, 2 * count, &ctx, &err);
	return err.code;
}

static void
test_range(void)
{
	CU_ASSERT_EQUAL(range(PAIRS, 0, QUEUES), 0);
	CU_ASSERT_EQUAL(range(PAIRS, QUEUES - 1, 1), 0);
	CU_ASSERT_EQUAL(range(PAIRS, 0, 0), BAD);
	CU_ASSERT_EQUAL(range(PAIRS, QUEUES, 0), BAD);
	CU_ASSERT_EQUAL(range(PAIRS, 0, QUEUES + 1), BAD);
	CU_ASSERT_EQUAL(range(PAIRS, 1, QUEUES), BAD);
	CU_ASSERT_EQUAL(range(PAIRS, QUEUES, 1), BAD);
	CU_ASSERT_EQUAL(range(PAIRS, QUEUES + 1, 1), BAD);
	CU_ASSERT_EQUAL(range(PAIRS, UINT32_MAX, 1), BAD);
	CU_ASSERT_EQUAL(range(PAIRS, UINT32_MAX - 1, 2), BAD);
	CU_ASSERT_EQUAL(range(PAIRS, 0x10000, 1), BAD);
	CU_ASSERT_EQUAL(range(PAIRS, 0, 0x80000001), BAD); /* 2 descriptors */
	CU_ASSERT_EQUAL(range(PAIRS, 0, 0x10001), BAD);
	CU_ASSERT_EQUAL(range(128, 192, VIRTQ_IPC_FDS_QUEUES), 0);
	CU_ASSERT_EQUAL(range(128, 193, VIRTQ_IPC_FDS_QUEUES), BAD);
	CU_ASSERT_EQUAL(range(128, 0, VIRTQ_IPC_FDS_QUEUES + 1), BAD);
	CU_ASSERT_EQUAL(range(128, 255, 1), 0);
	CU_ASSERT_EQUAL(range(128, 256, 1), BAD);
}

static void
test_fds(void)
{
	struct ipc_msg_ctx ctx = ctx_make(IPC_READY);
	struct msg m;

	msg_make(&m, VIRTQ_IPC_QUEUE_FDS);
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 4, &ctx), 0);
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 2, &ctx), BAD);
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 3, &ctx), BAD);
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 5, &ctx), BAD);
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 6, &ctx), BAD);
}

/* Staged descriptors belong to the session; those that a later message replaces are closed. */
static void
test_staged(void)
{
	unsigned int before = fds_count(), with;
	struct fix f;
	struct msg m;

	fix_open_at(&f, IPC_READY);
	with = fds_count();
	fix_ask_type(&f, VIRTQ_IPC_QUEUE_FDS, 0);
	CU_ASSERT_EQUAL(fds_count(), with + 4);
	fix_ask_type(&f, VIRTQ_IPC_QUEUE_FDS, 0);
	CU_ASSERT_EQUAL(fds_count(), with + 4);
	msg_make(&m, VIRTQ_IPC_QUEUE_FDS);
	m.u.queue_fds.first = 1;
	fix_ask(&f, &m, 0);
	CU_ASSERT_EQUAL(fds_count(), with + 6);
	fix_close(&f);
	CU_ASSERT_EQUAL(fds_count(), before);
}

/* START hands them over; those that the owner does not take are closed. */
static void
test_taken(void)
{
	unsigned int before = fds_count(), with;
	struct fix f;

	fix_open_at(&f, IPC_READY);
	with = fds_count();
	f.end.keep = true;
	fix_ask_type(&f, VIRTQ_IPC_QUEUE_FDS, 0);
	fix_ask_type(&f, VIRTQ_IPC_START, VIRTQ_IPC_START_OK);
	CU_ASSERT_EQUAL(f.end.num_kept, 5);
	CU_ASSERT_EQUAL(fds_count(), with + 5);
	fix_ask_type(&f, VIRTQ_IPC_STOP, VIRTQ_IPC_STOPPED);
	end_drop(&f.end);
	CU_ASSERT_EQUAL(fds_count(), with);
	f.end.keep = false;
	fix_ask_type(&f, VIRTQ_IPC_QUEUE_FDS, 0);
	fix_close(&f);
	CU_ASSERT_EQUAL(fds_count(), before);
}

static void
test_dropped_on_death(void)
{
	struct ipc_err gone = {VIRTQ_IPC_E_GONE, "the port was closed"};
	unsigned int with;
	struct fix f;

	fix_open_at(&f, IPC_READY);
	with = fds_count();
	fix_ask_type(&f, VIRTQ_IPC_QUEUE_FDS, 0);
	ipc_session_fail(f.s, &gone);
	CU_ASSERT_EQUAL(fds_count(), with);
	fix_close(&f);
}

/* A write to a pipe in place of an eventfd could block. */
static void
test_not_eventfd(void)
{
	int pipes[2];
	unsigned int before = fds_count();
	struct fix f;
	struct msg m;

	must(pipe(pipes) == 0);
	CU_ASSERT(!ipc_fd_is_eventfd(pipes[0]));
	CU_ASSERT(ipc_fd_is_eventfd(-1)); /* readlink() fails, as it does without /proc */
	fix_open_at(&f, IPC_READY);
	msg_make(&m, VIRTQ_IPC_QUEUE_FDS);
	m.hdr.seq = ++f.seq;
	fix_send_raw(&f, &m, sizeof(m.hdr) + m.hdr.size, pipes[1], 4);
	fix_refused(&f, BAD);
	fix_close(&f);
	close(pipes[0]);
	close(pipes[1]);
	CU_ASSERT_EQUAL(fds_count(), before);
}

/* A blocking eventfd is made non-blocking before anybody can write to it. */
static void
test_nonblocking(void)
{
	struct fix f;
	struct msg m;
	int fd = fd_event();

	must(fcntl(fd, F_SETFL, O_RDWR) == 0);
	CU_ASSERT(ipc_fd_is_eventfd(fd));
	fix_open_at(&f, IPC_READY);
	msg_make(&m, VIRTQ_IPC_QUEUE_FDS);
	m.hdr.seq = ++f.seq;
	fix_send_raw(&f, &m, sizeof(m.hdr) + m.hdr.size, fd, 4);
	fix_input(&f, IPC_READY);
	CU_ASSERT(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	fix_close(&f);
}

CU_TestInfo queue_fds_tests[] = {
	{"range of queues", test_range},
	{"number of descriptors", test_fds},
	{"staged and replaced", test_staged},
	{"taken by START", test_taken},
	{"dropped when the session dies", test_dropped_on_death},
	{"not an eventfd", test_not_eventfd},
	{"made non-blocking", test_nonblocking},
	CU_TEST_INFO_NULL,
};
