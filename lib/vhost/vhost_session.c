/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vhost_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc_budget.h"
#include "ipc_fd.h"
#include "vhost_messages.h"
#include "vhost_session_pvt.h"

#define BIT(n) (1ull << (n))

static void
die(struct vhost_session *s, bool failed, const char *why)
{
	s->dead = true;
	s->failed = failed;
	vhost_err_set(&s->why, "%s", why);
	shutdown(s->fd, SHUT_RDWR);
}

static int
send_reply(struct vhost_session *s, const void *payload, uint32_t size, int fd)
{
	struct vhost_user_hdr hdr = {
		.request = s->in.hdr.request,
		.flags = VHOST_USER_VERSION | VHOST_USER_REPLY,
		.size = size,
	};

	s->wants_ack = false;
	return vhost_sock_send(s->fd, &hdr, payload, fd);
}

void
vhost_session_reply(struct vhost_session *s, const void *payload, uint32_t size, int fd)
{
	struct vhost_err err;
	int ret;

	if (s->dead)
		return;
	ret = send_reply(s, payload, size, fd);
	if (ret == 0 || ret == -EPIPE || ret == -ECONNRESET)
		return;
	if (ret == -EAGAIN)
		vhost_err_set(&err,
			      "front end does not read its replies, that to %s could not be "
			      "sent",
			      s->row->name);
	else
		vhost_err_set(&err, "reply to %s could not be sent: %s", s->row->name,
			      strerror(-ret));
	vhost_session_fail(s, err.text);
}

/* A front end that did not agree on REPLY_ACK waits for none. */
static bool
acknowledges(const struct vhost_session *s)
{
	return s->wants_ack && (s->ctx.protocol & BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK));
}

void
vhost_session_fail(struct vhost_session *s, const char *why)
{
	static const uint64_t no = 1;
	struct vhost_err first;

	/* of several reasons the first one is kept */
	if (s->dead || s->failing)
		return;
	s->failing = true;
	vhost_err_set(&first, "%s", why); /* the callback may free what the caller has */
	s->ops->failing(s);
	if (acknowledges(s))
		send_reply(s, &no, sizeof(no), -1);
	die(s, true, first.text);
}

/* The message at hand was checked, and handled if it was good: what it came to. */
static void
conclude(struct vhost_session *s, int ret, const struct vhost_err *err)
{
	uint64_t no = ret != 0;

	if (ret < 0)
		vhost_session_fail(s, err->text);
	if (s->dead)
		return;
	if (ret > 0 && s->ops->refused)
		s->ops->refused(s, err->text);
	if (!s->dead && acknowledges(s))
		vhost_session_reply(s, &no, sizeof(no), -1);
}

static void
handle(struct vhost_session *s)
{
	struct vhost_err err = {"refused"};
	struct vhost_msg m = {s->in.hdr.size, s->in.nfds, &s->in.payload};
	int ret = vhost_msg_check(s->row, &s->in, &s->ctx, &err);

	vhost_session_charge(s, IPC_COST_MESSAGE + s->in.nfds * IPC_COST_FD);
	if (ret == 0) {
		vhost_session_charge(s, s->row->cost);
		ret = s->row->handle(s, &m, &err);
	}
	conclude(s, ret, &err);
	ipc_fds_close(s->in.fds, s->in.nfds);
}

/* The header is here: says whether its payload may be read. */
static void
begin(struct vhost_session *s)
{
	struct vhost_err err;
	const struct vhost_msg_row *row = vhost_msg_row(&vhost_messages, s->in.hdr.request);

	s->wants_ack = (s->in.hdr.flags & VHOST_USER_NEED_REPLY) && !(row && row->answers);
	s->row = vhost_msg_check_hdr(&vhost_messages, &s->in.hdr, &s->ctx, &err);
	if (!s->row)
		vhost_session_fail(s, err.text);
}

static void
finish(struct vhost_session *s)
{
	s->row = NULL;
	s->wants_ack = false;
	vhost_in_reset(&s->in);
}

static void
cannot_receive(struct vhost_session *s)
{
	struct vhost_err err;

	vhost_err_set(&err, "cannot receive: %s", strerror(errno));
	vhost_session_fail(s, err.text);
}

/* Receives up to `want` bytes of the message at hand.  False if they are not all here. */
static bool
receive(struct vhost_session *s, size_t want)
{
	switch (vhost_sock_recv(s->fd, &s->in, want)) {
	case VHOST_RECV_ALL:
		return true;
	case VHOST_RECV_NONE:
		break;
	case VHOST_RECV_CLOSED:
		die(s, false, "front end closed the connection");
		break;
	case VHOST_RECV_FAILED:
		cannot_receive(s);
		break;
	}
	return false;
}

/* Is a whole message here whose header is good? */
static bool
whole(struct vhost_session *s)
{
	if (!s->row) {
		if (!receive(s, VHOST_USER_HDR_SIZE))
			return false;
		begin(s);
	}
	return !s->dead && receive(s, VHOST_USER_HDR_SIZE + s->in.hdr.size);
}

/* One message.  False if it is not all here, or the session is over. */
static bool
next(struct vhost_session *s)
{
	size_t before = s->in.have;

	if (!whole(s)) {
		/* a piece costs as much as a message: a peer could send them byte by byte */
		if (s->in.have != before)
			vhost_session_charge(s, IPC_COST_MESSAGE);
		return false;
	}
	handle(s);
	finish(s);
	return !s->dead;
}

int
vhost_session_input(struct vhost_session *s)
{
	uint32_t before = s->cost;

	for (int i = 0; i < VHOST_INPUT_BURST && s->cost - before < VHOST_INPUT_COST; i++)
		if (s->dead || !next(s))
			break;
	return s->dead ? -1 : 0;
}

uint32_t
vhost_session_take_cost(struct vhost_session *s)
{
	uint32_t cost = s->cost;

	s->cost = 0;
	return cost;
}

void
vhost_session_charge(struct vhost_session *s, uint32_t cost)
{
	s->cost += cost;
}

struct vhost_session *
vhost_session_new(int fd, const struct vhost_session_ops *ops, void *owner)
{
	struct vhost_session *s = calloc(1, sizeof(*s));

	if (!s) {
		close(fd);
		return NULL;
	}
	s->fd = fd;
	s->ops = ops;
	s->owner = owner;
	s->ctx.offered = ops->get_features() | BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	s->ctx.protocol_offered = ops->protocol_features;
	s->ctx.max_vrings = ops->max_vrings;
	vhost_in_reset(&s->in);
	return s;
}

void
vhost_session_free(struct vhost_session *s)
{
	if (!s)
		return;
	ipc_fds_close(s->in.fds, s->in.nfds);
	vhost_sock_close(s->fd);
	free(s);
}

int
vhost_session_fd(const struct vhost_session *s)
{
	return s->fd;
}

bool
vhost_session_is_dead(const struct vhost_session *s)
{
	return s->dead;
}

void *
vhost_session_owner(const struct vhost_session *s)
{
	return s->owner;
}

uint64_t
vhost_session_protocol_features(const struct vhost_session *s)
{
	return s->ctx.protocol;
}

const char *
vhost_session_why(const struct vhost_session *s, bool *failed)
{
	*failed = s->failed;
	return s->why.text;
}
