/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * virtq_front_vhost.c - the front of vhost-user front ends: stock QEMU, net_virtio_user and
 * others.  Their messages set up one ring after the other; what is ready is folded into
 * virtq_device.h's calls when all messages that arrived are handled (vhost_rings_update()).
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest_log.h"
#include "ipc_budget.h"
#include "ipc_fd.h"
#include "rte_eth_virtq.h"
#include "vhost_inflight.h"
#include "virtio_abi.h"
#include "virtq_connector.h"
#include "virtq_device.h"
#include "virtq_front.h"
#include "virtq_rarp.h"
#include "virtq_vhost.h"
#include "vring_call.h"

/* Messages of the front end, in their usual order (struct vhost_session_ops). */

static uint64_t
on_get_features(void)
{
	return virtq_device_features() | RTE_BIT64(VHOST_F_LOG_ALL);
}

static int
on_set_features(struct vhost_session *s, uint64_t features, bool enable, struct vhost_err *err)
{
	struct vhost_front_peer *v = vhost_of(s);
	uint64_t virtio = features & ~RTE_BIT64(VHOST_F_LOG_ALL);
	bool log_all = features & RTE_BIT64(VHOST_F_LOG_ALL);

	if (v->peer.port->running && virtio != v->features)
		return vhost_err_set(err,
				     "features 0x%" PRIx64 " while rings run with 0x%" PRIx64
				     ": the front end has to stop them first",
				     virtio, v->features);
	v->features = virtio;
	v->has_features = true;
	v->all_enabled = enable;
	v->changed = true;
	if (log_all != v->log_all) {
		vhost_session_charge(s, IPC_COST_RINGS);
		v->log_all = log_all;
		vhost_log_switch(v);
	}
	return 0;
}

static int
on_rarp(struct vhost_session *s, const uint8_t *mac, struct vhost_err *err)
{
	(void)err;
	vhost_session_charge(s, IPC_COST_RINGS);
	virtq_rarp_send(port_of(s), mac);
	return 0;
}

/* A network device as a front end describes it to its guest that has no own description
 * of it (virtio 5.1.4).  The guest's address is not the port's, but made from it. */
static int
on_get_config(struct vhost_session *s, uint32_t offset, uint32_t size, uint8_t *data,
	      struct vhost_err *err)
{
	const struct virtq_port *port = port_of(s);
	struct {
		uint8_t mac[6];
		uint16_t status;
		uint16_t max_pairs;
		uint16_t mtu;
		uint32_t speed;
		uint8_t duplex;
	} __attribute__((packed)) config = {
		.status = 1, /* the link is up */
		.max_pairs = VIRTQ_MAX_PAIRS,
		.mtu = port->mtu,
		.speed = RTE_ETH_SPEED_NUM_10G,
		.duplex = 1,
	};

	(void)err;
	memcpy(config.mac, rte_eth_devices[port->port_id].data->mac_addrs, sizeof(config.mac));
	config.mac[0] = (config.mac[0] ^ 0x40) | 0x02;
	memset(data, 0, size);
	if (offset < sizeof(config))
		memcpy(data, (const uint8_t *)&config + offset,
		       RTE_MIN(size, (uint32_t)sizeof(config) - offset));
	return 0;
}

static int
on_set_mtu(struct vhost_session *s, uint16_t mtu, struct vhost_err *err)
{
	struct virtq_port *port = port_of(s);

	(void)err;
	vhost_of(s)->mtu = mtu;
	if (mtu > port->mtu)
		VIRTQ_PORT_LOG(NOTICE, port,
			       "the guest's MTU is %u, and this port's %u: longer packets are "
			       "dropped unless it is raised (rte_eth_dev_set_mtu())",
			       mtu, port->mtu);
	return 0;
}

static void
on_reset(struct vhost_session *s)
{
	struct vhost_front_peer *v = vhost_of(s);
	struct virtq_port *port = v->peer.port;

	vhost_rings_forget(v);
	for (uint32_t i = 0; i < VIRTQ_MAX_VQS; i++) {
		v->ring[i] = (struct vhost_ring){.err_fd = v->ring[i].err_fd};
		port->vq[i].ring.size = 0;
		port->vq[i].ring.avail = port->vq[i].ring.used = 0;
	}
	v->has_features = false;
	v->log_all = false;
	virtq_device_set_log(port, NULL);
}

static uint8_t
on_set_status(struct vhost_session *s, uint8_t status)
{
	struct vhost_front_peer *v = vhost_of(s);

	if (status == 0)
		vhost_rings_forget(v);
	/* the features were not accepted (virtio 3.1.1) */
	if (!v->has_features)
		status &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
	return status;
}

static void
on_refused(struct vhost_session *s, const char *why)
{
	VIRTQ_PORT_LOG(WARNING, port_of(s), "%s", why);
}

/* The front end takes its rings back as soon as it is told. */
static void
on_failing(struct vhost_session *s)
{
	struct virtq_port *port = port_of(s);

	if (port && port->running)
		virtq_device_quiesce(port);
}

