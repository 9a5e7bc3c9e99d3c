/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_device.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "guest_log.h"
#include "virtq_front.h"
#include "virtq_limits.h"
#include "virtq_map.h"
#include "virtq_rarp.h"
#include "vring_call.h"
#include "vring_recover.h"

/* Features that the front end implements: they do not change the rings. */
#define NET_FEATURES                                                                      \
	(RTE_BIT64(VIRTIO_NET_F_MTU) | RTE_BIT64(VIRTIO_NET_F_MAC) |                      \
	 RTE_BIT64(VIRTIO_NET_F_STATUS) | RTE_BIT64(VIRTIO_NET_F_CTRL_VQ) |               \
	 RTE_BIT64(VIRTIO_NET_F_CTRL_RX) | RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN) |            \
	 RTE_BIT64(VIRTIO_NET_F_CTRL_RX_EXTRA) | RTE_BIT64(VIRTIO_NET_F_GUEST_ANNOUNCE) | \
	 RTE_BIT64(VIRTIO_NET_F_MQ) | RTE_BIT64(VIRTIO_NET_F_CTRL_MAC_ADDR) |             \
	 RTE_BIT64(VIRTIO_F_BAD_FEATURE) | RTE_BIT64(VIRTIO_NET_F_SPEED_DUPLEX))

uint64_t
virtq_device_features(void)
{
	return vring_features() | NET_FEATURES;
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void
virtq_device_quiesce(struct virtq_port *port)
{
	virtq_map_clear(port);
}

/* Frees the vrings of virtqueues [first, end), which no burst uses any more; their
 * positions are then in their descriptions. */
static void
rings_free(struct virtq_port *port, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++) {
		struct virtq_vq *vq = &port->vq[i];

		if (!vq->vring)
			continue;
		vq->ring.avail = vq->ring.used = vring_position(vq->vring);
		vq->ring.at_used_idx = vq->ring.recover = false;
		vring_call_put(vq->vring->call);
		free(vq->vring);
		vq->vring = NULL;
	}
}

void
virtq_device_close_fds(struct virtq_port *port)
{
	for (uint32_t i = 0; port->vq && i < VIRTQ_MAX_VQS; i++) {
		close_fd(&port->vq[i].ring.kick_fd);
		close_fd(&port->vq[i].ring.call_fd);
	}
}

static struct vring_config
ring_config(const struct virtq_port *port, const struct virtq_ring *ring)
{
	return (struct vring_config){
		.addr = ring->addr,
		.space = ring->space,
		.size = ring->size,
		.features = port->features,
		.avail = ring->avail,
		.used = ring->used,
		.at_used_idx = ring->at_used_idx,
		.mem = port->mem,
		.state = ring->state,
		.call_fd = ring->call_fd,
		.log = port->dirty_log,
	};
}

/* Makes the vring.  Returns 0, or -errno with a clause in err. */
static int
ring_make(const struct virtq_port *port, struct virtq_vq *vq, char *err, size_t err_size)
{
	struct vring_config cfg = ring_config(port, &vq->ring);
	struct vring *vring = aligned_alloc(_Alignof(struct vring), sizeof(*vring));

	cfg.call = vring_call_get(port->rxq->wake_fd);
	if (!vring || !cfg.call) {
		snprintf(err, err_size, "out of memory");
	} else if ((!vq->ring.recover || vring_recover(&cfg, err, err_size) == 0) &&
		   vring_init(vring, &cfg, err, err_size) == 0) {
		/* a broken ring stays broken until the guest resets the device */
		vring->fault = vq->fault;
		vq->vring = vring;
		vq->fresh = true;
		return 0;
	}
	vring_call_put(cfg.call);
	free(vring);
	return vring && cfg.call ? -EINVAL : -ENOMEM;
}

/* Makes the vrings of enabled rings that have none; no burst uses them yet. */
static int
rings_make(struct virtq_port *port, char *err, size_t err_size)
{
	for (uint32_t i = 0; i < port->num_vqs; i++) {
		struct virtq_vq *vq = &port->vq[i];
		char why[160];
		int ret;

		if (!vq->ring.enabled || vq->vring)
			continue;
		ret = ring_make(port, vq, why, sizeof(why));
		if (ret != 0) {
			snprintf(err, err_size, "queue %u: %s", i, why);
			return ret;
		}
	}
	return 0;
}

/* What the peer shares and has lost; NULL: nothing. */
static const char *
memory_lost(const struct virtq_port *port)
{
	if (guest_mem_lost(port->mem))
		return VIRTQ_MEMORY_LOST;
	return port->dirty_log && guest_log_lost(port->dirty_log) ? VIRTQ_LOG_LOST : NULL;
}

