/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_SOCK_H
#define VIRTQ_IPC_SOCK_H

/*
 * ipc_sock.h - whole messages of virtq_ipc.h, with their descriptors, over a
 * connected socket.  Nothing here looks into a message.  Nothing here blocks.
 *
 * For SOCK_SEQPACKET only: one packet is one message.  On a SOCK_STREAM socket
 * ipc_sock_recv() would return pieces of messages, ipc_sock_send() would take a
 * piece for the whole, and ipc_sock_close() would read byte by byte.  What a
 * stream can use as well is in ipc_fd.h, ipc_peer.h and ipc_listener.h.
 */

#include "ipc_fd.h"
#include "ipc_envelope.h"

enum ipc_recv {
	IPC_RECV_MSG,    /* *in and fds[] are filled in */
	IPC_RECV_NONE,   /* nothing to read now */
	IPC_RECV_CLOSED, /* the peer left (or sent an empty packet, which is no message) */
	IPC_RECV_FAILED, /* errno says why */
};

/*
 * Receives one message into buf (8-byte aligned, size bytes).  fds has room for
 * VIRTQ_IPC_MAX_FDS; after IPC_RECV_MSG the caller owns the first in->nfds of
 * them, close-on-exec, and after anything else none.  Descriptors that did not
 * fit are closed and in->cut_fds is set.
 */
enum ipc_recv ipc_sock_recv(int sock, void *buf, size_t size, struct ipc_msg_in *in, int *fds);

/* Sends hdr and its payload (hdr->size bytes) with nfds descriptors, which stay
 * the caller's.  0 or -errno; -EAGAIN: the peer does not read. */
int ipc_sock_send(int sock, const struct virtq_ipc_hdr *hdr, const void *payload, const int *fds,
		  unsigned int nfds);

/*
 * Closes a connection so that the peer still finds what it was sent last.  (If the
 * receive queue of sock held unread messages, the kernel would report ECONNRESET to
 * the peer first.)
 */
void ipc_sock_close(int sock);

#endif /* VIRTQ_IPC_SOCK_H */
