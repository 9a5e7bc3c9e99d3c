/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
ipc_fds_close(int *fds, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

unsigned int
ipc_sock_take_fds(struct msghdr *mh, int *fds, unsigned int max, bool *cut)
{
	unsigned int n = 0;

	*cut = mh->msg_flags & MSG_CTRUNC;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t bytes;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		bytes = c->cmsg_len - CMSG_LEN(0);
		for (size_t off = 0; off + sizeof(int) <= bytes; off += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + off, sizeof(fd));
			if (n < max) {
				fds[n++] = fd;
			} else {
				close(fd);
				*cut = true;
			}
		}
	}
	return n;
}

bool
ipc_fd_is_eventfd(int fd)
{
	static const char want[] = "anon_inode:[eventfd]";
	char path[32], is[sizeof(want) + 1];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, is, sizeof(is));
	if (len < 0)
		return true;
	return len == sizeof(want) - 1 && !memcmp(is, want, sizeof(want) - 1);
}

bool
ipc_fd_take_eventfd(int fd)
{
	return ipc_fd_is_eventfd(fd) && fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0;
}
