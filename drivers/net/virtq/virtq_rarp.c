/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_rarp.h"

#include <string.h>
#include <sys/eventfd.h>

#include <rte_arp.h>
#include <rte_mbuf.h>

#include "order.h"
#include "virtq_map.h"

/* Rings that no burst may use at the moment, because the device has taken them back to free
 * them, are not handed out here. */
static void
publish(struct virtq_port *port, bool had_rings)
{
	if (had_rings)
		virtq_map_rx_publish(port, 0);
}

void
virtq_rarp_send(struct virtq_port *port, const uint8_t *mac)
{
	struct virtq_queue *q = &port->rxq[0];
	bool had_rings = q->vq != NULL;

	port->count.announces++;
	virtq_map_rx_withdraw(port, 0); /* no burst reads the address any more */
	memcpy(q->rarp_mac, mac, sizeof(q->rarp_mac));
	order_release32(&q->rarp, 1);
	port->rarp_pending = true;
	publish(port, had_rings);
}

void
virtq_rarp_check(struct virtq_port *port)
{
	bool had_rings = port->rxq[0].vq != NULL;

	if (!port->rarp_pending || order_acquire32(&port->rxq[0].rarp) != 0)
		return;
	port->rarp_pending = false;
	virtq_map_rx_withdraw(port, 0);
	publish(port, had_rings);
}

struct rte_mbuf *
virtq_rarp_take(struct virtq_queue *q)
{
	struct rte_ether_addr mac;
	struct rte_mbuf *m;

	memcpy(&mac, q->rarp_mac, sizeof(mac));
	m = rte_net_make_rarp_packet(q->pool, &mac);
	if (!m)
		return NULL; /* the next burst tries again */
	m->port = q->port_id;
	m->packet_type = RTE_PTYPE_L2_ETHER;
	q->stats.packets++;
	q->stats.bytes += m->pkt_len;
	order_release32(&q->rarp, 0);
	(void)eventfd_write(q->wake_fd, 1);
	return m;
}
