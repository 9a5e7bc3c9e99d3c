/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_connector.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_lcore.h>

#include "ipc_listener.h"
#include "ipc_peer.h"
#include "sigbus_guard.h"
#include "virtq_device.h"
#include "virtq_front.h"
#include "vring_call.h"

/* Connections that have not named a port yet; one more ends the oldest of them. */
#define VIRTQ_MAX_PENDING 32u
/* How long nothing is accepted after the process ran out of fds. */
#define VIRTQ_ACCEPT_PAUSE_MS 200u
/* How often ports are checked for what guests and peers can break. */
#define VIRTQ_CHECK_MS 1000u
/* Errors that are remembered, so that each is logged once. */
#define VIRTQ_MAX_LOGGED 16u
#define VIRTQ_LOGGED_LEN 240u
/* Address space is not memory: a client can send files of any length that take none.  The
 * memory of one guest, and of all guests of a connector, in times of this machine's RAM,
 * unless ports have a mem_limit; and in bytes, half of the address space. */
#define VIRTQ_MEM_TABLE_RAM 4u
#define VIRTQ_MEM_CONNECTOR_RAM 16u
#define VIRTQ_MEM_MAX (1ull << 46)

struct virtq_connector {
	TAILQ_ENTRY(virtq_connector) next;
	pthread_mutex_t lock;
	pthread_cond_t called;               /* `calling` was cleared */
	const struct virtq_front_ops *front; /* of all its peers */
	struct ipc_listener *listener;
	uid_t uid;
	int epfd;
	int wake_fd;
	struct vring_call *call;
	pthread_t thread;
	unsigned int users; /* ports, under connectors_lock */
	bool stop;
	bool orphan; /* its own thread removed the last port, and frees it */
	bool accept_paused;
	uint64_t accept_resume_ms;
	struct ipc_budget accepts;
	struct virtq_port *calling; /* for which the application's callback runs */
	TAILQ_HEAD(, virtq_port) ports;
	TAILQ_HEAD(, virtq_peer) peers; /* oldest first */
	char logged[VIRTQ_MAX_LOGGED][VIRTQ_LOGGED_LEN];
	unsigned int logged_next;
	struct virtq_log_limit log;
	uint64_t checked_ms;
	uint64_t watchdog_ms;
};

static TAILQ_HEAD(, virtq_connector) connectors = TAILQ_HEAD_INITIALIZER(connectors);
static pthread_mutex_t connectors_lock = PTHREAD_MUTEX_INITIALIZER;

/* A device that is refused connects again every cinterval seconds. */
static void
log_once(struct virtq_connector *c, const char *text)
{
	for (unsigned int i = 0; i < VIRTQ_MAX_LOGGED; i++)
		if (strcmp(c->logged[i], text) == 0)
			return;
	snprintf(c->logged[c->logged_next], VIRTQ_LOGGED_LEN, "%s", text);
	c->logged_next = (c->logged_next + 1) % VIRTQ_MAX_LOGGED;
	if (c->listener && virtq_may_log(&c->log, ipc_listener_path(c->listener)))
		VIRTQ_LOG(ERR, "%s: %s", ipc_listener_path(c->listener), text);
}

/* Logs why the connection ended, and frees the peer.  Control thread, or after its end. */
static void
peer_drop(struct virtq_peer *peer)
{
	struct virtq_connector *c = peer->connector;
	bool failed;
	const char *why = peer->ops->why(peer, &failed);

	/* its rings and memory are taken back */
	if (peer->port)
		ipc_budget_spend(&peer->port->budget, IPC_COST_RINGS, virtq_now_ms());

	if (peer->port && failed)
		VIRTQ_PORT_LOG(ERR, peer->port, "device disconnected: %s", why);
	else if (peer->port)
		VIRTQ_PORT_LOG(INFO, peer->port, "device disconnected: %s", why);
	else if (failed)
		log_once(c, why);
	TAILQ_REMOVE(&c->peers, peer, next);
	/* if a forked child holds the socket open, close() does not remove it from epoll */
	epoll_ctl(c->epfd, EPOLL_CTL_DEL, peer->fd, NULL);
	peer->ops->close(peer);
}

