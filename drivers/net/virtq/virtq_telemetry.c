/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * virtq_telemetry.c - /virtq/list, /virtq/port and /virtq/queue on DPDK's telemetry socket.
 * Telemetry's thread.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_telemetry.h>
#include <rte_uuid.h>

#include "compat.h"
#include "order.h"
#include "rte_eth_virtq.h"
#include "virtq_control.h"
#include "virtq_ethdev.h"
#include "virtq_stats.h"
#include "vring.h"

/* "N" or "N,M", count of them, into values; false if params is anything else. */
static bool
parse(const char *params, uint32_t *values, uint32_t count)
{
	const char *at = params;

	for (uint32_t i = 0; i < count; i++) {
		unsigned long value;
		char *end;

		if (at == NULL || *at < '0' || *at > '9')
			return false;
		value = strtoul(at, &end, 10);
		if (value > UINT16_MAX || *end != (i + 1 < count ? ',' : '\0'))
			return false;
		values[i] = (uint32_t)value;
		at = end + 1;
	}
	return true;
}

static void
add_hex(struct rte_tel_data *d, const char *name, uint64_t value)
{
	char text[19];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	rte_tel_data_add_dict_string(d, name, text);
}

static void
add_bool(struct rte_tel_data *d, const char *name, bool value)
{
	rte_tel_data_add_dict_string(d, name, value ? "yes" : "no");
}

static void
add_mac(struct rte_tel_data *d, const char *name, const uint8_t *mac)
{
	char text[RTE_ETHER_ADDR_FMT_SIZE];

	rte_ether_format_addr(text, sizeof(text), (const struct rte_ether_addr *)mac);
	rte_tel_data_add_dict_string(d, name, text);
}

static void
add_uuid(struct rte_tel_data *d, const char *name, const uint8_t *uuid)
{
	char text[RTE_UUID_STRLEN];

	rte_uuid_unparse(uuid, text, sizeof(text));
	rte_tel_data_add_dict_string(d, name, text);
}

static int
list(const char *cmd, const char *params, struct rte_tel_data *d)
{
	uint16_t id;

	RTE_SET_USED(cmd);
	RTE_SET_USED(params);
	rte_tel_data_start_array(d, RTE_TEL_INT_VAL);
	RTE_ETH_FOREACH_DEV (id)
		if (virtq_port_by_id(id))
			rte_tel_data_add_array_int(d, id);
	return 0;
}

/* Events since the port was made, by the names of its xstats; no reset changes them. */
static void
add_counts(struct rte_tel_data *d, const struct virtq_port_counts *c)
{
	for (size_t i = 0; i < virtq_num_port_xstats; i++)
		virtq_tel_add_uint(d, virtq_port_xstats[i].name,
				   virtq_xstat_of(&virtq_port_xstats[i], c));
}

static void
add_peer(struct rte_tel_data *d, const struct rte_eth_virtq_info *info)
{
	virtq_tel_add_uint(d, "pid", info->pid);
	rte_tel_data_add_dict_string(d, "device", info->device);
	rte_tel_data_add_dict_string(d, "vm_name", info->vm_name);
	add_uuid(d, "vm_uuid", info->vm_uuid);
	virtq_tel_add_uint(d, "guest_mtu", info->guest_mtu);
}

/* /virtq/port,N: what rte_eth_virtq_info_get() says, and events. */
static int
port(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct rte_eth_virtq_info info;
	struct virtq_port_counts count;
	struct virtq_port *p;
	uint32_t id;

	RTE_SET_USED(cmd);
	if (!parse(params, &id, 1))
		return -EINVAL;
	p = virtq_port_by_id((uint16_t)id);
	if (!p || rte_eth_virtq_info_get((uint16_t)id, &info) != 0)
		return -ENODEV;
	virtq_control_lock(p->control);
	count = p->count;
	virtq_control_unlock(p->control);
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "name", p->name);
	rte_tel_data_add_dict_string(d, "front", info.front);
	rte_tel_data_add_dict_string(d, "socket", info.connector);
	add_bool(d, "client", info.client);
	virtq_tel_add_uint(d, "nid", info.nid);
	virtq_tel_add_uint(d, "max_queues", info.max_queues);
	add_bool(d, "connected", info.connected);
	if (info.connected)
		add_peer(d, &info);
	add_bool(d, "running", info.running);
	if (info.running) {
		add_hex(d, "features", info.features);
		virtq_tel_add_uint(d, "pairs", info.pairs);
		add_mac(d, "guest_mac", info.guest_mac);
		add_hex(d, "rx_mode", info.rx_mode);
	}
	add_counts(d, &count);
	return 0;
}

/* With the lock held.  The data thread writes the positions meanwhile: each is one that the
 * ring had a moment ago. */
static void
add_ring(struct rte_tel_data *d, const struct virtq_vq *vq)
{
	const struct vring *vr = vq->vring;

	virtq_tel_add_uint(d, "size", vq->ring.size);
	add_bool(d, "enabled", vq->ring.enabled);
	virtq_tel_add_uint(d, "senders", vq->senders);
	add_bool(d, "served", vr != NULL);
	rte_tel_data_add_dict_string(d, "fault", vq->fault ? vring_fault_text(vq->fault) : "");
	if (!vr)
		return;
	add_bool(d, "packed", vr->packed);
	virtq_tel_add_uint(d, "next_avail", order_read16(&vr->last_avail));
	virtq_tel_add_uint(d, "next_used", order_read16(&vr->last_used));
	add_bool(d, "logged", order_acquire_ptr(&vr->log) != NULL);
}

/* /virtq/queue,N,M: the guest's virtqueue of index M (virtio 5.1.2). */
static int
queue(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct virtq_port *p;
	uint32_t v[2];
	int ret = 0;

	RTE_SET_USED(cmd);
	if (!parse(params, v, RTE_DIM(v)))
		return -EINVAL;
	p = virtq_port_by_id((uint16_t)v[0]);
	if (!p)
		return -ENODEV;
	virtq_control_lock(p->control);
	if (!p->running || v[1] >= p->num_vqs) {
		ret = -ENOENT;
	} else {
		rte_tel_data_start_dict(d);
		rte_tel_data_add_dict_string(d, "direction",
					     v[1] % 2 == 0 ? "to guest" : "from guest");
		add_ring(d, &p->vq[v[1]]);
	}
	virtq_control_unlock(p->control);
	return ret;
}

RTE_INIT(virtq_telemetry)
{
	rte_telemetry_register_cmd("/virtq/list", list, "Ports of eth_virtq. Takes no parameters");
	rte_telemetry_register_cmd("/virtq/port", port,
				   "A port: socket, peer, guest, events. Parameters: int port_id");
	rte_telemetry_register_cmd("/virtq/queue", queue,
				   "A virtqueue of a port's guest: size, positions, fault. "
				   "Parameters: int port_id, int virtqueue");
}
