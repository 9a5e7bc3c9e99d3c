/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vhost_check.h"

#include <inttypes.h>

#include "vhost_limits.h"

/* A part of a file, whose offsets are signed. */
static int
check_file_area(const char *what, uint64_t offset, uint64_t size, struct vhost_err *err)
{
	if (size == 0)
		return vhost_err_set(err, "%s is empty", what);
	if (offset > INT64_MAX || size > INT64_MAX - offset)
		return vhost_err_set(err,
				     "%s wraps in its file: offset %#" PRIx64 ", size %#" PRIx64,
				     what, offset, size);
	return 0;
}

static int
check_region(const struct vhost_user_region *r, struct vhost_err *err)
{
	if (check_file_area("memory region", r->fd_offset, r->size, err))
		return -1;
	if (r->size > UINT64_MAX - r->guest_addr || r->size > UINT64_MAX - r->user_addr)
		return vhost_err_set(err,
				     "memory region wraps: guest address %#" PRIx64
				     ", user address %#" PRIx64 ", size %#" PRIx64,
				     r->guest_addr, r->user_addr, r->size);
	return 0;
}

/* Neither of the two wraps. */
static bool
overlap(const struct vhost_user_region *a, const struct vhost_user_region *b)
{
	return a->guest_addr < b->guest_addr + b->size && b->guest_addr < a->guest_addr + a->size;
}

/* Of guest addresses; guest_mem_new() refuses regions that overlap in the front end. */
static int
check_overlaps(const struct vhost_user_mem_table *t, struct vhost_err *err)
{
	for (uint32_t i = 0; i < t->count; i++)
		for (uint32_t j = 0; j < i; j++)
			if (overlap(&t->region[i], &t->region[j]))
				return vhost_err_set(err,
						     "memory regions %" PRIu32 " at %#" PRIx64
						     " and %" PRIu32 " at %#" PRIx64 " overlap",
						     j, t->region[j].guest_addr, i,
						     t->region[i].guest_addr);
	return 0;
}

int
vhost_check_mem_table(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
		      struct vhost_err *err)
{
	const struct vhost_user_mem_table *t = &m->payload->mem;

	(void)ctx;
	if (t->count < 1 || t->count > VHOST_USER_MAX_REGIONS)
		return vhost_err_set(err, "SET_MEM_TABLE has %" PRIu32 " regions, expected 1 to %u",
				     t->count, VHOST_USER_MAX_REGIONS);
	if (m->size !=
	    offsetof(struct vhost_user_mem_table, region) + t->count * sizeof(t->region[0]))
		return vhost_err_set(
			err, "SET_MEM_TABLE with %" PRIu32 " regions carries %" PRIu32 " bytes",
			t->count, m->size);
	if (m->nfds != t->count)
		return vhost_err_set(err,
				     "SET_MEM_TABLE has %" PRIu32 " regions and %u descriptors",
				     t->count, m->nfds);
	for (uint32_t i = 0; i < t->count; i++)
		if (check_region(&t->region[i], err))
			return -1;
	return check_overlaps(t, err);
}

int
vhost_check_mem_reg(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
		    struct vhost_err *err)
{
	(void)ctx;
	return check_region(&m->payload->reg.region, err);
}

int
vhost_check_log(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx, struct vhost_err *err)
{
	(void)ctx;
	return check_file_area("dirty log", m->payload->log.offset, m->payload->log.size, err);
}

int
vhost_check_get_inflight(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			 struct vhost_err *err)
{
	const struct vhost_user_inflight *a = &m->payload->inflight;

	if (m->size != VHOST_INFLIGHT_MIN && m->size != sizeof(*a))
		return vhost_err_set(err, "inflight area is described by %" PRIu32 " bytes",
				     m->size);
	if (a->num_queues < 1 || a->num_queues > ctx->max_vrings)
		return vhost_err_set(err, "inflight area is for %u rings, expected 1 to %" PRIu32,
				     a->num_queues, ctx->max_vrings);
	if (a->queue_size < 1 || a->queue_size > VHOST_MAX_RING)
		return vhost_err_set(err,
				     "inflight area is for rings of %u entries, expected 1 to %u",
				     a->queue_size, VHOST_MAX_RING);
	return 0;
}

int
vhost_check_set_inflight(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			 struct vhost_err *err)
{
	const struct vhost_user_inflight *a = &m->payload->inflight;

	if (vhost_check_get_inflight(m, ctx, err))
		return -1;
	return check_file_area("inflight area", a->offset, a->size, err);
}
