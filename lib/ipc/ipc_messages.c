/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * ipc_messages.c - one row a message: what it has to look like, which check it has to
 * pass (ipc_check_<message>.c) and what then happens (handle_<message>(), in this file).
 *
 * The messages that a PMD only sends are rows of the same table, because the
 * envelope check wants them too: a device that sends HELLO_OK is refused with that
 * name.  They have no check and no handler: whoever receives them brings those in a
 * table of its own.
 */

#include "ipc_messages.h"

#include <inttypes.h>
#include <unistd.h>

#include "ipc_budget.h"
#include "ipc_check.h"
#include "ipc_fd.h"
#include "ipc_session_pvt.h"

/*
 * Handlers: 0, or -1 with *err filled in.  The caller closes what they leave in
 * s->fds.  A callback may have failed the session, so a handler looks whether the
 * session is dead before it answers or changes the state.
 */
static int
handle_hello(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	struct virtq_ipc_hello_ok ok = {0};

	(void)nfds;
	s->hello = *(const struct virtq_ipc_hello *)payload;
	s->have_hello = true;
	s->ctx.max_pairs = s->hello.max_pairs;
	if (s->ops->hello(s, &s->hello, &ok, err))
		return -1;
	if (ipc_session_dead(s))
		return 0;
	ok.version = VIRTQ_IPC_VERSION;
	ok.features &= s->hello.features & VIRTQ_IPC_F_ALL;
	ok.pid = (uint32_t)getpid();
	s->ctx.features = ok.features;
	if (ipc_session_send(s, VIRTQ_IPC_HELLO_OK, s->ctx.seq, &ok) == 0)
		s->ctx.state = IPC_IDLE;
	return 0;
}

static int
handle_mem_table(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	const struct virtq_ipc_mem_table *table = payload;

	(void)nfds;
	if (s->ops->mem_table(s, table, s->fds, err))
		return -1;
	if (ipc_session_dead(s) || ipc_session_send(s, VIRTQ_IPC_MEM_OK, s->ctx.seq, NULL))
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
handle_queue_fds(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	const struct virtq_ipc_queue_fds *q = payload;

	for (unsigned int i = 0; i < nfds; i++)
		if (!ipc_fd_take_eventfd(s->fds[i]))
			return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
					   "descriptor %u of QUEUE_FDS is not an eventfd", i);
	for (uint32_t i = 0; i < q->count; i++) {
		stage(&s->kick[q->first + i], &s->fds[2 * i]);
		stage(&s->call[q->first + i], &s->fds[2 * i + 1]);
	}
	return 0;
}

static int
handle_start(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
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
	ipc_session_drop_staged(s);
	if (ipc_session_dead(s))
		return 0;
	s->ctx.generation = start->generation;
	if (ipc_session_send(s, VIRTQ_IPC_START_OK, s->ctx.seq, NULL) == 0)
		s->ctx.state = IPC_RUNNING;
	return 0;
}

static int
handle_stop(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	struct virtq_ipc_stopped stopped = {.num_queues = 2 * s->ctx.max_pairs};

	(void)payload;
	(void)nfds;
	(void)err;
	s->ops->stop(s, &stopped);
	if (ipc_session_dead(s))
		return 0;
	stopped.num_queues = 2 * s->ctx.max_pairs;
	if (ipc_session_send(s, VIRTQ_IPC_STOPPED, s->ctx.seq, &stopped) == 0)
		s->ctx.state = IPC_READY;
	return 0;
}

static int
handle_rxstate(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	(void)nfds;
	(void)err;
	s->ops->rxstate(s, payload);
	return 0;
}

static int
handle_log(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	const struct virtq_ipc_log *log = payload;

	if (nfds == 0)
		s->fds[0] = -1;
	if (s->ops->log(s, log, s->fds, err))
		return -1;
	s->ctx.log_size = log->size;
	if (!ipc_session_dead(s))
		ipc_session_send(s, VIRTQ_IPC_LOG_OK, s->ctx.seq, NULL);
	return 0;
}

static int
handle_get_counters(struct ipc_session *s, const void *payload, unsigned int nfds,
		    struct ipc_err *err)
{
	struct virtq_ipc_counters counters = {0};

	(void)payload;
	(void)nfds;
	(void)err;
	s->ops->counters(s, &counters);
	if (!ipc_session_dead(s))
		ipc_session_send(s, VIRTQ_IPC_COUNTERS, s->ctx.seq, &counters);
	return 0;
}

