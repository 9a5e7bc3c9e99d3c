/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * virtq_front_ipc.c - the front of QEMU's virtio-net-ipc-pci (doc/protocol.md): what its
 * messages do to a port.  The only file of the driver that includes virtq_ipc.h.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc_session.h"
#include "rte_eth_virtq.h"
#include "shm_map.h"
#include "virtq_connector.h"
#include "virtq_device.h"
#include "virtq_front.h"
#include "virtq_mem_limit.h"
#include "virtq_stats.h"

/* Limits and bits that the port and the wire share. */
_Static_assert(VIRTQ_MAX_PAIRS == VIRTQ_IPC_MAX_PAIRS, "port and wire");
_Static_assert(VRING_MAX_SIZE == VIRTQ_IPC_MAX_QUEUE_SIZE, "ring and wire");
_Static_assert(GUEST_MEM_MAX_REGIONS == VIRTQ_IPC_MAX_REGIONS, "memory and wire");
_Static_assert(VIRTQ_FILTER_MACS == VIRTQ_IPC_MAX_MACS, "filter and wire");
_Static_assert(VIRTQ_FILTER_VLAN_BYTES == VIRTQ_IPC_VLAN_BYTES, "filter and wire");
_Static_assert(VIRTQ_RX_PROMISC == VIRTQ_IPC_RX_PROMISC &&
		       VIRTQ_RX_ALLMULTI == VIRTQ_IPC_RX_ALLMULTI &&
		       VIRTQ_RX_ALLUNI == VIRTQ_IPC_RX_ALLUNI &&
		       VIRTQ_RX_NOMULTI == VIRTQ_IPC_RX_NOMULTI &&
		       VIRTQ_RX_NOUNI == VIRTQ_IPC_RX_NOUNI &&
		       VIRTQ_RX_NOBCAST == VIRTQ_IPC_RX_NOBCAST &&
		       VIRTQ_RX_UNI_OVERFLOW == VIRTQ_IPC_RX_UNI_OVERFLOW &&
		       VIRTQ_RX_MULTI_OVERFLOW == VIRTQ_IPC_RX_MULTI_OVERFLOW &&
		       VIRTQ_RX_VLAN_FILTER == VIRTQ_IPC_RX_VLAN_FILTER,
	       "filter and wire");

/* One device. */
struct ipc_front_peer {
	struct virtq_peer peer; /* first: what the connector sees */
	struct ipc_session *session;
	struct shm_map state; /* the state page of the last START, while running */
};

static struct ipc_front_peer *
ipc_front_of(const struct virtq_peer *peer)
{
	return (struct ipc_front_peer *)(uintptr_t)peer;
}

static struct virtq_port *
session_port(struct ipc_session *s)
{
	const struct virtq_peer *peer = ipc_session_owner(s);

	return peer->port;
}

static struct virtq_ipc_link
link_of(const struct virtq_port *port)
{
	return (struct virtq_ipc_link){
		.up = port->started,
		.speed_mbps = RTE_ETH_SPEED_NUM_10G,
		.duplex = 1,
		.mtu = port->mtu,
	};
}

/* What a call of virtq_device.h returned, with its sentence, as an answer to the device. */
static int
device_err(int ret, const char *why, struct ipc_err *err)
{
	if (ret == 0)
		return 0;
	return ipc_err_set(err, ret == -ENOMEM ? VIRTQ_IPC_E_RESOURCES : VIRTQ_IPC_E_RING, "%s",
			   why);
}

/* Messages of the device, in their usual order (struct ipc_session_ops). */

static int
on_hello(struct ipc_session *s, const struct virtq_ipc_hello *hello, struct virtq_ipc_hello_ok *ok,
	 struct ipc_err *err)
{
	struct virtq_peer *peer = ipc_session_owner(s);
	struct virtq_port *port = virtq_connector_port(peer->connector, hello->nid);

	if (!port)
		return ipc_err_set(err, VIRTQ_IPC_E_NID,
				   "no port serves nid %u here: start the application with "
				   "--vdev eth_virtq%u, or give the device the nid of a port",
				   hello->nid, hello->nid);
	if (port->peer && !virtq_connector_drop_if_dead(port->peer)) {
		const struct virtq_ipc_hello *other =
			ipc_session_hello(ipc_front_of(port->peer)->session);

		return ipc_err_set(err, VIRTQ_IPC_E_BUSY,
				   "nid %u is in use by device %s of process %u: give each device "
				   "a nid of its own",
				   hello->nid, other->device, other->pid);
	}
	if (virtq_device_attach(port, peer) != 0)
		return ipc_err_set(err, VIRTQ_IPC_E_RESOURCES, "out of memory");
	ok->max_pairs = VIRTQ_MAX_PAIRS;
	ok->link = link_of(port);
	ok->features = VIRTQ_IPC_F_COUNTERS | VIRTQ_IPC_F_ANNOUNCE;
	ok->pid = (uint32_t)getpid();
	snprintf(ok->port, sizeof(ok->port), "%s", port->name);
	VIRTQ_PORT_LOG(INFO, port, "device %s of VM '%s' (process %u) connected", hello->device,
		       hello->vm_name, hello->pid);
	return 0;
}

