/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_listener.c - the connector: its path, its file, who connects. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "connector.h"

#define STRANGER 4321

static void
test_accept(void)
{
	unsigned int before = fds_count();
	struct ipc_listener *l;
	socklen_t len = sizeof(int);
	struct stat st;
	int a, b, type;

	conn_begin();
	l = conn_open();
	CU_ASSERT_STRING_EQUAL(ipc_listener_path(l), conn_path);
	CU_ASSERT_EQUAL(ipc_listener_accept(l), -EAGAIN);
	CU_ASSERT(!ipc_accept_exhausted(-EAGAIN));
	must(lstat(conn_path, &st) == 0);
	CU_ASSERT(S_ISSOCK(st.st_mode));
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
	CU_ASSERT_EQUAL(st.st_uid, geteuid());
	a = conn_connect();
	CU_ASSERT(a >= 0);
	b = ipc_listener_accept(l);
	CU_ASSERT(b >= 0);
	CU_ASSERT(fcntl(b, F_GETFL) & O_NONBLOCK);
	CU_ASSERT(fcntl(b, F_GETFD) & FD_CLOEXEC);
	CU_ASSERT_EQUAL(getsockopt(b, SOL_SOCKET, SO_TYPE, &type, &len), 0);
	CU_ASSERT_EQUAL(type, conn_type);
	close(a);
	close(b);
	ipc_listener_close(l);
	CU_ASSERT(!conn_exists(conn_path));
	CU_ASSERT(!conn_exists(conn_lock));
	conn_end();
	CU_ASSERT_EQUAL(fds_count(), before);
	ipc_listener_close(NULL);
}

/* The mode does not depend on umask, and umask is not changed. */
static void
test_umask(void)
{
	mode_t old = umask(0);
	struct ipc_listener *l;
	struct stat st;

	conn_begin();
	l = conn_open();
	must(lstat(conn_path, &st) == 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
	CU_ASSERT_EQUAL(umask(old), 0);
	ipc_listener_close(l);
	conn_end();
}

static void
test_length(void)
{
	char path[200], dir[120];
	struct ipc_listener *l;
	struct ipc_err err;
	int n;

	conn_refused("", "empty");
	conn_refused(NULL, "empty");
	conn_begin();
	/* <conn_dir>/ddd.../c of 107 bytes */
	n = snprintf(dir, sizeof(dir), "%s/", conn_dir);
	memset(dir + n, 'd', sizeof(dir) - (size_t)n);
	dir[IPC_PATH_MAX - 2] = '\0';
	must(mkdir(dir, 0755) == 0);
	snprintf(path, sizeof(path), "%s/cc", dir);
	CU_ASSERT_EQUAL(strlen(path), 108);
	conn_refused(path, "108 bytes");
	path[107] = '\0';
	l = conn_try(path, &err);
	CU_ASSERT_PTR_NOT_NULL(l);
	CU_ASSERT(conn_exists(path));
	ipc_listener_close(l);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	conn_refused(path, "199 bytes");
	CU_ASSERT_EQUAL(rmdir(dir), 0);
	conn_end();
}

static void
test_missing_dir(void)
{
	char path[120];

	conn_begin();
	snprintf(path, sizeof(path), "%s/none/c", conn_dir);
	conn_refused(path, "create it first");
	snprintf(path, sizeof(path), "%s/c", conn_path);
	close(open(conn_path, O_CREAT | O_WRONLY, 0600));
	conn_refused(path, "parent is not a directory");
	conn_end();
}

static void
test_unwritable_dir(void)
{
	int pid;

	conn_begin();
	fflush(NULL);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		struct ipc_err err;

		if (geteuid() == 0 && setresuid(STRANGER, STRANGER, STRANGER))
			_exit(2);
		if (geteuid() != STRANGER && chmod(conn_dir, 0555))
			_exit(3);
		if (conn_try(conn_path, &err))
			_exit(4);
		_exit(strstr(err.text, "cannot write to its directory") ? 0 : 5);
	}
	CU_ASSERT_EQUAL(conn_wait(pid), 0);
	must(chmod(conn_dir, 0755) == 0);
	conn_end();
}

