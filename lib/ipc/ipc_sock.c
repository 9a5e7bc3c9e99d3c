/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_sock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS_BYTES (VIRTQ_IPC_MAX_FDS * sizeof(int))

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

/*
 * A peer that closes without having read all leaves ECONNRESET here, once, in
 * front of what it sent: its last words (an ERROR) come with the next call.
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

	/* From here on nothing is added to the queue, so the loop ends.  The kernel
	 * closes the descriptors that nobody takes. */
	shutdown(sock, SHUT_RD);
	while (recv(sock, &byte, 1, MSG_DONTWAIT) > 0)
		;
	/* a forked child may hold the socket open: the peer shall see the end */
	shutdown(sock, SHUT_RDWR);
	close(sock);
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

int
ipc_peer_cred(int sock, struct ucred *cred)
{
	socklen_t len = sizeof(*cred);

	return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, cred, &len);
}

int
ipc_peer_allowed(int sock, uid_t extra_uid, struct ipc_err *err)
{
	struct ucred cred;
	char extra[32] = "";

	if (ipc_peer_cred(sock, &cred))
		return ipc_err_set(err, VIRTQ_IPC_E_PEER, "the peer does not tell its user: %s",
				   strerror(errno));
	/* (uid_t)-1 is nobody's id and stands for "none" on both sides */
	if (cred.uid == 0 || cred.uid == geteuid() ||
	    (extra_uid != (uid_t)-1 && cred.uid == extra_uid))
		return 0;
	if (extra_uid != (uid_t)-1)
		snprintf(extra, sizeof(extra), " or %" PRIu32, (uint32_t)extra_uid);
	return ipc_err_set(err, VIRTQ_IPC_E_PEER,
			   "user id %" PRIu32 " (process %d) may not connect: run QEMU as root or "
			   "as user id %" PRIu32 "%s",
			   (uint32_t)cred.uid, (int)cred.pid, (uint32_t)geteuid(), extra);
}