static int
on_mem_table(struct ipc_session *s, const struct virtq_ipc_mem_table *table, int *fds,
	     struct ipc_err *err)
{
	struct guest_mem_desc desc[VIRTQ_IPC_MAX_REGIONS];
	char why[VIRTQ_IPC_TEXT_LEN];
	struct guest_mem *mem;
	uint64_t bytes = 0;
	int ret;

	for (uint32_t i = 0; i < table->count; i++) {
		desc[i] = (struct guest_mem_desc){
			.guest_addr = table->region[i].guest_addr,
			.size = table->region[i].size,
			.fd_offset = table->region[i].fd_offset,
		};
		bytes += RTE_MIN(desc[i].size, UINT64_MAX - bytes);
	}
	if (virtq_mem_allowed(session_port(s), bytes, why, sizeof(why)) != 0)
		return ipc_err_set(err, VIRTQ_IPC_E_MEMORY, "%s", why);
	mem = guest_mem_new(desc, table->count, fds, why, sizeof(why));
	if (!mem)
		return ipc_err_set(err, VIRTQ_IPC_E_MEMORY, "%s", why);
	ret = virtq_device_set_mem(session_port(s), mem, why, sizeof(why));
	return device_err(ret, why, err);
}

static int
state_map(struct ipc_front_peer *ipc, const struct virtq_ipc_start *start, int fd,
	  struct ipc_err *err)
{
	uint64_t need = VIRTQ_IPC_STATE_SIZE(start->num_queues);
	const struct virtq_ipc_state *state;
	char why[128];

	if (shm_map(&ipc->state, fd, 0, need, SHM_SEALED, why, sizeof(why)) != 0)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "the state page, %" PRIu64 " bytes: %s", need, why);
	shm_on_loss(&ipc->state, virtq_device_memory_lost, ipc->peer.port);
	state = ipc->state.addr;
	if (state->hdr.magic != VIRTQ_IPC_STATE_MAGIC || state->hdr.version != VIRTQ_IPC_VERSION ||
	    state->hdr.num_queues != start->num_queues) {
		shm_unmap(&ipc->state);
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "the state page has a wrong magic, version or queue count");
	}
	return 0;
}

/* Fills in the description of one ring.  Takes its eventfds over; the session has made
 * them non-blocking. */
static void
ring_take(struct virtq_ring *ring, const struct virtq_ipc_queue *w, struct ring_state state,
	  int *kick, int *call)
{
	*ring = (struct virtq_ring){
		.addr = {w->desc, w->driver, w->device},
		.space = GUEST_PHYSICAL,
		.size = w->size,
		.avail = w->pos.avail,
		.used = w->pos.used,
		.at_used_idx = !(w->pos.flags & VIRTQ_IPC_POS_VALID),
		.enabled = w->flags & VIRTQ_IPC_Q_ENABLED,
		.state = state,
		.kick_fd = *kick,
		.call_fd = *call,
	};
	*kick = -1;
	*call = -1;
}

static void
rxstate_take(struct virtq_port *port, const struct virtq_ipc_rxstate *rx)
{
	struct virtq_rx_filter *f = &port->rx_filter;

	port->pairs_in_use = rx->pairs;
	f->mode = rx->mode;
	f->num_uni = rx->num_uni;
	f->num_multi = rx->num_multi;
	memcpy(f->mac, rx->mac, sizeof(f->mac));
	memcpy(f->macs, rx->macs, sizeof(f->macs));
	memcpy(f->vlans, rx->vlans, sizeof(f->vlans));
}

