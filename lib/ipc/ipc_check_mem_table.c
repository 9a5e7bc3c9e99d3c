/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_check.h"

#include <inttypes.h>

#include "ipc_field.h"

#define PAGE_BITS 4095ull

static int
check_region(uint32_t i, const struct virtq_ipc_region *r, struct ipc_err *err)
{
	if (r->size == 0)
		return ipc_err_set(err, VIRTQ_IPC_E_MEMORY, "memory region %" PRIu32 " is empty",
				   i);
	if ((r->guest_addr | r->size | r->fd_offset) & PAGE_BITS)
		return ipc_err_set(err, VIRTQ_IPC_E_MEMORY,
				   "memory region %" PRIu32
				   " is not aligned to 4096: address %#" PRIx64 ", size %#" PRIx64
				   ", offset %#" PRIx64,
				   i, r->guest_addr, r->size, r->fd_offset);
	if (r->size > UINT64_MAX - r->guest_addr)
		return ipc_err_set(err, VIRTQ_IPC_E_MEMORY,
				   "memory region %" PRIu32 " wraps: address %#" PRIx64
				   ", size %#" PRIx64,
				   i, r->guest_addr, r->size);
	/* a file offset is signed */
	if (r->fd_offset > INT64_MAX || r->size > INT64_MAX - r->fd_offset)
		return ipc_err_set(err, VIRTQ_IPC_E_MEMORY,
				   "memory region %" PRIu32 " wraps in its file: offset %#" PRIx64
				   ", size %#" PRIx64,
				   i, r->fd_offset, r->size);
	return ipc_field_reserved("memory region", !r->reserved, err);
}

/* Neither of the two wraps. */
static bool
overlap(const struct virtq_ipc_region *a, const struct virtq_ipc_region *b)
{
	return a->guest_addr < b->guest_addr + b->size && b->guest_addr < a->guest_addr + a->size;
}

static int
check_overlaps(const struct virtq_ipc_mem_table *t, struct ipc_err *err)
{
	for (uint32_t i = 0; i < t->count; i++)
		for (uint32_t j = 0; j < i; j++)
			if (overlap(&t->region[i], &t->region[j]))
				return ipc_err_set(err, VIRTQ_IPC_E_MEMORY,
						   "memory regions %" PRIu32 " at %#" PRIx64
						   " and %" PRIu32 " at %#" PRIx64 " overlap",
						   j, t->region[j].guest_addr, i,
						   t->region[i].guest_addr);
	return 0;
}

uint64_t
ipc_mem_last(const struct virtq_ipc_mem_table *table)
{
	uint64_t last = 0;

	for (uint32_t i = 0; i < table->count; i++) {
		uint64_t end = table->region[i].guest_addr + table->region[i].size - 1;

		if (end > last)
			last = end;
	}
	return last;
}

int
ipc_check_mem_table(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		    struct ipc_err *err)
{
	const struct virtq_ipc_mem_table *t = payload;

	if (t->count < 1 || t->count > VIRTQ_IPC_MAX_REGIONS)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "MEM_TABLE has %" PRIu32 " regions, expected 1 to %u", t->count,
				   VIRTQ_IPC_MAX_REGIONS);
	if (nfds != t->count)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "MEM_TABLE has %" PRIu32 " regions and %u descriptors", t->count,
				   nfds);
	for (uint32_t i = 0; i < t->count; i++)
		if (check_region(i, &t->region[i], err))
			return -1;
	if (ipc_field_reserved("MEM_TABLE",
			       !t->reserved && ipc_all_zero(t->region + t->count,
							    (VIRTQ_IPC_MAX_REGIONS - t->count) *
								    sizeof(t->region[0])),
			       err))
		return -1;
	if (check_overlaps(t, err))
		return -1;
	return ctx->log_size ? ipc_check_log_covers(ctx->log_size, ipc_mem_last(t), err) : 0;
}
