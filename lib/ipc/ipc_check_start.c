/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * ipc_check_start.c - START, the state of the control queue within it, and
 * STOPPED, which has the same ring positions.  Whether a ring lies in memory is
 * for the owner of the memory table to say; here is what can be told without.
 */

#include <inttypes.h>

#include "ipc_msg.h"

/* virtio 1.1, 6: bit of VIRTIO_F_RING_PACKED.  This library knows nothing else
 * of virtio's features. */
#define F_RING_PACKED (1ull << 34)

/* VIRTIO_NET_F_GUEST_* that the control queue can switch (virtio 1.3, 5.1.3):
 * CSUM 1, TSO4 7, TSO6 8, ECN 9, UFO 10, RSC4 41, RSC6 42, USO4 54, USO6 55. */
#define GUEST_OFFLOADS                                                                         \
	((1ull << 1) | (1ull << 7) | (1ull << 8) | (1ull << 9) | (1ull << 10) | (1ull << 41) | \
	 (1ull << 42) | (1ull << 54) | (1ull << 55))

static int
malformed(struct ipc_err *err, const char *what)
{
	return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED, "%s", what);
}

int
ipc_check_rxstate(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		  struct ipc_err *err)
{
	const struct virtq_ipc_rxstate *rx = payload;
	uint32_t macs = (uint32_t)rx->num_uni + rx->num_multi;

	(void)nfds;
	if (rx->mode & ~VIRTQ_IPC_RX_ALL)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "receive mode %#" PRIx32 " has unknown bits", rx->mode);
	if (rx->pairs < 1 || rx->pairs > ctx->max_pairs)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "%" PRIu32 " queue pairs in use, expected 1 to %" PRIu32,
				   rx->pairs, ctx->max_pairs);
	if (rx->guest_offloads & ~GUEST_OFFLOADS)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "guest offloads %#" PRIx64 " have unknown bits",
				   rx->guest_offloads);
	if (macs > VIRTQ_IPC_MAX_MACS)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "%u unicast and %u multicast addresses, expected at most %u",
				   rx->num_uni, rx->num_multi, VIRTQ_IPC_MAX_MACS);
	if (rx->reserved0 || rx->reserved1 ||
	    !ipc_all_zero(rx->macs + macs, (VIRTQ_IPC_MAX_MACS - macs) * sizeof(rx->macs[0])))
		return malformed(err, "receive state has reserved bits that are not zero");
	return 0;
}

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

static int
check_split(uint32_t i, const struct virtq_ipc_queue *q, struct ipc_err *err)
{
	uint64_t n = q->size;

	if (n & (n - 1))
		return ipc_err_set(err, VIRTQ_IPC_E_RING,
				   "queue %" PRIu32 ": size %" PRIu32 " of a split ring is not a "
				   "power of two",
				   i, q->size);
	/* 2.7 of virtio 1.1: with the event index behind each of the two rings */
	if (check_area(i, "descriptor table", q->desc, 16 * n, 16, err) ||
	    check_area(i, "available ring", q->driver, 6 + 2 * n, 2, err) ||
	    check_area(i, "used ring", q->device, 6 + 8 * n, 4, err))
		return -1;
	if (!(q->pos.flags & VIRTQ_IPC_POS_VALID))
		return 0;
	if ((uint16_t)(q->pos.avail - q->pos.used) > n)
		return ipc_err_set(err, VIRTQ_IPC_E_RING,
				   "queue %" PRIu32 ": available index %u and used index %u are "
				   "further apart than the size %" PRIu32,
				   i, q->pos.avail, q->pos.used, q->size);
	return 0;
}

static int
check_packed(uint32_t i, const struct virtq_ipc_queue *q, struct ipc_err *err)
{
	if (check_area(i, "descriptor ring", q->desc, 16 * (uint64_t)q->size, 16, err) ||
	    check_area(i, "driver event area", q->driver, 4, 4, err) ||
	    check_area(i, "device event area", q->device, 4, 4, err))
		return -1;
	if (!(q->pos.flags & VIRTQ_IPC_POS_VALID)) {
		/* the ring itself does not tell where it stands */
		if (q->flags & VIRTQ_IPC_Q_ENABLED)
			return ipc_err_set(err, VIRTQ_IPC_E_RING,
					   "queue %" PRIu32 ": packed ring without a position", i);
		return 0;
	}
	if ((q->pos.avail & 0x7fffu) >= q->size || (q->pos.used & 0x7fffu) >= q->size)
		return ipc_err_set(err, VIRTQ_IPC_E_RING,
				   "queue %" PRIu32
				   ": position %u or %u is outside the size %" PRIu32,
				   i, q->pos.avail & 0x7fffu, q->pos.used & 0x7fffu, q->size);
	return 0;
}

static int
check_pos(const struct virtq_ipc_ring_pos *pos)
{
	return pos->pending || (pos->flags & ~VIRTQ_IPC_POS_VALID) ? -1 : 0;
}

static int
check_queue(uint32_t i, const struct virtq_ipc_queue *q, bool packed, struct ipc_err *err)
{
	if ((q->flags & ~VIRTQ_IPC_Q_ENABLED) || q->reserved || check_pos(&q->pos))
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
	bool packed = st->features & F_RING_PACKED;

	if (st->generation == 0 || st->generation == ctx->generation)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "START has generation %" PRIu32
				   ", expected one that is not 0 and was not used",
				   st->generation);
	if (st->num_queues > VIRTQ_IPC_MAX_QUEUES || st->num_queues != 2 * ctx->max_pairs)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "START describes %" PRIu32 " queues, expected %" PRIu32,
				   st->num_queues, 2 * ctx->max_pairs);
	if (st->state_size < VIRTQ_IPC_STATE_SIZE(st->num_queues))
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "state page has %" PRIu64 " bytes, expected at least %" PRIu64,
				   st->state_size, VIRTQ_IPC_STATE_SIZE(st->num_queues));
	if (st->reserved ||
	    !ipc_all_zero(st->queue + st->num_queues,
			  (VIRTQ_IPC_MAX_QUEUES - st->num_queues) * sizeof(st->queue[0])))
		return malformed(err, "START has reserved bits that are not zero");
	if (ipc_check_rxstate(&st->rx, nfds, ctx, err))
		return -1;
	for (uint32_t i = 0; i < st->num_queues; i++)
		if (check_queue(i, &st->queue[i], packed, err))
			return -1;
	return 0;
}

int
ipc_check_stopped(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		  struct ipc_err *err)
{
	const struct virtq_ipc_stopped *st = payload;

	(void)nfds;
	if (st->num_queues > VIRTQ_IPC_MAX_QUEUES || st->num_queues != 2 * ctx->max_pairs)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "STOPPED describes %" PRIu32 " queues, expected %" PRIu32,
				   st->num_queues, 2 * ctx->max_pairs);
	for (uint32_t i = 0; i < st->num_queues; i++)
		if (check_pos(&st->pos[i]))
			return malformed(err, "STOPPED has reserved bits that are not zero");
	if (st->reserved ||
	    !ipc_all_zero(st->pos + st->num_queues,
			  (VIRTQ_IPC_MAX_QUEUES - st->num_queues) * sizeof(st->pos[0])))
		return malformed(err, "STOPPED has reserved bits that are not zero");
	return 0;
}
