/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_ethdev.h"

#include <string.h>

#include <rte_malloc.h>

#include "rte_eth_virtq.h"
#include "virtq_burst.h"
#include "virtq_connector.h"
#include "virtq_control.h"
#include "virtq_device.h"
#include "virtq_front.h"
#include "virtq_limits.h"
#include "virtq_map.h"
#include "virtq_mbuf.h"
#include "virtq_stats.h"

static struct virtq_port *
dev_port(const struct rte_eth_dev *dev)
{
	return dev->data->dev_private;
}

/* The device is told of it, and receive queues take no longer packets. */
static void
set_mtu(struct rte_eth_dev *dev, uint16_t mtu)
{
	struct virtq_port *port = dev_port(dev);
	bool changed;

	virtq_control_lock(port->control);
	changed = port->mtu != mtu;
	port->mtu = mtu;
	for (uint32_t i = 0; i < port->max_queues; i++)
		if (port->rxq[i].pool)
			virtq_limits_set(&port->rxq[i], mtu, port->rxq[i].scatter);
	if (changed)
		virtq_connector_link_changed(port);
	virtq_control_unlock(port->control);
}

static int
dev_configure(struct rte_eth_dev *dev)
{
	/* ethdev has checked rxmode.mtu and taken it over */
	set_mtu(dev, dev->data->mtu);
	dev->data->scattered_rx = 0; /* until a queue is set up so */
	return 0;
}

static void
set_started(struct virtq_port *port, bool started)
{
	virtq_control_lock(port->control);
	port->started = started;
	virtq_device_set_link(port);
	virtq_connector_link_changed(port);
	virtq_control_unlock(port->control);
}

static void
queue_states(struct rte_eth_dev *dev, uint8_t state)
{
	for (uint16_t i = 0; i < dev->data->nb_rx_queues; i++)
		dev->data->rx_queue_state[i] = state;
	for (uint16_t i = 0; i < dev->data->nb_tx_queues; i++)
		dev->data->tx_queue_state[i] = state;
}

static int
dev_start(struct rte_eth_dev *dev)
{
	struct virtq_port *port = dev_port(dev);

	virtq_control_lock(port->control);
	virtq_device_configure(port, dev->data->nb_rx_queues, dev->data->nb_tx_queues);
	virtq_control_unlock(port->control);
	queue_states(dev, RTE_ETH_QUEUE_STATE_STARTED);
	set_started(port, true);
	return 0;
}

static int
dev_stop(struct rte_eth_dev *dev)
{
	set_started(dev_port(dev), false);
	queue_states(dev, RTE_ETH_QUEUE_STATE_STOPPED);
	return 0;
}

void
virtq_port_free(struct virtq_port *port)
{
	rte_free(port->rxq);
	rte_free(port->txq);
	port->rxq = port->txq = NULL;
}

static int
dev_close(struct rte_eth_dev *dev)
{
	struct virtq_port *port = dev_port(dev);

	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return 0;
	if (port->connector)
		virtq_connector_remove(port);
	virtq_port_free(port);
	return 0;
}

/* As after the probe: stopped (by ethdev), and no device connected. */
static int
dev_reset(struct rte_eth_dev *dev)
{
	virtq_connector_disconnect(dev_port(dev));
	return 0;
}

static int
dev_infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
	const struct virtq_port *port = dev_port(dev);

	info->max_rx_queues = (uint16_t)port->max_queues;
	info->max_tx_queues = (uint16_t)port->max_queues;
	info->max_mac_addrs = VIRTQ_MAX_MACS;
	info->min_rx_bufsize = RTE_ETHER_MIN_LEN;
	info->max_rx_pktlen = VIRTQ_MAX_FRAME;
	info->min_mtu = RTE_ETHER_MIN_MTU;
	info->max_mtu = VIRTQ_MAX_MTU;
	info->rx_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER;
	info->rx_queue_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER;
	info->tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	/* the guest chooses the ring size; what the application requests has no effect */
	info->default_rxportconf.ring_size = 256;
	info->default_txportconf.ring_size = 256;
	info->default_rxportconf.burst_size = 32;
	info->default_txportconf.burst_size = 32;
	info->default_rxportconf.nb_queues = 1;
	info->default_txportconf.nb_queues = 1;
	return 0;
}

