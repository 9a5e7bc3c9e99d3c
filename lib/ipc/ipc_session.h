/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_SESSION_H
#define VIRTQ_IPC_SESSION_H

/*
 * ipc_session.h - one connected device, as the PMD serves it: receives its messages,
 * checks them, hands what is in them to the owner (ipc_session_ops.h), and answers.
 * Which message is checked by what and leads to what is in ipc_messages.c.  All calls
 * for one session come from one thread at a time.
 */

#include "ipc_envelope.h"
#include "ipc_session_ops.h"

/* How long the owner waits for HELLO before it fails the session with
 * VIRTQ_IPC_E_TIMEOUT.  The session keeps no clock. */
#define IPC_HELLO_TIMEOUT_MS 2000

/* Messages that one ipc_session_input() handles at most; and their cost (ipc_budget.h),
 * after which it handles no more. */
#define IPC_INPUT_BURST 16
#define IPC_INPUT_COST 200u

/*
 * Makes a session of a connected, non-blocking socket, which it owns from then
 * on (also when NULL is returned).  owner and ops outlive the session.
 */
struct ipc_session *ipc_session_new(int fd, const struct ipc_session_ops *ops, void *owner);

/* Closes the socket and every fd still staged; frees s.  No callback is made: before,
 * the owner has to let go of what it took in its callbacks. */
void ipc_session_free(struct ipc_session *s);

/*
 * Reads and handles what the socket holds, at most a few messages so that other
 * sessions get their turn.  Returns 0 to go on, -1 when the session is dead:
 * the peer left, broke a rule (it has been sent ERROR) or does not read its
 * answers.  ipc_session_why() then says which.
 */
int ipc_session_input(struct ipc_session *s);

/* The cost of the messages handled since the last call (ipc_budget.h). */
uint32_t ipc_session_take_cost(struct ipc_session *s);

/* Adds to the cost of the message at hand what its owner alone knows. */
void ipc_session_charge(struct ipc_session *s, uint32_t cost);

/* Messages that answer nothing; -1 if the session is dead. */
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