/* Whether rings may be handed to the data threads. */
static bool
may_publish(const struct virtq_port *port)
{
	return !port->peer->ops->is_dead(port->peer) && !memory_lost(port);
}

/* Hands the vrings to the data threads, and interrupts the guest once for each: the
 * previous owner may have died after it returned used buffers and before the interrupt. */
static void
rings_publish(struct virtq_port *port)
{
	if (!may_publish(port))
		return;
	virtq_map_update(port);
	for (uint32_t i = 0; i < port->num_vqs; i++) {
		struct virtq_vq *vq = &port->vq[i];

		if (!virtq_vq_in_use(vq) || !vq->fresh)
			continue;
		vq->fresh = false;
		if (vq->ring.call_fd >= 0)
			vring_call_send_here(port->call, vq->ring.call_fd);
	}
}

int
virtq_device_start_rings(struct virtq_port *port, char *err, size_t err_size)
{
	int ret = rings_make(port, err, err_size);

	if (ret == 0)
		rings_publish(port);
	return ret;
}

void
virtq_device_stop_rings(struct virtq_port *port, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++)
		port->vq[i].ring.enabled = false;
	/* a peer that was told so has all its rings back */
	if (port->peer->ops->is_dead(port->peer)) {
		virtq_device_quiesce(port);
		virtq_map_find_events(port);
	} else {
		virtq_map_update(port);
	}
	port->peer->ops->check(port->peer); /* faults of the last bursts */
	rings_free(port, first, end);
}

void
virtq_device_configure(struct virtq_port *port, uint32_t num_rxq, uint32_t num_txq)
{
	if (num_rxq == port->num_rxq && num_txq == port->num_txq)
		return;
	virtq_map_clear(port);
	port->num_rxq = num_rxq;
	port->num_txq = num_txq;
	if (port->running && !port->peer->ops->is_dead(port->peer))
		virtq_map_update(port);
}

/* The burst in progress goes on with zeros; no other one begins, and the control thread
 * finds the loss at once. */
void
virtq_device_memory_lost(void *arg)
{
	struct virtq_port *port = arg;

	virtq_map_cut(port);
	(void)eventfd_write(port->rxq->wake_fd, 1);
}

int
virtq_device_set_mem(struct virtq_port *port, struct guest_mem *mem, char *err, size_t err_size)
{
	struct guest_mem *old = port->mem;

	if (port->running) {
		virtq_device_quiesce(port);
		port->peer->ops->check(port->peer); /* faults of the last bursts */
		rings_free(port, 0, VIRTQ_MAX_VQS);
	}
	guest_mem_on_loss(mem, virtq_device_memory_lost, port);
	port->mem = mem;
	guest_mem_free(old);
	return port->running ? virtq_device_start_rings(port, err, err_size) : 0;
}

void
virtq_device_set_log(struct virtq_port *port, struct guest_log *log)
{
	struct guest_log *old = port->dirty_log;

	if (log)
		guest_log_on_loss(log, virtq_device_memory_lost, port);
	port->dirty_log = log;
	if (port->running && may_publish(port)) {
		virtq_map_set_log(port, log);
	} else {
		virtq_device_quiesce(port);
		for (uint32_t i = 0; i < VIRTQ_MAX_VQS; i++)
			if (port->vq[i].vring)
				port->vq[i].vring->log = log;
	}
	guest_log_free(old);
}

void
virtq_device_set_link(struct virtq_port *port)
{
	const struct rte_eth_link link = {
		.link_speed = RTE_ETH_SPEED_NUM_10G,
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_autoneg = RTE_ETH_LINK_FIXED,
		.link_status = port->started && port->running ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN,
	};

	rte_eth_linkstatus_set(&rte_eth_devices[port->port_id], &link);
}

static void
set_running(struct virtq_port *port, bool running)
{
	port->running = running;
	port->lsc_pending = true;
	virtq_device_set_link(port);
}

int
virtq_device_start(struct virtq_port *port, uint64_t features, uint32_t num_vqs, char *err,
		   size_t err_size)
{
	int ret;

	port->features = features;
	port->num_vqs = num_vqs;
	for (uint32_t i = 0; i < num_vqs; i++)
		port->vq[i].fault = VRING_OK;
	ret = virtq_device_start_rings(port, err, err_size);
	if (ret != 0) {
		rings_free(port, 0, VIRTQ_MAX_VQS);
		virtq_device_close_fds(port);
		return ret;
	}
	port->count.starts++;
	set_running(port, true);
	VIRTQ_PORT_LOG(INFO, port,
		       "the guest's driver is ready, features 0x%" PRIx64 ", ring size %u",
		       features, port->vq[0].ring.size);
	return 0;
}

