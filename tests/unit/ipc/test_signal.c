/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_signal.c - signalling an eventfd that a peer makes blocking, or fills. */

#include <fcntl.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fixture.h"
#include "ipc_signal.h"

/* The highest value that write(2) can give an eventfd. */
#define FULL (UINT64_MAX - 1)
/* A test that blocks is killed after so long. */
#define SECONDS 10

static int
event_blocking(uint64_t value)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	must(fd >= 0 && eventfd_write(fd, value) == 0);
	return fd;
}

static uint64_t
taken(int fd)
{
	eventfd_t value = 0;

	must(fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	(void)eventfd_read(fd, &value);
	return value;
}

/* With asynchronous I/O of the kernel, or without. */
static void
one_way(bool aio)
{
	unsigned int before = fds_count();
	struct ipc_signal sig;
	int fd;

	alarm(SECONDS);
	ipc_signal_open(&sig);
	if (!aio) {
		ipc_signal_close(&sig);
		ipc_signal_close(&sig);
	} else {
		CU_ASSERT(sig.aio != 0);
	}

	fd = fd_event();
	for (int i = 0; i < 1000; i++)
		ipc_signal_send(&sig, fd);
	CU_ASSERT_EQUAL(taken(fd), 1000);
	close(fd);

	/* blocking, and full: it stays full, and nobody blocks */
	fd = event_blocking(FULL);
	for (int i = 0; i < 10; i++)
		ipc_signal_send(&sig, fd);
	CU_ASSERT(taken(fd) >= FULL);
	ipc_signal_send(&sig, fd);
	CU_ASSERT_EQUAL(taken(fd), 1);
	close(fd);

	ipc_signal_close(&sig);
	CU_ASSERT_EQUAL(fds_count(), before);
	alarm(0);
}

static void
test_by_the_kernel(void)
{
	one_way(true);
}

static void
test_by_write(void)
{
	one_way(false);
}

void
suite_signal(void)
{
	suite_begin("signal");
	suite_test("by the kernel", test_by_the_kernel);
	suite_test("by write", test_by_write);
}
