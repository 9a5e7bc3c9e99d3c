/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VRING_CALL_H
#define VIRTQ_VRING_CALL_H

/*
 * vring_call.h - signals the call eventfd of a ring, and never blocks.
 *
 * The eventfd is shared with the peer, and so is O_NONBLOCK, a flag of the open file: the
 * peer can clear it and fill the counter, and a write(2) then blocks for as long as the
 * peer likes.  The kernel itself never blocks when it signals an eventfd: the counter stops
 * at its maximum.  So the kernel is asked to write one byte to /dev/null asynchronously, and
 * to signal the eventfd when that is done, which it is when the system call returns
 * (io_submit(2), IOCB_FLAG_RESFD).
 *
 * Where the kernel has no asynchronous I/O for us (CONFIG_AIO, seccomp, fs.aio-max-nr), a
 * data thread leaves the call to the control thread.
 */

#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stdint.h>

struct vring_call {
	aio_context_t aio; /* 0: the kernel gave us none */
	int wake_fd;       /* the control thread's own eventfd, which no peer has */
	uint32_t left;     /* J: a data thread left a call to the control thread */
	bool mapped;       /* completions are taken from the mapped ring */
	struct vring_call *next;
};

/*
 * A caller for one thread at a time; NULL: out of memory.  It costs no kernel time to take
 * and to return one again and again: they are kept, because io_destroy(2) takes tens of
 * milliseconds.  Any thread.
 */
struct vring_call *vring_call_get(int wake_fd);

/* No thread may still use c.  NULL is allowed. */
void vring_call_put(struct vring_call *c);

/* Data thread: adds one to the counter of the eventfd, unless it is full, or leaves that to
 * the control thread and wakes it.  The used index is visible (C). */
void vring_call_send(struct vring_call *c, int eventfd);

/* Control thread: whether a data thread left a call to it since the last time. */
bool vring_call_was_left(struct vring_call *c);

/* Control thread, with a caller of its own: the same as vring_call_send().  Without
 * asynchronous I/O it makes the eventfd non-blocking and writes to it unless it is full; it
 * blocks only if the peer makes it blocking and fills it between these system calls. */
void vring_call_send_here(struct vring_call *c, int eventfd);

#endif /* VIRTQ_VRING_CALL_H */
