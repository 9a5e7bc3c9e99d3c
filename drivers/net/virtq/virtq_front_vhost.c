/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * virtq_front_vhost.c - the front of vhost-user front ends: stock QEMU, net_virtio_user and
 * others.  Their messages set up one ring after the other; what is ready is folded into
 * virtq_device.h's calls when all messages that arrived are handled (rings_update()).
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest_log.h"
#include "ipc_budget.h"
#include "ipc_peer.h"
#include "rte_eth_virtq.h"
#include "vhost_inflight.h"
#include "vhost_session.h"
#include "virtio_abi.h"
#include "virtq_connector.h"
#include "virtq_device.h"
#include "virtq_front.h"
#include "virtq_mem_limit.h"
#include "virtq_rarp.h"
#include "vring_call.h"

#define BIT(n) (1ull << (n))

_Static_assert(GUEST_MEM_MAX_REGIONS >= VHOST_USER_MAX_REGIONS, "memory and wire");

/* What the front end has said about a ring. */
struct vhost_ring {
	bool has_addr;
	bool kicked;  /* its eventfd came: the last step before it starts */
	bool enabled; /* by SET_VRING_ENABLE */
	int err_fd;   /* to signal when the ring is broken, -1: none */
};

/* One front end. */
struct vhost_front_peer {
	struct virtq_peer peer; /* first: what the connector sees */
	struct vhost_session *session;
	bool has_features;
	bool all_enabled; /* no protocol features: SET_VRING_ENABLE does not exist */
	bool changed;     /* rings_update() has something to do */
	bool log_all;     /* VHOST_F_LOG_ALL: all writes to guest memory are to be logged */
	struct vhost_inflight *inflight; /* the words of rings; NULL: none */
	struct guest_log *log;           /* that is not in use; NULL: none */
	bool gone;                       /* the application ended the connection: no error */
	uint64_t features;
	uint16_t mtu; /* of the guest; 0: unknown */
	pid_t pid;
	struct vhost_ring ring[VIRTQ_MAX_VQS];
};

static struct vhost_front_peer *
vhost_front_of(const struct virtq_peer *peer)
{
	return (struct vhost_front_peer *)(uintptr_t)peer;
}

static struct vhost_front_peer *
vhost_of(struct vhost_session *s)
{
	return vhost_session_owner(s);
}

static struct virtq_port *
port_of(struct vhost_session *s)
{
	return vhost_of(s)->peer.port;
}

/* Whether the ring may run, as far as its setup goes. */
static bool
ring_is_ready(const struct vhost_front_peer *v, uint32_t i)
{
	const struct virtq_port *port = v->peer.port;

	return v->has_features && port->mem && v->ring[i].has_addr && v->ring[i].kicked &&
	       port->vq[i].ring.size > 0;
}

static bool
ring_is_used(const struct vhost_front_peer *v, uint32_t i)
{
	return ring_is_ready(v, i) && (v->all_enabled || v->ring[i].enabled);
}

static uint32_t
rings_running(const struct virtq_port *port)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < VIRTQ_MAX_VQS; i++)
		n += port->vq[i].ring.enabled;
	return n;
}

/* What it costs to stop or start rings of the port, of which some are made. */
static uint32_t
rings_cost(const struct virtq_port *port, uint32_t made)
{
	return IPC_COST_RINGS + rings_running(port) / IPC_RINGS_SEEN + made / IPC_RINGS_MADE;
}

/* The ring stops, if it runs; its position stays. */
static void
ring_stop(struct vhost_front_peer *v, uint32_t i)
{
	struct virtq_port *port = v->peer.port;

	v->changed = true;
	if (!port->vq[i].ring.enabled)
		return;
	vhost_session_charge(v->session, rings_cost(port, 0));
	virtq_device_stop_rings(port, i, i + 1);
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
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
	close_fd(&vq->ring.kick_fd);
	close_fd(&vq->ring.call_fd);
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

/* Starts what is ready, all at once.  Returns 0, or -1 with one sentence in err. */
static int
rings_update(struct vhost_front_peer *v, char *err, size_t err_size)
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
	if (!ready)
		virtq_device_stop(port);
	if (start == 0)
		return 0;
	vhost_session_charge(v->session, rings_cost(port, start));
	if (!port->running)
		return virtq_device_start(port, v->features, end, err, err_size);
	port->num_vqs = RTE_MAX(port->num_vqs, end);
	return virtq_device_start_rings(port, err, err_size);
}

