/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_session.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc_sock.h"

struct ipc_session {
	int fd;
	const struct ipc_session_ops *ops;
	void *owner;
	struct ipc_msg_ctx ctx; /* state, agreed limits, number of the last message */
	uint32_t sent;          /* number of the last message to the peer */
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

static void
drop_staged(struct ipc_session *s)
{
	ipc_fds_close(s->kick, VIRTQ_IPC_MAX_QUEUES);
	ipc_fds_close(s->call, VIRTQ_IPC_MAX_QUEUES);
}

/* The first reason is the one that is told. */
static int
die(struct ipc_session *s, const struct ipc_err *why)
{
	if (s->ctx.state == IPC_DEAD)
		return -1;
	s->ctx.state = IPC_DEAD;
	s->why = *why;
	drop_staged(s);
	return -1;
}

static int
send_raw(struct ipc_session *s, uint16_t type, uint32_t reply_to, const void *payload)
{
	struct virtq_ipc_hdr hdr = {
		.type = type,
		.version = VIRTQ_IPC_VERSION,
		.size = ipc_msg_row(type)->size,
		.seq = s->sent + 1,
		.reply_to = reply_to,
	};
	int ret = ipc_sock_send(s->fd, &hdr, payload, NULL, 0);

	if (ret == 0)
		s->sent++;
	return ret;
}

/*
 * Sends, or lets the session die of it.  A peer that has left is not a failure
 * here: what it sent before it left, an ERROR with its reason perhaps, is still
 * to be read, and the end of the stream comes behind it.
 */
static int
send_msg(struct ipc_session *s, uint16_t type, uint32_t reply_to, const void *payload)
{
	struct ipc_err err;
	int ret = send_raw(s, type, reply_to, payload);

	if (ret == 0 || ret == -EPIPE || ret == -ECONNRESET)
		return 0;
	if (ret == -EAGAIN)
		ipc_err_set(&err, VIRTQ_IPC_E_RESOURCES,
			    "peer does not read its messages, %s could not be sent",
			    ipc_msg_name(type));
	else
		ipc_err_set(&err, VIRTQ_IPC_E_RESOURCES, "%s could not be sent: %s",
			    ipc_msg_name(type), strerror(-ret));
	return die(s, &err);
}

static void
send_error(struct ipc_session *s, uint32_t reply_to, const struct ipc_err *err)
{
	struct virtq_ipc_error msg = {.code = err->code};

	/* the reason may quote the peer or a path */
	ipc_text_copy(msg.text, sizeof(msg.text), err->text, sizeof(err->text));
	send_raw(s, VIRTQ_IPC_ERROR, reply_to, &msg);
}

/* The peer broke a rule, or cannot be served. */
static int
fail(struct ipc_session *s, uint32_t reply_to, const struct ipc_err *err)
{
	if (s->ctx.state == IPC_RUNNING)
		s->ops->failing(s);
	if (s->ctx.state != IPC_DEAD)
		send_error(s, reply_to, err);
	return die(s, err);
}

static bool
dead(const struct ipc_session *s)
{
	return s->ctx.state == IPC_DEAD;
}

/*
 * Handlers: 0, or -1 with *err filled in.  What they leave in s->fds is closed
 * by the caller.  A callback may have failed the session, so each looks before
 * it answers or changes the state.
 */
static int
on_hello(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	struct virtq_ipc_hello_ok ok = {0};

	(void)nfds;
	s->hello = *(const struct virtq_ipc_hello *)payload;
	s->have_hello = true;
	s->ctx.max_pairs = s->hello.max_pairs;
	if (s->ops->hello(s, &s->hello, &ok, err))
		return -1;
	if (dead(s))
		return 0;
	ok.version = VIRTQ_IPC_VERSION;
	ok.features &= s->hello.features & VIRTQ_IPC_F_ALL;
	ok.pid = (uint32_t)getpid();
	s->ctx.features = ok.features;
	if (send_msg(s, VIRTQ_IPC_HELLO_OK, s->ctx.seq, &ok) == 0)
		s->ctx.state = IPC_IDLE;
	return 0;
}

static int
on_mem_table(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	const struct virtq_ipc_mem_table *table = payload;

	(void)nfds;
	if (s->ops->mem_table(s, table, s->fds, err))
		return -1;
	if (dead(s) || send_msg(s, VIRTQ_IPC_MEM_OK, s->ctx.seq, NULL))
		return 0;
	s->ctx.mem_last = ipc_mem_last(table);
	if (s->ctx.state == IPC_IDLE)
		s->ctx.state = IPC_READY;
	return 0;
}

static void
stage(int *slot, int *fd)
{
	ipc_fds_close(slot, 1);
	*slot = *fd;
	*fd = -1;
}

static int
on_queue_fds(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	const struct virtq_ipc_queue_fds *q = payload;

	for (unsigned int i = 0; i < nfds; i++) {
		/* A pipe or a socket could stop the thread that signals it.  The flag
		 * is shared with the peer, which uses it the same way. */
		if (!ipc_fd_is_eventfd(s->fds[i]) || fcntl(s->fds[i], F_SETFL, O_RDWR | O_NONBLOCK))
			return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
					   "descriptor %u of QUEUE_FDS is not an eventfd", i);
	}
	for (uint32_t i = 0; i < q->count; i++) {
		stage(&s->kick[q->first + i], &s->fds[2 * i]);
		stage(&s->call[q->first + i], &s->fds[2 * i + 1]);
	}
	return 0;
}