bool
virtq_connector_drop_if_dead(struct virtq_peer *peer)
{
	struct pollfd p = {.fd = peer->fd, .events = POLLRDHUP};

	if (!peer->ops->is_dead(peer) &&
	    (poll(&p, 1, 0) != 1 || !(p.revents & (POLLHUP | POLLRDHUP | POLLERR))))
		return false;
	peer_drop(peer);
	return true;
}

struct virtq_port *
virtq_connector_port(struct virtq_connector *c, uint32_t nid)
{
	struct virtq_port *port;

	TAILQ_FOREACH (port, &c->ports, next)
		if (port->nid == nid)
			return port;
	return NULL;
}

static uint64_t
ram_times(uint64_t times)
{
	uint64_t ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	return RTE_MIN(times * ram, VIRTQ_MEM_MAX);
}

static uint64_t
mib(uint64_t bytes)
{
	return bytes / (1u << 20) + (bytes % (1u << 20) != 0);
}

/* Of all guests of a connector: what its ports were given, if that is more. */
static uint64_t
mem_limit_all(const struct virtq_connector *c)
{
	const struct virtq_port *port;
	uint64_t given = 0;

	TAILQ_FOREACH (port, &c->ports, next)
		given += port->mem_limit;
	return RTE_MAX(given, ram_times(VIRTQ_MEM_CONNECTOR_RAM));
}

int
virtq_connector_mem_allowed(const struct virtq_port *port, uint64_t bytes, char *err,
			    size_t err_size)
{
	const struct virtq_connector *c = port->connector;
	uint64_t limit = port->mem_limit ? port->mem_limit : ram_times(VIRTQ_MEM_TABLE_RAM);
	const struct virtq_port *other;
	uint64_t all = bytes;

	if (bytes > limit) {
		snprintf(err, err_size,
			 "the guest has %" PRIu64 " MiB of memory, and %s accepts %" PRIu64
			 ": start the application with mem_limit=%" PRIu64 " for this port",
			 mib(bytes), port->name, limit >> 20, mib(bytes));
		return -1;
	}
	TAILQ_FOREACH (other, &c->ports, next)
		if (other != port && other->mem)
			all += guest_mem_bytes(other->mem);
	limit = mem_limit_all(c);
	if (all <= limit)
		return 0;
	snprintf(err, err_size,
		 "the guests of this connector would have %" PRIu64 " MiB of memory, and %" PRIu64
		 " are accepted: give each port the mem_limit= that its guest needs",
		 mib(all), limit >> 20);
	return -1;
}

/* Connected, but has not named a port. */
static bool
is_pending(const struct virtq_peer *peer)
{
	return !peer->port && !peer->ops->is_dead(peer);
}

/* Limits how many fds clients can take that connect and send nothing. */
static void
make_room(struct virtq_connector *c)
{
	struct virtq_peer *peer, *oldest = NULL;
	unsigned int pending = 0;

	TAILQ_FOREACH (peer, &c->peers, next) {
		if (peer->port)
			continue;
		if (!oldest)
			oldest = peer;
		pending++;
	}
	if (pending < VIRTQ_MAX_PENDING)
		return;
	oldest->ops->fail(oldest, VIRTQ_CROWD, NULL);
	peer_drop(oldest);
}

static int
peer_watch(struct virtq_peer *peer)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = peer};

	return epoll_ctl(peer->connector->epfd, EPOLL_CTL_ADD, peer->fd, &ev);
}

/* Takes the fd over, also on failure. */
static void
peer_add(struct virtq_connector *c, int fd)
{
	struct virtq_peer *peer;
	struct ipc_err err;

	make_room(c);
	peer = c->front->open(c, fd);
	if (!peer)
		return;
	TAILQ_INSERT_TAIL(&c->peers, peer, next);
	if (ipc_peer_allowed(fd, c->uid, &err) != 0) {
		peer->ops->fail(peer, VIRTQ_PEER, err.text);
		peer_drop(peer);
	} else if (peer_watch(peer) != 0) {
		peer->ops->fail(peer, VIRTQ_RESOURCES, "out of epoll watches");
		peer_drop(peer);
	}
}

