/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_LISTENER_H
#define VIRTQ_IPC_LISTENER_H

/*
 * ipc_listener.h - the connector: the socket in the file system to which the
 * devices connect.  While it is open, "<path>.lock" is locked: of two processes
 * that start at the same time, one gets the path, and the other is told who has it.
 */

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "ipc_peer.h"

/* sun_path holds 108 bytes, the terminating NUL is one of them. */
#define IPC_PATH_MAX 107u

struct ipc_listener;

/*
 * Listens at path, mode 0600.  sock_type is SOCK_SEQPACKET or SOCK_STREAM.  The
 * socket file is given to the user `owner` ((uid_t)-1: it stays this process's).  A
 * socket of either type that a killed process left is replaced; anything else at
 * path is left alone and refused.  NULL with *err filled in.
 */
struct ipc_listener *ipc_listener_open(const char *path, int sock_type, uid_t owner,
				       struct ipc_err *err);

/* Removes the socket and the lock file, unless other files have these names by now,
 * and frees l.  NULL is allowed. */
void ipc_listener_close(struct ipc_listener *l);

/* Readable when a connection waits. */
int ipc_listener_fd(const struct ipc_listener *l);
const char *ipc_listener_path(const struct ipc_listener *l);

/*
 * Accepts one connection: its fd (non-blocking, close-on-exec), -EAGAIN if none
 * waits, or another -errno.  If ipc_accept_exhausted() is true of it, the connection
 * still waits and ipc_listener_fd() stays readable: stop polling it for a while, and
 * then call again.
 */
int ipc_listener_accept(struct ipc_listener *l);
bool ipc_accept_exhausted(int ret);

#endif /* VIRTQ_IPC_LISTENER_H */
