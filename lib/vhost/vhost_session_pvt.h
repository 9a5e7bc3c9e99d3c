/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VHOST_SESSION_PVT_H
#define VIRTQ_VHOST_SESSION_PVT_H

/*
 * vhost_session_pvt.h - the inside of a session, for vhost_session.c and the handlers in
 * vhost_messages.c only.
 */

#include "vhost_envelope.h"
#include "vhost_session_ops.h"

struct vhost_session {
	int fd;
	const struct vhost_session_ops *ops;
	void *owner;
	struct vhost_msg_ctx ctx;
	uint8_t status; /* what GET_STATUS says */
	uint32_t cost;  /* IPC_COST_* since vhost_session_take_cost() */
	bool dead;
	bool failing; /* vhost_session_fail() is under way */
	bool failed;  /* it was: dead by an error */
	struct vhost_err why;
	/* The message at hand.  row: of its header, NULL until that is whole and good. */
	const struct vhost_msg_row *row;
	bool wants_ack; /* it has VHOST_USER_NEED_REPLY, and was not answered yet */
	struct vhost_in in;
};

/*
 * Answers the message at hand; fd (-1: none) stays the caller's.  A front end that does not
 * read its answers ends the session.  One that has left does not: the messages that it sent
 * before are still to be read, and the end of the connection comes after them.
 */
void vhost_session_reply(struct vhost_session *s, const void *payload, uint32_t size, int fd);

#endif /* VIRTQ_VHOST_SESSION_PVT_H */