/* The device gave up: its text is the reason, and no ERROR is sent back. */
static int
handle_error(struct ipc_session *s, const void *payload, unsigned int nfds, struct ipc_err *err)
{
	const struct virtq_ipc_error *msg = payload;
	struct ipc_err why = {.code = msg->code};

	(void)nfds;
	(void)err;
	ipc_text_copy(why.text, sizeof(why.text), msg->text, sizeof(msg->text));
	ipc_session_die(s, &why);
	return 0;
}

static const struct ipc_msg_row rows[] = {
	{
		.type = VIRTQ_IPC_HELLO,
		.name = "HELLO",
		.cost = IPC_COST_RINGS,
		.size = sizeof(struct virtq_ipc_hello),
		.states = IPC_NEW,
		.check = ipc_check_hello,
		.handle = handle_hello,
	},
	{
		.type = VIRTQ_IPC_MEM_TABLE,
		.name = "MEM_TABLE",
		.cost = IPC_COST_RINGS,
		.size = sizeof(struct virtq_ipc_mem_table),
		.min_fds = 1,
		.max_fds = VIRTQ_IPC_MAX_REGIONS,
		.states = IPC_AFTER_HELLO,
		.check = ipc_check_mem_table,
		.handle = handle_mem_table,
	},
	{
		.type = VIRTQ_IPC_QUEUE_FDS,
		.name = "QUEUE_FDS",
		.size = sizeof(struct virtq_ipc_queue_fds),
		.min_fds = 2,
		.max_fds = VIRTQ_IPC_MAX_FDS,
		.states = IPC_IDLE | IPC_READY,
		.check = ipc_check_queue_fds,
		.handle = handle_queue_fds,
	},
	{
		.type = VIRTQ_IPC_START,
		.name = "START",
		.cost = IPC_COST_RINGS,
		.size = sizeof(struct virtq_ipc_start),
		.min_fds = 1,
		.max_fds = 1,
		.states = IPC_READY,
		.check = ipc_check_start,
		.handle = handle_start,
	},
	{
		.type = VIRTQ_IPC_STOP,
		.name = "STOP",
		.cost = IPC_COST_RINGS,
		.states = IPC_RUNNING,
		.handle = handle_stop,
	},
	{
		.type = VIRTQ_IPC_RXSTATE,
		.name = "RXSTATE",
		.size = sizeof(struct virtq_ipc_rxstate),
		.states = IPC_AFTER_HELLO,
		.check = ipc_check_rxstate,
		.handle = handle_rxstate,
	},
	{
		.type = VIRTQ_IPC_LOG,
		.name = "LOG",
		.size = sizeof(struct virtq_ipc_log),
		.max_fds = 1,
		.states = IPC_AFTER_HELLO,
		.feature = VIRTQ_IPC_F_LOG,
		.check = ipc_check_log,
		.handle = handle_log,
	},
	{
		.type = VIRTQ_IPC_GET_COUNTERS,
		.name = "GET_COUNTERS",
		.states = IPC_AFTER_HELLO,
		.feature = VIRTQ_IPC_F_COUNTERS,
		.handle = handle_get_counters,
	},
	{
		.type = VIRTQ_IPC_ERROR,
		.name = "ERROR",
		.size = sizeof(struct virtq_ipc_error),
		.states = IPC_NEW | IPC_AFTER_HELLO,
		.check = ipc_check_error,
		.handle = handle_error,
	},

	/* What a PMD only sends has no state in which it may arrive. */
	{.type = VIRTQ_IPC_HELLO_OK, .name = "HELLO_OK", .size = sizeof(struct virtq_ipc_hello_ok)},
	{.type = VIRTQ_IPC_MEM_OK, .name = "MEM_OK"},
	{.type = VIRTQ_IPC_START_OK, .name = "START_OK"},
	{.type = VIRTQ_IPC_STOPPED, .name = "STOPPED", .size = sizeof(struct virtq_ipc_stopped)},
	{.type = VIRTQ_IPC_LOG_OK, .name = "LOG_OK"},
	{.type = VIRTQ_IPC_COUNTERS, .name = "COUNTERS", .size = sizeof(struct virtq_ipc_counters)},
	{.type = VIRTQ_IPC_LINK, .name = "LINK", .size = sizeof(struct virtq_ipc_link)},
	{.type = VIRTQ_IPC_ANNOUNCE, .name = "ANNOUNCE"},
	{.type = VIRTQ_IPC_BROKEN, .name = "BROKEN", .size = sizeof(struct virtq_ipc_broken)},
};

const struct ipc_msg_table ipc_messages = {"PMD", rows, sizeof(rows) / sizeof(rows[0])};
