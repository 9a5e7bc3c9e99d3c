/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_order.c - the barrier in all threads, where membarrier(2) fails. */

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "fixture.h"
#include "forbid.h"
#include "order.h"

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Commands that are taken away in a child, and how it still reaches the other threads. */
static void
in_child(const uint32_t *commands, unsigned int n, enum order_way want)
{
	int status = -1;
	pid_t pid = fork();

	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		double begin;

		/* before the first burst it was there */
		if (!order_membarrier_register() ||
		    order_barrier_everywhere(true) != ORDER_EXPEDITED)
			_exit(1);
		for (unsigned int i = 0; i < n; i++)
			forbid_command(SYS_membarrier, commands[i]);
		begin = now();
		if (order_barrier_everywhere(true) != want)
			_exit(2);
		/* a wait that ends at once is none */
		if (want == ORDER_WAITED && now() - begin < 0.01)
			_exit(3);
		_exit(order_barrier_everywhere(false) == ORDER_FENCE ? 0 : 4);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
}

/* A forked child is not registered: it registers. */
static void
test_fork(void)
{
	int status = -1;
	pid_t pid;

	CU_ASSERT_TRUE_FATAL(order_membarrier_register());
	pid = fork();
	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0)
		_exit(order_barrier_everywhere(true) == ORDER_EXPEDITED ? 0 : 1);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
}

static void
test_global(void)
{
	static const uint32_t commands[] = {MEMBARRIER_CMD_PRIVATE_EXPEDITED};

	/* Linux has none where a processor is nohz_full */
	in_child(commands, 1,
		 syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) & MEMBARRIER_CMD_GLOBAL
			 ? ORDER_GLOBAL
			 : ORDER_WAITED);
}

static void
test_wait(void)
{
	static const uint32_t commands[] = {MEMBARRIER_CMD_PRIVATE_EXPEDITED,
					    MEMBARRIER_CMD_GLOBAL};

	in_child(commands, 2, ORDER_WAITED);
}

CU_TestInfo order_tests[] = {
	{"in a forked child", test_fork},
	{"out of memory: the slow command", test_global},
	{"no command: a wait", test_wait},
	CU_TEST_INFO_NULL,
};
