/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * virtq_vhost_rings.c - the rings of a vhost-user front end: its messages set up one after
 * the other, and what is ready starts when all that arrived are handled.
 */

#include "virtq_vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ipc_budget.h"
#include "ipc_fd.h"
#include "vhost_inflight.h"
#include "virtio_abi.h"
#include "virtq_device.h"
#include "vring_call.h"

static bool
ring_is_set_up(const struct vhost_front_peer *v, uint32_t i)
{
	return v->has_features && v->ring[i].has_addr && v->ring[i].kicked &&
	       v->peer.port->vq[i].ring.size > 0;
}

/* Whether the ring may run, as far as its setup goes. */
static bool
ring_is_ready(const struct vhost_front_peer *v, uint32_t i)
{
	return ring_is_set_up(v, i) && v->peer.port->mem;
}

static bool
ring_is_used(const struct vhost_front_peer *v, uint32_t i)
{
	return ring_is_ready(v, i) && (v->all_enabled || v->ring[i].enabled);
}

uint32_t
vhost_rings_running(const struct virtq_port *port)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < VIRTQ_MAX_VQS; i++)
		n += port->vq[i].ring.enabled;
	return n;
}

/* What it costs to stop or start rings of the port, of which some are made. */
uint32_t
vhost_rings_cost(const struct virtq_port *port, uint32_t made)
{
	return IPC_COST_RINGS + vhost_rings_running(port) / IPC_RINGS_SEEN + made / IPC_RINGS_MADE;
}

/* The ring stops, if it runs; its position stays. */
static void
ring_stop(struct vhost_front_peer *v, uint32_t i)
{
	struct virtq_port *port = v->peer.port;

	v->changed = true;
	if (!port->vq[i].ring.enabled)
		return;
	vhost_session_charge(v->session, vhost_rings_cost(port, 0));
	virtq_device_stop_rings(port, i, i + 1);
}

/* What was said about the ring is forgotten, its position excepted. */
static void
ring_forget(struct vhost_front_peer *v, uint32_t i)
{
	struct virtq_vq *vq = &v->peer.port->vq[i];

	ring_stop(v, i);
	v->ring[i].kicked = false;
	vq->fault = VRING_OK;
	vq->ring.recover = false;
	if (v->inflight)
		vhost_inflight_forget(v->inflight, i);
	ipc_fds_close(&vq->ring.kick_fd, 1);
	ipc_fds_close(&vq->ring.call_fd, 1);
}

static uint32_t
pairs_in_use(const struct virtq_port *port)
{
	uint32_t pairs = 0;

	for (uint32_t i = 0; i < VIRTQ_MAX_VQS; i += 2)
		pairs += port->vq[i].ring.enabled || port->vq[i + 1].ring.enabled;
	return pairs;
}

/* The words of a ring that starts, from which it recovers if a process that is gone had it. */
static void
ring_state_set(struct vhost_front_peer *v, uint32_t i)
{
	struct virtq_ring *ring = &v->peer.port->vq[i].ring;

	ring->state = v->inflight ? vhost_inflight_ring(v->inflight, i) : ring_state_none;
	ring->recover = ring->state.pos != NULL;
}

/* QEMU says nothing where no memory can be shared, if it may add regions one by one. */
static void
warn_without_memory(struct vhost_front_peer *v)
{
	bool set_up = false;

	for (uint32_t i = 0; i < VIRTQ_MAX_VQS && !set_up; i++)
		set_up = ring_is_set_up(v, i);
	if (!set_up || v->warned)
		return;
	v->warned = true;
	VIRTQ_PORT_LOG(WARNING, v->peer.port,
		       "the front end set up its rings and shares no memory: give QEMU "
		       "-object memory-backend-memfd,id=mem,size=...,share=on "
		       "-machine memory-backend=mem");
}

/* Starts what is ready, all at once.  Returns 0, or -1 with one sentence in err. */
int
vhost_rings_update(struct vhost_front_peer *v, char *err, size_t err_size)
{
	struct virtq_port *port = v->peer.port;
	uint32_t end = 0, start = 0;
	bool ready = false;

	v->changed = false;
	for (uint32_t i = 0; i < VIRTQ_MAX_VQS; i++) {
		struct virtq_ring *ring = &port->vq[i].ring;

		ready |= ring_is_ready(v, i);
		if (!ring_is_used(v, i) || (!ring->enabled && v->log_all && !port->dirty_log))
			continue;
		start += !ring->enabled;
		if (!ring->enabled)
			ring_state_set(v, i);
		ring->enabled = true;
		end = i + 1;
	}
	port->pairs_in_use = pairs_in_use(port);
	if (!port->mem)
		warn_without_memory(v);
	if (!ready)
		virtq_device_stop(port);
	if (start == 0)
		return 0;
	vhost_session_charge(v->session, vhost_rings_cost(port, start));
	if (!port->running)
		return virtq_device_start(port, v->features, end, err, err_size);
	port->num_vqs = RTE_MAX(port->num_vqs, end);
	return virtq_device_start_rings(port, err, err_size);
}

