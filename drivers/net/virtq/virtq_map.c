/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_map.h"

#include <sched.h>

#include "order.h"

/* D and E, control's side: when it returns, no burst of these queues uses what they pointed
 * to before.  Nothing in a burst waits for a peer. */
static void
wait_bursts(const struct virtq_queue *queue, uint32_t n)
{
	order_barrier_everywhere(queue->cheap_barrier);
	for (uint32_t i = 0; i < n; i++)
		while (!order_is_idle(&queue[i].active))
			sched_yield();
}

static void
withdraw(struct virtq_queue *q)
{
	order_release_ptr(&q->view, NULL);
	order_release_ptr(&q->many, NULL);
	q->vq = NULL;
}

/* Whether rx queue i has the rings that it is to have. */
static bool
rx_is_current(struct virtq_port *port, uint32_t i)
{
	const struct virtq_vq *first = port->rxq[i].vq, *vq = first;

	for (uint32_t pair = i; pair < VIRTQ_MAX_PAIRS; pair += port->num_rxq) {
		if (!virtq_vq_in_use(virtq_transmitq(port, pair)))
			continue;
		if (vq != virtq_transmitq(port, pair))
			return false;
		vq = vq->next != first ? vq->next : NULL;
	}
	return vq == NULL;
}

/* A ring that is logged is no queue's `view`, so that bursts by a view need not look. */
static bool
may_be_view(const struct virtq_vq *vq)
{
	return !vq || !vq->vring->log;
}

void
virtq_map_rx_withdraw(struct virtq_port *port, uint32_t i)
{
	if (i >= port->num_rxq)
		return;
	withdraw(&port->rxq[i]);
	wait_bursts(&port->rxq[i], 1);
}

/* Makes a circle of the rings of rx queue i, which no burst uses, and hands it over. */
void
virtq_map_rx_publish(struct virtq_port *port, uint32_t i)
{
	struct virtq_queue *q = &port->rxq[i];
	struct virtq_vq *first = NULL, *last = NULL;

	if (i >= port->num_rxq)
		return;
	for (uint32_t pair = i; pair < VIRTQ_MAX_PAIRS; pair += port->num_rxq) {
		struct virtq_vq *vq = virtq_transmitq(port, pair);

		if (!virtq_vq_in_use(vq))
			continue;
		if (last)
			last->next = vq;
		else
			first = vq;
		vq->next = first;
		last = vq;
	}
	q->vq = first;
	q->turn = first;
	if (first == last && may_be_view(first) && (i != 0 || !port->rarp_pending))
		order_release_ptr(&q->view, first ? first->vring : NULL);
	else
		order_release_ptr(&q->many, first);
}

/* Takes their rings from the rx queues that are to have other ones, and says which. */
static void
rx_withdraw(struct virtq_port *port, bool *change)
{
	bool any = false;

	for (uint32_t i = 0; i < port->num_rxq; i++) {
		change[i] = !rx_is_current(port, i);
		any |= change[i];
		if (change[i])
			withdraw(&port->rxq[i]);
	}
	if (any)
		wait_bursts(port->rxq, port->num_rxq);
}

/* Sets to[i] to the receiveq by which tx queue i is to send, and counts the senders of
 * each. */
static void
tx_plan(struct virtq_port *port, struct virtq_vq **to)
{
	struct virtq_vq *in_use[VIRTQ_MAX_PAIRS];
	uint32_t n = 0;

	for (uint32_t pair = 0; pair < VIRTQ_MAX_PAIRS; pair++) {
		struct virtq_vq *vq = virtq_receiveq(port, pair);

		vq->senders = 0;
		if (virtq_vq_in_use(vq))
			in_use[n++] = vq;
	}
	for (uint32_t i = 0; i < port->num_txq; i++) {
		struct virtq_vq *own = virtq_receiveq(port, i);

		to[i] = NULL;
		if (n > 0)
			to[i] = virtq_vq_in_use(own) ? own : in_use[i % n];
		if (to[i])
			to[i]->senders++;
	}
}

/*
 * In three steps, so that no queue is without a ring and no ring has two queues that do
 * not take its lock: all that change take the lock of the ring they have; then they have
 * their new ring, with its lock; then those that have it alone leave the lock out.
 */
