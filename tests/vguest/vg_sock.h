/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_SOCK_H
#define VG_SOCK_H

/* vg_sock.h - unix sockets that carry file descriptors, for both protocols. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define VG_SOCK_MAX_FDS 128u

/* Connects, and waits for the path for up to wait_ms.  The socket, or -1 after
 * vg_err(). */
int vg_sock_connect(const char *path, int type, uint32_t wait_ms);

/* 0 if the server's process is root's or our own user's: whoever listens gets the
 * guest's memory. Else -1 after vg_err(). */
int vg_sock_trusted(int fd);

/* Listens at the path, in place of what a process before us left there. */
int vg_sock_listen(const char *path);
int vg_sock_accept(int listener, uint32_t wait_ms);

/* Sends all of it; 0 or -1 without a word: the peer may have gone. */
int vg_sock_send(int fd, const void *data, size_t len, const int *fds, uint32_t nfd);

/* True as soon as there is something to read, or the end; false after wait_ms. */
bool vg_sock_readable(int fd, uint32_t wait_ms);

/* As recv() with a bound on the wait: 0 at the end, -1 with errno EAGAIN if
 * nothing came.  Descriptors that come along are closed. */
ssize_t vg_sock_recv(int fd, void *data, size_t len, uint32_t wait_ms);

uint64_t vg_now_ms(void);

#endif /* VG_SOCK_H */
