/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_SESSION_H
#define VIRTQ_IPC_SESSION_H

/*
 * ipc_session.h - one connected device: which message is allowed when, what it
 * carries, and what is answered.  All calls for one session come from one
 * thread at a time.
 */

#include "ipc_msg.h"
#include "virtq_ipc.h"

/* How long the owner waits for HELLO before it fails the session with
 * VIRTQ_IPC_E_TIMEOUT.  The session keeps no clock. */
#define IPC_HELLO_TIMEOUT_MS 2000

/* Messages that one ipc_session_input() handles at most. */
#define IPC_INPUT_BURST 16

struct ipc_session;

/*
 * What the owner does with a valid message.  Every call that returns int
 * returns 0, or -1 with *err filled in: the session then sends ERROR and dies.
 * Fds: what a callback keeps it replaces by -1 in the array; the session closes
 * what is left there when the callback returns.  A callback may fail the session
 * and send through it, but not free it.
 */
struct ipc_session_ops {
	/* Chooses the port.  Fills in max_pairs, link, port and features
	 * (VIRTQ_IPC_F_* the owner can do; the session takes the intersection). */
	int (*hello)(struct ipc_session *s, const struct virtq_ipc_hello *hello,
		     struct virtq_ipc_hello_ok *ok, struct ipc_err *err);
	/* fds[table->count] */
	int (*mem_table)(struct ipc_session *s, const struct virtq_ipc_mem_table *table, int *fds,
			 struct ipc_err *err);
	/* kick[] and call[] have start->num_queues entries; an entry is -1 where
	 * the device sent none.  Every queue with VIRTQ_IPC_Q_ENABLED has both. */
	int (*start)(struct ipc_session *s, const struct virtq_ipc_start *start, int *state_fd,
		     int *kick, int *call, struct ipc_err *err);
	/* Returns when no thread will touch a ring again, with the positions. */
	void (*stop)(struct ipc_session *s, struct virtq_ipc_stopped *stopped);
	void (*rxstate)(struct ipc_session *s, const struct virtq_ipc_rxstate *rx);
	/* *fd is -1 when log->enable is 0 */
	int (*log)(struct ipc_session *s, const struct virtq_ipc_log *log, int *fd,
		   struct ipc_err *err);
	void (*counters)(struct ipc_session *s, struct virtq_ipc_counters *counters);
	/* The session fails, and the device is told so when this returns: from then on
	 * it takes the rings for its own, so no thread may touch one again. */
	void (*failing)(struct ipc_session *s);
};

/*
 * Makes a session of a connected, non-blocking socket, which it owns from then
 * on (also when NULL is returned).  owner and ops outlive the session.
 */
struct ipc_session *ipc_session_new(int fd, const struct ipc_session_ops *ops, void *owner);

/* Closes the socket and every fd still staged; frees s.  No callback is made:
 * the owner detaches first what it attached. */
void ipc_session_free(struct ipc_session *s);

/*
 * Reads and handles what the socket holds, at most a few messages so that other
 * sessions get their turn.  Returns 0 to go on, -1 when the session is dead:
 * the peer left, broke a rule (it has been sent ERROR) or does not read its
 * answers.  ipc_session_why() then says which.
 */
int ipc_session_input(struct ipc_session *s);

/* Unsolicited messages; -1 if the session died of it. */
int ipc_session_send_link(struct ipc_session *s, const struct virtq_ipc_link *link);
int ipc_session_send_announce(struct ipc_session *s);
int ipc_session_send_broken(struct ipc_session *s, uint32_t queue, const char *text);

/* Sends ERROR and marks the session dead. */
void ipc_session_fail(struct ipc_session *s, const struct ipc_err *err);

int ipc_session_fd(const struct ipc_session *s);
enum ipc_state ipc_session_state(const struct ipc_session *s);
void *ipc_session_owner(const struct ipc_session *s);
/* NULL before HELLO */
const struct virtq_ipc_hello *ipc_session_hello(const struct ipc_session *s);
/* One sentence for the log; code 0 and "peer closed the connection" if it just left. */
const struct ipc_err *ipc_session_why(const struct ipc_session *s);

#endif /* VIRTQ_IPC_SESSION_H */
