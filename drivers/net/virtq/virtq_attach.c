/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_attach.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sigbus_guard.h"
#include "order.h"
#include "vring.h"
#include "vring_notify.h"

#define BIT(n) (1ull << (n))

/* Features that are the device's own business, not the rings'. */
#define VIRTQ_NET_FEATURES                                                                     \
	(BIT(VIRTIO_NET_F_MTU) | BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) |            \
	 BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_VLAN) | \
	 BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) |                  \
	 BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | BIT(VIRTIO_F_BAD_FEATURE) |  \
	 BIT(VIRTIO_NET_F_SPEED_DUPLEX))

static struct virtq_port *
session_port(struct ipc_session *s)
{
	const struct virtq_peer *peer = ipc_session_owner(s);

	return peer->port;
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

/* A peer can make its eventfd blocking again and fill it, and so stop the thread
 * that signals it; a read that does not wait empties it. */
static void
call_fd_drain(int fd)
{
	uint64_t value;
	struct iovec iov = {&value, sizeof(value)};

	if (fd >= 0 && preadv2(fd, &iov, 1, -1, RWF_NOWAIT) < 0)
		return; /* it was empty: that is not what the burst waits for */
}

/* Waits for the burst on q to end.  Bursts take microseconds: one that takes
 * longer may be stuck in its peer's eventfd. */
static void
queue_wait_idle(const struct virtq_queue *q)
{
	for (unsigned int turns = 1; !order_is_idle(&q->active); turns++) {
		if (turns % 1024 == 0)
			call_fd_drain(q->call_fd);
		sched_yield();
	}
}

/* Takes rings back, from `first` on: afterwards no burst touches one.  Their
 * positions stay in the state page. */
static void
queues_quiesce_from(struct virtq_port *port, uint32_t first)
{
	uint32_t i, n = port_queues(port);

	for (i = first; i < n; i++)
		order_release_ptr(&port->queue[i].view, NULL);
	order_barrier_everywhere(port->queue[0].cheap_barrier);
	for (i = first; i < n; i++)
		queue_wait_idle(&port->queue[i]);
}

static void
queues_quiesce(struct virtq_port *port)
{
	queues_quiesce_from(port, 0);
}

static void
queues_free(struct virtq_port *port)
{
	for (uint32_t i = 0; i < port_queues(port); i++) {
		struct virtq_queue *q = &port->queue[i];

		free(q->vring);
		q->vring = NULL;
	}
}

static void
fds_free(struct virtq_port *port)
{
	for (uint32_t i = 0; i < port_queues(port); i++) {
		close_fd(&port->queue[i].kick_fd);
		close_fd(&port->queue[i].call_fd);
	}
}

static void
state_free(struct virtq_port *port)
{
	if (!port->state)
		return;
	sigbus_guard_remove(port->state_guard);
	munmap(port->state, port->state_size);
	port->state = NULL;
}

static void
running_set(struct virtq_port *port, bool running)
{
	port->running = running;
	port->lsc_pending = true;
	virtq_link_set(port);
}

/* Ends START: rings, state page and eventfds go, memory stays. */
static void
port_stop(struct virtq_port *port)
{
	if (!port->running)
		return;
	queues_quiesce(port);
	queues_free(port);
	state_free(port);
	fds_free(port);
	running_set(port, false);
	VIRTQ_PORT_LOG(INFO, port, "the guest's driver has stopped");
}

void
virtq_detach(struct virtq_port *port)
{
	if (port->running)
		port->count.lost++;
	port_stop(port);
	guest_mem_free(port->mem);
	port->mem = NULL;
	port->peer = NULL;
}

struct virtq_ipc_link
virtq_link_of(const struct virtq_port *port)
{
	return (struct virtq_ipc_link){
		.up = port->started,
		.speed_mbps = RTE_ETH_SPEED_NUM_10G,
		.duplex = 1,
		.mtu = port->mtu,
	};
}

static int
on_hello(struct ipc_session *s, const struct virtq_ipc_hello *hello, struct virtq_ipc_hello_ok *ok,
	 struct ipc_err *err)
{
	struct virtq_peer *peer = ipc_session_owner(s);
	struct virtq_port *port = virtq_ctrl_port(peer->connector, hello->nid);

	if (!port)
		return ipc_err_set(err, VIRTQ_IPC_E_NID,
				   "no port serves nid %u here: start the application with "
				   "--vdev eth_virtq%u, or give the device the nid of a port",
				   hello->nid, hello->nid);
	if (port->peer && !virtq_ctrl_drop_if_dead(port->peer))
		return ipc_err_set(err, VIRTQ_IPC_E_BUSY,
				   "nid %u is in use by device %s of process %u: give each device "
				   "a nid of its own",
				   hello->nid, ipc_session_hello(port->peer->session)->device,
				   ipc_session_hello(port->peer->session)->pid);
	if (hello->max_pairs > port->pairs)
		return ipc_err_set(err, VIRTQ_IPC_E_QUEUES,
				   "the device has %u queue pairs and %s has %u: start the "
				   "application with queues=%u",
				   hello->max_pairs, port->name, port->pairs, hello->max_pairs);
	peer->port = port;
	port->peer = peer;
	port->count.connects++;
	ok->max_pairs = port->pairs;
	ok->link = virtq_link_of(port);
	ok->features = VIRTQ_IPC_F_COUNTERS | VIRTQ_IPC_F_ANNOUNCE;
	ok->pid = (uint32_t)getpid();
	snprintf(ok->port, sizeof(ok->port), "%s", port->name);
	VIRTQ_PORT_LOG(INFO, port, "device %s of VM '%s' (process %u) connected", hello->device,
		       hello->vm_name, hello->pid);
	return 0;
}

static struct vring_config
queue_config(const struct virtq_port *port, uint32_t i, const struct virtq_ipc_ring_pos *pos)
{
	const struct virtq_ipc_queue *w = &port->queue[i].start;

	return (struct vring_config){
		.addr = {w->desc, w->driver, w->device},
		.size = w->size,
		.features = port->start.features,
		.avail = pos->avail,
		.used = pos->used,
		.at_used_idx = !(pos->flags & VIRTQ_IPC_POS_VALID),
		.mem = port->mem,
		.state.run = &port->state->run.run,
		.state.pos = (uint64_t *)&port->state->queue[i].pos,
		.state.journal = (uint64_t *)port->state->queue[i].journal,
		.state.generation = port->start.generation,
		.call_fd = port->queue[i].call_fd,
	};
}

/* Makes the rings that are in use and not there; none is visible to a burst yet. */
static int
queues_make(struct virtq_port *port, const struct virtq_ipc_ring_pos *pos, struct ipc_err *err)
{
	for (uint32_t i = 0; i < port->start.num_queues; i++) {
		struct vring_config cfg = queue_config(port, i, &pos[i]);
		struct virtq_queue *q = &port->queue[i];
		char why[160];

		if (!(port->queue[i].start.flags & VIRTQ_IPC_Q_ENABLED) || q->vring)
			continue;
		q->vring = calloc(1, sizeof(*q->vring));
		if (!q->vring)
			return ipc_err_set(err, VIRTQ_IPC_E_RESOURCES, "out of memory");
		if (vring_init(q->vring, &cfg, why, sizeof(why)) != 0)
			return ipc_err_set(err, VIRTQ_IPC_E_RING, "queue %u: %s", i, why);
		/* a broken ring stays broken until the guest resets the device */
		q->vring->fault = q->fault;
	}
	return 0;
}

/* Hands the rings to the data threads, and interrupts the guest once: the owner
 * before us may have died between giving buffers back and saying so. */
static void
queues_publish(struct virtq_port *port)
{
	if (ipc_session_state(port->peer->session) == IPC_DEAD)
		return;
	for (uint32_t i = 0; i < port_queues(port); i++) {
		struct virtq_queue *q = &port->queue[i];

		if (!q->vring || q->view)
			continue;
		order_release_ptr(&q->view, q->vring);
		virtq_ctrl_signal(port->connector, q->call_fd);
	}
}

static struct virtq_ipc_ring_pos
position(const struct vring *vr)
{
	uint16_t at = vring_position(vr);

	return (struct virtq_ipc_ring_pos){at, at, VIRTQ_IPC_POS_VALID, 0};
}

/* The guest's memory changed while it runs: same rings, new mapping. */
static int
mem_replace(struct virtq_port *port, struct guest_mem *mem, struct ipc_err *err)
{
	struct virtq_ipc_ring_pos pos[VIRTQ_IPC_MAX_QUEUES];
	struct guest_mem *old = port->mem;

	queues_quiesce(port);
	virtq_report_faults(port);
	for (uint32_t i = 0; i < port_queues(port); i++) {
		const struct vring *vr = port->queue[i].vring;

		if (vr)
			pos[i] = position(vr);
	}
	queues_free(port);
	port->mem = mem;
	guest_mem_free(old);
	if (queues_make(port, pos, err) != 0)
		return -1;
	queues_publish(port);
	return 0;
}

static int
on_mem_table(struct ipc_session *s, const struct virtq_ipc_mem_table *table, int *fds,
	     struct ipc_err *err)
{
	struct guest_mem_desc desc[VIRTQ_IPC_MAX_REGIONS];
	struct virtq_port *port = session_port(s);
	struct guest_mem *mem;
	char why[VIRTQ_IPC_TEXT_LEN];

	for (uint32_t i = 0; i < table->count; i++)
		desc[i] = (struct guest_mem_desc){table->region[i].guest_addr,
						  table->region[i].size,
						  table->region[i].fd_offset};
	mem = guest_mem_new(desc, table->count, fds, why, sizeof(why));
	if (!mem)
		return ipc_err_set(err, VIRTQ_IPC_E_MEMORY, "%s", why);
	if (port->running)
		return mem_replace(port, mem, err);
	guest_mem_free(port->mem);
	port->mem = mem;
	return 0;
}

static int
state_map(struct virtq_port *port, int fd, struct ipc_err *err)
{
	uint64_t need = VIRTQ_IPC_STATE_SIZE(port->start.num_queues);
	int seals = fcntl(fd, F_GET_SEALS);
	struct virtq_ipc_state *state;
	struct statfs fs;
	struct stat st;

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0 ||
	    fs.f_type == HUGETLBFS_MAGIC || (uint64_t)st.st_size < need)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "the state page is not a memfd of ordinary pages, sealed "
				   "against shrinking, of at least %" PRIu64 " bytes",
				   need);
	need = RTE_ALIGN_CEIL(need, (uint64_t)sysconf(_SC_PAGESIZE));
	state = mmap(NULL, need, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (state == MAP_FAILED)
		return ipc_err_set(err, VIRTQ_IPC_E_MEMORY, "the state page cannot be mapped: %s",
				   strerror(errno));
	port->state_guard = sigbus_guard_add(state, need);
	if (port->state_guard < 0) {
		munmap(state, need);
		return ipc_err_set(err, VIRTQ_IPC_E_RESOURCES, "too many state pages");
	}
	port->state = state;
	port->state_size = need;
	if (state->hdr.magic != VIRTQ_IPC_STATE_MAGIC || state->hdr.version != VIRTQ_IPC_VERSION ||
	    state->hdr.num_queues != port->start.num_queues) {
		state_free(port);
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "the state page has a wrong magic, version or queue count");
	}
	return 0;
}