/* Stops to accept for some milliseconds, or goes on. */
static void
listener_watch(struct virtq_connector *c, uint64_t pause_ms)
{
	bool on = pause_ms == 0;
	struct epoll_event ev = {.events = on ? EPOLLIN : 0, .data.ptr = c};

	epoll_ctl(c->epfd, EPOLL_CTL_MOD, ipc_listener_fd(c->listener), &ev);
	c->accept_paused = !on;
	c->accept_resume_ms = virtq_now_ms() + pause_ms;
}

static void
on_listener(struct virtq_connector *c)
{
	int fd = c->listener ? ipc_listener_accept(c->listener) : -EAGAIN;
	uint64_t now = virtq_now_ms();

	if (fd >= 0) {
		peer_add(c, fd);
		ipc_budget_spend(&c->accepts, IPC_COST_CONNECT, now);
		if (ipc_budget_wait(&c->accepts, now) > 0)
			listener_watch(c, ipc_budget_wait(&c->accepts, now));
	} else if (ipc_accept_exhausted(fd)) {
		log_once(c, "the process has no file descriptors left for a new device: "
			    "raise its limit (ulimit -n)");
		listener_watch(c, VIRTQ_ACCEPT_PAUSE_MS);
	}
}

/* Reads no more of the peer until its port has tokens.  (With no events wanted, epoll would
 * still report a peer that left, again and again.) */
static void
peer_pause(struct virtq_peer *peer)
{
	epoll_ctl(peer->connector->epfd, EPOLL_CTL_DEL, peer->fd, NULL);
	peer->paused = true;
}

static void
peer_resume(struct virtq_peer *peer)
{
	peer->paused = false;
	if (peer_watch(peer) != 0)
		peer->ops->fail(peer, VIRTQ_RESOURCES, "out of epoll watches");
}

/* Milliseconds until the peer may be read from again. */
static uint64_t
peer_wait(const struct virtq_peer *peer, uint64_t now)
{
	return peer->port ? ipc_budget_wait(&peer->port->budget, now) : 0;
}

static void
on_peer(struct virtq_connector *c, struct virtq_peer *peer)
{
	bool had_port = peer->port != NULL;
	int ret = peer->ops->is_dead(peer) ? -1 : peer->ops->input(peer);

	if (peer->port)
		ipc_budget_spend(&peer->port->budget, peer->cost, virtq_now_ms());
	peer->cost = 0;
	if (ret != 0) {
		peer_drop(peer);
		return;
	}
	if (peer->port && !had_port)
		/* a device was accepted: errors from now on are new ones */
		memset(c->logged, 0, sizeof(c->logged));
	if (peer->port)
		peer->ops->check(peer);
	if (peer_wait(peer, virtq_now_ms()) > 0)
		peer_pause(peer);
}

/* Finds what guests and peers broke, and does what data threads left to this one. */
static void
check_ports(struct virtq_connector *c)
{
	struct virtq_port *port;

	TAILQ_FOREACH (port, &c->ports, next)
		if (port->peer)
			port->peer->ops->check(port->peer);
}

static void
on_event(struct virtq_connector *c, const struct epoll_event *ev)
{
	eventfd_t ignored;

	if (!ev->data.ptr) {
		(void)eventfd_read(c->wake_fd, &ignored);
		check_ports(c);
	} else if (ev->data.ptr == (void *)c) {
		on_listener(c);
	} else {
		on_peer(c, ev->data.ptr);
	}
}

/* Finds another handler in the place of ours. */
static void
check_process(struct virtq_connector *c)
{
	if (sigbus_guard_check() != 0)
		log_once(c, "the handler of SIGBUS changes again and again: a peer that "
			    "truncates its memory can now end this process");
}

