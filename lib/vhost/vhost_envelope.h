/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VHOST_ENVELOPE_H
#define VIRTQ_VHOST_ENVELOPE_H

/*
 * vhost_envelope.h - may this message arrive?  The check of header, size, descriptors and
 * protocol features.  Pure functions on bytes and counts: nothing here reads a
 * socket, touches a descriptor or keeps a state.  The messages are in vhost_messages.c.
 */

#include "vhost_err.h"
#include "vhost_sock.h"

/* What was agreed with the front end until now. */
struct vhost_msg_ctx {
	uint64_t offered;           /* virtio's features, VHOST_USER_F_PROTOCOL_FEATURES too */
	uint64_t features;          /* acknowledged of those; 0: none yet */
	uint64_t protocol_offered;  /* VHOST_USER_PROTOCOL_F_* */
	uint64_t protocol;          /* acknowledged of those */
	bool protocol_acknowledged; /* SET_PROTOCOL_FEATURES came, be it with 0 */
	uint32_t max_vrings;
};

/* A message as its check gets it. */
struct vhost_msg {
	uint32_t size; /* of the payload, as its row allows it */
	unsigned int nfds;
	const union vhost_payload *payload;
};

struct vhost_session;

/* One request. */
struct vhost_msg_row {
	uint32_t request;
	const char *name;
	const char *refused; /* why this back end never takes it; NULL: it does */
	uint32_t min_size;   /* bytes of payload, both included */
	uint32_t max_size;
	unsigned int min_fds; /* both included */
	unsigned int max_fds;
	uint64_t agreed;     /* protocol feature that must have been acknowledged */
	uint64_t offered;    /* the same, and it is enough that it was offered */
	const char *feature; /* its name */
	bool answers;        /* has a reply of its own; all others are acknowledged */
	uint32_t cost;       /* IPC_COST_*, besides that of any message and of its fds */
	/* Of the payload.  0; 1 with *err filled in: refused, the session goes on; -1 with
	 * *err filled in: the session ends.  NULL: there is nothing to check. */
	int (*check)(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
		     struct vhost_err *err);
	/* What a session does with a checked message: the same values.  A row with `answers`
	 * has sent its reply after 0 and 1. */
	int (*handle)(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err);
};

struct vhost_msg_table {
	const struct vhost_msg_row *row;
	size_t count;
};

/* The row of a request; NULL if there is none. */
const struct vhost_msg_row *vhost_msg_row(const struct vhost_msg_table *table, uint32_t request);

/* Can a message with this header arrive?  Its row, or NULL with *err filled in.  The payload
 * is to be read only after this: the row bounds its size. */
const struct vhost_msg_row *vhost_msg_check_hdr(const struct vhost_msg_table *table,
						const struct vhost_user_hdr *hdr,
						const struct vhost_msg_ctx *ctx,
						struct vhost_err *err);

/* Once it is whole: its descriptors and its payload.  0, or as vhost_msg_row.check. */
int vhost_msg_check(const struct vhost_msg_row *row, const struct vhost_in *in,
		    const struct vhost_msg_ctx *ctx, struct vhost_err *err);

#endif /* VIRTQ_VHOST_ENVELOPE_H */
