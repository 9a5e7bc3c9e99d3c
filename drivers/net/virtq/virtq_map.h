/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_MAP_H
#define VIRTQ_MAP_H

/*
 * virtq_map.h - which queue of the application uses which rings of the guest.  Their
 * numbers are independent of each other:
 *
 *  - rx queue i of n serves the transmitqs of pairs i, i + n, i + 2n, ... in turn;
 *  - tx queue i sends by the receiveq of pair i, or, while the guest does not use that
 *    pair, by one that it does, which several queues then share under a lock.
 *
 * So each packet is put where somebody looks.  All calls: with the control thread's lock held,
 * in no data thread; they wait no longer than bursts take.
 */

#include "virtq.h"

/* Whether data threads may use the ring. */
static inline bool
virtq_vq_in_use(const struct virtq_vq *vq)
{
	return vq->vring && vq->ring.enabled;
}

/*
 * Hands the rings that are in use to the data threads, and takes all others back: when
 * this returns, no burst accesses one of those.  A queue whose rings stay is not
 * disturbed, and a tx queue that changes its ring has one at any moment.
 */
void virtq_map_update(struct virtq_port *port);

/* Takes rx queue i its rings, if it is configured: when this returns, none of its bursts
 * accesses one; and hands it over again what it is to have. */
void virtq_map_rx_withdraw(struct virtq_port *port, uint32_t i);
void virtq_map_rx_publish(struct virtq_port *port, uint32_t i);

/* Has the application's callback called if it does not know yet which rings are in use;
 * virtq_map_update() does this, too. */
void virtq_map_find_events(struct virtq_port *port);

/* A virtqueue whose use has changed since the application was told, which it is now:
 * port->reported[*index].  False: there is none. */
bool virtq_map_take_event(struct virtq_port *port, uint16_t *index);

/* Takes all rings back: when this returns, no burst accesses one. */
void virtq_map_clear(struct virtq_port *port);

/* While the rings are handed over: from when this returns, each burst logs what it writes
 * to guest memory in log, or (NULL) nowhere, and none uses the log of before.  Rings that
 * are made later have the log in their vring_config. */
void virtq_map_set_log(struct virtq_port *port, struct guest_log *log);

/* Lets no further burst begin with a ring; waits for none.  For a signal handler: any
 * thread, without the lock.  virtq_map_update() or virtq_map_clear() has to follow. */
void virtq_map_cut(struct virtq_port *port);

#endif /* VIRTQ_MAP_H */