static int
on_start(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	const struct virtq_ipc_start *start = payload;

	(void)nfds;
	for (uint32_t i = 0; i < start->num_queues; i++)
		if ((start->queue[i].flags & VIRTQ_IPC_Q_ENABLED) &&
		    (s->kick[i] < 0 || s->call[i] < 0))
			return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
					   "queue %" PRIu32 " is enabled but has no eventfds: "
					   "QUEUE_FDS has to come before START",
					   i);
	if (s->ops->start(s, start, s->fds, s->kick, s->call, err))
		return -1;
	drop_staged(s);
	if (dead(s))
		return 0;
	s->ctx.generation = start->generation;
	if (send_msg(s, VIRTQ_IPC_START_OK, s->ctx.seq, NULL) == 0)
		s->ctx.state = IPC_RUNNING;
	return 0;
}

static int
on_stop(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	struct virtq_ipc_stopped stopped = {.num_queues = 2 * s->ctx.max_pairs};

	(void)payload;
	(void)nfds;
	(void)err;
	s->ops->stop(s, &stopped);
	if (dead(s))
		return 0;
	stopped.num_queues = 2 * s->ctx.max_pairs;
	if (send_msg(s, VIRTQ_IPC_STOPPED, s->ctx.seq, &stopped) == 0)
		s->ctx.state = IPC_READY;
	return 0;
}

static int
on_rxstate(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	(void)nfds;
	(void)err;
	s->ops->rxstate(s, payload);
	return 0;
}

static int
on_log(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	const struct virtq_ipc_log *log = payload;

	if (nfds == 0)
		s->fds[0] = -1;
	if (s->ops->log(s, log, s->fds, err))
		return -1;
	s->ctx.log_size = log->size;
	if (!dead(s))
		send_msg(s, VIRTQ_IPC_LOG_OK, s->ctx.seq, NULL);
	return 0;
}

static int
on_get_counters(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	struct virtq_ipc_counters counters = {0};

	(void)payload;
	(void)nfds;
	(void)err;
	s->ops->counters(s, &counters);
	if (!dead(s))
		send_msg(s, VIRTQ_IPC_COUNTERS, s->ctx.seq, &counters);
	return 0;
}

