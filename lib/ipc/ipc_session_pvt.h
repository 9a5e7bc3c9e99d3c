/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_SESSION_PVT_H
#define VIRTQ_IPC_SESSION_PVT_H

/*
 * ipc_session_pvt.h - the inside of a session, for ipc_session.c and the handlers in
 * ipc_messages.c only.
 */

#include "ipc_envelope.h"
#include "ipc_session_ops.h"

struct ipc_session {
	int fd;
	const struct ipc_msg_table *table; /* what may arrive and what is sent */
	const struct ipc_session_ops *ops;
	void *owner;
	struct ipc_msg_ctx ctx; /* state, agreed limits, number of the last message */
	uint32_t sent;          /* number of the last message to the peer */
	uint32_t cost;          /* IPC_COST_* since ipc_session_take_cost() */
	bool have_hello;
	struct virtq_ipc_hello hello;
	struct ipc_err why;
	int kick[VIRTQ_IPC_MAX_QUEUES]; /* staged for the next START, -1: none */
	int call[VIRTQ_IPC_MAX_QUEUES];
	int fds[VIRTQ_IPC_MAX_FDS]; /* of the message at hand, -1: taken */
	union {
		struct virtq_ipc_hdr hdr;
		uint64_t align;
		unsigned char bytes[VIRTQ_IPC_MAX_MSG];
	} in;
};

bool ipc_session_dead(const struct ipc_session *s);

/* Closes the eventfds that wait for START. */
void ipc_session_drop_staged(struct ipc_session *s);

/* Marks s dead, without a message.  Of several reasons the first one is kept.
 * Always returns -1. */
int ipc_session_die(struct ipc_session *s, const struct ipc_err *why);

/* Sends one message with the size that its row says.  0 or -errno. */
int ipc_session_send_raw(struct ipc_session *s, uint16_t type, uint32_t reply_to,
			 const void *payload);

/*
 * The same, and s dies if the message cannot be sent: 0, or -1 if it died.  A peer
 * that has left is no failure: the messages that it sent before, such as ERROR with
 * its reason, are still to be read, and the end of the connection comes after them.
 */
int ipc_session_send(struct ipc_session *s, uint16_t type, uint32_t reply_to, const void *payload);

#endif /* VIRTQ_IPC_SESSION_PVT_H */
