/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * ipc_check.c - checks of the payloads but START (ipc_check_start.c).  Each gets
 * a private copy of the payload of exactly the right size.  All lengths are
 * 64-bit and no sum is formed before it is known not to wrap.
 */

#include <inttypes.h>
#include <string.h>

#include "ipc_msg.h"

#define PAGE_BITS 4095ull
/* The dirty log has one bit a page of 4096 bytes. */
#define LOG_SHIFT 15

/* NUL-terminated printable ASCII: it goes to logs and terminals. */
static int
check_name(const char *what, const char *name, struct ipc_err *err)
{
	for (size_t i = 0; i < VIRTQ_IPC_NAME_LEN; i++) {
		if (name[i] == '\0')
			return 0;
		if (name[i] < 0x20 || name[i] > 0x7e)
			return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
					   "%s has a byte that is not printable ASCII at %zu", what,
					   i);
	}
	return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED, "%s is not terminated within %u bytes", what,
			   VIRTQ_IPC_NAME_LEN);
}

static int
check_reserved(const char *what, bool zero, struct ipc_err *err)
{
	if (zero)
		return 0;
	return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED, "%s has reserved bits that are not zero",
			   what);
}

static int
check_text(const char *what, const char *text, struct ipc_err *err)
{
	if (memchr(text, '\0', VIRTQ_IPC_TEXT_LEN))
		return 0;
	return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED, "%s has a text that is not terminated",
			   what);
}

int
ipc_check_hello(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		struct ipc_err *err)
{
	const struct virtq_ipc_hello *h = payload;

	(void)nfds;
	(void)ctx;
	if (h->version_min == 0 || h->version_min > h->version_max)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "HELLO offers versions %u to %u, which is no range",
				   h->version_min, h->version_max);
	if (h->version_min > VIRTQ_IPC_VERSION)
		return ipc_err_set(err, VIRTQ_IPC_E_VERSION,
				   "device speaks protocol versions %u to %u, the PMD %u: update "
				   "the older of the two",
				   h->version_min, h->version_max, VIRTQ_IPC_VERSION);
	if (h->max_pairs < 1 || h->max_pairs > VIRTQ_IPC_MAX_PAIRS)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "HELLO has %" PRIu32 " queue pairs, expected 1 to %u",
				   h->max_pairs, VIRTQ_IPC_MAX_PAIRS);
	if (check_name("HELLO's device id", h->device, err) ||
	    check_name("HELLO's VM name", h->vm_name, err))
		return -1;
	return check_reserved("HELLO",
			      !h->reserved0 && ipc_all_zero(h->reserved, sizeof(h->reserved)), err);
}

int
ipc_check_link(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
	       struct ipc_err *err)
{
	const struct virtq_ipc_link *l = payload;

	(void)nfds;
	(void)ctx;
	if (l->up > 1 || l->duplex > 1)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "LINK has up %" PRIu32 " and duplex %u, expected 0 or 1", l->up,
				   l->duplex);
	return check_reserved("LINK", ipc_all_zero(l->reserved0, sizeof(l->reserved0)), err);
}

int
ipc_check_hello_ok(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
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
	if (check_name("HELLO_OK's port", h->port, err) ||
	    check_reserved("HELLO_OK",
			   !h->reserved0 && !h->reserved1 &&
				   ipc_all_zero(h->reserved, sizeof(h->reserved)),
			   err))
		return -1;
	return ipc_check_link(&h->link, nfds, ctx, err);
}

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
	return check_reserved("memory region", !r->reserved, err);
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

/* A log that does not reach to the end of memory would be written behind its end. */
static int
check_log_covers(uint64_t log_size, uint64_t mem_last, struct ipc_err *err)
{
	if ((mem_last >> LOG_SHIFT) < log_size)
		return 0;
	return ipc_err_set(err, VIRTQ_IPC_E_MEMORY,
			   "dirty log of %" PRIu64 " bytes is too short for memory up to %#" PRIx64,
			   log_size, mem_last);
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
	if (check_reserved("MEM_TABLE",
			   !t->reserved && ipc_all_zero(t->region + t->count,
							(VIRTQ_IPC_MAX_REGIONS - t->count) *
								sizeof(t->region[0])),
			   err))
		return -1;
	if (check_overlaps(t, err))
		return -1;
	return ctx->log_size ? check_log_covers(ctx->log_size, ipc_mem_last(t), err) : 0;
}

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
	if (check_reserved("LOG", !l->reserved, err))
		return -1;
	if (!l->enable)
		return check_reserved("LOG with enable 0", !l->size && !l->offset, err);
	if (l->offset > INT64_MAX || l->size > INT64_MAX - l->offset)
		return ipc_err_set(err, VIRTQ_IPC_E_MEMORY,
				   "dirty log wraps in its file: offset %#" PRIx64
				   ", size %#" PRIx64,
				   l->offset, l->size);
	return check_log_covers(l->size, ctx->mem_last, err);
}

int
ipc_check_counters(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		   struct ipc_err *err)
{
	const struct virtq_ipc_counters *c = payload;

	(void)nfds;
	(void)ctx;
	return check_reserved("COUNTERS", !c->reserved, err);
}

int
ipc_check_broken(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		 struct ipc_err *err)
{
	const struct virtq_ipc_broken *b = payload;

	(void)nfds;
	if (b->queue >= 2 * ctx->max_pairs)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "BROKEN names queue %" PRIu32 ", the device has %" PRIu32,
				   b->queue, 2 * ctx->max_pairs);
	if (check_reserved("BROKEN", !b->reserved, err))
		return -1;
	return check_text("BROKEN", b->text, err);
}

int
ipc_check_error(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		struct ipc_err *err)
{
	const struct virtq_ipc_error *e = payload;

	(void)nfds;
	(void)ctx;
	if (e->code == 0)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED, "ERROR has code 0");
	if (check_reserved("ERROR", !e->reserved, err))
		return -1;
	return check_text("ERROR", e->text, err);
}