/* The log comes into use, or goes out of use.  Which of both messages comes first, the log
 * or that it is to be used, is the front end's choice; rings do not start before both. */
static void
log_switch(struct vhost_front_peer *v)
{
	if (v->log_all && !v->log)
		return;
	virtq_device_set_log(v->peer.port, v->log_all ? v->log : NULL);
	if (v->log_all)
		v->log = NULL;
}

/* Messages of the front end, in their usual order (struct vhost_session_ops). */

static int
on_set_features(struct vhost_session *s, uint64_t features, bool enable, struct vhost_err *err)
{
	struct vhost_front_peer *v = vhost_of(s);
	uint64_t virtio = features & ~BIT(VHOST_F_LOG_ALL);
	bool log_all = features & BIT(VHOST_F_LOG_ALL);

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
		log_switch(v);
	}
	return 0;
}

static int
on_set_log(struct vhost_session *s, const struct vhost_user_log *log, int *fd,
	   struct vhost_err *err)
{
	struct vhost_front_peer *v = vhost_of(s);
	struct guest_log *new;

	vhost_session_charge(s, IPC_COST_RINGS);
	new = guest_log_new(*fd, log->offset, log->size, err->text, sizeof(err->text));
	if (!new)
		return -1;
	if (v->peer.port->mem && !guest_log_covers(new, v->peer.port->mem)) {
		guest_log_free(new);
		return vhost_err_set(err, "the dirty log is shorter than the guest's memory");
	}
	guest_log_free(v->log);
	v->log = new;
	v->changed = true;
	if (v->log_all)
		log_switch(v);
	return 0;
}

static int
on_get_inflight(struct vhost_session *s, struct vhost_user_inflight *area, int *fd,
		struct vhost_err *err)
{
	(void)s;
	*fd = vhost_inflight_make(area, err);
	return *fd >= 0 ? 0 : -1;
}

static int
on_set_inflight(struct vhost_session *s, const struct vhost_user_inflight *area, int *fd,
		struct vhost_err *err)
{
	struct vhost_front_peer *v = vhost_of(s);
	struct vhost_inflight *new;

	if (v->peer.port->running)
		return vhost_err_set(err, "an inflight area while rings run: the front end has to "
					  "stop them first");
	new = vhost_inflight_open(area, *fd, err);
	if (!new)
		return -1;
	vhost_inflight_on_loss(new, virtq_device_memory_lost, v->peer.port);
	vhost_inflight_free(v->inflight);
	v->inflight = new;
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

/* What a function said about memory, as an answer; the device takes mem over. */
static int
mem_use(struct vhost_session *s, struct guest_mem *mem, const char *why, struct vhost_err *err)
{
	struct virtq_port *port = port_of(s);
	char text[sizeof(err->text)];

	if (!mem)
		return vhost_err_set(err, "%s", why);
	if (port->dirty_log && !guest_log_covers(port->dirty_log, mem)) {
		guest_mem_free(mem);
		return vhost_err_set(err, "the dirty log is shorter than the guest's memory");
	}
	if (port->running)
		vhost_session_charge(s, rings_cost(port, rings_running(port)));
	vhost_of(s)->changed = true;
	if (virtq_device_set_mem(port, mem, text, sizeof(text)) != 0)
		return vhost_err_set(err, "%s", text);
	return 0;
}

static struct guest_mem_desc
region_desc(const struct vhost_user_region *r)
{
	return (struct guest_mem_desc){
		.guest_addr = r->guest_addr,
		.size = r->size,
		.fd_offset = r->fd_offset,
		.user_addr = r->user_addr,
	};
}

static int
on_mem_table(struct vhost_session *s, const struct vhost_user_region *region, uint32_t count,
	     int *fds, struct vhost_err *err)
{
	struct guest_mem_desc desc[VHOST_USER_MAX_REGIONS];
	char why[sizeof(err->text)];
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < count; i++) {
		desc[i] = region_desc(&region[i]);
		bytes += RTE_MIN(desc[i].size, UINT64_MAX - bytes);
	}
	if (virtq_mem_allowed(port_of(s), bytes, why, sizeof(why)) != 0)
		return vhost_err_set(err, "%s", why);
	return mem_use(s, guest_mem_new(desc, count, fds, why, sizeof(why)), why, err);
}

