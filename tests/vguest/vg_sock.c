/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vg_sock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "vg_log.h"

uint64_t
vg_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int
address(const char *path, struct sockaddr_un *sa)
{
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sa->sun_path))
		return vg_err("%s: the path of a socket has at most %zu bytes", path,
			      sizeof(sa->sun_path) - 1);
	strcpy(sa->sun_path, path);
	return 0;
}

int
vg_sock_connect(const char *path, int type, uint32_t wait_ms)
{
	const struct timespec pause = {0, 5000000};
	uint64_t until = vg_now_ms() + wait_ms;
	struct sockaddr_un sa;
	int fd, err;

	if (address(path, &sa) != 0)
		return -1;
	for (;;) {
		fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return vg_err("socket: %s", strerror(errno));
		if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
			return fd;
		err = errno;
		close(fd);
		if (vg_now_ms() >= until)
			return vg_err("%s: %s; is the backend running?", path, strerror(err));
		nanosleep(&pause, NULL);
	}
}

int
vg_sock_trusted(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return vg_err("SO_PEERCRED: %s", strerror(errno));
	if (peer.uid != 0 && peer.uid != geteuid())
		return vg_err("the server runs as user %u, who may not have the memory",
			      (unsigned int)peer.uid);
	return 0;
}

int
vg_sock_listen(const char *path)
{
	struct sockaddr_un sa;
	int fd;

	if (address(path, &sa) != 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || listen(fd, 1) != 0) {
		vg_err("%s: cannot listen: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

bool
vg_sock_readable(int fd, uint32_t wait_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, (int)wait_ms) > 0;
}

int
vg_sock_accept(int listener, uint32_t wait_ms)
{
	int fd = vg_sock_readable(listener, wait_ms) ? accept4(listener, NULL, NULL, SOCK_CLOEXEC)
						     : -1;

	return fd >= 0 ? fd : vg_err("no backend connected within %u ms", wait_ms);
}

int
vg_sock_send(int fd, const void *data, size_t len, const int *fds, uint32_t nfd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * VG_SOCK_MAX_FDS)];
	} control;
	struct iovec iov = {.iov_base = (void *)data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (nfd > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfd);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfd);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfd);
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

ssize_t
vg_sock_recv(int fd, void *data, size_t len, uint32_t wait_ms)
{
	ssize_t n = recv(fd, data, len, MSG_DONTWAIT);

	if (n >= 0 || errno != EAGAIN || wait_ms == 0)
		return n;
	if (!vg_sock_readable(fd, wait_ms)) {
		errno = EAGAIN;
		return -1;
	}
	return recv(fd, data, len, MSG_DONTWAIT);
}
