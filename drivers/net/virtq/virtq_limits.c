/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_limits.h"

#include "order.h"

void
virtq_limits_set(struct virtq_queue *q, uint16_t mtu, bool scatter)
{
	uint32_t most = mtu + VIRTQ_OVERHEAD;

	if (!scatter)
		most = RTE_MIN(most, (uint32_t)q->mbuf_room);
	order_write32(&q->max_frame, most);
	order_write16(&q->max_single, (uint16_t)RTE_MIN(most, (uint32_t)q->mbuf_room));
	q->oversize_known = order_read64(&q->stats.oversize);
	q->oversize_logged = false;
}

static void
report(struct virtq_port *port, uint32_t i)
{
	const struct virtq_queue *q = &port->rxq[i];
	uint32_t len = order_read32(&q->oversize_len);

	if (len > port->mtu + VIRTQ_OVERHEAD)
		VIRTQ_PORT_LOG(
			NOTICE, port,
			"rx queue %u: dropped a packet of %u bytes, the MTU is %u: if the guest "
			"is to send it, set a larger one (rxmode.mtu, rte_eth_dev_set_mtu())",
			i, len, port->mtu);
	else
		VIRTQ_PORT_LOG(
			NOTICE, port,
			"rx queue %u: dropped a packet of %u bytes, an mbuf holds %u: turn on "
			"RTE_ETH_RX_OFFLOAD_SCATTER, or use a mempool of larger mbufs",
			i, len, q->mbuf_room);
}

void
virtq_limits_report(struct virtq_port *port)
{
	for (uint32_t i = 0; i < port->max_queues; i++) {
		struct virtq_queue *q = &port->rxq[i];

		if (q->oversize_logged || order_read64(&q->stats.oversize) == q->oversize_known)
			continue;
		q->oversize_logged = true;
		report(port, i);
	}
}
