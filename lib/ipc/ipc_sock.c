/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_sock.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS_BYTES (VIRTQ_IPC_MAX_FDS * sizeof(int))

/*
 * When a peer closes its socket with messages unread, the kernel reports
 * ECONNRESET here, once, before the messages of that peer: the next call receives
 * them, an ERROR with the reason among them.
 */
static ssize_t
receive(int sock, struct msghdr *mh)
{
	ssize_t len;
	int resets = 0;

	do
		len = recvmsg(sock, mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (len < 0 && (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
	return len;
}

enum ipc_recv
ipc_sock_recv(int sock, void *buf, size_t size, struct ipc_msg_in *in, int *fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_BYTES)];
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t len = receive(sock, &mh);

	if (len < 0) {
		if (errno == EAGAIN)
			return IPC_RECV_NONE;
		return errno == ECONNRESET ? IPC_RECV_CLOSED : IPC_RECV_FAILED;
	}
	in->nfds = ipc_sock_take_fds(&mh, fds, VIRTQ_IPC_MAX_FDS, &in->cut_fds);
	if (len == 0) {
		/* an empty packet can carry descriptors */
		ipc_fds_close(fds, in->nfds);
		return IPC_RECV_CLOSED;
	}
	in->data = buf;
	in->len = (size_t)len;
	in->cut_data = mh.msg_flags & MSG_TRUNC;
	return IPC_RECV_MSG;
}

int
ipc_sock_send(int sock, const struct virtq_ipc_hdr *hdr, const void *payload, const int *fds,
	      unsigned int nfds)
{
	union {
		struct cmsghdr hdr;
		char bytes[CMSG_SPACE(FDS_BYTES)];
	} control = {0};
	struct iovec iov[2] = {
		{.iov_base = (void *)(uintptr_t)hdr, .iov_len = sizeof(*hdr)},
		{.iov_base = (void *)(uintptr_t)payload, .iov_len = hdr->size},
	};
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = hdr->size ? 2 : 1};
	ssize_t len;

	if (nfds > VIRTQ_IPC_MAX_FDS)
		return -EINVAL;
	if (nfds) {
		control.hdr.cmsg_level = SOL_SOCKET;
		control.hdr.cmsg_type = SCM_RIGHTS;
		control.hdr.cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(&control.hdr), fds, nfds * sizeof(int));
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
	}
	do
		len = sendmsg(sock, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : 0;
}

void
ipc_sock_close(int sock)
{
	char byte;

	/* After this nothing is added to the receive queue, so the loop ends.  The
	 * kernel closes the descriptors of the messages that it discards. */
	shutdown(sock, SHUT_RD);
	while (recv(sock, &byte, 1, MSG_DONTWAIT) > 0)
		;
	/* a forked child may hold the socket open, and the peer has to see the end */
	shutdown(sock, SHUT_RDWR);
	close(sock);
}
