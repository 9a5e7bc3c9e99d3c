/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_dialer.c - connecting to a path that is not there, not served, or comes and goes. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connector.h"
#include "ipc_dialer.h"

static struct ipc_dialer *
dial_begin(const char *path)
{
	struct ipc_dialer *d = ipc_dialer_new(path, conn_type);

	must(d != NULL);
	CU_ASSERT_STRING_EQUAL(ipc_dialer_path(d), path);
	CU_ASSERT_EQUAL(ipc_dialer_due(d), 0);
	return d;
}

/* Whether something changed where the path is waited for; takes note of it. */
static bool
changed(struct ipc_dialer *d)
{
	struct pollfd p = {.fd = ipc_dialer_fd(d), .events = POLLIN};

	if (poll(&p, 1, 0) != 1)
		return false;
	ipc_dialer_changed(d);
	return true;
}

/* It connects, and both ends are closed. */
static void
dial_succeeds(struct ipc_dialer *d, struct ipc_listener *l, uint64_t now)
{
	int fd = ipc_dialer_connect(d, now);

	CU_ASSERT(fd >= 0);
	ipc_fds_close(&fd, 1);
	ipc_dialer_free(d);
	ipc_listener_close(l);
}

static void
test_connects_at_once(void)
{
	struct ipc_listener *l;
	struct ipc_dialer *d;
	int fd, other;

	conn_begin();
	l = conn_open();
	d = dial_begin(conn_path);
	fd = ipc_dialer_connect(d, 1000);
	CU_ASSERT(fd >= 0);
	CU_ASSERT_EQUAL(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CU_ASSERT_EQUAL(ipc_dialer_due(d), UINT64_MAX);
	other = ipc_listener_accept(l);
	CU_ASSERT(other >= 0);
	close(fd);
	close(other);
	ipc_dialer_free(d);
	ipc_listener_close(l);
	conn_end();
}

/* At once, and then no more often than every IPC_DIALER_MS. */
static void
test_nobody_listens(void)
{
	struct ipc_dialer *d;
	int fd;

	conn_begin();
	fd = open(conn_path, O_CREAT | O_WRONLY, 0600);
	must(fd >= 0);
	close(fd);
	d = dial_begin(conn_path);
	CU_ASSERT_EQUAL(ipc_dialer_connect(d, 1000), -ECONNREFUSED);
	CU_ASSERT_EQUAL(ipc_dialer_due(d), 1000 + IPC_DIALER_MS);
	CU_ASSERT_EQUAL(ipc_dialer_connect(d, 1000 + IPC_DIALER_MS - 1), -EAGAIN);
	CU_ASSERT_EQUAL(ipc_dialer_connect(d, 1000 + IPC_DIALER_MS), -ECONNREFUSED);
	CU_ASSERT_EQUAL(ipc_dialer_due(d), 1000 + 2 * IPC_DIALER_MS);
	ipc_dialer_free(d);
	must(unlink(conn_path) == 0);
	conn_end();
}

/* A connection that ends at once does not make a loop. */
static void
test_again(void)
{
	struct ipc_listener *l;
	struct ipc_dialer *d;
	int fd;

	conn_begin();
	l = conn_open();
	d = dial_begin(conn_path);
	fd = ipc_dialer_connect(d, 1000);
	must(fd >= 0);
	close(fd);
	ipc_dialer_again(d);
	CU_ASSERT_EQUAL(ipc_dialer_due(d), 1000 + IPC_DIALER_MS);
	dial_succeeds(d, l, 5000);
	conn_end();
}

/* No timer while the path does not exist: the socket's appearance is noticed, other files
 * are not. */
static void
test_appears(void)
{
	struct ipc_listener *l;
	struct ipc_dialer *d;
	char other[128];

	conn_begin();
	d = dial_begin(conn_path);
	CU_ASSERT_EQUAL(ipc_dialer_connect(d, 1000), -ENOENT);
	CU_ASSERT_EQUAL(ipc_dialer_due(d), UINT64_MAX);
	snprintf(other, sizeof(other), "%s/other", conn_dir);
	must(mkdir(other, 0700) == 0);
	CU_ASSERT(changed(d));
	CU_ASSERT_EQUAL(ipc_dialer_due(d), UINT64_MAX);
	must(rmdir(other) == 0);
	l = conn_open();
	CU_ASSERT(changed(d));
	CU_ASSERT_EQUAL(ipc_dialer_due(d), 1000 + IPC_DIALER_MS);
	dial_succeeds(d, l, 2000);
	conn_end();
}

/* The folders of the path come one after the other, and one of them goes again. */
static void
test_folders_appear(void)
{
	struct ipc_dialer *d;
	char a[96], b[100], path[110];
	int fd;

	conn_begin();
	snprintf(a, sizeof(a), "%s/a", conn_dir);
	snprintf(b, sizeof(b), "%s/b", a);
	snprintf(path, sizeof(path), "%s//c", b);
	d = dial_begin(path);
	CU_ASSERT_EQUAL(ipc_dialer_connect(d, 1000), -ENOENT);
	must(mkdir(a, 0700) == 0);
	CU_ASSERT(changed(d));
	CU_ASSERT_EQUAL(ipc_dialer_connect(d, 2000), -ENOENT);
	CU_ASSERT_EQUAL(ipc_dialer_due(d), UINT64_MAX);
	must(rmdir(a) == 0);
	CU_ASSERT(changed(d));
	CU_ASSERT_EQUAL(ipc_dialer_connect(d, 3000), -ENOENT);
	must(mkdir(a, 0700) == 0 && mkdir(b, 0700) == 0);
	CU_ASSERT(changed(d));
	CU_ASSERT_EQUAL(ipc_dialer_connect(d, 4000), -ENOENT);
	CU_ASSERT_EQUAL(ipc_dialer_due(d), UINT64_MAX);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	must(fd >= 0);
	close(fd);
	CU_ASSERT(changed(d));
	CU_ASSERT_EQUAL(ipc_dialer_connect(d, 5000), -ECONNREFUSED);
	must(unlink(path) == 0 && rmdir(b) == 0 && rmdir(a) == 0);
	ipc_dialer_free(d);
	conn_end();
}

/* The target of a link may appear where nobody watches: it is tried again and again. */
static void
test_link(void)
{
	struct ipc_listener *l;
	struct ipc_dialer *d;
	char link[96], folder[96], path[110];

	conn_begin();
	snprintf(link, sizeof(link), "%s/link", conn_dir);
	snprintf(folder, sizeof(folder), "%s/folder", conn_dir);
	snprintf(path, sizeof(path), "%s/c", folder);
	must(symlink(conn_path, link) == 0 && symlink("nowhere", folder) == 0);
	d = dial_begin(path);
	CU_ASSERT_EQUAL(ipc_dialer_connect(d, 1000), -ENOENT);
	CU_ASSERT_EQUAL(ipc_dialer_due(d), 1000 + IPC_DIALER_MS);
	ipc_dialer_free(d);
	d = dial_begin(link);
	CU_ASSERT_EQUAL(ipc_dialer_connect(d, 1000), -ENOENT);
	CU_ASSERT_EQUAL(ipc_dialer_due(d), 1000 + IPC_DIALER_MS);
	l = conn_open();
	dial_succeeds(d, l, 1000 + IPC_DIALER_MS);
	must(unlink(link) == 0 && unlink(folder) == 0);
	conn_end();
}

/* A relative path is watched where the process is. */
static void
test_relative(void)
{
	struct ipc_dialer *d;
	char old[256];
	int fd;

	conn_begin();
	must(getcwd(old, sizeof(old)) != NULL);
	must(chdir(conn_dir) == 0);
	d = dial_begin("c");
	CU_ASSERT_EQUAL(ipc_dialer_connect(d, 1000), -ENOENT);
	fd = open("c", O_CREAT | O_WRONLY, 0600);
	must(fd >= 0);
	close(fd);
	CU_ASSERT(changed(d));
	CU_ASSERT_EQUAL(ipc_dialer_connect(d, 2000), -ECONNREFUSED);
	must(unlink("c") == 0 && chdir(old) == 0);
	ipc_dialer_free(d);
	conn_end();
}

CU_TestInfo dialer_tests[] = {
	{"connects at once", test_connects_at_once},
	{"nobody listens", test_nobody_listens},
	{"a connection that ended", test_again},
	{"the path appears", test_appears},
	{"folders of the path appear", test_folders_appear},
	{"a link to nothing", test_link},
	{"a relative path", test_relative},
	CU_TEST_INFO_NULL,
};
