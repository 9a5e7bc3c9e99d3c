/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "connector.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

int conn_type;
char conn_dir[64];
char conn_path[80];
char conn_lock[88];

int
conn_seqpacket(void)
{
	conn_type = SOCK_SEQPACKET;
	return 0;
}

int
conn_stream(void)
{
	conn_type = SOCK_STREAM;
	return 0;
}

int
conn_other_type(void)
{
	return conn_type == SOCK_STREAM ? SOCK_SEQPACKET : SOCK_STREAM;
}

void
conn_begin(void)
{
	strcpy(conn_dir, "/tmp/virtq-unit-XXXXXX");
	must(mkdtemp(conn_dir) != NULL);
	/* children of another user have to reach it */
	must(chmod(conn_dir, 0755) == 0);
	snprintf(conn_path, sizeof(conn_path), "%s/c", conn_dir);
	snprintf(conn_lock, sizeof(conn_lock), "%s.lock", conn_path);
}

void
conn_end(void)
{
	unlink(conn_path);
	unlink(conn_lock);
	CU_ASSERT_EQUAL(rmdir(conn_dir), 0);
}

struct ipc_listener *
conn_try(const char *path, struct ipc_err *err)
{
	return ipc_listener_open(path, conn_type, (uid_t)-1, err);
}

struct ipc_listener *
conn_open(void)
{
	struct ipc_err err = {0, ""};
	struct ipc_listener *l = conn_try(conn_path, &err);

	CU_ASSERT_STRING_EQUAL(err.text, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(l);
	return l;
}

void
conn_refused(const char *path, const char *why)
{
	struct ipc_err err = {0, ""};
	unsigned int before = fds_count();
	struct ipc_listener *l = conn_try(path, &err);

	CU_ASSERT_PTR_NULL(l);
	CU_ASSERT_EQUAL(err.code, VIRTQ_IPC_E_RESOURCES);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, why));
	ipc_listener_close(l);
	CU_ASSERT_EQUAL(fds_count(), before);
}

int
conn_connect(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, conn_type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	must(fd >= 0);
	strcpy(addr.sun_path, conn_path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

bool
conn_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

int
conn_wait(int pid)
{
	int status;

	must(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}
