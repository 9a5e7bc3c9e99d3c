/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_envelope.h"

#include <inttypes.h>

const struct ipc_msg_row *
ipc_msg_row(const struct ipc_msg_table *table, uint16_t type)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->row[i].type == type)
			return &table->row[i];
	return NULL;
}

const char *
ipc_msg_name(const struct ipc_msg_table *table, uint16_t type)
{
	const struct ipc_msg_row *row = ipc_msg_row(table, type);

	return row ? row->name : "unknown";
}

const char *
ipc_state_name(enum ipc_state state)
{
	switch (state) {
	case IPC_NEW:
		return "new";
	case IPC_IDLE:
		return "idle";
	case IPC_READY:
		return "ready";
	case IPC_RUNNING:
		return "running";
	case IPC_DEAD:
		return "dead";
	}
	return "unknown";
}

/* 0 if the message has a header and is whole. */
static int
check_whole(const struct ipc_msg_in *in, struct ipc_err *err)
{
	if (in->cut_data)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "message is longer than the %zu bytes of the largest one",
				   (size_t)VIRTQ_IPC_MAX_MSG);
	if (in->len < sizeof(struct virtq_ipc_hdr))
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "message of %zu bytes is shorter than its header of %zu",
				   in->len, sizeof(struct virtq_ipc_hdr));
	return 0;
}

/* The row of a message that this end receives, or NULL with *err filled in. */
static const struct ipc_msg_row *
find_row(const struct ipc_msg_table *table, const struct virtq_ipc_hdr *hdr, struct ipc_err *err)
{
	const struct ipc_msg_row *row = ipc_msg_row(table, hdr->type);

	if (hdr->version != VIRTQ_IPC_VERSION)
		ipc_err_set(err, VIRTQ_IPC_E_VERSION,
			    "message header has version %u, this end speaks %u", hdr->version,
			    VIRTQ_IPC_VERSION);
	else if (!row)
		ipc_err_set(err, VIRTQ_IPC_E_MALFORMED, "message type %u is not one of version %u",
			    hdr->type, VIRTQ_IPC_VERSION);
	else if (!row->states)
		ipc_err_set(err, VIRTQ_IPC_E_MALFORMED, "%s is sent by the %s only", row->name,
			    table->end);
	else
		return row;
	return NULL;
}

static int
check_header(const struct ipc_msg_in *in, const struct virtq_ipc_hdr *hdr,
	     const struct ipc_msg_row *row, const struct ipc_msg_ctx *ctx, struct ipc_err *err)
{
	if (hdr->seq != ctx->seq + 1)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "%s has sequence number %" PRIu32 ", expected %" PRIu32,
				   row->name, hdr->seq, ctx->seq + 1);
	if (hdr->size != row->size || in->len != sizeof(*hdr) + (size_t)row->size)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "%s carries %zu bytes and its header says %" PRIu32
				   ", expected %" PRIu32,
				   row->name, in->len - sizeof(*hdr), hdr->size, row->size);
	if (row->type != VIRTQ_IPC_ERROR && row->answers != (hdr->reply_to != 0))
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED, "%s has reply_to %" PRIu32 ", %s",
				   row->name, hdr->reply_to,
				   row->answers ? "but it is an answer" : "but answers nothing");
	return 0;
}

static int
check_fds(const struct ipc_msg_in *in, const struct ipc_msg_row *row, struct ipc_err *err)
{
	/* The kernel also drops descriptors when this process has no free slot for
	 * them: then fewer arrive than the buffer has room for. */
	if (in->cut_fds && in->nfds < VIRTQ_IPC_MAX_FDS)
		return ipc_err_set(err, VIRTQ_IPC_E_RESOURCES,
				   "descriptors of %s could not be received: too many open files, "
				   "raise the limit (ulimit -n)",
				   row->name);
	if (in->cut_fds)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "%s carries more than %u descriptors", row->name,
				   VIRTQ_IPC_MAX_FDS);
	if (in->nfds < row->min_fds || in->nfds > row->max_fds)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "%s carries %u descriptors, expected %u to %u", row->name,
				   in->nfds, row->min_fds, row->max_fds);
	return 0;
}

static int
check_state(const struct ipc_msg_row *row, const struct ipc_msg_ctx *ctx, struct ipc_err *err)
{
	if (!(row->states & ctx->state))
		return ipc_err_set(err, VIRTQ_IPC_E_STATE, "%s is not allowed in state %s",
				   row->name, ipc_state_name(ctx->state));
	if (row->feature & ~ctx->features)
		return ipc_err_set(err, VIRTQ_IPC_E_STATE,
				   "%s needs a protocol feature that HELLO did not agree on",
				   row->name);
	return 0;
}

int
ipc_msg_check(const struct ipc_msg_table *table, const struct ipc_msg_in *in,
	      const struct ipc_msg_ctx *ctx, struct ipc_err *err)
{
	const struct virtq_ipc_hdr *hdr = in->data;
	const struct ipc_msg_row *row;

	if (check_whole(in, err))
		return -1;
	row = find_row(table, hdr, err);
	if (!row || check_header(in, hdr, row, ctx, err) || check_fds(in, row, err) ||
	    check_state(row, ctx, err))
		return -1;
	return row->check ? row->check(hdr + 1, in->nfds, ctx, err) : 0;
}
