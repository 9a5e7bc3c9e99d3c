/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_SIGNAL_H
#define VIRTQ_IPC_SIGNAL_H

/*
 * ipc_signal.h - signals an eventfd that is shared with a peer, and never blocks.
 *
 * O_NONBLOCK is a flag of the open file, which is shared: the peer can clear it and
 * fill the counter, and a write to the eventfd then blocks for as long as the peer
 * likes.  The kernel itself never blocks when it signals an eventfd: the counter
 * stops at its maximum.  So ipc_signal_send() asks the kernel to write one byte to
 * /dev/null asynchronously, and to signal the eventfd when that is done (io_submit(2),
 * IOCB_FLAG_RESFD).
 */

#include <linux/aio_abi.h>

/* Used by one thread at a time. */
struct ipc_signal {
	aio_context_t aio; /* 0: the kernel gave us none */
	int sink;          /* /dev/null */
};

/* Never fails: without asynchronous I/O, ipc_signal_send() sets O_NONBLOCK and then
 * writes to the eventfd.  It blocks only if the peer clears the flag between the two. */
void ipc_signal_open(struct ipc_signal *sig);

/* Frees what ipc_signal_open() took; may be called again. */
void ipc_signal_close(struct ipc_signal *sig);

/* Adds one to the counter of the eventfd, unless it is full. */
void ipc_signal_send(const struct ipc_signal *sig, int eventfd);

#endif /* VIRTQ_IPC_SIGNAL_H */