static void
tx_update(struct virtq_port *port)
{
	struct virtq_vq *to[VIRTQ_MAX_PAIRS];
	struct virtq_queue *q = port->txq;
	bool change = false;
	uint32_t i;

	tx_plan(port, to);
	for (i = 0; i < port->num_txq; i++)
		change |= to[i] != q[i].vq;
	if (!change)
		return;
	for (i = 0; i < port->num_txq; i++)
		if (q[i].view && (to[i] != q[i].vq || to[i]->senders > 1))
			order_release_ptr(&q[i].view, NULL); /* `many` has the same ring */
	wait_bursts(q, port->num_txq);
	for (i = 0; i < port->num_txq; i++) {
		q[i].vq = to[i];
		order_release_ptr(&q[i].many, to[i]);
	}
	wait_bursts(q, port->num_txq);
	for (i = 0; i < port->num_txq; i++)
		if (to[i] && to[i]->senders == 1 && may_be_view(to[i]))
			order_release_ptr(&q[i].view, to[i]->vring);
}

/* An application that forwards must be able to send what it received: queues receive only
 * while those that send have their rings. */
void
virtq_map_update(struct virtq_port *port)
{
	bool change[VIRTQ_MAX_PAIRS];

	rx_withdraw(port, change);
	tx_update(port);
	for (uint32_t i = 0; i < port->num_rxq; i++)
		if (change[i])
			virtq_map_rx_publish(port, i);
	virtq_map_find_events(port);
}

void
virtq_map_find_events(struct virtq_port *port)
{
	for (uint32_t i = 0; i < VIRTQ_MAX_VQS; i++)
		if (port->reported[i] != virtq_vq_in_use(&port->vq[i]))
			port->queues_pending = true;
}

bool
virtq_map_take_event(struct virtq_port *port, uint16_t *index)
{
	for (uint16_t i = 0; i < VIRTQ_MAX_VQS; i++) {
		if (port->reported[i] == (port->vq && virtq_vq_in_use(&port->vq[i])))
			continue;
		port->reported[i] = !port->reported[i];
		*index = i;
		return true;
	}
	return false;
}

void
virtq_map_clear(struct virtq_port *port)
{
	for (uint32_t i = 0; i < port->max_queues; i++)
		withdraw(&port->rxq[i]);
	wait_bursts(port->rxq, port->max_queues);
	for (uint32_t i = 0; i < port->max_queues; i++)
		withdraw(&port->txq[i]);
	wait_bursts(port->txq, port->max_queues);
}

/* In the same order as virtq_map_update(), so that no packet is lost: no queue receives
 * while this changes, and each sends at any moment. */
void
virtq_map_set_log(struct virtq_port *port, struct guest_log *log)
{
	struct virtq_queue *q = port->txq;
	uint32_t i;

	for (i = 0; i < port->num_rxq; i++)
		withdraw(&port->rxq[i]);
	wait_bursts(port->rxq, port->num_rxq);
	for (i = 0; i < port->num_txq; i++)
		order_release_ptr(&q[i].view, NULL); /* `many` has the same ring */
	wait_bursts(q, port->num_txq);
	for (i = 0; i < VIRTQ_MAX_VQS; i++)
		if (port->vq[i].vring)
			order_release_ptr(&port->vq[i].vring->log, log);
	wait_bursts(q, port->num_txq);
	for (i = 0; i < port->num_txq; i++)
		if (q[i].vq && q[i].vq->senders == 1 && may_be_view(q[i].vq))
			order_release_ptr(&q[i].view, q[i].vq->vring);
	for (i = 0; i < port->num_rxq; i++)
		virtq_map_rx_publish(port, i);
}

void
virtq_map_cut(struct virtq_port *port)
{
	for (uint32_t i = 0; i < port->max_queues; i++) {
		order_release_ptr(&port->rxq[i].view, NULL);
		order_release_ptr(&port->rxq[i].many, NULL);
		order_release_ptr(&port->txq[i].view, NULL);
		order_release_ptr(&port->txq[i].many, NULL);
	}
}