/* All that is due. */
static void
housekeeping(struct virtq_connector *c)
{
	struct virtq_peer *peer, *tmp;
	struct virtq_port *port;
	uint64_t now = virtq_now_ms();

	if (c->accept_paused && c->listener && now >= c->accept_resume_ms)
		listener_watch(c, 0);
	if (now >= c->checked_ms + VIRTQ_CHECK_MS) {
		c->checked_ms = now;
		check_process(c);
		check_ports(c);
		TAILQ_FOREACH (port, &c->ports, next)
			virtq_device_check_call_fds(port);
	}
	if (now >= c->watchdog_ms + VIRTQ_WATCHDOG_MS) {
		c->watchdog_ms = now;
		TAILQ_FOREACH (port, &c->ports, next)
			virtq_device_watchdog(port);
	}
	for (peer = TAILQ_FIRST(&c->peers); peer; peer = tmp) {
		tmp = TAILQ_NEXT(peer, next);
		if (is_pending(peer) && now >= peer->deadline_ms)
			peer->ops->fail(peer, VIRTQ_TIMEOUT, NULL);
		if (peer->paused && peer_wait(peer, now) == 0)
			peer_resume(peer);
		if (peer->ops->is_dead(peer))
			peer_drop(peer);
	}
}

/* Milliseconds until something is due in housekeeping(); -1: nothing will be. */
static int
next_wait(struct virtq_connector *c)
{
	uint64_t now = virtq_now_ms(), until = UINT64_MAX;
	struct virtq_peer *peer;
	struct virtq_port *port;

	if (c->accept_paused)
		until = c->accept_resume_ms;
	TAILQ_FOREACH (peer, &c->peers, next) {
		if (is_pending(peer))
			until = RTE_MIN(until, peer->deadline_ms);
		if (peer->paused)
			until = RTE_MIN(until, now + peer_wait(peer, now));
	}
	TAILQ_FOREACH (port, &c->ports, next)
		if (port->running)
			until = RTE_MIN(until, now + VIRTQ_WATCHDOG_MS);
	if (until == UINT64_MAX)
		return -1;
	return until > now ? (int)(until - now) : 0;
}

/* Calls the application's callbacks, without the lock: they may call the driver. */
static void
report_events(struct virtq_connector *c)
{
	struct virtq_port *port;

	for (;;) {
		bool lsc, queues;
		struct rte_eth_dev *dev;

		TAILQ_FOREACH (port, &c->ports, next)
			if (port->lsc_pending || port->queues_pending)
				break;
		if (!port)
			return;
		lsc = port->lsc_pending;
		queues = port->queues_pending;
		port->lsc_pending = port->queues_pending = false;
		dev = &rte_eth_devices[port->port_id];
		c->calling = port;
		pthread_mutex_unlock(&c->lock);
		if (lsc)
			rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_LSC, NULL);
		if (queues)
			rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_QUEUE_STATE, NULL);
		pthread_mutex_lock(&c->lock);
		c->calling = NULL;
		pthread_cond_broadcast(&c->called);
	}
}

static void
connector_free(struct virtq_connector *c)
{
	while (!TAILQ_EMPTY(&c->peers))
		peer_drop(TAILQ_FIRST(&c->peers));
	ipc_listener_close(c->listener);
	if (c->epfd >= 0)
		close(c->epfd);
	if (c->wake_fd >= 0)
		close(c->wake_fd);
	vring_call_put(c->call);
	pthread_cond_destroy(&c->called);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static VIRTQ_THREAD_RET
control_thread(void *arg)
{
	struct virtq_connector *c = arg;
	bool orphan;

	pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		int wait = next_wait(c);
		struct epoll_event ev;
		int n;

		pthread_mutex_unlock(&c->lock);
		/* one event a round: its handler may free what another event points to */
		n = epoll_wait(c->epfd, &ev, 1, wait);
		pthread_mutex_lock(&c->lock);
		if (n == 1)
			on_event(c, &ev);
		housekeeping(c);
		report_events(c);
	}
	orphan = c->orphan;
	pthread_mutex_unlock(&c->lock);
	if (orphan)
		connector_free(c);
	return 0;
}