/* Whether a guest's packets can be copied into mbufs of the pool. */
static int
check_pool(const struct virtq_port *port, uint16_t id, struct rte_mempool *pool)
{
	uint16_t room = rte_pktmbuf_data_room_size(pool);

	if (room < RTE_PKTMBUF_HEADROOM + RTE_ETHER_MIN_LEN) {
		VIRTQ_LOG(ERR,
			  "%s: rx queue %u: mbufs of pool %s have %u bytes of room: at least %u "
			  "are needed",
			  port->name, id, pool->name, room,
			  RTE_PKTMBUF_HEADROOM + RTE_ETHER_MIN_LEN);
		return -EINVAL;
	}
	/* virtq_rearm() sets the flags of a new mbuf to 0 */
	if (rte_pktmbuf_priv_flags(pool) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF) {
		VIRTQ_LOG(ERR,
			  "%s: rx queue %u: mbufs of pool %s have pinned external buffers, which "
			  "are not supported: give the queue a pool of rte_pktmbuf_pool_create()",
			  port->name, id, pool->name);
		return -EINVAL;
	}
	return 0;
}

static int
rx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t nb_desc, unsigned int socket,
	       const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
	/* those of the port are not in conf */
	uint64_t offloads = conf->offloads | dev->data->dev_conf.rxmode.offloads;
	struct virtq_port *port = dev_port(dev);
	struct virtq_queue *q = &port->rxq[id];

	(void)socket;
	if (check_pool(port, id, pool) != 0)
		return -EINVAL;
	q->pool = pool;
	q->mbuf_room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
	q->rearm = virtq_rearm_word(q->port_id);
	q->nb_desc = nb_desc;
	q->scatter = offloads & RTE_ETH_RX_OFFLOAD_SCATTER;
	virtq_control_lock(port->control);
	virtq_limits_set(q, port->mtu, q->scatter);
	virtq_control_unlock(port->control);
	dev->data->rx_queues[id] = q;
	dev->data->scattered_rx |= q->scatter;
	return 0;
}

static int
tx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t nb_desc, unsigned int socket,
	       const struct rte_eth_txconf *conf)
{
	struct virtq_queue *q = &dev_port(dev)->txq[id];

	(void)socket;
	(void)conf;
	q->nb_desc = nb_desc;
	dev->data->tx_queues[id] = q;
	return 0;
}

/* The port owns the queue, so nothing is freed. */
static void
rx_queue_release(struct rte_eth_dev *dev, uint16_t id)
{
	dev->data->rx_queues[id] = NULL;
}

static void
tx_queue_release(struct rte_eth_dev *dev, uint16_t id)
{
	dev->data->tx_queues[id] = NULL;
}

/* Entries of the guest's ring with that index while the port is running, else what the
 * application requested. */
static uint16_t
queue_size(const struct virtq_port *port, uint32_t index, const struct virtq_queue *q)
{
	uint32_t size = 0;

	virtq_control_lock(port->control);
	if (port->running)
		size = port->vq[index].ring.size;
	virtq_control_unlock(port->control);
	return size > 0 ? (uint16_t)size : q->nb_desc;
}

static void
rxq_info_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_rxq_info *info)
{
	struct virtq_port *port = dev_port(dev);
	const struct virtq_queue *q = &port->rxq[id];

	info->mp = q->pool;
	info->scattered_rx = q->scatter;
	info->conf.offloads = q->scatter ? RTE_ETH_RX_OFFLOAD_SCATTER : 0;
	info->nb_desc = queue_size(port, 2u * id + 1u, q);
}

static void
txq_info_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_txq_info *info)
{
	struct virtq_port *port = dev_port(dev);

	info->nb_desc = queue_size(port, 2u * id, &port->txq[id]);
}

/* virtq_device_set_link() keeps the link status up to date. */
static int
link_update(struct rte_eth_dev *dev, int wait)
{
	(void)dev;
	(void)wait;
	return 0;
}

static int
mtu_set(struct rte_eth_dev *dev, uint16_t mtu)
{
	set_mtu(dev, mtu);
	return 0;
}

/* The application receives all that the guest sends, whatever the mode or the address. */
static int
mode_set(struct rte_eth_dev *dev)
{
	(void)dev;
	return 0;
}

static int
mac_set(struct rte_eth_dev *dev, struct rte_ether_addr *mac)
{
	(void)dev;
	(void)mac;
	return 0;
}

static int
mac_add(struct rte_eth_dev *dev, struct rte_ether_addr *mac, uint32_t index, uint32_t vmdq)
{
	(void)dev;
	(void)mac;
	(void)index;
	(void)vmdq;
	return 0;
}

static void
mac_remove(struct rte_eth_dev *dev, uint32_t index)
{
	(void)dev;
	(void)index;
}

static int
mc_list_set(struct rte_eth_dev *dev, struct rte_ether_addr *list, uint32_t n)
{
	(void)dev;
	(void)list;
	(void)n;
	return 0;
}