/* Eventfds that do not block, as the session has made sure. */
static void
eventfds_take(struct virtq_port *port, int *kick, int *call)
{
	for (uint32_t i = 0; i < port->start.num_queues; i++) {
		struct virtq_queue *q = &port->queue[i];

		q->kick_fd = kick[i];
		q->call_fd = call[i];
		kick[i] = -1;
		call[i] = -1;
	}
}

static int
on_start(struct ipc_session *s, const struct virtq_ipc_start *start, int *state_fd, int *kick,
	 int *call, struct ipc_err *err)
{
	struct virtq_port *port = session_port(s);
	struct virtq_ipc_ring_pos pos[VIRTQ_IPC_MAX_QUEUES];
	uint64_t unknown = start->features & ~(vring_features() | VIRTQ_NET_FEATURES);

	if (unknown)
		return ipc_err_set(err, VIRTQ_IPC_E_FEATURES,
				   "virtio features 0x%" PRIx64 " are not supported: turn them off "
				   "with the device's properties",
				   unknown);
	if (start->num_queues > port_queues(port))
		return ipc_err_set(err, VIRTQ_IPC_E_QUEUES, "%u queues, and the port has %u",
				   start->num_queues, port_queues(port));
	port->start.features = start->features;
	port->start.generation = start->generation;
	port->start.num_queues = start->num_queues;
	port->rx = start->rx;
	for (uint32_t i = 0; i < start->num_queues; i++) {
		port->queue[i].start = start->queue[i];
		port->queue[i].fault = VRING_OK;
		pos[i] = start->queue[i].pos;
	}
	if (state_map(port, *state_fd, err) != 0)
		return -1;
	eventfds_take(port, kick, call);
	if (queues_make(port, pos, err) != 0) {
		queues_free(port);
		state_free(port);
		fds_free(port);
		return -1;
	}
	queues_publish(port);
	port->count.starts++;
	running_set(port, true);
	VIRTQ_PORT_LOG(INFO, port,
		       "the guest's driver is ready, features 0x%" PRIx64 ", ring size %u",
		       start->features, start->queue[0].size);
	return 0;
}

