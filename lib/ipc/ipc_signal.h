/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_SIGNAL_H
#define VIRTQ_IPC_SIGNAL_H

/*
 * ipc_signal.h - signals an eventfd that a peer has, too, and never waits in it.
 *
 * O_NONBLOCK belongs to the open file, which is shared: the peer can clear it and
 * fill the eventfd, and whoever writes to it then sleeps for as long as the peer
 * likes.  What the kernel signals itself has no such end: it stops counting.  So the
 * eventfd is made the one that announces the end of an asynchronous write, of one
 * byte to /dev/null (io_submit(2), IOCB_FLAG_RESFD).
 */

#include <linux/aio_abi.h>

/* One thread at a time. */
struct ipc_signal {
	aio_context_t aio; /* 0: the kernel has none for us */
	int sink;          /* /dev/null */
};

/* Never fails: where the kernel has no asynchronous I/O for us, ipc_signal_send()
 * makes the eventfd non-blocking before it writes, and a peer would have to undo
 * that in between. */
void ipc_signal_open(struct ipc_signal *sig);

/* Frees what ipc_signal_open() took; harmless when repeated. */
void ipc_signal_close(struct ipc_signal *sig);

/* Adds one to the eventfd, unless it is full. */
void ipc_signal_send(const struct ipc_signal *sig, int eventfd);

#endif /* VIRTQ_IPC_SIGNAL_H */
