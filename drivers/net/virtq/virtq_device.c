/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_device.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "order.h"
#include "virtq_front.h"
#include "vring_call.h"

#define BIT(n) (1ull << (n))

/* Features that the front end implements: they do not change the rings. */
#define NET_FEATURES                                                                           \
	(BIT(VIRTIO_NET_F_MTU) | BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) |            \
	 BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_VLAN) | \
	 BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) |                  \
	 BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | BIT(VIRTIO_F_BAD_FEATURE) |  \
	 BIT(VIRTIO_NET_F_SPEED_DUPLEX))

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

static uint32_t
port_queues(const struct virtq_port *port)
{
	return 2 * port->pairs;
}

/* E: waits for the burst on q to end.  Nothing in a burst waits for a peer. */
static void
queue_wait_idle(const struct virtq_queue *q)
{
	while (!order_is_idle(&q->active))
		sched_yield();
}

/* Takes the views of queues [first, end) away (D, control's side); when it returns, no
 * burst uses one any more (E). */
static void
quiesce(struct virtq_port *port, uint32_t first, uint32_t end)
{
	uint32_t i;

	for (i = first; i < end; i++)
		order_release_ptr(&port->queue[i].view, NULL);
	order_barrier_everywhere(port->queue[0].cheap_barrier);
	for (i = first; i < end; i++)
		queue_wait_idle(&port->queue[i]);
}

void
virtq_device_quiesce(struct virtq_port *port)
{
	quiesce(port, 0, port_queues(port));
}

/* Frees the vrings of queues [first, end), which no burst uses any more; their positions
 * are then in their descriptions. */
static void
rings_free(struct virtq_port *port, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++) {
		struct virtq_queue *q = &port->queue[i];

		if (!q->vring)
			continue;
		q->ring.avail = q->ring.used = vring_position(q->vring);
		q->ring.at_used_idx = false;
		vring_call_put(q->vring->call);
		free(q->vring);
		q->vring = NULL;
	}
}

static void
fds_free(struct virtq_port *port)
{
	for (uint32_t i = 0; i < port_queues(port); i++) {
		close_fd(&port->queue[i].ring.kick_fd);
		close_fd(&port->queue[i].ring.call_fd);
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
	};
}