static const uint32_t *
ptypes_get(VIRTQ_PTYPES_ARGS)
{
	static const uint32_t ptypes[] = {RTE_PTYPE_L2_ETHER, RTE_PTYPE_UNKNOWN};

	(void)dev;
	VIRTQ_PTYPES_COUNT(1);
	return ptypes;
}

static int
burst_mode_get(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode)
{
	(void)id;
	snprintf(mode->info, sizeof(mode->info), "%s", virtq_burst_name(dev));
	return 0;
}

/* a burst frees its mbufs before it returns */
static int
tx_done_cleanup(void *queue, uint32_t free_cnt)
{
	(void)queue;
	(void)free_cnt;
	return 0;
}

const struct eth_dev_ops virtq_ops = {
	.dev_configure = dev_configure,
	.dev_start = dev_start,
	.dev_stop = dev_stop,
	.dev_close = dev_close,
	.dev_reset = dev_reset,
	.dev_infos_get = dev_infos_get,
	.rx_queue_setup = rx_queue_setup,
	.tx_queue_setup = tx_queue_setup,
	.rx_queue_release = rx_queue_release,
	.tx_queue_release = tx_queue_release,
	.rxq_info_get = rxq_info_get,
	.txq_info_get = txq_info_get,
	.link_update = link_update,
	.mtu_set = mtu_set,
	.promiscuous_enable = mode_set,
	.promiscuous_disable = mode_set,
	.allmulticast_enable = mode_set,
	.allmulticast_disable = mode_set,
	.mac_addr_set = mac_set,
	.mac_addr_add = mac_add,
	.mac_addr_remove = mac_remove,
	.set_mc_addr_list = mc_list_set,
	.dev_supported_ptypes_get = ptypes_get,
	.rx_burst_mode_get = burst_mode_get,
	.tx_burst_mode_get = burst_mode_get,
	.tx_done_cleanup = tx_done_cleanup,
	.stats_get = virtq_stats_get,
	.stats_reset = virtq_stats_reset,
	.xstats_get = virtq_xstats_get,
	.xstats_get_names = virtq_xstats_get_names,
	.xstats_reset = virtq_stats_reset,
};

const struct eth_dev_ops virtq_secondary_ops = {
	.dev_close = dev_close,
	.dev_infos_get = dev_infos_get,
	.link_update = link_update,
	.dev_supported_ptypes_get = ptypes_get,
	.rx_burst_mode_get = burst_mode_get,
	.tx_burst_mode_get = burst_mode_get,
	.stats_get = virtq_stats_get,
	.xstats_get = virtq_xstats_get,
	.xstats_get_names = virtq_xstats_get_names,
};

struct virtq_port *
virtq_port_by_id(uint16_t port_id)
{
	if (!rte_eth_dev_is_valid_port(port_id) || rte_eth_devices[port_id].dev_ops != &virtq_ops)
		return NULL;
	return dev_port(&rte_eth_devices[port_id]);
}

int
rte_eth_virtq_info_get(uint16_t port_id, struct rte_eth_virtq_info *info)
{
	struct virtq_port *port = virtq_port_by_id(port_id);

	if (!port)
		return -ENODEV;
	if (!info)
		return -EINVAL;
	memset(info, 0, sizeof(*info));
	virtq_control_lock(port->control);
	virtq_connector_info(port, info);
	info->nid = port->nid;
	info->max_queues = port->max_queues;
	info->connected = port->peer != NULL;
	info->running = port->running;
	if (port->peer)
		port->peer->ops->info(port->peer, info);
	if (port->running) {
		memcpy(info->guest_mac, port->rx_filter.mac, sizeof(info->guest_mac));
		info->pairs = port->pairs_in_use;
		info->features = port->features;
		info->rx_mode = port->rx_filter.mode;
	}
	virtq_control_unlock(port->control);
	return 0;
}

int
rte_eth_virtq_announce(uint16_t port_id)
{
	struct virtq_port *port = virtq_port_by_id(port_id);

	return port ? virtq_connector_announce(port) : -ENODEV;
}

int
rte_eth_virtq_queue_event_get(uint16_t port_id, struct rte_eth_virtq_queue_event *event)
{
	struct virtq_port *port = virtq_port_by_id(port_id);
	uint16_t i;
	bool any;

	if (!port)
		return -ENODEV;
	if (!event)
		return -EINVAL;
	virtq_control_lock(port->control);
	any = virtq_map_take_event(port, &i);
	if (any)
		*event = (struct rte_eth_virtq_queue_event){
			.pair = i / 2,
			.rx = i % 2 != 0,
			.enabled = port->reported[i],
		};
	virtq_control_unlock(port->control);
	return any ? 0 : -ENOENT;
}
