/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_SESSION_OPS_H
#define VIRTQ_IPC_SESSION_OPS_H

/*
 * ipc_session_ops.h - what the owner of a session has to do.
 */

#include "ipc_err.h"
#include "virtq_ipc.h"

struct ipc_session;

/*
 * What the owner does with a valid message.  Every call that returns int
 * returns 0, or -1 with *err filled in: the session then sends ERROR and dies.
 * A callback that keeps an fd replaces it by -1 in the array; the session closes
 * what is left there when the callback returns.  A callback may fail the session
 * and send through it, but not free it.
 */
struct ipc_session_ops {
	/* Chooses the port.  Fills in max_pairs, link, port and features
	 * (VIRTQ_IPC_F_* that the owner can do: the session agrees to those of them
	 * that the device offered). */
	int (*hello)(struct ipc_session *s, const struct virtq_ipc_hello *hello,
		     struct virtq_ipc_hello_ok *ok, struct ipc_err *err);
	/* fds[table->count] */
	int (*mem_table)(struct ipc_session *s, const struct virtq_ipc_mem_table *table, int *fds,
			 struct ipc_err *err);
	/* kick[] and call[] have start->num_queues entries; an entry is -1 where
	 * the device sent none.  Every queue with VIRTQ_IPC_Q_ENABLED has both. */
	int (*start)(struct ipc_session *s, const struct virtq_ipc_start *start, int *state_fd,
		     int *kick, int *call, struct ipc_err *err);
	/* Fills in the positions.  When it returns, no thread touches a ring again. */
	void (*stop)(struct ipc_session *s, struct virtq_ipc_stopped *stopped);
	void (*rxstate)(struct ipc_session *s, const struct virtq_ipc_rxstate *rx);
	/* *fd is -1 when log->enable is 0 */
	int (*log)(struct ipc_session *s, const struct virtq_ipc_log *log, int *fd,
		   struct ipc_err *err);
	void (*counters)(struct ipc_session *s, struct virtq_ipc_counters *counters);
	/* The session fails, and sends ERROR as soon as this returns.  A device that
	 * has read it takes its rings back, so no thread may touch one again. */
	void (*failing)(struct ipc_session *s);
};

#endif /* VIRTQ_IPC_SESSION_OPS_H */