/* The peer gave up: its words are the reason, and it is sent none back. */
static int
on_error(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	const struct virtq_ipc_error *msg = payload;
	struct ipc_err why = {.code = msg->code};

	(void)nfds;
	(void)err;
	ipc_text_copy(why.text, sizeof(why.text), msg->text, sizeof(msg->text));
	die(s, &why);
	return 0;
}

typedef int (*handler)(struct ipc_session *s, const void *payload, unsigned int nfds,
		       struct ipc_err *err);

static handler
handler_of(uint16_t type)
{
	static const handler handlers[VIRTQ_IPC_ERROR + 1] = {
		[VIRTQ_IPC_HELLO] = on_hello,
		[VIRTQ_IPC_MEM_TABLE] = on_mem_table,
		[VIRTQ_IPC_QUEUE_FDS] = on_queue_fds,
		[VIRTQ_IPC_START] = on_start,
		[VIRTQ_IPC_STOP] = on_stop,
		[VIRTQ_IPC_RXSTATE] = on_rxstate,
		[VIRTQ_IPC_LOG] = on_log,
		[VIRTQ_IPC_GET_COUNTERS] = on_get_counters,
		[VIRTQ_IPC_ERROR] = on_error,
	};

	return handlers[type];
}

static int
handle(struct ipc_session *s, const struct ipc_msg_in *in)
{
	struct ipc_err err = {.code = VIRTQ_IPC_E_RESOURCES};
	uint32_t seq = in->len >= sizeof(s->in.hdr) ? s->in.hdr.seq : 0;
	int ret = ipc_msg_check(in, &s->ctx, &err);

	if (ret == 0) {
		s->ctx.seq = seq;
		ret = handler_of(s->in.hdr.type)(s, &s->in.hdr + 1, in->nfds, &err);
	}
	ipc_fds_close(s->fds, in->nfds);
	return ret ? fail(s, seq, &err) : 0;
}

int
ipc_session_input(struct ipc_session *s)
{
	struct ipc_err err = {0};
	struct ipc_msg_in in;

	for (int i = 0; !dead(s) && i < IPC_INPUT_BURST; i++) {
		switch (ipc_sock_recv(s->fd, s->in.bytes, sizeof(s->in.bytes), &in, s->fds)) {
		case IPC_RECV_MSG:
			handle(s, &in);
			break;
		case IPC_RECV_NONE:
			return 0;
		case IPC_RECV_CLOSED:
			ipc_err_set(&err, 0, "peer closed the connection");
			return die(s, &err);
		case IPC_RECV_FAILED:
			ipc_err_set(&err, VIRTQ_IPC_E_RESOURCES, "cannot receive: %s",
				    strerror(errno));
			return die(s, &err);
		}
	}
	return dead(s) ? -1 : 0;
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
	s->ops = ops;
	s->owner = owner;
	s->ctx.dir = IPC_TO_PMD;
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
	drop_staged(s);
	ipc_sock_close(s->fd);
	free(s);
}

int
ipc_session_send_link(struct ipc_session *s, const struct virtq_ipc_link *link)
{
	if (dead(s))
		return -1;
	if (s->ctx.state == IPC_NEW)
		return 0; /* HELLO_OK will carry it */
	return send_msg(s, VIRTQ_IPC_LINK, 0, link);
}

int
ipc_session_send_announce(struct ipc_session *s)
{
	if (dead(s))
		return -1;
	if (!(s->ctx.features & VIRTQ_IPC_F_ANNOUNCE))
		return 0;
	return send_msg(s, VIRTQ_IPC_ANNOUNCE, 0, NULL);
}

int
ipc_session_send_broken(struct ipc_session *s, uint32_t queue, const char *text)
{
	struct virtq_ipc_broken msg = {.queue = queue};

	if (dead(s))
		return -1;
	if (s->ctx.state != IPC_RUNNING || queue >= 2 * s->ctx.max_pairs)
		return 0; /* the device has the ring already */
	ipc_text_copy(msg.text, sizeof(msg.text), text, strlen(text));
	return send_msg(s, VIRTQ_IPC_BROKEN, 0, &msg);
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
