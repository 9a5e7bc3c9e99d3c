/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_connector.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_jhash.h>

#include "ipc_dialer.h"
#include "ipc_listener.h"
#include "ipc_peer.h"
#include "rte_eth_virtq.h"
#include "virtq_control.h"
#include "virtq_device.h"
#include "virtq_front.h"

/* Connections that have not named a port yet; one more ends the oldest of them. */
#define VIRTQ_MAX_PENDING 32u
/* How long nothing is accepted after the process ran out of fds. */
#define VIRTQ_ACCEPT_PAUSE_MS 200u
/* Errors that are remembered, so that each is logged once. */
#define VIRTQ_MAX_LOGGED 16u

struct virtq_connector {
	struct virtq_watch watch; /* first: of the listener or the dialer */
	TAILQ_ENTRY(virtq_connector) next;
	struct virtq_control *control;
	struct virtq_chore chore;
	const struct virtq_front_ops *front; /* of all its peers */
	struct ipc_listener *listener;       /* or dialer: the other one is NULL */
	struct ipc_dialer *dialer;
	uid_t uid;
	unsigned int users; /* ports, under connectors_lock */
	bool started;       /* the control thread serves it */
	bool accept_paused;
	uint64_t accept_resume_ms;
	struct ipc_budget accepts;
	TAILQ_HEAD(, virtq_peer) peers;    /* oldest first */
	uint32_t logged[VIRTQ_MAX_LOGGED]; /* hashes: texts would be most of an idle port */
	unsigned int logged_next;
	struct virtq_log_limit log;
};

static TAILQ_HEAD(, virtq_connector) connectors = TAILQ_HEAD_INITIALIZER(connectors);
static pthread_mutex_t connectors_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *
path_of(const struct virtq_connector *c)
{
	return c->dialer ? ipc_dialer_path(c->dialer) : ipc_listener_path(c->listener);
}

/* A peer that is refused connects again and again. */
static void
log_once(struct virtq_connector *c, uint32_t level, const char *text)
{
	const uint32_t hash = rte_jhash(text, (uint32_t)strlen(text), 0);

	for (unsigned int i = 0; i < VIRTQ_MAX_LOGGED; i++)
		if (c->logged[i] == hash)
			return;
	c->logged[c->logged_next] = hash;
	c->logged_next = (c->logged_next + 1) % VIRTQ_MAX_LOGGED;
	if (virtq_may_log(&c->log, path_of(c)))
		rte_log(level, virtq_logtype, "virtq: %s: %s\n", path_of(c), text);
}

/* Logs why the connection ended, and frees the peer. */
static void
peer_drop(struct virtq_peer *peer)
{
	struct virtq_connector *c = peer->connector;
	const char *what = c->front->peer_is;
	bool failed;
	const char *why = peer->ops->why(peer, &failed);

	/* found out before its front did */
	if (why[0] == '\0')
		why = "it closed the connection";
	/* its rings and memory are taken back */
	if (peer->port)
		ipc_budget_spend(&peer->port->budget, IPC_COST_RINGS, virtq_now_ms());

	if (peer->port && failed)
		VIRTQ_PORT_LOG(ERR, peer->port, "%s disconnected: %s", what, why);
	else if (peer->port)
		VIRTQ_PORT_LOG(INFO, peer->port, "%s disconnected: %s", what, why);
	else if (failed)
		log_once(c, RTE_LOG_ERR, why);
	TAILQ_REMOVE(&c->peers, peer, next);
	virtq_control_unwatch(c->control, peer->fd);
	peer->ops->close(peer);
	if (c->dialer)
		ipc_dialer_again(c->dialer);
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

	TAILQ_FOREACH (port, virtq_control_ports(c->control), next)
		if (port->connector == c && port->nid == nid)
			return port;
	return NULL;
}

struct virtq_port *
virtq_connector_first_port(struct virtq_connector *c)
{
	struct virtq_port *port;

	TAILQ_FOREACH (port, virtq_control_ports(c->control), next)
		if (port->connector == c)
			return port;
	return NULL;
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
	oldest->ops->fail(oldest, VIRTQ_CROWD, c->front->crowd_text);
	peer_drop(oldest);
}

static void peer_ready(struct virtq_watch *w);

static int
peer_watch(struct virtq_peer *peer)
{
	peer->watch.ready = peer_ready;
	return virtq_control_watch(peer->connector->control, peer->fd, &peer->watch);
}

