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

#include "virtq_rx.h"
#include "virtq_tx.h"

/* The ring, if it is attached, ours and not broken, else NULL.  A burst that gets one must
 * call virtq_leave() or order_leave(). */
static __rte_always_inline struct vring *
virtq_enter(struct virtq_queue *q)
{
	struct vring *vr;

	/* a port without a guest costs no more than this */
	if (order_acquire_ptr(&q->view) == NULL)
		return NULL;
	order_enter(&q->active, q->cheap_barrier);
	vr = order_acquire_ptr(&q->view);
	if (likely(vr != NULL && vring_is_ours(vr) && vr->fault == VRING_OK))
		return vr;
	order_leave(&q->active);
	return NULL;
}

static __rte_always_inline void
virtq_leave(struct virtq_queue *q, const struct vring *vr)
{
	bool broken = vr->fault != VRING_OK;

	order_leave(&q->active);
	/* once a ring: virtq_enter() does not return a broken one */
	if (unlikely(broken))
		(void)eventfd_write(q->wake_fd, 1);
}

/* A ring with chains available, or with a fault.  Out of line: its batches need a stack
 * frame, which an empty poll must not pay for (cells *-empty). */
static __rte_noinline uint16_t
virtq_rx_ring(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t done = 0, got;

	do {
		got = virtq_rx(q, vr, pkts + done, n - done);
		done += got;
	} while (got > 0 && done < n && vr->fault == VRING_OK && virtq_rx_waiting(vr));
	virtq_leave(q, vr);
	return done;
}

static __rte_always_inline uint16_t
virtq_rx_burst(struct virtq_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
	struct vring *vr = virtq_enter(q);

	if (unlikely(vr == NULL))
		return 0;
	if (likely(!virtq_rx_waiting(vr)) && likely(vr->fault == VRING_OK)) {
		order_leave(&q->active);
		return 0;
	}
	return virtq_rx_ring(q, vr, pkts, n);
}

/* Out of line like virtq_rx_ring(). */
static __rte_noinline uint16_t
virtq_tx_ring(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n)
{
	bool more = true;
	uint16_t done = 0;

	while (more && done < n)
		done += virtq_tx(q, vr, pkts + done, n - done, &more);
	virtq_leave(q, vr);
	return done;
}

static __rte_always_inline uint16_t
virtq_tx_burst(struct virtq_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
	struct vring *vr = virtq_enter(q);

	return likely(vr != NULL) ? virtq_tx_ring(q, vr, pkts, n) : 0;
}