/* Makes q's vring.  Returns 0, or -errno with a clause in err. */
static int
ring_make(const struct virtq_port *port, struct virtq_queue *q, char *err, size_t err_size)
{
	struct vring_config cfg = ring_config(port, &q->ring);
	struct vring *vring = aligned_alloc(_Alignof(struct vring), sizeof(*vring));

	cfg.call = vring_call_get(q->wake_fd);
	if (!vring || !cfg.call) {
		snprintf(err, err_size, "out of memory");
	} else if (vring_init(vring, &cfg, err, err_size) == 0) {
		/* a broken ring stays broken until the guest resets the device */
		vring->fault = q->fault;
		q->vring = vring;
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
	for (uint32_t i = 0; i < port->num_queues; i++) {
		struct virtq_queue *q = &port->queue[i];
		char why[160];
		int ret;

		if (!q->ring.enabled || q->vring)
			continue;
		ret = ring_make(port, q, why, sizeof(why));
		if (ret != 0) {
			snprintf(err, err_size, "queue %u: %s", i, why);
			return ret;
		}
	}
	return 0;
}

/* Hands the vrings to the data threads, and interrupts the guest once for each: the
 * previous owner may have died after it returned used buffers and before the interrupt. */
static void
rings_publish(struct virtq_port *port)
{
	if (port->peer->ops->is_dead(port->peer) || guest_mem_lost(port->mem))
		return;
	for (uint32_t i = 0; i < port_queues(port); i++) {
		struct virtq_queue *q = &port->queue[i];

		if (!q->vring || q->view)
			continue;
		order_release_ptr(&q->view, q->vring);
		if (q->ring.call_fd >= 0)
			vring_call_send_here(port->call, q->ring.call_fd);
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
	quiesce(port, first, end);
	port->peer->ops->check(port->peer); /* faults of the last bursts */
	rings_free(port, first, end);
	for (uint32_t i = first; i < end; i++)
		port->queue[i].ring.enabled = false;
}

/* The burst in progress goes on with zeros; no other one begins, and the control thread
 * finds the loss at once. */
void
virtq_device_memory_lost(void *arg)
{
	struct virtq_port *port = arg;

	for (uint32_t i = 0; i < port_queues(port); i++)
		order_release_ptr(&port->queue[i].view, NULL);
	(void)eventfd_write(port->queue[0].wake_fd, 1);
}

int
virtq_device_set_mem(struct virtq_port *port, struct guest_mem *mem, char *err, size_t err_size)
{
	struct guest_mem *old = port->mem;

	if (port->running) {
		virtq_device_quiesce(port);
		port->peer->ops->check(port->peer); /* faults of the last bursts */
		rings_free(port, 0, port_queues(port));
	}
	guest_mem_on_loss(mem, virtq_device_memory_lost, port);
	port->mem = mem;
	guest_mem_free(old);
	return port->running ? virtq_device_start_rings(port, err, err_size) : 0;
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
virtq_device_start(struct virtq_port *port, uint64_t features, uint32_t num_queues, char *err,
		   size_t err_size)
{
	int ret;

	port->features = features;
	port->num_queues = num_queues;
	for (uint32_t i = 0; i < num_queues; i++)
		port->queue[i].fault = VRING_OK;
	ret = virtq_device_start_rings(port, err, err_size);
	if (ret != 0) {
		rings_free(port, 0, port_queues(port));
		fds_free(port);
		return ret;
	}
	port->count.starts++;
	set_running(port, true);
	VIRTQ_PORT_LOG(INFO, port,
		       "the guest's driver is ready, features 0x%" PRIx64 ", ring size %u",
		       features, port->queue[0].ring.size);
	return 0;
}

void
virtq_device_stop(struct virtq_port *port)
{
	if (!port->running)
		return;
	virtq_device_stop_rings(port, 0, port_queues(port));
	fds_free(port);
	set_running(port, false);
	VIRTQ_PORT_LOG(INFO, port, "the guest's driver has stopped");
}

void
virtq_device_detach(struct virtq_port *port)
{
	if (port->running)
		port->count.lost++;
	virtq_device_stop(port);
	guest_mem_free(port->mem);
	port->mem = NULL;
	port->peer = NULL;
}

static void
report_fault(struct virtq_port *port, struct virtq_queue *q)
{
	const char *text = vring_fault_text(q->vring->fault);

	q->fault = q->vring->fault;
	q->broken++;
	port->count.broken_rings++;
	VIRTQ_PORT_LOG(ERR, port,
		       "queue %u is broken by the guest: %s; it is left alone until the guest "
		       "resets the device",
		       q->index, text);
	port->peer->ops->broken(port->peer, q->index, text);
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
	for (uint32_t i = 0; i < port_queues(port); i++)
		if (port->queue[i].ring.call_fd >= 0 && call_fd_full(port->queue[i].ring.call_fd))
			return true;
	return false;
}

void
virtq_device_check(struct virtq_port *port)
{
	struct virtq_peer *peer = port->peer;

	if (!port->running || peer->ops->is_dead(peer))
		return;
	for (uint32_t i = 0; i < port_queues(port); i++) {
		struct virtq_queue *q = &port->queue[i];

		if (q->vring && q->vring->fault != q->fault)
			report_fault(port, q);
		if (q->vring && vring_call_was_left(q->vring->call))
			vring_call_send_here(port->call, q->ring.call_fd);
	}
	if (guest_mem_lost(port->mem))
		peer->ops->fail(peer, VIRTQ_MEMORY, VIRTQ_MEMORY_LOST);
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
	for (uint32_t i = 0; i < port_queues(port); i++) {
		struct virtq_queue *q = &port->queue[i];

		if (q->vring && vring_watch_overdue(q->vring, &q->watch))
			vring_call_send_here(port->call, q->ring.call_fd);
	}
}