void
virtq_device_stop(struct virtq_port *port)
{
	if (!port->running)
		return;
	virtq_device_stop_rings(port, 0, VIRTQ_MAX_VQS);
	set_running(port, false);
	VIRTQ_PORT_LOG(INFO, port, "the guest's driver has stopped");
}

/* The rings of a peer: most of a port's memory, which one without a peer does not have. */
static struct virtq_vq *
vqs_new(int socket)
{
	struct virtq_vq *vq = rte_zmalloc_socket("virtq vqs", VIRTQ_MAX_VQS * sizeof(*vq),
						 RTE_CACHE_LINE_SIZE, socket);

	for (uint32_t i = 0; vq && i < VIRTQ_MAX_VQS; i++) {
		vq[i].index = (uint16_t)i;
		vq[i].ring.kick_fd = -1;
		vq[i].ring.call_fd = -1;
		rte_spinlock_init(&vq[i].lock);
	}
	return vq;
}

int
virtq_device_attach(struct virtq_port *port, struct virtq_peer *peer)
{
	port->vq = vqs_new(rte_eth_devices[port->port_id].data->numa_node);
	if (!port->vq)
		return -ENOMEM;
	port->peer = peer;
	peer->port = port;
	port->count.connects++;
	return 0;
}

void
virtq_device_detach(struct virtq_port *port)
{
	if (port->running)
		port->count.lost++;
	virtq_device_stop(port);
	guest_log_free(port->dirty_log);
	port->dirty_log = NULL;
	virtq_device_close_fds(port);
	rte_free(port->vq); /* with all that this peer said of its rings */
	port->vq = NULL;
	guest_mem_free(port->mem);
	port->mem = NULL;
	port->peer = NULL;
}

/* The application's queue that serves the ring; NULL: it has configured none. */
static struct virtq_queue *
server_of(struct virtq_port *port, const struct virtq_vq *vq)
{
	uint32_t pair = vq->index / 2;

	if (vq->index % 2 != 0)
		return port->num_rxq > 0 ? &port->rxq[pair % port->num_rxq] : NULL;
	return port->num_txq > 0 ? &port->txq[pair % port->num_txq] : NULL;
}

static void
report_fault(struct virtq_port *port, struct virtq_vq *vq)
{
	const char *text = vring_fault_text(vq->vring->fault);
	struct virtq_queue *q = server_of(port, vq);

	vq->fault = vq->vring->fault;
	if (q)
		q->broken++;
	port->count.broken_rings++;
	VIRTQ_PORT_LOG(ERR, port,
		       "queue %u is broken by the guest: %s; it is left alone until the guest "
		       "resets the device",
		       vq->index, text);
	port->peer->ops->broken(port->peer, vq->index, text);
}

/* A counter at ULLONG_MAX, which only the kernel can reach, polls as an error and not as
 * writable. */
static bool
call_fd_full(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, 0) >= 0 && !(p.revents & POLLOUT);
}

/* No QEMU fills an eventfd: each of its interrupts adds one. */
static bool
any_call_fd_full(const struct virtq_port *port)
{
	for (uint32_t i = 0; i < port->num_vqs; i++)
		if (port->vq[i].ring.call_fd >= 0 && call_fd_full(port->vq[i].ring.call_fd))
			return true;
	return false;
}

void
virtq_device_check(struct virtq_port *port)
{
	struct virtq_peer *peer = port->peer;
	const char *lost;

	if (!port->running || peer->ops->is_dead(peer))
		return;
	for (uint32_t i = 0; i < port->num_vqs; i++) {
		struct virtq_vq *vq = &port->vq[i];

		if (vq->vring && vq->vring->fault != vq->fault)
			report_fault(port, vq);
		if (vq->vring && vring_call_was_left(vq->vring->call))
			vring_call_send_here(port->call, vq->ring.call_fd);
	}
	virtq_limits_report(port);
	virtq_rarp_check(port);
	lost = memory_lost(port);
	if (lost)
		peer->ops->fail(peer, VIRTQ_MEMORY, lost);
}

void
virtq_device_check_call_fds(struct virtq_port *port)
{
	struct virtq_peer *peer = port->peer;

	if (port->running && !peer->ops->is_dead(peer) && any_call_fd_full(port))
		peer->ops->fail(peer, VIRTQ_MEMORY,
				"the device filled the eventfd by which its guest is interrupted");
}

void
virtq_device_watchdog(struct virtq_port *port)
{
	if (!port->running)
		return;
	for (uint32_t i = 0; i < port->num_vqs; i++) {
		struct virtq_vq *vq = &port->vq[i];

		if (vq->vring && vring_watch_overdue(vq->vring, &vq->watch))
			vring_call_send_here(port->call, vq->ring.call_fd);
	}
}
