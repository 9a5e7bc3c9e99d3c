/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc_budget.h"
#include "ipc_messages.h"
#include "ipc_session_pvt.h"
#include "ipc_sock.h"

static void
send_error(struct ipc_session *s, uint32_t reply_to, const struct ipc_err *err)
{
	struct virtq_ipc_error msg = {.code = err->code};

	/* the sentence may quote the peer or a path */
	ipc_text_copy(msg.text, sizeof(msg.text), err->text, sizeof(err->text));
	ipc_session_send_raw(s, VIRTQ_IPC_ERROR, reply_to, &msg);
}

/* The peer broke a rule, or cannot be served. */
static int
fail(struct ipc_session *s, uint32_t reply_to, const struct ipc_err *err)
{
	if (s->ctx.state == IPC_RUNNING)
		s->ops->failing(s);
	if (s->ctx.state != IPC_DEAD)
		send_error(s, reply_to, err);
	return ipc_session_die(s, err);
}

/* Checks and handles one message, as its row says. */
static int
handle(struct ipc_session *s, const struct ipc_msg_in *in)
{
	struct ipc_err err = {.code = VIRTQ_IPC_E_RESOURCES};
	const struct virtq_ipc_hdr *hdr = &s->in.hdr;
	uint32_t seq = in->len >= sizeof(*hdr) ? hdr->seq : 0;
	int ret = ipc_msg_check(s->table, in, &s->ctx, &err);

	ipc_session_charge(s, IPC_COST_MESSAGE + in->nfds * IPC_COST_FD);
	if (ret == 0) {
		const struct ipc_msg_row *row = ipc_msg_row(s->table, hdr->type);

		s->ctx.seq = seq;
		ipc_session_charge(s, row->cost);
		ret = row->handle(s, hdr + 1, in->nfds, &err);
	}
	ipc_fds_close(s->fds, in->nfds);
	return ret ? fail(s, seq, &err) : 0;
}

int
ipc_session_input(struct ipc_session *s)
{
	struct ipc_err err = {0};
	uint32_t before = s->cost;
	struct ipc_msg_in in;

	for (int i = 0;
	     !ipc_session_dead(s) && i < IPC_INPUT_BURST && s->cost - before < IPC_INPUT_COST;
	     i++) {
		switch (ipc_sock_recv(s->fd, s->in.bytes, sizeof(s->in.bytes), &in, s->fds)) {
		case IPC_RECV_MSG:
			handle(s, &in);
			break;
		case IPC_RECV_NONE:
			return 0;
		case IPC_RECV_CLOSED:
			ipc_err_set(&err, 0, "peer closed the connection");
			return ipc_session_die(s, &err);
		case IPC_RECV_FAILED:
			ipc_err_set(&err, VIRTQ_IPC_E_RESOURCES, "cannot receive: %s",
				    strerror(errno));
			return ipc_session_die(s, &err);
		}
	}
	return ipc_session_dead(s) ? -1 : 0;
}

uint32_t
ipc_session_take_cost(struct ipc_session *s)
{
	uint32_t cost = s->cost;

	s->cost = 0;
	return cost;
}

void
ipc_session_charge(struct ipc_session *s, uint32_t cost)
{
	s->cost += cost;
}

struct ipc_session *
ipc_session_new(int fd, const struct ipc_session_ops *ops, void *owner)
{
	struct ipc_session *s = calloc(1, sizeof(*s));

	if (!s) {
		close(fd);
		return NULL;
	}
	s->fd = fd;
	s->table = &ipc_messages;
	s->ops = ops;
	s->owner = owner;
	s->ctx.state = IPC_NEW;
	for (unsigned int i = 0; i < VIRTQ_IPC_MAX_QUEUES; i++)
		s->kick[i] = s->call[i] = -1;
	return s;
}

void
ipc_session_free(struct ipc_session *s)
{
	if (!s)
		return;
	ipc_session_drop_staged(s);
	ipc_sock_close(s->fd);
	free(s);
}

int
ipc_session_send_link(struct ipc_session *s, const struct virtq_ipc_link *link)
{
	if (ipc_session_dead(s))
		return -1;
	if (s->ctx.state == IPC_NEW)
		return 0; /* HELLO_OK will carry it */
	return ipc_session_send(s, VIRTQ_IPC_LINK, 0, link);
}

int
ipc_session_send_announce(struct ipc_session *s)
{
	if (ipc_session_dead(s))
		return -1;
	if (!(s->ctx.features & VIRTQ_IPC_F_ANNOUNCE))
		return 0;
	return ipc_session_send(s, VIRTQ_IPC_ANNOUNCE, 0, NULL);
}

int
ipc_session_send_broken(struct ipc_session *s, uint32_t queue, const char *text)
{
	struct virtq_ipc_broken msg = {.queue = queue};

	if (ipc_session_dead(s))
		return -1;
	if (s->ctx.state != IPC_RUNNING || queue >= 2 * s->ctx.max_pairs)
		return 0; /* the device has taken the ring back, or never had it */
	ipc_text_copy(msg.text, sizeof(msg.text), text, strlen(text));
	return ipc_session_send(s, VIRTQ_IPC_BROKEN, 0, &msg);
}

void
ipc_session_fail(struct ipc_session *s, const struct ipc_err *err)
{
	fail(s, 0, err);
}

int
ipc_session_fd(const struct ipc_session *s)
{
	return s->fd;
}

enum ipc_state
ipc_session_state(const struct ipc_session *s)
{
	return s->ctx.state;
}

void *
ipc_session_owner(const struct ipc_session *s)
{
	return s->owner;
}

const struct virtq_ipc_hello *
ipc_session_hello(const struct ipc_session *s)
{
	return s->have_hello ? &s->hello : NULL;
}

const struct ipc_err *
ipc_session_why(const struct ipc_session *s)
{
	return &s->why;
}