/* The only port of the connector is this peer's, unless another one has it. */
static int
peer_attach(struct virtq_connector *c, struct virtq_peer *peer)
{
	struct virtq_port *port = virtq_connector_first_port(c);
	char text[128];

	if (!port) {
		peer->ops->fail(peer, VIRTQ_GONE, "the port is gone");
		return -1;
	}
	if (port->peer && !virtq_connector_drop_if_dead(port->peer)) {
		snprintf(text, sizeof(text),
			 "a second front end was refused: process %d is connected to %s",
			 (int)port->peer->pid, port->name);
		peer->ops->fail(peer, VIRTQ_BUSY, text);
		return -1;
	}
	if (virtq_device_attach(port, peer) != 0) {
		peer->ops->fail(peer, VIRTQ_RESOURCES, "out of memory");
		return -1;
	}
	VIRTQ_PORT_LOG(INFO, port, "%s connected (process %d)", c->front->peer_is, (int)peer->pid);
	memset(c->logged, 0, sizeof(c->logged));
	return 0;
}

/* Takes the fd over, also on failure. */
static void
peer_add(struct virtq_connector *c, int fd)
{
	struct ucred cred = {0};
	struct virtq_peer *peer;
	struct ipc_err err;

	make_room(c);
	(void)ipc_peer_cred(fd, &cred);
	peer = c->front->open(c, fd);
	if (!peer)
		return;
	peer->pid = cred.pid;
	TAILQ_INSERT_TAIL(&c->peers, peer, next);
	if (ipc_peer_allowed(fd, c->uid, &err) != 0) {
		peer->ops->fail(peer, VIRTQ_PEER, err.text);
		peer_drop(peer);
	} else if (peer_watch(peer) != 0) {
		peer->ops->fail(peer, VIRTQ_RESOURCES, "out of epoll watches");
		peer_drop(peer);
	} else if (c->front->one_port && peer_attach(c, peer) != 0) {
		peer_drop(peer);
	}
}

static int
fd_of(const struct virtq_connector *c)
{
	return c->dialer ? ipc_dialer_fd(c->dialer) : ipc_listener_fd(c->listener);
}

/* Accepts nothing, or hears of no change where the path is waited for, for some
 * milliseconds. */
static void
accept_pause(struct virtq_connector *c, uint64_t ms)
{
	virtq_control_unwatch(c->control, fd_of(c));
	c->accept_paused = true;
	c->accept_resume_ms = virtq_now_ms() + ms;
}

static void
accept_resume(struct virtq_connector *c)
{
	c->accept_paused = virtq_control_watch(c->control, fd_of(c), &c->watch) != 0;
	c->accept_resume_ms = virtq_now_ms() + VIRTQ_ACCEPT_PAUSE_MS;
}

static void
listener_ready(struct virtq_watch *w)
{
	struct virtq_connector *c = (struct virtq_connector *)w;
	int fd = ipc_listener_accept(c->listener);
	uint64_t now = virtq_now_ms();

	if (fd >= 0) {
		peer_add(c, fd);
		ipc_budget_spend(&c->accepts, IPC_COST_CONNECT, now);
		if (ipc_budget_wait(&c->accepts, now) > 0)
			accept_pause(c, ipc_budget_wait(&c->accepts, now));
	} else if (ipc_accept_exhausted(fd)) {
		log_once(c, RTE_LOG_ERR,
			 "the process has no file descriptors left for a new device: "
			 "raise its limit (ulimit -n)");
		accept_pause(c, VIRTQ_ACCEPT_PAUSE_MS);
	}
}

static void
dialer_ready(struct virtq_watch *w)
{
	struct virtq_connector *c = (struct virtq_connector *)w;
	uint64_t now = virtq_now_ms();

	ipc_dialer_changed(c->dialer);
	/* a batch of changes: anybody may make files in the same folder, as fast as he can */
	ipc_budget_spend(&c->accepts, IPC_COST_FILE, now);
	if (ipc_budget_wait(&c->accepts, now) > 0)
		accept_pause(c, ipc_budget_wait(&c->accepts, now));
}

/* Not while the last port comes or goes: who connects to nobody is dropped. */
static bool
wants_peer(struct virtq_connector *c)
{
	return c->dialer && TAILQ_EMPTY(&c->peers) && virtq_connector_first_port(c);
}

/* Connects to the socket, if it is time. */
static void
dial(struct virtq_connector *c, uint64_t now)
{
	int fd = ipc_dialer_connect(c->dialer, now);
	char text[128];

	if (fd >= 0) {
		peer_add(c, fd);
	} else if (fd == -ENOENT) {
		log_once(c, RTE_LOG_INFO, "does not exist: waiting for it to appear");
	} else if (fd != -EAGAIN) {
		snprintf(text, sizeof(text), "cannot connect (%s): trying again", strerror(-fd));
		log_once(c, RTE_LOG_INFO, text);
	}
}