static int
watch(struct virtq_connector *c, int fd, void *ptr)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = ptr};

	return epoll_ctl(c->epfd, EPOLL_CTL_ADD, fd, &ev);
}

static struct virtq_connector *
connector_new(const char *path, const struct virtq_front_ops *front, uid_t uid,
	      const char *port_name)
{
	struct virtq_connector *c = calloc(1, sizeof(*c));
	struct ipc_err err;

	if (!c)
		return NULL;
	TAILQ_INIT(&c->ports);
	TAILQ_INIT(&c->peers);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->called, NULL);
	c->front = front;
	c->uid = uid;
	c->epfd = epoll_create1(EPOLL_CLOEXEC);
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->call = vring_call_get(c->wake_fd);
	ipc_budget_init(&c->accepts, virtq_now_ms());
	c->listener = ipc_listener_open(path, front->sock_type, uid, &err);
	if (!c->listener) {
		VIRTQ_LOG(ERR, "%s: connector: %s", port_name, err.text);
		connector_free(c);
		return NULL;
	}
	if (c->epfd < 0 || c->wake_fd < 0 || !c->call || watch(c, c->wake_fd, NULL) != 0 ||
	    watch(c, ipc_listener_fd(c->listener), c) != 0 ||
	    virtq_thread_create(&c->thread, "virtq-ctrl", control_thread, c) != 0) {
		VIRTQ_LOG(ERR, "%s: connector %s: no control thread: %s", port_name, path,
			  strerror(errno));
		connector_free(c);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&connectors, c, next);
	return c;
}

/* One port less.  After the last one the connector is off the list, and its path is free
 * for a new one.  Returns whether it was the last. */
static bool
connector_leave(struct virtq_connector *c)
{
	bool last;

	pthread_mutex_lock(&connectors_lock);
	last = --c->users == 0;
	if (last) {
		TAILQ_REMOVE(&connectors, c, next);
		pthread_mutex_lock(&c->lock);
		epoll_ctl(c->epfd, EPOLL_CTL_DEL, ipc_listener_fd(c->listener), NULL);
		ipc_listener_close(c->listener);
		c->listener = NULL;
		c->accept_paused = false;
		pthread_mutex_unlock(&c->lock);
	}
	pthread_mutex_unlock(&connectors_lock);
	return last;
}

/* Ends the thread and frees the connector, which has no port.  No lock may be held: the
 * thread may be in a callback that takes it. */
static void
connector_end(struct virtq_connector *c)
{
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	c->orphan = pthread_equal(pthread_self(), c->thread);
	pthread_mutex_unlock(&c->lock);
	if (c->orphan) {
		pthread_detach(c->thread);
		return;
	}
	(void)eventfd_write(c->wake_fd, 1);
	pthread_join(c->thread, NULL);
	connector_free(c);
}

/* Puts the control thread on the processors of lcore_id, or, if the application does not
 * use that lcore, on the processor of that number. */
static int
pin(struct virtq_connector *c, const struct virtq_port *port)
{
	cpu_set_t set = rte_lcore_cpuset((unsigned int)port->lcore_id);
	int ret;

	if (CPU_COUNT(&set) == 0)
		CPU_SET(port->lcore_id, &set);
	ret = pthread_setaffinity_np(c->thread, sizeof(set), &set);
	if (ret != 0)
		VIRTQ_LOG(ERR,
			  "%s: lcore_id=%d: this process may not run there (%s): give the number "
			  "of a processor it may use, or leave lcore_id out",
			  port->name, port->lcore_id, strerror(ret));
	return -ret;
}

