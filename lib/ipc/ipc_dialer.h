/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_DIALER_H
#define VIRTQ_IPC_DIALER_H

/*
 * ipc_dialer.h - connects to a socket in the file system, again and again: a path that does
 * not exist is waited for by inotify(7), one where nobody listens is tried every
 * IPC_DIALER_MS.  For any protocol.  Nothing here blocks.
 */

#include <stdbool.h>
#include <stdint.h>

/* From one attempt to the next. */
#define IPC_DIALER_MS 50u

struct ipc_dialer;

/* sock_type is SOCK_SEQPACKET or SOCK_STREAM; path has at most IPC_PATH_MAX bytes.  NULL
 * with errno. */
struct ipc_dialer *ipc_dialer_new(const char *path, int sock_type);
/* NULL is allowed. */
void ipc_dialer_free(struct ipc_dialer *d);

const char *ipc_dialer_path(const struct ipc_dialer *d);

/* When ipc_dialer_connect() is to be called (in the clock of its now_ms); UINT64_MAX: not
 * before ipc_dialer_fd() is readable and ipc_dialer_changed() was called. */
uint64_t ipc_dialer_due(const struct ipc_dialer *d);

/* A connection: its fd (non-blocking, close-on-exec), or -errno: -ENOENT if the path does
 * not exist yet, -EAGAIN if it is too early. */
int ipc_dialer_connect(struct ipc_dialer *d, uint64_t now_ms);

/* The connection is over: the next attempt is due at once, or IPC_DIALER_MS after the last
 * one. */
void ipc_dialer_again(struct ipc_dialer *d);

/* To be polled. */
int ipc_dialer_fd(const struct ipc_dialer *d);
/* The fd is readable: something changed where the path is waited for. */
void ipc_dialer_changed(struct ipc_dialer *d);

#endif /* VIRTQ_IPC_DIALER_H */
