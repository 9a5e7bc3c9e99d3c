/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_check.h"

#include <inttypes.h>

int
ipc_check_queue_fds(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		    struct ipc_err *err)
{
	const struct virtq_ipc_queue_fds *q = payload;
	uint32_t queues = 2 * ctx->max_pairs;

	if (q->count < 1 || q->count > VIRTQ_IPC_FDS_QUEUES)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "QUEUE_FDS is for %" PRIu32 " queues, expected 1 to %u",
				   q->count, VIRTQ_IPC_FDS_QUEUES);
	if (q->first > queues || q->count > queues - q->first)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "QUEUE_FDS is for %" PRIu32 " queues from %" PRIu32
				   ", the device has %" PRIu32,
				   q->count, q->first, queues);
	if (nfds != 2 * q->count)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "QUEUE_FDS is for %" PRIu32 " queues and carries %u descriptors,"
				   " expected %" PRIu32,
				   q->count, nfds, 2 * q->count);
	return 0;
}
