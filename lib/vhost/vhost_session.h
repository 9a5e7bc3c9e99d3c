/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VHOST_SESSION_H
#define VIRTQ_VHOST_SESSION_H

/*
 * vhost_session.h - one connected vhost-user front end, as the PMD serves it: receives its
 * messages, checks them, hands what is in them to the owner (vhost_session_ops.h), and
 * answers.  Which message is checked by what and leads to what is in vhost_messages.c.
 * All calls for one session come from one thread at a time.
 */

#include "vhost_err.h"
#include "vhost_session_ops.h"

/* Messages that one vhost_session_input() handles at most; and their cost (ipc_budget.h),
 * after which it handles no more. */
#define VHOST_INPUT_BURST 16
#define VHOST_INPUT_COST 200u

/*
 * Makes a session of a connected, non-blocking socket, which it owns from then on (also
 * when NULL is returned).  owner and ops outlive the session.
 */
struct vhost_session *vhost_session_new(int fd, const struct vhost_session_ops *ops, void *owner);

/* Closes the socket and every fd still staged; frees s.  No callback is made. */
void vhost_session_free(struct vhost_session *s);

/*
 * Reads and handles what the socket holds, at most a few messages so that other sessions
 * get their turn; a message may arrive in any pieces.  Returns 0 to go on, -1 when the
 * session is over: the peer left, broke a rule or does not read its answers.
 * vhost_session_why() then says which.
 */
int vhost_session_input(struct vhost_session *s);

/* The cost of the messages handled since the last call (ipc_budget.h). */
uint32_t vhost_session_take_cost(struct vhost_session *s);

/* Adds to the cost of the message at hand what its owner alone knows. */
void vhost_session_charge(struct vhost_session *s, uint32_t cost);

/* Ends the session with a reason for the log: calls ops->failing, answers the message at
 * hand negatively if it wants an answer, and shuts the socket down. */
void vhost_session_fail(struct vhost_session *s, const char *why);

int vhost_session_fd(const struct vhost_session *s);
bool vhost_session_is_dead(const struct vhost_session *s);
void *vhost_session_owner(const struct vhost_session *s);
/* Protocol features that the front end acknowledged. */
uint64_t vhost_session_protocol_features(const struct vhost_session *s);
/* One sentence for the log.  *failed: an error, else the peer just left. */
const char *vhost_session_why(const struct vhost_session *s, bool *failed);

#endif /* VIRTQ_VHOST_SESSION_H */
