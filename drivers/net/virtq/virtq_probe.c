/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_kvargs.h>
#include <rte_malloc.h>

#include "ipc_listener.h"
#include "virtq_burst.h"
#include "virtq_connector.h"
#include "virtq_device.h"
#include "virtq_ethdev.h"
#include "virtq_front.h"
#include "order.h"
#include "sigbus_guard.h"

#define CONNECTOR_ENV "RTE_PMD_VIRTQ_CONNECTOR"

/* The --vdev arguments of one port. */
struct virtq_args {
	const char *name;
	struct rte_ether_addr mac;
	bool has_mac;
	uint32_t lcore_id;
	uint32_t nid;
	uint32_t queues;
	uint32_t uid;
	uint32_t rxfilter;
	uint32_t mem_limit;
	uint32_t client;
	uint32_t ignored;
	char connector[IPC_PATH_MAX + 1];
	char iface[IPC_PATH_MAX + 1];
};

static int
parse_mac(const char *key, const char *value, void *opaque)
{
	struct virtq_args *args = opaque;

	if (rte_ether_unformat_addr(value, &args->mac) != 0 ||
	    !rte_is_valid_assigned_ether_addr(&args->mac)) {
		VIRTQ_LOG(ERR, "%s: %s=%s: expected a unicast address such as 00:01:02:03:04:05",
			  args->name, key, value);
		return -EINVAL;
	}
	args->has_mac = true;
	return 0;
}

static int
parse_path(const char *key, const char *value, void *opaque)
{
	struct virtq_args *args = opaque;
	char *path = strcmp(key, "iface") == 0 ? args->iface : args->connector;

	if (value[0] == '\0' || strlen(value) > IPC_PATH_MAX) {
		VIRTQ_LOG(ERR, "%s: %s=%s: expected the path of a socket, 1 to %u bytes",
			  args->name, key, value, IPC_PATH_MAX);
		return -EINVAL;
	}
	snprintf(path, IPC_PATH_MAX + 1, "%s", value);
	return 0;
}

/* An argument that is a number, and its limits. */
struct virtq_number {
	const char *key;
	size_t offset; /* of a uint32_t in struct virtq_args */
	uint32_t min;
	uint32_t max;
};

static const struct virtq_number numbers[] = {
	{"lcore_id", offsetof(struct virtq_args, lcore_id), 0, RTE_MAX_LCORE - 1},
	{"nid", offsetof(struct virtq_args, nid), 0, UINT32_MAX},
	{"queues", offsetof(struct virtq_args, queues), 1, VIRTQ_MAX_PAIRS},
	{"uid", offsetof(struct virtq_args, uid), 0, UINT32_MAX - 1},
	{"rxfilter", offsetof(struct virtq_args, rxfilter), 0, 1},
	{"mem_limit", offsetof(struct virtq_args, mem_limit), 1, UINT32_MAX},
	{"client", offsetof(struct virtq_args, client), 0, 1},
	/* of net_vhost; what they ask for is so anyway */
	{"linear-buffer", offsetof(struct virtq_args, ignored), 0, 1},
	{"legacy-ol-flags", offsetof(struct virtq_args, ignored), 0, 1},
};

/* Arguments of net_vhost that can only be 0, and what to do instead. */
static const struct {
	const char *key;
	const char *why;
} refused[] = {
	{"iommu-support", "rings and buffers have guest-physical addresses here: leave it out, and "
			  "iommu_platform=on out of the guest's device"},
	{"postcopy-support", "a guest's memory cannot be fetched page by page: leave it out, and "
			     "migrate without postcopy"},
	{"tso", "segments are not put together or taken apart: leave it out"},
	{"ext-buffer", "packets are copied to mbufs of the port's pool: leave it out, and use a "
		       "mempool of larger mbufs, or RTE_ETH_RX_OFFLOAD_SCATTER"},
};

