/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_FD_H
#define VIRTQ_IPC_FD_H

/*
 * ipc_fd.h - file descriptors that come with messages of any protocol over an
 * AF_UNIX socket, SOCK_SEQPACKET or SOCK_STREAM.
 */

#include <stdbool.h>
#include <sys/socket.h>

/* Closes the descriptors that are not -1 and sets them to -1. */
void ipc_fds_close(int *fds, unsigned int count);

/*
 * Takes every descriptor out of a received msghdr: the first max go into fds, the
 * rest is closed.  Returns how many are in fds; *cut is set if one was closed here
 * or dropped by the kernel.
 */
unsigned int ipc_sock_take_fds(struct msghdr *mh, int *fds, unsigned int max, bool *cut);

/* Is this an eventfd?  Also true where there is no /proc that could tell. */
bool ipc_fd_is_eventfd(int fd);

/* Makes it non-blocking.  False if it is no eventfd: a write to a pipe or a socket could
 * block the thread that calls the guest.  O_NONBLOCK is shared with the peer, which wants
 * it too. */
bool ipc_fd_take_eventfd(int fd);

#endif /* VIRTQ_IPC_FD_H */