/* A name without a slash is in the working directory. */
static void
test_relative(void)
{
	struct ipc_listener *l;
	struct ipc_err err;
	char old[4096];

	conn_begin();
	must(getcwd(old, sizeof(old)) != NULL);
	must(chdir(conn_dir) == 0);
	l = conn_try("c", &err);
	CU_ASSERT_PTR_NOT_NULL(l);
	CU_ASSERT(conn_exists(conn_path));
	ipc_listener_close(l);
	must(chdir(old) == 0);
	conn_end();
}

static void
test_regular_file(void)
{
	static const char text[] = "not yours";
	char back[sizeof(text)] = "";
	int fd;

	conn_begin();
	fd = open(conn_path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	must(fd >= 0 && write(fd, text, sizeof(text)) == sizeof(text));
	conn_refused(conn_path, "not a socket");
	CU_ASSERT_EQUAL(pread(fd, back, sizeof(back), 0), (ssize_t)sizeof(back));
	CU_ASSERT_STRING_EQUAL(back, text);
	CU_ASSERT(conn_exists(conn_path));
	CU_ASSERT(!conn_exists(conn_lock));
	close(fd);
	conn_end();
}

static void
test_symlink(void)
{
	char other[100];

	conn_begin();
	snprintf(other, sizeof(other), "%s/other", conn_dir);
	must(symlink(other, conn_path) == 0);
	conn_refused(conn_path, "not a socket");
	CU_ASSERT(!conn_exists(other));
	unlink(conn_path);
	/* nor is a symbolic link followed that has the name of the lock file */
	must(symlink(other, conn_lock) == 0);
	conn_refused(conn_path, "cannot open its lock file");
	CU_ASSERT(!conn_exists(other));
	unlink(conn_lock);
	must(mkfifo(conn_lock, 0600) == 0);
	conn_refused(conn_path, "not a regular file");
	conn_end();
}

static bool
holds(const char *path, const char *text)
{
	char buf[100] = "";
	int fd = open(path, O_RDONLY);

	must(fd >= 0 && read(fd, buf, sizeof(buf) - 1) >= 0);
	close(fd);
	return strcmp(buf, text) == 0;
}

/* A file of somebody else that has the name of the lock file is not written to. */
static void
test_hard_link(void)
{
	static const char *const texts[] = {"123\n", "a file of somebody else"};
	char other[100];

	conn_begin();
	snprintf(other, sizeof(other), "%s/other", conn_dir);
	for (size_t i = 0; i < 2; i++) {
		int fd = open(other, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		must(fd >= 0 && write(fd, texts[i], strlen(texts[i])) > 0);
		close(fd);
		must(link(other, conn_lock) == 0);
		conn_refused(conn_path, "is a hard link to another file");
		CU_ASSERT(holds(other, texts[i]));
		CU_ASSERT(conn_exists(conn_lock));
		CU_ASSERT(!conn_exists(conn_path));
		must(unlink(conn_lock) == 0);
	}
	/* not a link, but too long for a process id */
	must(rename(other, conn_lock) == 0);
	conn_refused(conn_path, "no lock file");
	CU_ASSERT(holds(conn_lock, texts[1]));
	must(unlink(conn_lock) == 0);
	conn_end();
}

/* A path that is served is refused, and the sentence names the process. */
static void
test_live(void)
{
	struct ipc_listener *l;
	char pid[32];
	int fd;

	conn_begin();
	l = conn_open();
	snprintf(pid, sizeof(pid), "process %d serves it", (int)getpid());
	conn_refused(conn_path, pid);
	must(truncate(conn_lock, 0) == 0);
	conn_refused(conn_path, "another process serves it");
	/* without the lock file: the socket itself still answers */
	must(unlink(conn_lock) == 0);
	conn_refused(conn_path, "another process serves it");
	CU_ASSERT(!conn_exists(conn_lock));
	fd = ipc_listener_accept(l);
	if (fd >= 0)
		close(fd); /* the connection by which the socket was found alive */
	fd = conn_connect();
	CU_ASSERT(fd >= 0);
	close(fd);
	ipc_listener_close(l);
	conn_end();
}

static int
bind_foreign(int type)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	must(fd >= 0);
	strcpy(addr.sun_path, conn_path);
	must(bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	return fd;
}

/* A server that has a socket of another type is alive, too. */
static void
test_live_other(void)
{
	int fd;

	conn_begin();
	fd = bind_foreign(conn_other_type());
	must(listen(fd, 1) == 0);
	conn_refused(conn_path, "another process serves it");
	CU_ASSERT(conn_exists(conn_path));
	close(fd);
	unlink(conn_path);
	fd = bind_foreign(SOCK_DGRAM);
	conn_refused(conn_path, "another process serves it");
	CU_ASSERT(conn_exists(conn_path));
	close(fd);
	conn_end();
}

/* So is a server whose queue of connections is full. */
static void
test_live_full(void)
{
	int fd, waiting[4], n = 0;

	conn_begin();
	fd = bind_foreign(conn_type);
	must(listen(fd, 0) == 0);
	while (n < 4 && (waiting[n] = conn_connect()) >= 0)
		n++;
	CU_ASSERT(n > 0 && n < 4);
	CU_ASSERT_EQUAL(conn_connect(), -EAGAIN);
	conn_refused(conn_path, "another process serves it");
	CU_ASSERT(conn_exists(conn_path));
	ipc_fds_close(waiting, (unsigned int)n);
	close(fd);
	conn_end();
}

/* What a killed process left is replaced: the socket and the lock file. */
static void
test_stale(void)
{
	struct ipc_listener *l;
	int pid, fd;

	conn_begin();
	fflush(NULL);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		struct ipc_err err;

		/* no ipc_listener_close(): as SIGKILL leaves it */
		_exit(conn_try(conn_path, &err) ? 0 : 1);
	}
	CU_ASSERT_EQUAL(conn_wait(pid), 0);
	CU_ASSERT(conn_exists(conn_path) && conn_exists(conn_lock));
	CU_ASSERT_EQUAL(conn_connect(), -ECONNREFUSED);
	l = conn_open();
	fd = conn_connect();
	CU_ASSERT(fd >= 0);
	close(fd);
	ipc_listener_close(l);
	CU_ASSERT(!conn_exists(conn_path) && !conn_exists(conn_lock));
	/* without a lock file next to it, as another program leaves it */
	close(bind_foreign(conn_type));
	ipc_listener_close(conn_open());
	CU_ASSERT(!conn_exists(conn_path) && !conn_exists(conn_lock));
	/* bound by a process that does not listen: nobody can connect */
	fd = bind_foreign(conn_type);
	ipc_listener_close(conn_open());
	CU_ASSERT(!conn_exists(conn_path) && !conn_exists(conn_lock));
	close(fd);
	/* a stale one of the other type */
	close(bind_foreign(conn_other_type()));
	ipc_listener_close(conn_open());
	CU_ASSERT(!conn_exists(conn_path) && !conn_exists(conn_lock));
	conn_end();
}

/* Close removes what it made and nothing else. */
static void
test_close_own_only(void)
{
	struct ipc_listener *l;
	int fd;

	conn_begin();
	l = conn_open();
	must(unlink(conn_path) == 0 && unlink(conn_lock) == 0);
	fd = bind_foreign(conn_type);
	close(open(conn_lock, O_CREAT | O_WRONLY, 0600));
	ipc_listener_close(l);
	CU_ASSERT(conn_exists(conn_path));
	CU_ASSERT(conn_exists(conn_lock));
	close(fd);
	conn_end();
}

static void
test_exhausted(void)
{
	struct pollfd p = {.events = POLLIN};
	struct ipc_listener *l;
	struct fds_used used;
	int a, b;

	conn_begin();
	l = conn_open();
	a = conn_connect();
	must(a >= 0);
	fds_use_up(&used, a, 0);
	for (int i = 0; i < 100; i++) {
		b = ipc_listener_accept(l);
		CU_ASSERT_EQUAL(b, -EMFILE);
		CU_ASSERT(ipc_accept_exhausted(b));
	}
	/* the connection still waits */
	p.fd = ipc_listener_fd(l);
	CU_ASSERT_EQUAL(poll(&p, 1, 0), 1);
	fds_release(&used);
	b = ipc_listener_accept(l);
	CU_ASSERT(b >= 0);
	close(a);
	if (b >= 0)
		close(b);
	ipc_listener_close(l);
	conn_end();
	CU_ASSERT(ipc_accept_exhausted(-ENFILE));
	CU_ASSERT(ipc_accept_exhausted(-ENOMEM));
	CU_ASSERT(ipc_accept_exhausted(-ENOBUFS));
}

static void
test_many_connects(void)
{
	unsigned int before = fds_count();
	struct ipc_listener *l;

	conn_begin();
	l = conn_open();
	for (int i = 0; i < 10000; i++) {
		int a = conn_connect(), b = ipc_listener_accept(l);

		CU_ASSERT_FATAL(a >= 0 && b >= 0);
		close(a);
		close(b);
	}
	ipc_listener_close(l);
	conn_end();
	CU_ASSERT_EQUAL(fds_count(), before);
}

/* A process of the user STRANGER connects, and holds the connection until it can read a
 * byte from hold.  It exits with 0, or with the error of connect(). */
static int
stranger(int hold)
{
	int pid, fd;
	char c;

	fflush(NULL);
	pid = fork();
	must(pid >= 0);
	if (pid)
		return pid;
	if (setresuid(STRANGER, STRANGER, STRANGER))
		_exit(100);
	fd = conn_connect();
	if (fd < 0)
		_exit(-fd);
	_exit(read(hold, &c, 1) == 1 ? 0 : 101);
}

/* Root gives the socket to another user: that user can connect, and passes
 * ipc_peer_allowed() only if named. */
static void
test_owner(void)
{
	struct ipc_err err = {0, ""};
	struct ipc_listener *l;
	struct stat st;
	int hold[2], pid, fd;
	struct pollfd p = {.events = POLLIN};

	if (geteuid() != 0)
		return; /* only root may change the owner of a file */
	must(pipe2(hold, O_CLOEXEC) == 0);
	conn_begin();
	/* not given: the mode keeps the other user out */
	l = conn_open();
	CU_ASSERT_EQUAL(conn_wait(stranger(hold[0])), EACCES);
	ipc_listener_close(l);

	l = ipc_listener_open(conn_path, conn_type, STRANGER, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(l);
	must(lstat(conn_path, &st) == 0);
	CU_ASSERT_EQUAL(st.st_uid, STRANGER);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
	pid = stranger(hold[0]);
	p.fd = ipc_listener_fd(l);
	CU_ASSERT_EQUAL(poll(&p, 1, 10000), 1);
	fd = ipc_listener_accept(l);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(ipc_peer_allowed(fd, (uid_t)-1, &err), -1);
	CU_ASSERT_EQUAL(err.code, VIRTQ_IPC_E_PEER);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "user id 4321"));
	CU_ASSERT_PTR_NULL(strstr(err.text, " or 4"));
	CU_ASSERT_EQUAL(ipc_peer_allowed(fd, STRANGER + 1, &err), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, " or 4322"));
	CU_ASSERT_EQUAL(ipc_peer_allowed(fd, STRANGER, &err), 0);
	must(write(hold[1], "x", 1) == 1);
	CU_ASSERT_EQUAL(conn_wait(pid), 0);
	close(fd);
	close(hold[0]);
	close(hold[1]);
	ipc_listener_close(l);
	conn_end();
}

CU_TestInfo listener_tests[] = {
	{"listens, accepts, cleans up", test_accept},
	{"mode without umask", test_umask},
	{"path of 107 and 108 bytes", test_length},
	{"directory is missing", test_missing_dir},
	{"directory is not writable", test_unwritable_dir},
	{"relative path", test_relative},
	{"regular file", test_regular_file},
	{"symbolic links and a fifo", test_symlink},
	{"hard link", test_hard_link},
	{"served by a process", test_live},
	{"served by another type of socket", test_live_other},
	{"served, and its queue is full", test_live_full},
	{"stale", test_stale},
	{"close leaves what is not its own", test_close_own_only},
	{"no descriptors left to accept", test_exhausted},
	{"10,000 connections", test_many_connects},
	{"another user", test_owner},
	CU_TEST_INFO_NULL,
};