static int
parse_number(const char *key, const char *value, void *opaque)
{
	struct virtq_args *args = opaque;
	const struct virtq_number *num = numbers;
	unsigned long long v;
	char *end;

	while (strcmp(num->key, key) != 0)
		num++;
	errno = 0;
	v = strtoull(value, &end, 0);
	if (!isdigit((unsigned char)value[0]) || *end != '\0' || errno != 0 || v < num->min ||
	    v > num->max) {
		VIRTQ_LOG(ERR, "%s: %s=%s: expected a number from %u to %u", args->name, key, value,
			  num->min, num->max);
		return -EINVAL;
	}
	*(uint32_t *)((uint8_t *)args + num->offset) = (uint32_t)v;
	return 0;
}

static int
parse_refused(const char *key, const char *value, void *opaque)
{
	const struct virtq_args *args = opaque;
	size_t i = 0;

	if (strcmp(value, "0") == 0)
		return 0;
	while (strcmp(refused[i].key, key) != 0)
		i++;
	VIRTQ_LOG(ERR, "%s: %s=%s: %s", args->name, key, value, refused[i].why);
	return -EINVAL;
}

/* eth_virtq7 serves nid 7 unless nid= is given. */
static uint32_t
nid_of_name(const char *name)
{
	return (uint32_t)strtoul(name + strcspn(name, "0123456789"), NULL, 10);
}

/* A key alone has no value to parse: rte_kvargs_process() calls a handler with NULL. */
static int
check_values(const struct rte_kvargs *list, const char *name)
{
	for (unsigned int i = 0; i < list->count; i++) {
		if (list->pairs[i].value)
			continue;
		VIRTQ_LOG(ERR, "%s: %s has no value: expected %s=VALUE", name, list->pairs[i].key,
			  list->pairs[i].key);
		return -EINVAL;
	}
	return 0;
}

static int
parse_list(const struct rte_kvargs *list, struct virtq_args *args)
{
	if (check_values(list, args->name) != 0)
		return -EINVAL;
	if (rte_kvargs_process(list, "mac", parse_mac, args) != 0 ||
	    rte_kvargs_process(list, "connector", parse_path, args) != 0 ||
	    rte_kvargs_process(list, "iface", parse_path, args) != 0)
		return -EINVAL;
	for (size_t i = 0; i < RTE_DIM(refused); i++)
		if (rte_kvargs_process(list, refused[i].key, parse_refused, args) != 0)
			return -EINVAL;
	for (size_t i = 0; i < RTE_DIM(numbers); i++)
		if (rte_kvargs_process(list, numbers[i].key, parse_number, args) != 0)
			return -EINVAL;
	return 0;
}

/* What belongs to one front alone. */
static int
check_front(const struct rte_kvargs *list, const struct virtq_args *args)
{
	static const char *const ipc_only[] = {"connector", "nid", "rxfilter"};

	if (args->iface[0] == '\0' && args->client) {
		VIRTQ_LOG(ERR, "%s: client=1 belongs to iface=PATH, a vhost-user socket",
			  args->name);
		return -EINVAL;
	}
	for (size_t i = 0; args->iface[0] != '\0' && i < RTE_DIM(ipc_only); i++) {
		if (rte_kvargs_count(list, ipc_only[i]) == 0)
			continue;
		VIRTQ_LOG(
			ERR,
			"%s: %s= belongs to virtio-net-ipc-pci, and iface= to vhost-user: give one "
			"of them",
			args->name, ipc_only[i]);
		return -EINVAL;
	}
	return 0;
}

/* The connector, unless iface= is given. */
static int
find_connector(struct virtq_args *args)
{
	const char *env = getenv(CONNECTOR_ENV);

	if (args->iface[0] != '\0' || args->connector[0] != '\0')
		return 0;
	if (env && env[0] != '\0')
		return parse_path(CONNECTOR_ENV, env, args);
	VIRTQ_LOG(ERR,
		  "%s: no connector: add connector=PATH to its --vdev, or set " CONNECTOR_ENV
		  " in the environment, to the socketpath of the QEMU device; or add iface=PATH, "
		  "a vhost-user socket",
		  args->name);
	return -EINVAL;
}

