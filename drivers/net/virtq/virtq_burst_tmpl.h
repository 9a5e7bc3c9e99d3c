/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * virtq_burst_tmpl.h - the only receive and transmit loops.  Each virtq_burst_*.c
 * includes this, compiled for its own instruction set (lib/vring/isa.h).
 *
 * A batch goes through straight-line passes over local arrays: snapshot and check the
 * chains, allocate mbufs, copy the bytes, write and publish the used entries.  After the
 * snapshot, only payload is read from guest memory.
 */

#include <sys/eventfd.h>

#include "virtq_rarp.h"
#include "virtq_rx.h"
#include "virtq_tx.h"

/* Descriptors that one burst may read, more than one batch of them: a guest whose chains
 * are long gets smaller bursts, and cannot hold up the other ports of this lcore. */
#define VIRTQ_BURST_DESCS (2u * VRING_BATCH_DESCS)

/* The queue's only ring, if it is attached, ours and not broken, else NULL.  A burst that
 * gets one must call virtq_leave() or order_leave(). */
static __rte_always_inline struct vring *
virtq_enter(struct virtq_queue *q)
{
	struct vring *vr;

	order_enter(&q->active, q->cheap_barrier);
	vr = order_acquire_ptr(&q->view);
	if (likely(vr != NULL && vring_is_ours(vr) && vr->fault == VRING_OK))
		return vr;
	order_leave(&q->active);
	return NULL;
}

/* The first of the rings that the queue serves in turn, or the one that it shares; NULL:
 * there is none.  A burst that gets one must call virtq_leave(). */
static __rte_always_inline struct virtq_vq *
virtq_enter_many(struct virtq_queue *q)
{
	struct virtq_vq *vq;

	order_enter(&q->active, q->cheap_barrier);
	vq = order_acquire_ptr(&q->many);
	if (unlikely(vq == NULL))
		order_leave(&q->active);
	return vq;
}

static __rte_always_inline void
virtq_leave(struct virtq_queue *q, bool broken)
{
	order_leave(&q->active);
	/* once a ring: a burst does not use a broken one */
	if (unlikely(broken))
		(void)eventfd_write(q->wake_fd, 1);
}

/* log: NULL but for rings of a queue's `many`. */
static __rte_always_inline uint16_t
virtq_rx_from(struct virtq_queue *q, struct vring *vr, const struct guest_log *log,
	      struct rte_mbuf **pkts, uint16_t n, uint32_t *descs)
{
	uint16_t done = 0, got;

	do {
		got = log ? virtq_rx_logged(q, vr, log, pkts + done, n - done, descs)
			  : virtq_rx(q, vr, pkts + done, n - done, descs);
		done += got;
	} while (got > 0 && done < n && *descs != 0 && vr->fault == VRING_OK &&
		 virtq_rx_waiting(vr));
	return done;
}

/* A ring with chains available, or with a fault.  Out of line: its batches need a stack
 * frame, which an empty poll must not pay for (cells *-empty). */
static __rte_noinline uint16_t
virtq_rx_ring(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n)
{
	uint32_t descs = VIRTQ_BURST_DESCS;
	uint16_t done = virtq_rx_from(q, vr, NULL, pkts, n, &descs);

	virtq_leave(q, vr->fault != VRING_OK);
	return done;
}

/* Several rings, from the one after the last that was served, one that is logged, or an
 * announcement.  Out of line like virtq_rx_ring(). */
static __rte_noinline uint16_t
virtq_rx_many(struct virtq_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
	uint32_t descs = VIRTQ_BURST_DESCS;
	struct virtq_vq *first, *vq;
	bool broken = false;
	uint16_t done = 0;

	if (virtq_enter_many(q) == NULL)
		return 0;
	if (unlikely(order_acquire32(&q->rarp) != 0) && n > 0) {
		pkts[0] = virtq_rarp_take(q);
		done = pkts[0] != NULL;
	}
	first = vq = q->turn;
	while (done < n) {
		struct vring *vr = vq->vring;

		vq = vq->next;
		if (likely(vring_is_ours(vr) && vr->fault == VRING_OK)) {
			if (virtq_rx_waiting(vr))
				done += virtq_rx_from(q, vr, order_acquire_ptr(&vr->log),
						      pkts + done, n - done, &descs);
			broken |= vr->fault != VRING_OK;
		}
		/* once round, also if each ring is broken */
		if (descs == 0 || vq == first)
			break;
	}
	q->turn = vq;
	virtq_leave(q, broken);
	return done;
}

static __rte_always_inline uint16_t
virtq_rx_burst(struct virtq_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
	struct vring *vr;

	/* a port without a guest costs no more than this */
	if (order_acquire_ptr(&q->view) == NULL)
		return order_acquire_ptr(&q->many) == NULL ? 0 : virtq_rx_many(q, pkts, n);
	vr = virtq_enter(q);
	if (unlikely(vr == NULL))
		return 0;
	if (likely(!virtq_rx_waiting(vr)) && likely(vr->fault == VRING_OK)) {
		order_leave(&q->active);
		return 0;
	}
	return virtq_rx_ring(q, vr, pkts, n);
}

/* log: as in virtq_rx_from(). */
static __rte_always_inline uint16_t
virtq_tx_to(struct virtq_queue *q, struct vring *vr, const struct guest_log *log,
	    struct rte_mbuf **pkts, uint16_t n)
{
	uint32_t descs = VIRTQ_BURST_DESCS;
	bool more = true;
	uint16_t done = 0;

	while (more && done < n && descs > 0)
		done += log ? virtq_tx_logged(q, vr, log, pkts + done, n - done, &more, &descs)
			    : virtq_tx(q, vr, pkts + done, n - done, &more, &descs);
	return done;
}

/* Out of line like virtq_rx_ring(). */
static __rte_noinline uint16_t
virtq_tx_ring(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t done = virtq_tx_to(q, vr, NULL, pkts, n);

	virtq_leave(q, vr->fault != VRING_OK);
	return done;
}

/* Sends by a ring by which other queues may send, too, or that is logged. */
static __rte_noinline uint16_t
virtq_tx_many(struct virtq_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
	struct virtq_vq *vq = virtq_enter_many(q);
	bool broken = false;
	struct vring *vr;
	uint16_t done = 0;

	if (unlikely(vq == NULL))
		return 0;
	vr = vq->vring;
	rte_spinlock_lock(&vq->lock);
	if (likely(vring_is_ours(vr) && vr->fault == VRING_OK)) {
		done = virtq_tx_to(q, vr, order_acquire_ptr(&vr->log), pkts, n);
		broken = vr->fault != VRING_OK;
	}
	rte_spinlock_unlock(&vq->lock);
	virtq_leave(q, broken);
	return done;
}

static __rte_always_inline uint16_t
virtq_tx_burst(struct virtq_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
	struct vring *vr = NULL;

	if (likely(order_acquire_ptr(&q->view) != NULL))
		vr = virtq_enter(q);
	if (likely(vr != NULL))
		return virtq_tx_ring(q, vr, pkts, n);
	return order_acquire_ptr(&q->many) == NULL ? 0 : virtq_tx_many(q, pkts, n);
}