static int
on_start(struct ipc_session *s, const struct virtq_ipc_start *start, int *state_fd, int *kick,
	 int *call, struct ipc_err *err)
{
	struct ipc_front_peer *ipc = ipc_session_owner(s);
	struct virtq_port *port = ipc->peer.port;
	uint64_t unknown = start->features & ~virtq_device_features();
	char why[VIRTQ_IPC_TEXT_LEN];
	struct virtq_ipc_state *state;
	int ret;

	if (unknown)
		return ipc_err_set(err, VIRTQ_IPC_E_FEATURES,
				   "virtio features 0x%" PRIx64 " are not supported: turn them off "
				   "with the device's properties",
				   unknown);
	if (state_map(ipc, start, *state_fd, err) != 0)
		return -1;
	state = ipc->state.addr;
	for (uint32_t i = 0; i < start->num_queues; i++) {
		const struct ring_state words = {
			.run = &state->run.run,
			.pos = (uint64_t *)&state->queue[i].pos,
			.journal = (uint64_t *)state->queue[i].journal,
			.generation = start->generation,
		};

		ring_take(&port->vq[i].ring, &start->queue[i], words, &kick[i], &call[i]);
	}
	rxstate_take(port, &start->rx);
	ret = virtq_device_start(port, start->features, start->num_queues, why, sizeof(why));
	if (ret != 0)
		shm_unmap(&ipc->state);
	return device_err(ret, why, err);
}

static void
on_stop(struct ipc_session *s, struct virtq_ipc_stopped *stopped)
{
	struct ipc_front_peer *ipc = ipc_session_owner(s);
	struct virtq_port *port = ipc->peer.port;

	virtq_device_stop(port);
	virtq_device_close_fds(port);
	shm_unmap(&ipc->state);
	stopped->num_queues = port->num_vqs;
	for (uint32_t i = 0; i < port->num_vqs; i++) {
		const struct virtq_ring *ring = &port->vq[i].ring;

		stopped->pos[i] = (struct virtq_ipc_ring_pos){
			.avail = ring->avail,
			.used = ring->used,
			.flags = ring->at_used_idx ? 0 : VIRTQ_IPC_POS_VALID,
		};
	}
}

/* The guest uses more pairs: their rings start, or continue at their positions. */
static int
pairs_use(struct virtq_port *port, uint32_t pairs, struct ipc_err *err)
{
	char why[VIRTQ_IPC_TEXT_LEN];
	int ret;

	for (uint32_t i = 0; i < port->num_vqs && i < 2 * pairs; i++) {
		struct virtq_ring *ring = &port->vq[i].ring;

		if (ring->size == 0)
			continue;
		if (ring->kick_fd < 0 || ring->call_fd < 0 || ring->at_used_idx)
			return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
					   "queue %u comes into use and had no eventfds or no "
					   "position with START",
					   i);
		ring->enabled = true;
	}
	ret = virtq_device_start_rings(port, why, sizeof(why));
	return device_err(ret, why, err);
}

static void
on_rxstate(struct ipc_session *s, const struct virtq_ipc_rxstate *rx)
{
	struct virtq_port *port = session_port(s);
	uint32_t before = port->pairs_in_use;
	struct ipc_err err;

	rxstate_take(port, rx);
	if (!port->running || rx->pairs == before)
		return;
	ipc_session_charge(s, IPC_COST_RINGS);
	if (rx->pairs < before)
		virtq_device_stop_rings(port, 2 * rx->pairs, port->num_vqs);
	else if (pairs_use(port, rx->pairs, &err) != 0)
		ipc_session_fail(s, &err);
}

/* The device must not send it: HELLO_OK did not offer VIRTQ_IPC_F_LOG. */
static int
on_log(struct ipc_session *s, const struct virtq_ipc_log *log, int *fd, struct ipc_err *err)
{
	(void)s;
	(void)log;
	(void)fd;
	return ipc_err_set(err, VIRTQ_IPC_E_STATE, "no dirty log was agreed on");
}

static void
on_counters(struct ipc_session *s, struct virtq_ipc_counters *counters)
{
	struct virtq_port *port = session_port(s);
	struct virtq_totals rx, tx;

	virtq_totals_get(port, &rx, &tx);
	*counters = (struct virtq_ipc_counters){
		.enq_packets = tx.packets,
		.enq_bytes = tx.bytes,
		.enq_dropped = tx.dropped,
		.deq_packets = rx.packets,
		.deq_bytes = rx.bytes,
		.deq_dropped = rx.dropped,
		.broken_rings = port->count.broken_rings,
	};
}

/* Before an ERROR is sent: the device takes its rings back as soon as it reads it. */
static void
on_failing(struct ipc_session *s)
{
	virtq_device_quiesce(session_port(s));
}

static const struct ipc_session_ops session_ops = {
	.hello = on_hello,
	.mem_table = on_mem_table,
	.start = on_start,
	.stop = on_stop,
	.rxstate = on_rxstate,
	.log = on_log,
	.counters = on_counters,
	.failing = on_failing,
};

/* Calls of connector and device (struct virtq_front_ops). */

