/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_LISTENER_H
#define VIRTQ_IPC_LISTENER_H

/*
 * ipc_listener.h - the connector: the socket in the file system to which the
 * devices connect.  While it is open, "<path>.lock" is locked, so that of two
 * processes that start at the same time one gets the path and the other a
 * sentence.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "ipc_peer.h"

/* sun_path holds 108 bytes, the terminating NUL is one of them. */
#define IPC_PATH_MAX 107u

struct ipc_listener;

/*
 * Listens at path, mode 0600.  owner is the user to whom the socket is given
 * besides ((uid_t)-1: nobody, it stays ours).  A socket that a killed process
 * left is replaced; anything else that stands there is left alone and refused.
 * NULL with *err filled in.
 */
struct ipc_listener *ipc_listener_open(const char *path, uid_t owner, struct ipc_err *err);

/* Removes the socket and the lock, unless another file has taken their names,
 * and frees l.  NULL is allowed. */
void ipc_listener_close(struct ipc_listener *l);

/* To be polled for input. */
int ipc_listener_fd(const struct ipc_listener *l);
const char *ipc_listener_path(const struct ipc_listener *l);

/*
 * Accepts one connection: its fd (non-blocking, close-on-exec), -EAGAIN if none
 * waits, or another -errno.  Where ipc_accept_exhausted() is true of that, the
 * connection still waits and the fd stays readable: stop polling for a while
 * and call again.
 */
int ipc_listener_accept(struct ipc_listener *l);
bool ipc_accept_exhausted(int ret);

#endif /* VIRTQ_IPC_LISTENER_H */