/* A ring that is set up anew starts with its next kick eventfd. */
static struct virtq_ring *
ring_setup(struct vhost_session *s, uint32_t i)
{
	struct vhost_front_peer *v = vhost_of(s);

	if (v->peer.port->vq[i].ring.enabled) {
		ring_stop(v, i);
		v->ring[i].kicked = false;
	}
	return &v->peer.port->vq[i].ring;
}

int
vhost_on_vring_num(struct vhost_session *s, uint32_t index, uint32_t num, struct vhost_err *err)
{
	(void)err;
	ring_setup(s, index)->size = num;
	return 0;
}

/*
 * A split ring begins at its used index, whatever the front end says: all before it was
 * returned, in order, and nothing after it.  The position of a packed ring is that of the
 * used index, because the previous owner may have died before it returned what it took;
 * some front ends leave its half out.
 */
int
vhost_on_vring_base(struct vhost_session *s, uint32_t index, uint32_t base, struct vhost_err *err)
{
	const uint16_t avail = (uint16_t)base, used = (uint16_t)(base >> 16);
	struct virtq_ring *ring = ring_setup(s, index);
	bool packed = vhost_of(s)->features & RTE_BIT64(VIRTIO_F_RING_PACKED);

	(void)err;
	ring->at_used_idx = !packed;
	ring->avail = ring->used = packed && used != 0 ? used : avail;
	return 0;
}

int
vhost_on_vring_addr(struct vhost_session *s, const struct vhost_user_vring_addr *addr,
		    struct vhost_err *err)
{
	const struct vring_addr new = {addr->desc, addr->avail, addr->used};
	struct vhost_front_peer *v = vhost_of(s);
	struct virtq_ring *ring = &v->peer.port->vq[addr->index].ring;

	(void)err;
	/* sent to a running ring to switch its log on or off */
	if (!v->ring[addr->index].has_addr || memcmp(&new, &ring->addr, sizeof(new)) != 0)
		ring = ring_setup(s, addr->index);
	ring->addr = new;
	ring->space = GUEST_USER;
	v->ring[addr->index].has_addr = true;
	v->changed = true;
	return 0;
}

/* This driver polls, and needs no kick; but the eventfd says that the ring is set up. */
int
vhost_on_vring_kick(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err)
{
	struct vhost_front_peer *v = vhost_of(s);
	struct virtq_ring *ring = &v->peer.port->vq[index].ring;

	(void)err;
	ipc_fds_close(&ring->kick_fd, 1);
	ring->kick_fd = *fd;
	*fd = -1;
	v->ring[index].kicked = true;
	v->changed = true;
	return 0;
}

/* Data threads use the number of the eventfd: it stays, and means another file. */
int
vhost_on_vring_call(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err)
{
	struct vhost_front_peer *v = vhost_of(s);
	struct virtq_ring *ring = &v->peer.port->vq[index].ring;

	if (*fd >= 0 && ring->call_fd >= 0) {
		if (dup3(*fd, ring->call_fd, O_CLOEXEC) < 0)
			return vhost_err_set(err, "no file descriptor: %s", strerror(errno));
		/* a call to the old one may have come too late for the guest */
		if (v->peer.port->vq[index].vring)
			vring_call_send_here(v->peer.port->call, ring->call_fd);
		return 0;
	}
	ring_stop(v, index);
	ipc_fds_close(&ring->call_fd, 1);
	ring->call_fd = *fd;
	*fd = -1;
	return 0;
}

int
vhost_on_vring_err(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err)
{
	int *err_fd = &vhost_of(s)->ring[index].err_fd;

	(void)err;
	ipc_fds_close(err_fd, 1);
	*err_fd = *fd;
	*fd = -1;
	return 0;
}

int
vhost_on_vring_enable(struct vhost_session *s, uint32_t index, bool enable, struct vhost_err *err)
{
	struct vhost_front_peer *v = vhost_of(s);

	(void)err;
	v->ring[index].enabled = enable;
	v->changed = true;
	if (!enable)
		ring_stop(v, index);
	return 0;
}

int
vhost_on_vring_stop(struct vhost_session *s, uint32_t index, uint32_t *base, struct vhost_err *err)
{
	struct vhost_front_peer *v = vhost_of(s);
	const struct virtq_ring *ring = &v->peer.port->vq[index].ring;

	(void)err;
	ring_forget(v, index);
	*base = ring->avail;
	if (v->features & RTE_BIT64(VIRTIO_F_RING_PACKED))
		*base |= (uint32_t)ring->used << 16;
	return 0;
}

/* All rings stop, at once. */
void
vhost_rings_forget(struct vhost_front_peer *v)
{
	struct virtq_port *port = v->peer.port;

	if (port->running)
		vhost_session_charge(v->session, IPC_COST_RINGS);
	virtq_device_stop(port);
	for (uint32_t i = 0; i < VIRTQ_MAX_VQS; i++)
		ring_forget(v, i);
}