/* Reads no more of the peer until its port has tokens.  (With no events wanted, epoll would
 * still report a peer that left, again and again.) */
static void
peer_pause(struct virtq_peer *peer)
{
	virtq_control_unwatch(peer->connector->control, peer->fd);
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
peer_ready(struct virtq_watch *w)
{
	struct virtq_peer *peer = (struct virtq_peer *)w;
	struct virtq_connector *c = peer->connector;
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

/* All that is due. */
static void
chore_run(struct virtq_chore *chore, uint64_t now)
{
	struct virtq_connector *c = RTE_PTR_SUB(chore, offsetof(struct virtq_connector, chore));
	struct virtq_peer *peer, *tmp;

	if (c->accept_paused && now >= c->accept_resume_ms)
		accept_resume(c);
	for (peer = TAILQ_FIRST(&c->peers); peer; peer = tmp) {
		tmp = TAILQ_NEXT(peer, next);
		if (is_pending(peer) && now >= peer->deadline_ms)
			peer->ops->fail(peer, VIRTQ_TIMEOUT, c->front->timeout_text);
		if (peer->paused && peer_wait(peer, now) == 0)
			peer_resume(peer);
		if (peer->ops->is_dead(peer))
			peer_drop(peer);
	}
	if (wants_peer(c) && now >= ipc_dialer_due(c->dialer))
		dial(c, now);
}

static uint64_t
chore_due(struct virtq_chore *chore, uint64_t now)
{
	struct virtq_connector *c = RTE_PTR_SUB(chore, offsetof(struct virtq_connector, chore));
	uint64_t until = c->accept_paused ? c->accept_resume_ms : UINT64_MAX;
	const struct virtq_peer *peer;

	TAILQ_FOREACH (peer, &c->peers, next) {
		if (is_pending(peer))
			until = RTE_MIN(until, peer->deadline_ms);
		if (peer->paused)
			until = RTE_MIN(until, now + peer_wait(peer, now));
	}
	if (wants_peer(c))
		until = RTE_MIN(until, ipc_dialer_due(c->dialer));
	return until;
}

static void
connector_free(struct virtq_connector *c)
{
	ipc_listener_close(c->listener);
	ipc_dialer_free(c->dialer);
	free(c);
}

/* Opens the socket or the way to it; 0, or -1 after a log line. */
static int
connector_open(struct virtq_connector *c, const char *path, bool client, const char *port_name)
{
	struct ipc_err err;

	if (client) {
		c->dialer = ipc_dialer_new(path, c->front->sock_type);
		if (!c->dialer)
			VIRTQ_LOG(ERR, "%s: connector: %s", port_name, strerror(errno));
		c->watch.ready = dialer_ready;
		return c->dialer ? 0 : -1;
	}
	c->listener = ipc_listener_open(path, c->front->sock_type, c->uid, &err);
	if (!c->listener)
		VIRTQ_LOG(ERR, "%s: connector: %s", port_name, err.text);
	c->watch.ready = listener_ready;
	return c->listener ? 0 : -1;
}

static struct virtq_connector *
connector_new(struct virtq_control *control, const struct virtq_port *port, const char *path,
	      bool client, const struct virtq_front_ops *front)
{
	struct virtq_connector *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	TAILQ_INIT(&c->peers);
	c->control = control;
	c->front = front;
	c->uid = port->uid;
	c->chore.run = chore_run;
	c->chore.due = chore_due;
	ipc_budget_init(&c->accepts, virtq_now_ms());
	if (connector_open(c, path, client, port->name) != 0) {
		connector_free(c);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&connectors, c, next);
	return c;
}

/* Lets peers come, once a port is there for them: who finds none may not try again.  With
 * the control lock held. */
static int
connector_start(struct virtq_connector *c, const struct virtq_port *port)
{
	int ret = virtq_control_watch(c->control, fd_of(c), &c->watch);

	if (ret != 0) {
		VIRTQ_LOG(ERR, "%s: connector: %s", port->name, strerror(-ret));
		return ret;
	}
	virtq_control_add_chore(c->control, &c->chore);
	c->started = true;
	return 0;
}

static void
connector_stop(struct virtq_connector *c)
{
	virtq_control_lock(c->control);
	virtq_control_unwatch(c->control, fd_of(c));
	virtq_control_remove_chore(c->control, &c->chore);
	while (!TAILQ_EMPTY(&c->peers))
		peer_drop(TAILQ_FIRST(&c->peers));
	virtq_control_unlock(c->control);
}

/* One port less; the last one ends the connector, and its path is free for a new one. */
static void
connector_leave(struct virtq_connector *c)
{
	if (--c->users > 0)
		return;
	TAILQ_REMOVE(&connectors, c, next);
	if (c->started)
		connector_stop(c);
	connector_free(c);
}

/* Whether the port may use the connector. */
static int
port_fits(struct virtq_connector *c, const struct virtq_port *port,
	  const struct virtq_front_ops *front)
{
	const struct virtq_port *other = virtq_connector_first_port(c);

	if (c->front != front) {
		VIRTQ_LOG(ERR, "%s: connector %s speaks %s: give the port a path of its own",
			  port->name, path_of(c), c->front->name);
		return -EINVAL;
	}
	if (front->one_port && other) {
		VIRTQ_LOG(ERR, "%s: iface=%s is %s's: give each port its own", port->name,
			  path_of(c), other->name);
		return -EEXIST;
	}
	other = virtq_connector_port(c, port->nid);
	if (other) {
		VIRTQ_LOG(ERR, "%s: nid=%u on connector %s is %s's: give each port its own",
			  port->name, port->nid, path_of(c), other->name);
		return -EEXIST;
	}
	if (port->uid != (uid_t)-1 && port->uid != c->uid) {
		VIRTQ_LOG(ERR,
			  "%s: uid=%u: the connector %s was made without it: give uid= to the "
			  "first of its ports",
			  port->name, port->uid, path_of(c));
		return -EINVAL;
	}
	return 0;
}

/* Adds the port to the connector at path, which the first one makes. */
static int
connector_join(struct virtq_control *control, struct virtq_port *port, const char *path,
	       bool client, const struct virtq_front_ops *front)
{
	struct virtq_connector *c;
	int ret;

	TAILQ_FOREACH (c, &connectors, next)
		if (strcmp(path_of(c), path) == 0)
			break;
	if (!c)
		c = connector_new(control, port, path, client, front);
	if (!c)
		return -EIO;
	c->users++;
	virtq_control_lock(control);
	ret = port_fits(c, port, front);
	if (ret == 0) {
		port->connector = c;
		ret = virtq_control_add_port(control, port);
	}
	if (ret == 0 && !c->started) {
		ret = connector_start(c, port);
		if (ret != 0)
			virtq_control_remove_port(control, port);
	}
	if (ret != 0)
		port->connector = NULL;
	virtq_control_unlock(control);
	if (ret != 0)
		connector_leave(c);
	return ret;
}

int
virtq_connector_add(struct virtq_port *port, const char *path, bool client,
		    const struct virtq_front_ops *front)
{
	struct virtq_control *control = virtq_control_get(port->name);
	int ret;

	if (!control)
		return -EIO;
	pthread_mutex_lock(&connectors_lock);
	ret = connector_join(control, port, path, client, front);
	pthread_mutex_unlock(&connectors_lock);
	if (ret != 0)
		virtq_control_put(control);
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
	virtq_control_wake(port->control);
}

void
virtq_connector_remove(struct virtq_port *port)
{
	struct virtq_control *control = port->control;
	struct virtq_connector *c = port->connector;

	virtq_control_lock(control);
	disconnect(port, "the port was closed by its application");
	virtq_control_remove_port(control, port);
	port->connector = NULL;
	virtq_control_unlock(control);
	pthread_mutex_lock(&connectors_lock);
	connector_leave(c);
	pthread_mutex_unlock(&connectors_lock);
	virtq_control_put(control);
}

void
virtq_connector_disconnect(struct virtq_port *port)
{
	virtq_control_lock(port->control);
	disconnect(port, "the port was reset by its application");
	virtq_control_unlock(port->control);
}

void
virtq_connector_link_changed(struct virtq_port *port)
{
	struct virtq_peer *peer = port->peer;

	/* a peer that cannot be sent to is dropped by the control thread */
	if (peer && !peer->ops->is_dead(peer) && peer->ops->link(peer) != 0)
		virtq_control_wake(port->control);
}

int
virtq_connector_announce(struct virtq_port *port)
{
	int ret = -ENOTCONN;

	virtq_control_lock(port->control);
	if (port->peer)
		ret = port->peer->ops->announce(port->peer);
	port->count.announces += ret == 0;
	if (port->peer && port->peer->ops->is_dead(port->peer))
		virtq_control_wake(port->control);
	virtq_control_unlock(port->control);
	return ret;
}

void
virtq_connector_info(const struct virtq_port *port, struct rte_eth_virtq_info *info)
{
	const struct virtq_connector *c = port->connector;

	snprintf(info->connector, sizeof(info->connector), "%s", path_of(c));
	snprintf(info->front, sizeof(info->front), "%s", c->front->name);
	info->client = c->dialer != NULL;
}
