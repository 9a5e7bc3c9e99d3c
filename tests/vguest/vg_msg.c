/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * vg_msg.c - checks of the messages that only a client receives, and the row of
 * each.  The envelope and the kinds of fields that both ends receive are checked by
 * lib/ipc.
 */

#include "vg_msg.h"

#include <inttypes.h>

#include "ipc_check.h"
#include "ipc_field.h"

static int
check_link(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
	   struct ipc_err *err)
{
	const struct virtq_ipc_link *l = payload;

	(void)nfds;
	(void)ctx;
	if (l->up > 1 || l->duplex > 1)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "LINK has up %" PRIu32 " and duplex %u, expected 0 or 1", l->up,
				   l->duplex);
	return ipc_field_reserved("LINK", ipc_all_zero(l->reserved0, sizeof(l->reserved0)), err);
}

static int
check_hello_ok(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
	       struct ipc_err *err)
{
	const struct virtq_ipc_hello_ok *h = payload;

	if (h->version != VIRTQ_IPC_VERSION)
		return ipc_err_set(err, VIRTQ_IPC_E_VERSION,
				   "PMD chose protocol version %u, which was not offered",
				   h->version);
	if (h->max_pairs < 1 || h->max_pairs > VIRTQ_IPC_MAX_PAIRS)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "HELLO_OK has %" PRIu32 " queue pairs, expected 1 to %u",
				   h->max_pairs, VIRTQ_IPC_MAX_PAIRS);
	if (h->features & ~VIRTQ_IPC_F_ALL)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "HELLO_OK has protocol features that were not offered");
	if (ipc_field_name("HELLO_OK's port", h->port, err) ||
	    ipc_field_reserved("HELLO_OK",
			       !h->reserved0 && !h->reserved1 &&
				       ipc_all_zero(h->reserved, sizeof(h->reserved)),
			       err))
		return -1;
	return check_link(&h->link, nfds, ctx, err);
}

static int
check_stopped(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
	      struct ipc_err *err)
{
	const struct virtq_ipc_stopped *st = payload;
	bool valid = true;

	(void)nfds;
	if (st->num_queues > VIRTQ_IPC_MAX_QUEUES || st->num_queues != 2 * ctx->max_pairs)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "STOPPED describes %" PRIu32 " queues, expected %" PRIu32,
				   st->num_queues, 2 * ctx->max_pairs);
	for (uint32_t i = 0; valid && i < st->num_queues; i++)
		valid = ipc_field_pos(&st->pos[i]);
	return ipc_field_reserved(
		"STOPPED",
		valid && !st->reserved &&
			ipc_all_zero(st->pos + st->num_queues,
				     (VIRTQ_IPC_MAX_QUEUES - st->num_queues) * sizeof(st->pos[0])),
		err);
}

static int
check_counters(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
	       struct ipc_err *err)
{
	const struct virtq_ipc_counters *c = payload;

	(void)nfds;
	(void)ctx;
	return ipc_field_reserved("COUNTERS", !c->reserved, err);
}

static int
check_broken(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
	     struct ipc_err *err)
{
	const struct virtq_ipc_broken *b = payload;

	(void)nfds;
	if (b->queue >= 2 * ctx->max_pairs)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "BROKEN names queue %" PRIu32 ", the device has %" PRIu32,
				   b->queue, 2 * ctx->max_pairs);
	if (ipc_field_reserved("BROKEN", !b->reserved, err))
		return -1;
	return ipc_field_text("BROKEN", b->text, err);
}

static const struct ipc_msg_row rows[] = {
	{
		.type = VIRTQ_IPC_HELLO_OK,
		.name = "HELLO_OK",
		.size = sizeof(struct virtq_ipc_hello_ok),
		.states = IPC_NEW,
		.answers = true,
		.check = check_hello_ok,
	},
	{
		.type = VIRTQ_IPC_MEM_OK,
		.name = "MEM_OK",
		.states = IPC_AFTER_HELLO,
		.answers = true,
	},
	{
		.type = VIRTQ_IPC_START_OK,
		.name = "START_OK",
		.states = IPC_READY,
		.answers = true,
	},
	{
		.type = VIRTQ_IPC_STOPPED,
		.name = "STOPPED",
		.size = sizeof(struct virtq_ipc_stopped),
		.states = IPC_RUNNING,
		.answers = true,
		.check = check_stopped,
	},
	{
		.type = VIRTQ_IPC_LOG_OK,
		.name = "LOG_OK",
		.states = IPC_AFTER_HELLO,
		.feature = VIRTQ_IPC_F_LOG,
		.answers = true,
	},
	{
		.type = VIRTQ_IPC_COUNTERS,
		.name = "COUNTERS",
		.size = sizeof(struct virtq_ipc_counters),
		.states = IPC_AFTER_HELLO,
		.feature = VIRTQ_IPC_F_COUNTERS,
		.answers = true,
		.check = check_counters,
	},
	{
		.type = VIRTQ_IPC_LINK,
		.name = "LINK",
		.size = sizeof(struct virtq_ipc_link),
		.states = IPC_AFTER_HELLO,
		.check = check_link,
	},
	{
		.type = VIRTQ_IPC_ANNOUNCE,
		.name = "ANNOUNCE",
		.states = IPC_AFTER_HELLO,
		.feature = VIRTQ_IPC_F_ANNOUNCE,
	},
	{
		.type = VIRTQ_IPC_BROKEN,
		.name = "BROKEN",
		.size = sizeof(struct virtq_ipc_broken),
		.states = IPC_RUNNING,
		.check = check_broken,
	},
	{
		.type = VIRTQ_IPC_ERROR,
		.name = "ERROR",
		.size = sizeof(struct virtq_ipc_error),
		.states = IPC_NEW | IPC_AFTER_HELLO,
		.check = ipc_check_error,
	},

	/* What a device only sends has no state in which it may arrive. */
	{.type = VIRTQ_IPC_HELLO, .name = "HELLO", .size = sizeof(struct virtq_ipc_hello)},
	{.type = VIRTQ_IPC_MEM_TABLE,
	 .name = "MEM_TABLE",
	 .size = sizeof(struct virtq_ipc_mem_table)},
	{.type = VIRTQ_IPC_QUEUE_FDS,
	 .name = "QUEUE_FDS",
	 .size = sizeof(struct virtq_ipc_queue_fds)},
	{.type = VIRTQ_IPC_START, .name = "START", .size = sizeof(struct virtq_ipc_start)},
	{.type = VIRTQ_IPC_STOP, .name = "STOP"},
	{.type = VIRTQ_IPC_RXSTATE, .name = "RXSTATE", .size = sizeof(struct virtq_ipc_rxstate)},
	{.type = VIRTQ_IPC_LOG, .name = "LOG", .size = sizeof(struct virtq_ipc_log)},
	{.type = VIRTQ_IPC_GET_COUNTERS, .name = "GET_COUNTERS"},
};

const struct ipc_msg_table vg_msgs = {"device", rows, sizeof(rows) / sizeof(rows[0])};