static struct virtq_peer *
front_open(struct virtq_connector *c, int fd)
{
	struct ipc_front_peer *ipc = calloc(1, sizeof(*ipc));

	if (!ipc) {
		close(fd);
		return NULL;
	}
	ipc->peer = (struct virtq_peer){
		.ops = &virtq_front_ipc,
		.connector = c,
		.fd = fd,
		.deadline_ms = virtq_now_ms() + IPC_HELLO_TIMEOUT_MS,
	};
	ipc->session = ipc_session_new(fd, &session_ops, ipc);
	if (!ipc->session) {
		free(ipc);
		return NULL;
	}
	return &ipc->peer;
}

static bool
front_is_dead(const struct virtq_peer *peer)
{
	return ipc_session_state(ipc_front_of(peer)->session) == IPC_DEAD;
}

static int
front_input(struct virtq_peer *peer)
{
	struct ipc_session *s = ipc_front_of(peer)->session;
	int ret = ipc_session_input(s);

	peer->cost = ipc_session_take_cost(s);
	return ret;
}

static void
front_fail(struct virtq_peer *peer, enum virtq_reason reason, const char *text)
{
	static const uint32_t codes[] = {
		[VIRTQ_GONE] = VIRTQ_IPC_E_GONE,           [VIRTQ_PEER] = VIRTQ_IPC_E_PEER,
		[VIRTQ_RESOURCES] = VIRTQ_IPC_E_RESOURCES, [VIRTQ_BUSY] = VIRTQ_IPC_E_BUSY,
		[VIRTQ_CROWD] = VIRTQ_IPC_E_RESOURCES,     [VIRTQ_TIMEOUT] = VIRTQ_IPC_E_TIMEOUT,
		[VIRTQ_MEMORY] = VIRTQ_IPC_E_MEMORY,
	};
	struct ipc_err err;

	ipc_err_set(&err, codes[reason], "%s", text);
	ipc_session_fail(ipc_front_of(peer)->session, &err);
}

static void
front_detach(struct virtq_peer *peer)
{
	if (!peer->port)
		return;
	virtq_device_detach(peer->port);
	shm_unmap(&ipc_front_of(peer)->state);
	peer->port = NULL;
}

static void
front_close(struct virtq_peer *peer)
{
	front_detach(peer);
	ipc_session_free(ipc_front_of(peer)->session);
	free(ipc_front_of(peer));
}

static const char *
front_why(const struct virtq_peer *peer, bool *failed)
{
	const struct ipc_err *why = ipc_session_why(ipc_front_of(peer)->session);

	*failed = why->code != 0 && why->code != VIRTQ_IPC_E_GONE;
	return why->text;
}

static void
front_check(struct virtq_peer *peer)
{
	virtq_device_check(peer->port);
	if (peer->port->running && shm_lost(&ipc_front_of(peer)->state))
		front_fail(peer, VIRTQ_MEMORY, VIRTQ_MEMORY_LOST);
}

static int
front_link(struct virtq_peer *peer)
{
	const struct virtq_ipc_link link = link_of(peer->port);

	return ipc_session_send_link(ipc_front_of(peer)->session, &link);
}

static int
front_announce(struct virtq_peer *peer)
{
	struct ipc_session *s = ipc_front_of(peer)->session;

	if (!ipc_session_hello(s))
		return -ENOTCONN;
	if (!(ipc_session_hello(s)->features & VIRTQ_IPC_F_ANNOUNCE))
		return -ENOTSUP;
	return ipc_session_send_announce(s) == 0 ? 0 : -ENOTCONN;
}

static void
front_broken(struct virtq_peer *peer, uint16_t queue, const char *text)
{
	ipc_session_send_broken(ipc_front_of(peer)->session, queue, text);
}

static void
front_info(const struct virtq_peer *peer, struct rte_eth_virtq_info *info)
{
	const struct virtq_ipc_hello *hello = ipc_session_hello(ipc_front_of(peer)->session);

	if (!hello)
		return;
	memcpy(info->device, hello->device, sizeof(info->device));
	memcpy(info->vm_name, hello->vm_name, sizeof(info->vm_name));
	memcpy(info->vm_uuid, hello->vm_uuid, sizeof(info->vm_uuid));
	memcpy(info->guest_mac, hello->mac, sizeof(info->guest_mac));
	info->pid = hello->pid;
}

const struct virtq_front_ops virtq_front_ipc = {
	.name = "ipc",
	.peer_is = "device",
	.sock_type = SOCK_SEQPACKET,
	.crowd_text = "too many connections that have not said HELLO",
	.timeout_text = "a client connected and did not say HELLO",
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