/*
 * QEMU 7.2 adds and removes each region once for each of its queue pairs, so one that is
 * there may be added, and one that is gone removed.
 */
static int
on_mem_add(struct vhost_session *s, const struct vhost_user_region *region, int *fd,
	   struct vhost_err *err)
{
	const struct guest_mem_desc desc = region_desc(region);
	const struct virtq_port *port = port_of(s);
	uint64_t have = port->mem ? guest_mem_bytes(port->mem) : 0;
	char why[sizeof(err->text)];

	if (guest_mem_has(port->mem, &desc, *fd))
		return 0;
	if (virtq_mem_allowed(port, have + RTE_MIN(desc.size, UINT64_MAX - have), why,
			      sizeof(why)) != 0)
		return vhost_err_set(err, "%s", why);
	return mem_use(s, guest_mem_add(port->mem, &desc, fd, why, sizeof(why)), why, err);
}

static int
on_mem_remove(struct vhost_session *s, const struct vhost_user_region *region,
	      struct vhost_err *err)
{
	const struct guest_mem_desc desc = region_desc(region);
	const struct virtq_port *port = port_of(s);
	char why[sizeof(err->text)];

	if (!guest_mem_has(port->mem, &desc, -1))
		return 0;
	return mem_use(s, guest_mem_remove(port->mem, &desc, why, sizeof(why)), why, err);
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

static int
on_vring_num(struct vhost_session *s, uint32_t index, uint32_t num, struct vhost_err *err)
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
static int
on_vring_base(struct vhost_session *s, uint32_t index, uint32_t base, struct vhost_err *err)
{
	const uint16_t avail = (uint16_t)base, used = (uint16_t)(base >> 16);
	struct virtq_ring *ring = ring_setup(s, index);
	bool packed = vhost_of(s)->features & BIT(VIRTIO_F_RING_PACKED);

	(void)err;
	ring->at_used_idx = !packed;
	ring->avail = ring->used = packed && used != 0 ? used : avail;
	return 0;
}

static int
on_vring_addr(struct vhost_session *s, const struct vhost_user_vring_addr *addr,
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
static int
on_vring_kick(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err)
{
	struct vhost_front_peer *v = vhost_of(s);
	struct virtq_ring *ring = &v->peer.port->vq[index].ring;

	(void)err;
	close_fd(&ring->kick_fd);
	ring->kick_fd = *fd;
	*fd = -1;
	v->ring[index].kicked = true;
	v->changed = true;
	return 0;
}

/* Data threads use the number of the eventfd: it stays, and means another file. */
static int
on_vring_call(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err)
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
	close_fd(&ring->call_fd);
	ring->call_fd = *fd;
	*fd = -1;
	return 0;
}

static int
on_vring_err(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err)
{
	int *err_fd = &vhost_of(s)->ring[index].err_fd;

	(void)err;
	close_fd(err_fd);
	*err_fd = *fd;
	*fd = -1;
	return 0;
}

static int
on_vring_enable(struct vhost_session *s, uint32_t index, bool enable, struct vhost_err *err)
{
	struct vhost_front_peer *v = vhost_of(s);

	(void)err;
	v->ring[index].enabled = enable;
	v->changed = true;
	if (!enable)
		ring_stop(v, index);
	return 0;
}

static int
on_vring_stop(struct vhost_session *s, uint32_t index, uint32_t *base, struct vhost_err *err)
{
	struct vhost_front_peer *v = vhost_of(s);
	const struct virtq_ring *ring = &v->peer.port->vq[index].ring;

	(void)err;
	ring_forget(v, index);
	*base = ring->avail;
	if (v->features & BIT(VIRTIO_F_RING_PACKED))
		*base |= (uint32_t)ring->used << 16;
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

/* All rings stop, at once. */
static void
rings_forget(struct vhost_front_peer *v)
{
	struct virtq_port *port = v->peer.port;

	if (port->running)
		vhost_session_charge(v->session, IPC_COST_RINGS);
	virtq_device_stop(port);
	for (uint32_t i = 0; i < VIRTQ_MAX_VQS; i++)
		ring_forget(v, i);
}

static void
on_reset(struct vhost_session *s)
{
	struct vhost_front_peer *v = vhost_of(s);
	struct virtq_port *port = v->peer.port;

	rings_forget(v);
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
		rings_forget(v);
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

static struct vhost_session_ops session_ops = {
	/* features: set when a peer connects */
	.protocol_features =
		BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_LOG_SHMFD) |
		BIT(VHOST_USER_PROTOCOL_F_RARP) | BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
		BIT(VHOST_USER_PROTOCOL_F_NET_MTU) | BIT(VHOST_USER_PROTOCOL_F_CONFIG) |
		BIT(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) |
		BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
		BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) | BIT(VHOST_USER_PROTOCOL_F_STATUS),
	.max_vrings = VIRTQ_MAX_VQS,
	.max_regions = GUEST_MEM_MAX_REGIONS,
	.set_features = on_set_features,
	.mem_table = on_mem_table,
	.mem_add = on_mem_add,
	.mem_remove = on_mem_remove,
	.vring_num = on_vring_num,
	.vring_base = on_vring_base,
	.vring_addr = on_vring_addr,
	.vring_kick = on_vring_kick,
	.vring_call = on_vring_call,
	.vring_err = on_vring_err,
	.vring_enable = on_vring_enable,
	.vring_stop = on_vring_stop,
	.set_log = on_set_log,
	.get_inflight = on_get_inflight,
	.set_inflight = on_set_inflight,
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
	struct ucred cred = {0};

	if (!v) {
		close(fd);
		return NULL;
	}
	(void)ipc_peer_cred(fd, &cred);
	v->pid = cred.pid;
	for (uint32_t i = 0; i < VIRTQ_MAX_VQS; i++)
		v->ring[i].err_fd = -1;
	v->peer = (struct virtq_peer){
		.ops = &virtq_front_vhost,
		.connector = c,
		.fd = fd,
		.deadline_ms = UINT64_MAX, /* the connector names its port */
	};
	session_ops.features = virtq_device_features() | BIT(VHOST_F_LOG_ALL);
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

	if (ret == 0 && v->changed && rings_update(v, why, sizeof(why)) != 0) {
		vhost_session_fail(v->session, why);
		ret = -1;
	}
	peer->cost = vhost_session_take_cost(v->session);
	return ret;
}

static void
front_fail(struct virtq_peer *peer, enum virtq_reason reason, const char *text)
{
	static const char *const texts[] = {
		[VIRTQ_GONE] = "the port is gone",
		[VIRTQ_PEER] = "this user may not connect",
		[VIRTQ_RESOURCES] = "out of resources",
		[VIRTQ_BUSY] = "the port is in use",
		[VIRTQ_CROWD] = "too many connections",
		[VIRTQ_TIMEOUT] = "the front end sent nothing",
		[VIRTQ_MEMORY] = VIRTQ_MEMORY_LOST,
	};

	vhost_front_of(peer)->gone |= reason == VIRTQ_GONE;
	vhost_session_fail(vhost_front_of(peer)->session, text ? text : texts[reason]);
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
		close_fd(&vhost_front_of(peer)->ring[i].err_fd);
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

	info->pid = (uint32_t)v->pid;
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