int
virtq_connector_add(struct virtq_port *port, const char *path, const struct virtq_front_ops *front)
{
	struct virtq_connector *c;
	const struct virtq_port *other;
	int ret = 0;

	pthread_mutex_lock(&connectors_lock);
	TAILQ_FOREACH (c, &connectors, next)
		if (strcmp(ipc_listener_path(c->listener), path) == 0)
			break;
	if (!c)
		c = connector_new(path, front, port->uid, port->name);
	if (c)
		c->users++;
	pthread_mutex_unlock(&connectors_lock);
	if (!c)
		return -EIO;
	pthread_mutex_lock(&c->lock);
	other = virtq_connector_port(c, port->nid);
	if (c->front != front) {
		VIRTQ_LOG(ERR, "%s: connector %s speaks %s: give the port a path of its own",
			  port->name, path, c->front->name);
		ret = -EINVAL;
	} else if (other) {
		VIRTQ_LOG(ERR, "%s: nid=%u on connector %s is %s's: give each port its own",
			  port->name, port->nid, path, other->name);
		ret = -EEXIST;
	} else if (port->uid != (uid_t)-1 && port->uid != c->uid) {
		VIRTQ_LOG(ERR,
			  "%s: uid=%u: the connector %s was made without it: give uid= to the "
			  "first of its ports",
			  port->name, port->uid, path);
		ret = -EINVAL;
	} else if (port->lcore_id >= 0) {
		ret = pin(c, port);
	}
	if (ret == 0) {
		port->connector = c;
		port->call = c->call;
		for (uint32_t i = 0; i < port->max_queues; i++)
			port->rxq[i].wake_fd = port->txq[i].wake_fd = c->wake_fd;
		TAILQ_INSERT_TAIL(&c->ports, port, next);
	}
	pthread_mutex_unlock(&c->lock);
	if (ret != 0 && connector_leave(c))
		connector_end(c);
	return ret;
}

/* Detaches the peer; the control thread frees it.  With the lock held. */
static void
disconnect(struct virtq_port *port, const char *text)
{
	struct virtq_peer *peer = port->peer;

	if (!peer)
		return;
	peer->ops->fail(peer, VIRTQ_GONE, text);
	peer->ops->detach(peer);
	(void)eventfd_write(port->connector->wake_fd, 1);
}

void
virtq_connector_remove(struct virtq_port *port)
{
	struct virtq_connector *c = port->connector;

	pthread_mutex_lock(&c->lock);
	disconnect(port, "the port was closed by its application");
	TAILQ_REMOVE(&c->ports, port, next);
	while (c->calling == port && !pthread_equal(pthread_self(), c->thread))
		pthread_cond_wait(&c->called, &c->lock);
	port->connector = NULL;
	pthread_mutex_unlock(&c->lock);
	if (connector_leave(c))
		connector_end(c);
}

void
virtq_connector_disconnect(struct virtq_port *port)
{
	virtq_connector_lock(port);
	disconnect(port, "the port was reset by its application");
	virtq_connector_unlock(port);
}

void
virtq_connector_link_changed(struct virtq_port *port)
{
	struct virtq_peer *peer = port->peer;

	/* a peer that cannot be sent to is dropped by the control thread */
	if (peer && !peer->ops->is_dead(peer) && peer->ops->link(peer) != 0)
		(void)eventfd_write(port->connector->wake_fd, 1);
}

int
virtq_connector_announce(struct virtq_port *port)
{
	int ret = -ENOTCONN;

	virtq_connector_lock(port);
	if (port->peer)
		ret = port->peer->ops->announce(port->peer);
	if (port->peer && port->peer->ops->is_dead(port->peer))
		(void)eventfd_write(port->connector->wake_fd, 1);
	virtq_connector_unlock(port);
	return ret;
}

void
virtq_connector_lock(struct virtq_port *port)
{
	pthread_mutex_lock(&port->connector->lock);
}

void
virtq_connector_unlock(struct virtq_port *port)
{
	pthread_mutex_unlock(&port->connector->lock);
}

const char *
virtq_connector_path(const struct virtq_port *port)
{
	return ipc_listener_path(port->connector->listener);
}
