/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vhost_sock.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ipc_fd.h"

void
vhost_in_reset(struct vhost_in *in)
{
	memset(in, 0, sizeof(*in));
	for (unsigned int i = 0; i < VHOST_MAX_FDS; i++)
		in->fds[i] = -1;
}

/* Where the next byte goes. */
static void *
place(struct vhost_in *in)
{
	if (in->have < VHOST_USER_HDR_SIZE)
		return (unsigned char *)&in->hdr + in->have;
	return (unsigned char *)&in->payload + (in->have - VHOST_USER_HDR_SIZE);
}

/* Descriptors belong to the message whose first byte they came with. */
static void
take_fds(struct vhost_in *in, struct msghdr *mh)
{
	int fds[VHOST_MAX_FDS];
	unsigned int n;
	bool cut;

	n = ipc_sock_take_fds(mh, fds, VHOST_MAX_FDS, &cut);
	if (in->have > 0) {
		in->late_fds = in->late_fds || n > 0 || cut;
		ipc_fds_close(fds, n);
		return;
	}
	memcpy(in->fds, fds, n * sizeof(fds[0]));
	in->nfds = n;
	in->cut_fds = cut;
}

/* One piece. */
static ssize_t
receive(int sock, struct vhost_in *in, size_t len)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(VHOST_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = place(in), .iov_len = len};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;

	do
		n = recvmsg(sock, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		take_fds(in, &mh);
		in->have += (size_t)n;
	}
	return n;
}

enum vhost_recv
vhost_sock_recv(int sock, struct vhost_in *in, size_t want)
{
	while (in->have < want) {
		/* a header and its payload lie in two places */
		size_t end = in->have < VHOST_USER_HDR_SIZE ? VHOST_USER_HDR_SIZE : want;
		ssize_t n = receive(sock, in, end - in->have);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return VHOST_RECV_CLOSED;
		if (n < 0)
			return errno == EAGAIN ? VHOST_RECV_NONE : VHOST_RECV_FAILED;
	}
	return VHOST_RECV_ALL;
}

int
vhost_sock_send(int sock, const struct vhost_user_hdr *hdr, const void *payload, int fd)
{
	union {
		struct cmsghdr hdr;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov[2] = {
		{.iov_base = (void *)(uintptr_t)hdr, .iov_len = VHOST_USER_HDR_SIZE},
		{.iov_base = (void *)(uintptr_t)payload, .iov_len = hdr->size},
	};
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = hdr->size ? 2 : 1};
	ssize_t len;

	if (fd >= 0) {
		control.hdr.cmsg_level = SOL_SOCKET;
		control.hdr.cmsg_type = SCM_RIGHTS;
		control.hdr.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.hdr), &fd, sizeof(fd));
		mh.msg_control = control.bytes;
		mh.msg_controllen = sizeof(control.bytes);
	}
	do
		len = sendmsg(sock, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	/* the kernel takes so short a message whole or not at all, unless SO_SNDBUF is tiny */
	return (size_t)len == VHOST_USER_HDR_SIZE + hdr->size ? 0 : -EAGAIN;
}

void
vhost_sock_close(int sock)
{
	char bytes[4096];

	/* After this nothing is added to the receive queue, so the loop ends.  The kernel
	 * closes the descriptors of the messages that it discards. */
	shutdown(sock, SHUT_RD);
	while (recv(sock, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	/* a forked child may hold the socket open, and the peer has to see the end */
	shutdown(sock, SHUT_RDWR);
	close(sock);
}
