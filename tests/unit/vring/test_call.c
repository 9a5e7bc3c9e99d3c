/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_call.c - signalling an eventfd that a peer makes blocking, or fills. */

#include <fcntl.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "forbid.h"
#include "vring_call.h"

/* The highest value that write(2) can give an eventfd. */
#define FULL (UINT64_MAX - 1)
/* A test that blocks is killed after so long. */
#define SECONDS 10

static int
event_blocking(uint64_t value)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT(value == 0 || eventfd_write(fd, value) == 0);
	return fd;
}

static uint64_t
taken(int fd)
{
	eventfd_t value = 0;

	CU_ASSERT_EQUAL(fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	(void)eventfd_read(fd, &value);
	return value;
}

/* Each call arrives; a full eventfd that blocks stays full, and nobody blocks. */
static void
one_way(struct vring_call *c, void (*send)(struct vring_call *, int))
{
	int fd = event_blocking(0);

	alarm(SECONDS);
	for (int i = 0; i < 1000; i++)
		send(c, fd);
	CU_ASSERT_EQUAL(taken(fd), 1000);
	close(fd);
	fd = event_blocking(FULL);
	for (int i = 0; i < 10; i++)
		send(c, fd);
	CU_ASSERT(taken(fd) >= FULL);
	send(c, fd);
	CU_ASSERT_EQUAL(taken(fd), 1);
	close(fd);
	alarm(0);
}

static void
test_by_the_kernel(void)
{
	int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct vring_call *c = vring_call_get(wake);

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT(c->aio != 0);
	one_way(c, vring_call_send);
	one_way(c, vring_call_send_here);
	/* completions are taken by a system call where the ring is not what we know */
	c->mapped = false;
	one_way(c, vring_call_send);
	c->mapped = true;
	one_way(c, vring_call_send);
	CU_ASSERT_FALSE(vring_call_was_left(c));
	CU_ASSERT_EQUAL(taken(wake), 0);
	vring_call_put(c);
	close(wake);
}

/* Returned callers are used again. */
static void
test_kept(void)
{
	struct vring_call *c[8], *again;

	for (int i = 0; i < 8; i++)
		c[i] = vring_call_get(-1);
	for (int i = 0; i < 8; i++)
		for (int k = 0; k < i; k++)
			CU_ASSERT(c[i] != c[k] && c[i]->aio != c[k]->aio);
	vring_call_put(c[3]);
	again = vring_call_get(5);
	CU_ASSERT_PTR_EQUAL(again, c[3]);
	CU_ASSERT_EQUAL(again->wake_fd, 5);
	for (int i = 0; i < 8; i++)
		vring_call_put(c[i]);
	vring_call_put(NULL);
}

/* The data thread leaves the call to the control thread, once until that takes it. */
static void
leaves(struct vring_call *c, int wake)
{
	int fd = event_blocking(FULL);

	for (int i = 0; i < 10; i++)
		vring_call_send(c, fd);
	CU_ASSERT_EQUAL(taken(wake), 1);
	CU_ASSERT_TRUE(vring_call_was_left(c));
	CU_ASSERT_FALSE(vring_call_was_left(c));
	vring_call_send(c, fd);
	CU_ASSERT_EQUAL(taken(wake), 1);
	CU_ASSERT_TRUE(vring_call_was_left(c));
	CU_ASSERT_EQUAL(taken(fd), FULL);
	close(fd);
}

/* In a child: its system calls are forbidden from `first` on. */
static void
without_aio(int first)
{
	int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), status = -1;
	pid_t pid = fork();

	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		struct vring_call *c;

		alarm(SECONDS);
		if (first == SYS_io_setup)
			forbid(first, SYS_io_submit);
		c = vring_call_get(wake);
		if (first != SYS_io_setup)
			forbid(first, SYS_io_submit);
		leaves(c, wake);
		one_way(c, vring_call_send_here);
		_exit(CU_get_number_of_failures() != 0);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
	close(wake);
}

static void
test_no_context(void)
{
	without_aio(SYS_io_setup);
}

static void
test_no_submit(void)
{
	without_aio(SYS_io_submit);
}

CU_TestInfo call_tests[] = {
	{"by the kernel", test_by_the_kernel},
	{"callers are kept", test_kept},
	{"no context: left to the control thread", test_no_context},
	{"no submission: left to the control thread", test_no_submit},
	CU_TEST_INFO_NULL,
};
