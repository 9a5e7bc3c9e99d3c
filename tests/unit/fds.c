/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "fds.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

void
must_at(bool ok, const char *what, const char *file, int line)
{
	if (ok)
		return;
	fprintf(stderr, "%s:%d: %s: %s\n", file, line, what, strerror(errno));
	abort();
}

unsigned int
fds_count(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	must(d != NULL);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 3; /* ".", ".." and the directory itself */
}

int
fd_event(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	must(fd >= 0);
	return fd;
}

static rlim_t
set_limit(rlim_t most)
{
	struct rlimit limit;
	rlim_t old;

	must(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	old = limit.rlim_cur;
	limit.rlim_cur = most;
	must(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	return old;
}

void
fds_use_up(struct fds_used *used, int fd, unsigned int left)
{
	unsigned int n = 0;

	used->limit = set_limit(FDS_LIMIT);
	while (n < FDS_LIMIT && (used->fd[n] = dup(fd)) >= 0)
		n++;
	must(n > left && n < FDS_LIMIT);
	while (left-- > 0)
		close(used->fd[--n]);
	used->count = n;
}

void
fds_release(struct fds_used *used)
{
	for (unsigned int i = 0; i < used->count; i++)
		close(used->fd[i]);
	set_limit(used->limit);
}

void
fds_send(int sock, const void *data, size_t len, int fd, unsigned int nfds)
{
	union {
		struct cmsghdr hdr;
		char bytes[CMSG_SPACE(FDS_MOST * sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)data, len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

	if (nfds) {
		control.hdr.cmsg_level = SOL_SOCKET;
		control.hdr.cmsg_type = SCM_RIGHTS;
		control.hdr.cmsg_len = CMSG_LEN(nfds * sizeof(int));
		for (unsigned int i = 0; i < nfds; i++)
			memcpy(CMSG_DATA(&control.hdr) + i * sizeof(int), &fd, sizeof(int));
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
	}
	must(sendmsg(sock, &mh, MSG_NOSIGNAL) == (ssize_t)len);
}
