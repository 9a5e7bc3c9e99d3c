/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_msg.h"

#include <inttypes.h>

#define AFTER_HELLO (IPC_IDLE | IPC_READY | IPC_RUNNING)

/* Sorted by type only to be read easily; ipc_msg_row() does not rely on it. */
static const struct ipc_msg_row rows[] = {
	{VIRTQ_IPC_HELLO, "HELLO", sizeof(struct virtq_ipc_hello), 0, 0, IPC_TO_PMD, IPC_NEW, 0,
	 false, ipc_check_hello},
	{VIRTQ_IPC_MEM_TABLE, "MEM_TABLE", sizeof(struct virtq_ipc_mem_table), 1,
	 VIRTQ_IPC_MAX_REGIONS, IPC_TO_PMD, AFTER_HELLO, 0, false, ipc_check_mem_table},
	{VIRTQ_IPC_QUEUE_FDS, "QUEUE_FDS", sizeof(struct virtq_ipc_queue_fds), 2, VIRTQ_IPC_MAX_FDS,
	 IPC_TO_PMD, IPC_IDLE | IPC_READY, 0, false, ipc_check_queue_fds},
	{VIRTQ_IPC_START, "START", sizeof(struct virtq_ipc_start), 1, 1, IPC_TO_PMD, IPC_READY, 0,
	 false, ipc_check_start},
	{VIRTQ_IPC_STOP, "STOP", 0, 0, 0, IPC_TO_PMD, IPC_RUNNING, 0, false, NULL},
	{VIRTQ_IPC_RXSTATE, "RXSTATE", sizeof(struct virtq_ipc_rxstate), 0, 0, IPC_TO_PMD,
	 AFTER_HELLO, 0, false, ipc_check_rxstate},
	{VIRTQ_IPC_LOG, "LOG", sizeof(struct virtq_ipc_log), 0, 1, IPC_TO_PMD, AFTER_HELLO,
	 VIRTQ_IPC_F_LOG, false, ipc_check_log},
	{VIRTQ_IPC_GET_COUNTERS, "GET_COUNTERS", 0, 0, 0, IPC_TO_PMD, AFTER_HELLO,
	 VIRTQ_IPC_F_COUNTERS, false, NULL},

	{VIRTQ_IPC_HELLO_OK, "HELLO_OK", sizeof(struct virtq_ipc_hello_ok), 0, 0, IPC_TO_DEVICE,
	 IPC_NEW, 0, true, ipc_check_hello_ok},
	{VIRTQ_IPC_MEM_OK, "MEM_OK", 0, 0, 0, IPC_TO_DEVICE, AFTER_HELLO, 0, true, NULL},
	{VIRTQ_IPC_START_OK, "START_OK", 0, 0, 0, IPC_TO_DEVICE, IPC_READY, 0, true, NULL},
	{VIRTQ_IPC_STOPPED, "STOPPED", sizeof(struct virtq_ipc_stopped), 0, 0, IPC_TO_DEVICE,
	 IPC_RUNNING, 0, true, ipc_check_stopped},
	{VIRTQ_IPC_LOG_OK, "LOG_OK", 0, 0, 0, IPC_TO_DEVICE, AFTER_HELLO, VIRTQ_IPC_F_LOG, true,
	 NULL},
	{VIRTQ_IPC_COUNTERS, "COUNTERS", sizeof(struct virtq_ipc_counters), 0, 0, IPC_TO_DEVICE,
	 AFTER_HELLO, VIRTQ_IPC_F_COUNTERS, true, ipc_check_counters},
	{VIRTQ_IPC_LINK, "LINK", sizeof(struct virtq_ipc_link), 0, 0, IPC_TO_DEVICE, AFTER_HELLO, 0,
	 false, ipc_check_link},
	{VIRTQ_IPC_ANNOUNCE, "ANNOUNCE", 0, 0, 0, IPC_TO_DEVICE, AFTER_HELLO, VIRTQ_IPC_F_ANNOUNCE,
	 false, NULL},
	{VIRTQ_IPC_BROKEN, "BROKEN", sizeof(struct virtq_ipc_broken), 0, 0, IPC_TO_DEVICE,
	 IPC_RUNNING, 0, false, ipc_check_broken},

	{VIRTQ_IPC_ERROR, "ERROR", sizeof(struct virtq_ipc_error), 0, 0, IPC_TO_PMD | IPC_TO_DEVICE,
	 IPC_NEW | AFTER_HELLO, 0, false, ipc_check_error},
};

const struct ipc_msg_row *
ipc_msg_rows(size_t *count)
{
	*count = sizeof(rows) / sizeof(rows[0]);
	return rows;
}

const struct ipc_msg_row *
ipc_msg_row(uint16_t type)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].type == type)
			return &rows[i];
	return NULL;
}

const char *
ipc_msg_name(uint16_t type)
{
	const struct ipc_msg_row *row = ipc_msg_row(type);

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

bool
ipc_all_zero(const void *p, size_t len)
{
	const unsigned char *b = p;

	for (size_t i = 0; i < len; i++)
		if (b[i])
			return false;
	return true;
}

/* Header, and that the payload is all there. */
static int
check_envelope(const struct ipc_msg_in *in, const struct virtq_ipc_hdr *hdr,
	       const struct ipc_msg_ctx *ctx, struct ipc_err *err)
{
	const struct ipc_msg_row *row;

	if (hdr->version != VIRTQ_IPC_VERSION)
		return ipc_err_set(err, VIRTQ_IPC_E_VERSION,
				   "message header has version %u, this end speaks %u",
				   hdr->version, VIRTQ_IPC_VERSION);
	row = ipc_msg_row(hdr->type);
	if (!row)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "message type %u is not one of version %u", hdr->type,
				   VIRTQ_IPC_VERSION);
	if (!(row->dirs & ctx->dir))
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED, "%s is sent by the %s only",
				   row->name, ctx->dir == IPC_TO_PMD ? "PMD" : "device");
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
	/* The kernel also drops descriptors when the receiver has no free slot:
	 * then fewer arrive than the buffer has room for. */
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

int
ipc_msg_check(const struct ipc_msg_in *in, const struct ipc_msg_ctx *ctx, struct ipc_err *err)
{
	const struct virtq_ipc_hdr *hdr = in->data;
	const struct ipc_msg_row *row;

	if (in->cut_data)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "message is longer than the %zu bytes of the largest one",
				   (size_t)VIRTQ_IPC_MAX_MSG);
	if (in->len < sizeof(*hdr))
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "message of %zu bytes is shorter than its header of %zu",
				   in->len, sizeof(*hdr));
	if (check_envelope(in, hdr, ctx, err))
		return -1;
	row = ipc_msg_row(hdr->type);
	if (check_fds(in, row, err))
		return -1;
	if (!(row->states & ctx->state))
		return ipc_err_set(err, VIRTQ_IPC_E_STATE, "%s is not allowed in state %s",
				   row->name, ipc_state_name(ctx->state));
	if (row->feature & ~ctx->features)
		return ipc_err_set(err, VIRTQ_IPC_E_STATE,
				   "%s needs a protocol feature that HELLO did not agree on",
				   row->name);
	return row->check ? row->check(hdr + 1, in->nfds, ctx, err) : 0;
}
