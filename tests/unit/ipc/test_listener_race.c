/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_listener_race.c - several processes and one path. */

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "connector.h"

#define PROCESSES 4
#define ROUNDS 100
#define TURNS 300

struct gate {
	int go[2];   /* never written to: all wake when it is closed */
	int said[2]; /* one byte of each process: 'y' if it got the path */
	int end[2];
};

static void
racer(struct gate *g)
{
	struct ipc_listener *l;
	struct ipc_err err;
	char c;

	close(g->go[1]);
	close(g->end[1]);
	if (read(g->go[0], &c, 1) != 0)
		_exit(2);
	l = conn_try(conn_path, &err);
	if (!l && !strstr(err.text, "serves it"))
		_exit(3);
	c = l ? 'y' : 'n';
	if (write(g->said[1], &c, 1) != 1)
		_exit(4);
	/* the one that has the path keeps it until all have tried */
	if (read(g->end[0], &c, 1) != 0)
		_exit(5);
	ipc_listener_close(l);
	_exit(0);
}

static unsigned int
race_once(void)
{
	unsigned int got = 0;
	int pids[PROCESSES];
	struct gate g;

	must(pipe2(g.go, O_CLOEXEC) == 0 && pipe2(g.said, O_CLOEXEC) == 0 &&
	     pipe2(g.end, O_CLOEXEC) == 0);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		must(pids[i] >= 0);
		if (pids[i] == 0)
			racer(&g);
	}
	close(g.go[1]);
	for (int i = 0; i < PROCESSES; i++) {
		struct pollfd p = {.fd = g.said[0], .events = POLLIN};
		char c = '?';

		CU_ASSERT_EQUAL(poll(&p, 1, 20000), 1);
		must(read(g.said[0], &c, 1) == 1);
		got += c == 'y';
	}
	close(g.end[1]);
	for (int i = 0; i < PROCESSES; i++)
		CU_ASSERT_EQUAL(conn_wait(pids[i]), 0);
	close(g.go[0]);
	close(g.said[0]);
	close(g.said[1]);
	close(g.end[0]);
	return got;
}

/* All start at once, without and with a socket that a killed process left. */
static void
race(bool stale)
{
	fflush(NULL);
	for (int round = 0; round < ROUNDS; round++) {
		conn_begin();
		if (stale) {
			int pid = fork();
			struct ipc_err err;

			must(pid >= 0);
			if (pid == 0)
				_exit(conn_try(conn_path, &err) ? 0 : 1);
			CU_ASSERT_EQUAL(conn_wait(pid), 0);
		}
		CU_ASSERT_EQUAL(race_once(), 1);
		CU_ASSERT(!conn_exists(conn_path) && !conn_exists(conn_lock));
		conn_end();
	}
}

static void
test_start(void)
{
	race(false);
}

static void
test_start_stale(void)
{
	race(true);
}

static void
turns(int *holders)
{
	for (int got = 0; got < TURNS;) {
		struct ipc_listener *l;
		struct ipc_err err;

		l = conn_try(conn_path, &err);
		if (!l) {
			if (!strstr(err.text, "serves it"))
				_exit(3);
			continue;
		}
		got++;
		if (__atomic_add_fetch(holders, 1, __ATOMIC_SEQ_CST) != 1)
			_exit(4);
		if (!conn_exists(conn_path))
			_exit(5);
		__atomic_sub_fetch(holders, 1, __ATOMIC_SEQ_CST);
		ipc_listener_close(l);
	}
	_exit(0);
}

/* Processes take the path in turns, again and again: never two have it at a time, and
 * the one that closes removes nothing of the next one. */
static void
test_turns(void)
{
	int *holders = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	int pids[PROCESSES];

	must(holders != MAP_FAILED);
	conn_begin();
	fflush(NULL);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		must(pids[i] >= 0);
		if (pids[i] == 0)
			turns(holders);
	}
	for (int i = 0; i < PROCESSES; i++)
		CU_ASSERT_EQUAL(conn_wait(pids[i]), 0);
	CU_ASSERT(!conn_exists(conn_path) && !conn_exists(conn_lock));
	conn_end();
	munmap(holders, sizeof(int));
}

CU_TestInfo listener_race_tests[] = {
	{"start at once", test_start},
	{"start at once over a stale socket", test_start_stale},
	{"start and stop in turns", test_turns},
	CU_TEST_INFO_NULL,
};
