/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_check.h"

#include <inttypes.h>

#include "ipc_field.h"
#include "virtio_abi.h"

#define EVENT_BYTES sizeof(struct vring_packed_event)

/* Whether a ring lies in memory is for the owner of the memory table to say: here
 * is what can be said without the table. */

/* One of the three parts of a ring: len bytes at addr, aligned. */
static int
check_area(uint32_t i, const char *what, uint64_t addr, uint64_t len, uint64_t align,
	   struct ipc_err *err)
{
	if (addr & (align - 1))
		return ipc_err_set(err, VIRTQ_IPC_E_RING,
				   "queue %" PRIu32 ": %s at %#" PRIx64
				   " is not aligned to %" PRIu64,
				   i, what, addr, align);
	if (len > UINT64_MAX - addr)
		return ipc_err_set(err, VIRTQ_IPC_E_RING,
				   "queue %" PRIu32 ": %s at %#" PRIx64 " wraps", i, what, addr);
	return 0;
}

/* The PMD begins with no buffer taken and not returned. */
static int
check_at_rest(uint32_t i, const struct virtq_ipc_queue *q, struct ipc_err *err)
{
	if (q->pos.avail == q->pos.used)
		return 0;
	return ipc_err_set(err, VIRTQ_IPC_E_RING,
			   "queue %" PRIu32 ": position has available %u and used %u, expected two "
			   "that are equal",
			   i, q->pos.avail, q->pos.used);
}

static int
check_split(uint32_t i, const struct virtq_ipc_queue *q, struct ipc_err *err)
{
	uint64_t n = q->size;

	if (n & (n - 1))
		return ipc_err_set(err, VIRTQ_IPC_E_RING,
				   "queue %" PRIu32 ": size %" PRIu32 " of a split ring is not a "
				   "power of two",
				   i, q->size);
	/* with used_event and avail_event, whether they are negotiated or not */
	if (check_area(i, "descriptor table", q->desc, VRING_DESC_BYTES(n), VRING_DESC_ALIGN,
		       err) ||
	    check_area(i, "available ring", q->driver, VRING_AVAIL_BYTES(n, true),
		       VRING_AVAIL_ALIGN, err) ||
	    check_area(i, "used ring", q->device, VRING_USED_BYTES(n, true), VRING_USED_ALIGN, err))
		return -1;
	if (!(q->pos.flags & VIRTQ_IPC_POS_VALID))
		return 0;
	return check_at_rest(i, q, err);
}

static int
check_packed(uint32_t i, const struct virtq_ipc_queue *q, struct ipc_err *err)
{
	/* the slots, without the wrap counters */
	unsigned int avail = q->pos.avail & ~VRING_PACKED_WRAP;
	unsigned int used = q->pos.used & ~VRING_PACKED_WRAP;

	if (check_area(i, "descriptor ring", q->desc, VRING_DESC_BYTES(q->size), VRING_DESC_ALIGN,
		       err) ||
	    check_area(i, "driver event area", q->driver, EVENT_BYTES, VRING_PACKED_EVENT_ALIGN,
		       err) ||
	    check_area(i, "device event area", q->device, EVENT_BYTES, VRING_PACKED_EVENT_ALIGN,
		       err))
		return -1;
	if (!(q->pos.flags & VIRTQ_IPC_POS_VALID)) {
		/* the position cannot be read from the ring itself */
		if (q->flags & VIRTQ_IPC_Q_ENABLED)
			return ipc_err_set(err, VIRTQ_IPC_E_RING,
					   "queue %" PRIu32 ": packed ring without a position", i);
		return 0;
	}
	if (avail >= q->size || used >= q->size)
		return ipc_err_set(err, VIRTQ_IPC_E_RING,
				   "queue %" PRIu32
				   ": position %u or %u is outside the size %" PRIu32,
				   i, avail, used, q->size);
	return check_at_rest(i, q, err);
}

static int
check_queue(uint32_t i, const struct virtq_ipc_queue *q, bool packed, struct ipc_err *err)
{
	if ((q->flags & ~VIRTQ_IPC_Q_ENABLED) || q->reserved || !ipc_field_pos(&q->pos))
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "queue %" PRIu32 " has reserved bits that are not zero", i);
	if (q->size > VIRTQ_IPC_MAX_QUEUE_SIZE)
		return ipc_err_set(err, VIRTQ_IPC_E_RING,
				   "queue %" PRIu32 ": size %" PRIu32 ", expected at most %u", i,
				   q->size, VIRTQ_IPC_MAX_QUEUE_SIZE);
	if (q->size == 0) {
		if (q->flags & VIRTQ_IPC_Q_ENABLED)
			return ipc_err_set(err, VIRTQ_IPC_E_RING,
					   "queue %" PRIu32 " is enabled and has size 0", i);
		return 0;
	}
	return packed ? check_packed(i, q, err) : check_split(i, q, err);
}

int
ipc_check_start(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		struct ipc_err *err)
{
	const struct virtq_ipc_start *st = payload;
	bool packed = st->features & (1ull << VIRTIO_F_RING_PACKED);

	if (st->generation == 0 || st->generation == ctx->generation)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "START has generation %" PRIu32
				   ", expected one that is neither 0 nor that of the START before",
				   st->generation);
	if (st->num_queues > VIRTQ_IPC_MAX_QUEUES || st->num_queues != 2 * ctx->max_pairs)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "START describes %" PRIu32 " queues, expected %" PRIu32,
				   st->num_queues, 2 * ctx->max_pairs);
	if (st->state_size < VIRTQ_IPC_STATE_SIZE(st->num_queues))
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "state page has %" PRIu64 " bytes, expected at least %" PRIu64,
				   st->state_size, VIRTQ_IPC_STATE_SIZE(st->num_queues));
	if (ipc_field_reserved("START",
			       !st->reserved &&
				       ipc_all_zero(st->queue + st->num_queues,
						    (VIRTQ_IPC_MAX_QUEUES - st->num_queues) *
							    sizeof(st->queue[0])),
			       err) ||
	    ipc_check_rxstate(&st->rx, nfds, ctx, err))
		return -1;
	for (uint32_t i = 0; i < st->num_queues; i++)
		if (check_queue(i, &st->queue[i], packed, err))
			return -1;
	return 0;
}