static int
parse_args(const char *name, const char *text, struct virtq_args *args)
{
	static const char *const keys[] = {
		"mac",    "lcore_id",   "connector",     "nid",
		"queues", "uid",        "rxfilter",      "mem_limit",
		"iface",  "client",     "iommu-support", "postcopy-support",
		"tso",    "ext-buffer", "linear-buffer", "legacy-ol-flags",
		NULL};
	struct rte_kvargs *list;
	int ret;

	*args = (struct virtq_args){
		.name = name,
		.lcore_id = UINT32_MAX,
		.nid = nid_of_name(name),
		.queues = 1,
		.uid = UINT32_MAX,
	};
	list = rte_kvargs_parse(text ? text : "", keys);
	if (!list) {
		VIRTQ_LOG(ERR,
			  "%s: '%s' has an unknown argument: known are mac, lcore_id, connector, "
			  "nid, queues, uid, rxfilter, mem_limit, iface and client, and those of "
			  "net_vhost",
			  name, text);
		return -EINVAL;
	}
	ret = parse_list(list, args);
	if (ret == 0)
		ret = check_front(list, args);
	rte_kvargs_free(list);
	return ret == 0 ? find_connector(args) : ret;
}

static struct virtq_queue *
queues_alloc(const struct virtq_port *port, uint16_t port_id, int socket)
{
	const struct virtq_copy_policy copy = virtq_copy_policy_get();
	bool cheap = order_membarrier_register();
	struct virtq_queue *queue = rte_zmalloc_socket(
		"virtq queues", port->max_queues * sizeof(*queue), RTE_CACHE_LINE_SIZE, socket);

	for (uint32_t i = 0; queue && i < port->max_queues; i++) {
		struct virtq_queue *q = &queue[i];

		q->cheap_barrier = cheap;
		q->copy = copy;
		q->filter = port->rxfilter;
		q->port_id = port_id;
	}
	return queue;
}

static int
port_alloc(struct virtq_port *port, int socket)
{
	port->rxq = queues_alloc(port, port->port_id, socket);
	port->txq = queues_alloc(port, port->port_id, socket);
	if (!port->rxq || !port->txq)
		return -ENOMEM;
	for (uint32_t i = 0; i < port->max_queues; i++)
		port->rxq[i].port = port->txq[i].port = port;
	return 0;
}

static int
macs_set(struct rte_eth_dev *dev, const struct virtq_args *args, int socket)
{
	dev->data->mac_addrs = rte_zmalloc_socket(
		"virtq macs", VIRTQ_MAX_MACS * sizeof(struct rte_ether_addr), 0, socket);
	if (!dev->data->mac_addrs)
		return -ENOMEM;
	if (args->has_mac)
		dev->data->mac_addrs[0] = args->mac;
	else
		rte_eth_random_addr(dev->data->mac_addrs[0].addr_bytes);
	return 0;
}

