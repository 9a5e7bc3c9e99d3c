/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_stats.h"

#include <string.h>

#include "order.h"

/* Only the data thread writes its counters: a reset stores their values as the base. */

static struct virtq_queue_stats
since_made(const struct virtq_queue *q)
{
	const uint64_t *now = (const uint64_t *)&q->stats;
	struct virtq_queue_stats out;

	for (size_t i = 0; i < sizeof(out) / sizeof(uint64_t); i++)
		((uint64_t *)&out)[i] = order_read64(&now[i]);
	return out;
}

static struct virtq_queue_stats
since_reset(const struct virtq_queue *q)
{
	const uint64_t *base = (const uint64_t *)&q->base;
	struct virtq_queue_stats out = since_made(q);

	for (size_t i = 0; i < sizeof(out) / sizeof(uint64_t); i++)
		((uint64_t *)&out)[i] -= base[i];
	return out;
}

/* Packets of the guest that the application does not receive. */
static uint64_t
rx_dropped(const struct virtq_queue_stats *st)
{
	return st->runt + st->oversize + st->missed;
}

int
virtq_stats_get(VIRTQ_STATS_ARGS)
{
	struct virtq_port *port = dev->data->dev_private;
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		struct virtq_queue_stats st = since_reset(&port->rxq[i]);

		stats->ipackets += st.packets;
		stats->ibytes += st.bytes;
		stats->ierrors += st.runt + st.oversize;
		stats->imissed += st.missed;
		stats->rx_nombuf += st.nombuf + st.missed;
		if (i < RTE_ETHDEV_QUEUE_STAT_CNTRS && VIRTQ_QSTATS(stats, qstats)) {
			VIRTQ_QSTATS(stats, qstats)->q_ipackets[i] = st.packets;
			VIRTQ_QSTATS(stats, qstats)->q_ibytes[i] = st.bytes;
			VIRTQ_QSTATS(stats, qstats)->q_errors[i] = rx_dropped(&st);
		}
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		struct virtq_queue_stats st = since_reset(&port->txq[i]);

		stats->opackets += st.packets;
		stats->obytes += st.bytes;
		stats->oerrors += st.oversize;
		if (i < RTE_ETHDEV_QUEUE_STAT_CNTRS && VIRTQ_QSTATS(stats, qstats)) {
			VIRTQ_QSTATS(stats, qstats)->q_opackets[i] = st.packets;
			VIRTQ_QSTATS(stats, qstats)->q_obytes[i] = st.bytes;
		}
	}
	return 0;
}

static void
queue_reset(struct virtq_queue *q)
{
	const struct virtq_queue_stats st = since_reset(q);
	uint64_t *base = (uint64_t *)&q->base;

	for (size_t k = 0; k < sizeof(st) / sizeof(uint64_t); k++)
		base[k] += ((const uint64_t *)&st)[k];
	q->broken = 0;
}

int
virtq_stats_reset(struct rte_eth_dev *dev)
{
	struct virtq_port *port = dev->data->dev_private;

	for (uint32_t i = 0; i < port->max_queues; i++) {
		queue_reset(&port->rxq[i]);
		queue_reset(&port->txq[i]);
	}
	port->count_base = port->count;
	return 0;
}

const struct virtq_xstat virtq_port_xstats[] = {
	{"device_connects", offsetof(struct virtq_port_counts, connects)},
	{"device_starts", offsetof(struct virtq_port_counts, starts)},
	{"device_lost", offsetof(struct virtq_port_counts, lost)},
	{"broken_rings", offsetof(struct virtq_port_counts, broken_rings)},
	{"announces", offsetof(struct virtq_port_counts, announces)},
};

const size_t virtq_num_port_xstats = RTE_DIM(virtq_port_xstats);

static const struct virtq_xstat rxq_xstats[] = {
	{"nombuf", offsetof(struct virtq_queue_stats, nombuf)},
	{"missed", offsetof(struct virtq_queue_stats, missed)},
	{"runt", offsetof(struct virtq_queue_stats, runt)},
	{"oversize", offsetof(struct virtq_queue_stats, oversize)},
};

static const struct virtq_xstat txq_xstats[] = {
	{"no_guest_buffer", offsetof(struct virtq_queue_stats, no_buffer)},
	{"oversize", offsetof(struct virtq_queue_stats, oversize)},
	{"filtered", offsetof(struct virtq_queue_stats, filtered)},
};

struct xstat_out {
	struct rte_eth_xstat_name *names; /* or NULL */
	struct rte_eth_xstat *values;     /* or NULL */
	unsigned int room;
	unsigned int n;
};

static void
put(struct xstat_out *out, const char *prefix, const char *name, uint64_t value)
{
	if (out->n < out->room) {
		if (out->names)
			snprintf(out->names[out->n].name, RTE_ETH_XSTATS_NAME_SIZE, "%s%s", prefix,
				 name);
		if (out->values)
			out->values[out->n] = (struct rte_eth_xstat){out->n, value};
	}
	out->n++;
}

static void
put_queue(struct xstat_out *out, const char *prefix, const struct virtq_queue *q,
	  const struct virtq_xstat *list, size_t n)
{
	const struct virtq_queue_stats st = since_reset(q);

	for (size_t i = 0; i < n; i++)
		put(out, prefix, list[i].name, virtq_xstat_of(&list[i], &st));
	put(out, prefix, "guest_interrupts", st.notified);
	put(out, prefix, "broken", q->broken);
}

static int
put_all(struct rte_eth_dev *dev, struct xstat_out *out)
{
	struct virtq_port *port = dev->data->dev_private;
	char prefix[24];
	uint16_t i;

	for (size_t k = 0; k < virtq_num_port_xstats; k++)
		put(out, "", virtq_port_xstats[k].name,
		    virtq_xstat_of(&virtq_port_xstats[k], &port->count) -
			    virtq_xstat_of(&virtq_port_xstats[k], &port->count_base));
	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		snprintf(prefix, sizeof(prefix), "rx_q%u_", i);
		put_queue(out, prefix, &port->rxq[i], rxq_xstats, RTE_DIM(rxq_xstats));
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		snprintf(prefix, sizeof(prefix), "tx_q%u_", i);
		put_queue(out, prefix, &port->txq[i], txq_xstats, RTE_DIM(txq_xstats));
	}
	return (int)out->n;
}

int
virtq_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats, unsigned int n)
{
	return put_all(dev, &(struct xstat_out){.values = xstats, .room = xstats ? n : 0});
}

int
virtq_xstats_get_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names, unsigned int n)
{
	return put_all(dev, &(struct xstat_out){.names = names, .room = names ? n : 0});
}

void
virtq_totals_get(struct virtq_port *port, struct virtq_totals *rx, struct virtq_totals *tx)
{
	*rx = *tx = (struct virtq_totals){0};
	for (uint32_t i = 0; i < port->max_queues; i++) {
		struct virtq_queue_stats r = since_made(&port->rxq[i]);
		struct virtq_queue_stats t = since_made(&port->txq[i]);

		rx->packets += r.packets;
		rx->bytes += r.bytes;
		rx->dropped += rx_dropped(&r);
		tx->packets += t.packets;
		tx->bytes += t.bytes;
		tx->dropped += t.oversize + t.filtered;
	}
}