static void
on_stop(struct ipc_session *s, struct virtq_ipc_stopped *stopped)
{
	struct virtq_port *port = session_port(s);

	queues_quiesce(port);
	virtq_report_faults(port); /* of the last bursts */
	stopped->num_queues = port->start.num_queues;
	for (uint32_t i = 0; i < port->start.num_queues; i++) {
		const struct vring *vr = port->queue[i].vring;

		/* of one that rests or was not used: where it would have begun */
		stopped->pos[i] = vr ? position(vr) : port->queue[i].start.pos;
	}
	port_stop(port);
}

/* The guest uses fewer pairs: the rings of the others rest where they are. */
static void
pairs_rest(struct virtq_port *port, uint32_t pairs)
{
	queues_quiesce_from(port, 2 * pairs);
	virtq_report_faults(port); /* of the last bursts */
	for (uint32_t i = 2 * pairs; i < port->start.num_queues; i++) {
		struct virtq_queue *q = &port->queue[i];

		if (!q->vring)
			continue;
		port->queue[i].start.flags &= ~VIRTQ_IPC_Q_ENABLED;
		port->queue[i].start.pos = position(q->vring);
		free(q->vring);
		q->vring = NULL;
	}
}

/* More pairs: their rings go on where they rested, or begin. */
static int
pairs_use(struct virtq_port *port, uint32_t pairs, struct ipc_err *err)
{
	struct virtq_ipc_ring_pos pos[VIRTQ_IPC_MAX_QUEUES];

	for (uint32_t i = 0; i < port->start.num_queues; i++) {
		pos[i] = port->queue[i].start.pos;
		if (i >= 2 * pairs || port->queue[i].start.size == 0)
			continue;
		if (port->queue[i].kick_fd < 0 || port->queue[i].call_fd < 0 ||
		    !(pos[i].flags & VIRTQ_IPC_POS_VALID))
			return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
					   "queue %u comes into use and had no eventfds or no "
					   "position with START",
					   i);
		port->queue[i].start.flags |= VIRTQ_IPC_Q_ENABLED;
	}
	if (queues_make(port, pos, err) != 0)
		return -1;
	queues_publish(port);
	return 0;
}