static int
port_init(struct rte_eth_dev *dev, const struct virtq_args *args, int socket)
{
	struct virtq_port *port = dev->data->dev_private;
	int ret;

	snprintf(port->name, sizeof(port->name), "%s", args->name);
	port->port_id = dev->data->port_id;
	port->nid = args->nid;
	port->max_queues = args->queues;
	port->lcore_id = args->lcore_id == UINT32_MAX ? -1 : (int)args->lcore_id;
	port->uid = args->uid == UINT32_MAX ? (uid_t)-1 : (uid_t)args->uid;
	port->rxfilter = args->rxfilter;
	port->mem_limit = (uint64_t)args->mem_limit << 20;
	port->mtu = RTE_ETHER_MTU;
	ipc_budget_init(&port->budget, virtq_now_ms());
	if (sigbus_guard_check() != 0) {
		VIRTQ_LOG(ERR, "%s: the handler of SIGBUS cannot be installed: too many others",
			  args->name);
		return -ENOTSUP;
	}
	ret = macs_set(dev, args, socket);
	if (ret == 0)
		ret = port_alloc(port, socket);
	if (ret != 0) {
		VIRTQ_LOG(ERR, "%s: out of memory", args->name);
		virtq_port_free(port);
		return ret;
	}
	dev->data->promiscuous = 1;
	dev->data->all_multicast = 1;
	dev->data->dev_flags |= RTE_ETH_DEV_INTR_LSC | RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
	dev->dev_ops = &virtq_ops;
	virtq_burst_select(dev);
	virtq_device_set_link(port);
	/* devices may connect from here on */
	if (args->iface[0] != '\0')
		ret = virtq_connector_add(port, args->iface, args->client, &virtq_front_vhost);
	else
		ret = virtq_connector_add(port, args->connector, false, &virtq_front_ipc);
	if (ret != 0)
		virtq_port_free(port);
	return ret;
}

static int
probe_secondary(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *dev = rte_eth_dev_attach_secondary(rte_vdev_device_name(vdev));

	if (!dev)
		return -ENODEV;
	dev->device = &vdev->device;
	dev->dev_ops = &virtq_secondary_ops;
	dev->rx_pkt_burst = rte_eth_pkt_burst_dummy;
	dev->tx_pkt_burst = rte_eth_pkt_burst_dummy;
	rte_eth_dev_probing_finish(dev);
	return 0;
}

static int
virtq_probe(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct virtq_args args;
	struct rte_eth_dev *dev;
	int socket, ret;

	if (rte_eal_process_type() == RTE_PROC_SECONDARY)
		return probe_secondary(vdev);
	ret = parse_args(name, rte_vdev_device_args(vdev), &args);
	if (ret != 0)
		return ret;
	if (vdev->device.numa_node == SOCKET_ID_ANY)
		vdev->device.numa_node = (int)rte_socket_id();
	socket = vdev->device.numa_node;
	dev = rte_eth_vdev_allocate(vdev, sizeof(struct virtq_port));
	if (!dev) {
		VIRTQ_LOG(ERR, "%s: out of memory or of ports", name);
		return -ENOMEM;
	}
	ret = port_init(dev, &args, socket);
	if (ret != 0) {
		rte_eth_dev_release_port(dev);
		return ret;
	}
	rte_eth_dev_probing_finish(dev);
	return 0;
}

static int
virtq_remove(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));
	int ret;

	if (!dev)
		return 0;
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return rte_eth_dev_release_port(dev);
	/* rte_eth_dev_close() refuses a started port, and rte_dev_remove() and
	 * rte_eal_cleanup() do not stop it */
	ret = rte_eth_dev_stop(dev->data->port_id);
	return ret != 0 ? ret : rte_eth_dev_close(dev->data->port_id);
}

static struct rte_vdev_driver virtq_driver = {
	.probe = virtq_probe,
	.remove = virtq_remove,
};

RTE_PMD_REGISTER_VDEV(net_virtq, virtq_driver);
RTE_PMD_REGISTER_ALIAS(net_virtq, eth_virtq);
RTE_PMD_REGISTER_PARAM_STRING(net_virtq, "mac=<mac> "
					 "lcore_id=<lcore> "
					 "connector=<path> "
					 "nid=<number> "
					 "queues=<1-128> "
					 "uid=<number> "
					 "rxfilter=<0|1> "
					 "mem_limit=<MiB> "
					 "iface=<path> "
					 "client=<0|1> "
					 "iommu-support=<0> "
					 "postcopy-support=<0> "
					 "tso=<0> "
					 "ext-buffer=<0> "
					 "linear-buffer=<0|1> "
					 "legacy-ol-flags=<0|1>");
