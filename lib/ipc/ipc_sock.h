/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_SOCK_H
#define VIRTQ_IPC_SOCK_H

/*
 * ipc_sock.h - messages and descriptors over a connected SOCK_SEQPACKET socket.
 * Nothing here looks into a message.  Nothing here blocks.
 */

#include <sys/socket.h>
#include <sys/types.h>

#include "ipc_msg.h"

enum ipc_recv {
	IPC_RECV_MSG,    /* *in and fds[] are filled in */
	IPC_RECV_NONE,   /* nothing to read now */
	IPC_RECV_CLOSED, /* the peer left (or sent an empty packet, which is no message) */
	IPC_RECV_FAILED, /* errno says why */
};

/*
 * Receives one message into buf (8-byte aligned, size bytes).  fds has room for
 * VIRTQ_IPC_MAX_FDS; after IPC_RECV_MSG the caller owns the first in->nfds of
 * them, close-on-exec, and after anything else none.  What did not fit is closed
 * and in->cut_fds is set.
 */
enum ipc_recv ipc_sock_recv(int sock, void *buf, size_t size, struct ipc_msg_in *in, int *fds);

/*
 * Takes every descriptor out of a received msghdr: the first max into fds, the
 * rest is closed.  Returns how many are in fds; *cut is set if one was closed
 * or the kernel dropped one.
 */
unsigned int ipc_sock_take_fds(struct msghdr *mh, int *fds, unsigned int max, bool *cut);

/* Sends hdr and its payload (hdr->size bytes) with nfds descriptors, which stay
 * the caller's.  0 or -errno; -EAGAIN: the peer does not read. */
int ipc_sock_send(int sock, const struct virtq_ipc_hdr *hdr, const void *payload, const int *fds,
		  unsigned int nfds);

/* Closes the descriptors that are not -1 and sets them to -1. */
void ipc_fds_close(int *fds, unsigned int count);

/*
 * Closes a connection so that the peer still finds what it was sent last.  (With
 * unread messages in our queue the kernel would put ECONNRESET in front of it.)
 */
void ipc_sock_close(int sock);

/* Is this an eventfd?  True as well where /proc cannot tell. */
bool ipc_fd_is_eventfd(int fd);

/* Who connected: 0, or -1 with errno. */
int ipc_peer_cred(int sock, struct ucred *cred);

/*
 * May this peer connect?  Root, the user of this process and extra_uid
 * ((uid_t)-1: nobody else) may.  0, or -1 with *err filled in
 * (VIRTQ_IPC_E_PEER).
 */
int ipc_peer_allowed(int sock, uid_t extra_uid, struct ipc_err *err);

#endif /* VIRTQ_IPC_SOCK_H */