static void
on_rxstate(struct ipc_session *s, const struct virtq_ipc_rxstate *rx)
{
	struct virtq_port *port = session_port(s);
	uint32_t before = port->rx.pairs;
	struct ipc_err err;

	port->rx = *rx;
	if (!port->running || rx->pairs == before)
		return;
	if (rx->pairs < before)
		pairs_rest(port, rx->pairs);
	else if (pairs_use(port, rx->pairs, &err) != 0)
		ipc_session_fail(s, &err);
}

/* The device cannot ask for it: HELLO_OK did not offer VIRTQ_IPC_F_LOG. */
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
	virtq_counters(session_port(s), counters);
}

/* The device takes its rings back as soon as it reads the ERROR. */
static void
on_failing(struct ipc_session *s)
{
	queues_quiesce(session_port(s));
}

const struct ipc_session_ops virtq_session_ops = {
	.hello = on_hello,
	.mem_table = on_mem_table,
	.start = on_start,
	.stop = on_stop,
	.rxstate = on_rxstate,
	.log = on_log,
	.counters = on_counters,
	.failing = on_failing,
};

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
	ipc_session_send_broken(port->peer->session, q->index, text);
}

/* Beyond the most that write(2) makes of it (which the kernel itself can make), it
 * counts as an error, and not as writable. */
static bool
call_fd_full(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, 0) >= 0 && !(p.revents & POLLOUT);
}

/* What the peer did to what it shares with us: a sentence, or NULL. */
static const char *
peer_broke(const struct virtq_port *port)
{
	if (guest_mem_lost(port->mem) || sigbus_guard_lost(port->state))
		return "the guest's memory file was truncated or its hugepages ran out";
	for (uint32_t i = 0; i < port_queues(port); i++) {
		/* full: whoever signals it waits, unless it is non-blocking */
		if (port->queue[i].call_fd >= 0 && call_fd_full(port->queue[i].call_fd))
			return "the device filled the eventfd by which its guest is interrupted";
	}
	return NULL;
}

void
virtq_wake_waiting(struct virtq_port *port)
{
	if (!port->running)
		return;
	for (uint32_t i = 0; i < port_queues(port); i++) {
		struct virtq_queue *q = &port->queue[i];

		if (q->vring && vring_watch_overdue(q->vring, &q->watch))
			virtq_ctrl_signal(port->connector, q->call_fd);
	}
}

void
virtq_report_faults(struct virtq_port *port)
{
	struct ipc_err err;
	const char *text;

	if (!port->running || ipc_session_state(port->peer->session) == IPC_DEAD)
		return;
	for (uint32_t i = 0; i < port_queues(port); i++) {
		struct virtq_queue *q = &port->queue[i];

		if (q->vring && q->vring->fault != q->fault)
			report_fault(port, q);
	}
	text = peer_broke(port);
	if (text) {
		ipc_err_set(&err, VIRTQ_IPC_E_MEMORY, "%s", text);
		ipc_session_fail(port->peer->session, &err);
	}
}
