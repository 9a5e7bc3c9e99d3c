/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_check.h"

#include <inttypes.h>

#include "ipc_field.h"

/* The dirty log has one bit a page of 4096 bytes. */
#define LOG_SHIFT 15

int
ipc_check_log_covers(uint64_t log_size, uint64_t mem_last, struct ipc_err *err)
{
	if ((mem_last >> LOG_SHIFT) < log_size)
		return 0;
	return ipc_err_set(err, VIRTQ_IPC_E_MEMORY,
			   "dirty log of %" PRIu64 " bytes is too short for memory up to %#" PRIx64,
			   log_size, mem_last);
}

int
ipc_check_log(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
	      struct ipc_err *err)
{
	const struct virtq_ipc_log *l = payload;

	if (l->enable > 1)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "LOG has enable %" PRIu32 ", expected 0 or 1", l->enable);
	if (nfds != l->enable)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "LOG with enable %" PRIu32
				   " carries %u descriptors, expected %" PRIu32,
				   l->enable, nfds, l->enable);
	if (ipc_field_reserved("LOG", !l->reserved, err))
		return -1;
	if (!l->enable)
		return ipc_field_reserved("LOG with enable 0", !l->size && !l->offset, err);
	if (l->offset > INT64_MAX || l->size > INT64_MAX - l->offset)
		return ipc_err_set(err, VIRTQ_IPC_E_MEMORY,
				   "dirty log wraps in its file: offset %#" PRIx64
				   ", size %#" PRIx64,
				   l->offset, l->size);
	return ipc_check_log_covers(l->size, ctx->mem_last, err);
}