static const struct vhost_session_ops session_ops = {
	.protocol_features =
		RTE_BIT64(VHOST_USER_PROTOCOL_F_MQ) | RTE_BIT64(VHOST_USER_PROTOCOL_F_LOG_SHMFD) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_RARP) | RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_NET_MTU) | RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIG) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) |
		RTE_BIT64(VHOST_USER_PROTOCOL_F_STATUS),
	.max_vrings = VIRTQ_MAX_VQS,
	.max_regions = GUEST_MEM_MAX_REGIONS,
	.get_features = on_get_features,
	.set_features = on_set_features,
	.mem_table = vhost_on_mem_table,
	.mem_add = vhost_on_mem_add,
	.mem_remove = vhost_on_mem_remove,
	.vring_num = vhost_on_vring_num,
	.vring_base = vhost_on_vring_base,
	.vring_addr = vhost_on_vring_addr,
	.vring_kick = vhost_on_vring_kick,
	.vring_call = vhost_on_vring_call,
	.vring_err = vhost_on_vring_err,
	.vring_enable = vhost_on_vring_enable,
	.vring_stop = vhost_on_vring_stop,
	.set_log = vhost_on_set_log,
	.get_inflight = vhost_on_get_inflight,
	.set_inflight = vhost_on_set_inflight,
	.rarp = on_rarp,
	.get_config = on_get_config,
	.set_mtu = on_set_mtu,
	.set_status = on_set_status,
	.reset = on_reset,
	.refused = on_refused,
	.failing = on_failing,
};

/* Ops of the front (struct virtq_front_ops). */

static struct virtq_peer *
front_open(struct virtq_connector *c, int fd)
{
	struct vhost_front_peer *v = calloc(1, sizeof(*v));

	if (!v) {
		close(fd);
		return NULL;
	}
	for (uint32_t i = 0; i < VIRTQ_MAX_VQS; i++)
		v->ring[i].err_fd = -1;
	v->peer = (struct virtq_peer){
		.ops = &virtq_front_vhost,
		.connector = c,
		.fd = fd,
		.deadline_ms = UINT64_MAX, /* the connector names its port */
	};
	v->session = vhost_session_new(fd, &session_ops, v);
	if (!v->session) {
		free(v);
		return NULL;
	}
	return &v->peer;
}

static bool
front_is_dead(const struct virtq_peer *peer)
{
	return vhost_session_is_dead(vhost_front_of(peer)->session);
}

static int
front_input(struct virtq_peer *peer)
{
	struct vhost_front_peer *v = vhost_front_of(peer);
	char why[160];
	int ret = vhost_session_input(v->session);

	if (ret == 0 && v->changed && vhost_rings_update(v, why, sizeof(why)) != 0) {
		vhost_session_fail(v->session, why);
		ret = -1;
	}
	peer->cost = vhost_session_take_cost(v->session);
	return ret;
}

static void
front_fail(struct virtq_peer *peer, enum virtq_reason reason, const char *text)
{
	vhost_front_of(peer)->gone |= reason == VIRTQ_GONE;
	vhost_session_fail(vhost_front_of(peer)->session, text);
}

static void
front_detach(struct virtq_peer *peer)
{
	if (!peer->port)
		return;
	virtq_device_detach(peer->port);
	vhost_inflight_free(vhost_front_of(peer)->inflight);
	vhost_front_of(peer)->inflight = NULL;
	peer->port = NULL;
}

static void
front_close(struct virtq_peer *peer)
{
	front_detach(peer);
	for (uint32_t i = 0; i < VIRTQ_MAX_VQS; i++)
		ipc_fds_close(&vhost_front_of(peer)->ring[i].err_fd, 1);
	guest_log_free(vhost_front_of(peer)->log);
	vhost_session_free(vhost_front_of(peer)->session);
	free(vhost_front_of(peer));
}

static const char *
front_why(const struct virtq_peer *peer, bool *failed)
{
	const char *why = vhost_session_why(vhost_front_of(peer)->session, failed);

	*failed = *failed && !vhost_front_of(peer)->gone;
	return why;
}

static void
front_check(struct virtq_peer *peer)
{
	const struct vhost_front_peer *v = vhost_front_of(peer);

	virtq_device_check(peer->port);
	if (peer->port->running && v->inflight && vhost_inflight_lost(v->inflight))
		front_fail(peer, VIRTQ_MEMORY, "the inflight area's file was truncated");
}

/* The protocol has no message for the link. */
static int
front_link(struct virtq_peer *peer)
{
	(void)peer;
	return 0;
}

static int
front_announce(struct virtq_peer *peer)
{
	(void)peer;
	return -ENOTSUP;
}

static void
front_broken(struct virtq_peer *peer, uint16_t queue, const char *text)
{
	int err_fd = vhost_front_of(peer)->ring[queue].err_fd;

	(void)text;
	if (err_fd >= 0)
		vring_call_send_here(peer->port->call, err_fd);
}

static void
front_info(const struct virtq_peer *peer, struct rte_eth_virtq_info *info)
{
	const struct vhost_front_peer *v = vhost_front_of(peer);

	info->pid = (uint32_t)peer->pid;
	info->guest_mtu = v->mtu;
}

const struct virtq_front_ops virtq_front_vhost = {
	.name = "vhost-user",
	.peer_is = "front end",
	.sock_type = SOCK_STREAM,
	.one_port = true,
	.open = front_open,
	.input = front_input,
	.is_dead = front_is_dead,
	.fail = front_fail,
	.detach = front_detach,
	.close = front_close,
	.why = front_why,
	.check = front_check,
	.link = front_link,
	.announce = front_announce,
	.broken = front_broken,
	.info = front_info,
};
