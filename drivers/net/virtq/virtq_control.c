/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_control.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_lcore.h>

#include "sigbus_guard.h"
#include "virtq_device.h"
#include "virtq_front.h"
#include "vring_call.h"

/* How often ports are checked for what guests and peers can break. */
#define VIRTQ_CHECK_MS 1000u

struct virtq_control {
	pthread_mutex_t lock;
	pthread_cond_t called; /* `calling` was cleared */
	int epfd;
	int wake_fd;
	struct vring_call *call;
	pthread_t thread;
	cpu_set_t cpus;     /* where the thread runs if no port has an lcore_id */
	unsigned int users; /* under control_lock */
	uint64_t unwatched; /* counts virtq_control_unwatch() */
	bool stop;
	bool orphan;                /* its own thread put it last, and frees it */
	bool guard_lost;            /* of SIGBUS, was logged */
	struct virtq_port *calling; /* for which the application's callback runs */
	struct virtq_ports ports;
	TAILQ_HEAD(, virtq_chore) chores;
	uint64_t checked_ms;
	uint64_t watchdog_ms;
};

static struct virtq_control *control;
static pthread_mutex_t control_lock = PTHREAD_MUTEX_INITIALIZER;

void
virtq_control_lock(struct virtq_control *c)
{
	pthread_mutex_lock(&c->lock);
}

void
virtq_control_unlock(struct virtq_control *c)
{
	pthread_mutex_unlock(&c->lock);
}

void
virtq_control_wake(struct virtq_control *c)
{
	(void)eventfd_write(c->wake_fd, 1);
}

struct virtq_ports *
virtq_control_ports(struct virtq_control *c)
{
	return &c->ports;
}

int
virtq_control_watch(struct virtq_control *c, int fd, struct virtq_watch *w)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = w};

	return epoll_ctl(c->epfd, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

/* If a forked child holds the file open, close() alone would not remove it from epoll. */
void
virtq_control_unwatch(struct virtq_control *c, int fd)
{
	epoll_ctl(c->epfd, EPOLL_CTL_DEL, fd, NULL);
	c->unwatched++;
}

void
virtq_control_add_chore(struct virtq_control *c, struct virtq_chore *chore)
{
	TAILQ_INSERT_TAIL(&c->chores, chore, next);
	virtq_control_wake(c);
}

void
virtq_control_remove_chore(struct virtq_control *c, struct virtq_chore *chore)
{
	TAILQ_REMOVE(&c->chores, chore, next);
}

/* Finds what guests and peers broke, and does what data threads left to this one. */
static void
check_ports(struct virtq_control *c)
{
	struct virtq_port *port;

	TAILQ_FOREACH (port, &c->ports, next)
		if (port->peer)
			port->peer->ops->check(port->peer);
}

/* Finds another handler in the place of ours. */
static void
check_process(struct virtq_control *c)
{
	bool lost = sigbus_guard_check() != 0;

	if (lost && !c->guard_lost)
		VIRTQ_LOG(ERR, "the handler of SIGBUS changes again and again: a peer that "
			       "truncates its memory can now end this process");
	c->guard_lost = lost;
}

static void
housekeeping(struct virtq_control *c)
{
	struct virtq_chore *chore;
	struct virtq_port *port;
	uint64_t now = virtq_now_ms();

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
	TAILQ_FOREACH (chore, &c->chores, next)
		chore->run(chore, now);
}

/* Milliseconds until something is due in housekeeping(); -1: nothing will be. */
static int
next_wait(struct virtq_control *c)
{
	uint64_t now = virtq_now_ms(), until = UINT64_MAX;
	struct virtq_chore *chore;
	struct virtq_port *port;

	TAILQ_FOREACH (chore, &c->chores, next)
		until = RTE_MIN(until, chore->due(chore, now));
	TAILQ_FOREACH (port, &c->ports, next)
		if (port->running)
			until = RTE_MIN(until, now + VIRTQ_WATCHDOG_MS);
	if (until == UINT64_MAX)
		return -1;
	return until > now ? (int)RTE_MIN(until - now, 60000u) : 0;
}

/* Calls the application's callbacks, without the lock: they may call the driver. */
static void
report_events(struct virtq_control *c)
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
control_free(struct virtq_control *c)
{
	if (c->epfd >= 0)
		close(c->epfd);
	if (c->wake_fd >= 0)
		close(c->wake_fd);
	vring_call_put(c->call);
	pthread_cond_destroy(&c->called);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static void
on_event(struct virtq_control *c, const struct epoll_event *ev)
{
	struct virtq_watch *w = ev->data.ptr;
	eventfd_t ignored;

	if (w) {
		w->ready(w);
		return;
	}
	(void)eventfd_read(c->wake_fd, &ignored);
	check_ports(c);
}

static VIRTQ_THREAD_RET
control_thread(void *arg)
{
	struct virtq_control *c = arg;
	bool orphan;

	pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		uint64_t unwatched = c->unwatched;
		int wait = next_wait(c);
		struct epoll_event ev;
		int n;

		pthread_mutex_unlock(&c->lock);
		/* one event a round: its handler may free what another event points to */
		n = epoll_wait(c->epfd, &ev, 1, wait);
		pthread_mutex_lock(&c->lock);
		/* another thread may have done the same meanwhile; what it did not free is
		 * still ready in the next round */
		if (n == 1 && unwatched == c->unwatched)
			on_event(c, &ev);
		housekeeping(c);
		report_events(c);
	}
	orphan = c->orphan;
	pthread_mutex_unlock(&c->lock);
	if (orphan)
		control_free(c);
	return 0;
}

static struct virtq_control *
control_new(const char *name)
{
	struct virtq_control *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	TAILQ_INIT(&c->ports);
	TAILQ_INIT(&c->chores);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->called, NULL);
	c->epfd = epoll_create1(EPOLL_CLOEXEC);
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->call = vring_call_get(c->wake_fd);
	if (c->epfd < 0 || c->wake_fd < 0 || !c->call ||
	    virtq_control_watch(c, c->wake_fd, NULL) != 0 ||
	    virtq_thread_create(&c->thread, "virtq-ctrl", control_thread, c) != 0) {
		VIRTQ_LOG(ERR, "%s: no control thread: %s", name, strerror(errno));
		control_free(c);
		return NULL;
	}
	pthread_getaffinity_np(c->thread, sizeof(c->cpus), &c->cpus);
	return c;
}

struct virtq_control *
virtq_control_get(const char *name)
{
	struct virtq_control *c;

	pthread_mutex_lock(&control_lock);
	if (!control)
		control = control_new(name);
	c = control;
	if (c)
		c->users++;
	pthread_mutex_unlock(&control_lock);
	return c;
}

void
virtq_control_put(struct virtq_control *c)
{
	bool last;

	pthread_mutex_lock(&control_lock);
	last = --c->users == 0;
	if (last)
		control = NULL;
	pthread_mutex_unlock(&control_lock);
	if (!last)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	c->orphan = pthread_equal(pthread_self(), c->thread);
	pthread_mutex_unlock(&c->lock);
	if (c->orphan) {
		pthread_detach(c->thread);
		return;
	}
	virtq_control_wake(c);
	pthread_join(c->thread, NULL);
	control_free(c);
}

/* The processors of a port's lcore_id. */
static cpu_set_t
port_cpus(const struct virtq_port *port)
{
	cpu_set_t set = rte_lcore_cpuset((unsigned int)port->lcore_id);

	if (CPU_COUNT(&set) == 0)
		CPU_SET(port->lcore_id, &set);
	return set;
}

/* Puts the thread on the processors of all ports' lcore_id. */
static void
pin_all(struct virtq_control *c)
{
	const struct virtq_port *port;
	cpu_set_t all;

	CPU_ZERO(&all);
	TAILQ_FOREACH (port, &c->ports, next) {
		cpu_set_t set;

		if (port->lcore_id < 0)
			continue;
		set = port_cpus(port);
		CPU_OR(&all, &all, &set);
	}
	if (CPU_COUNT(&all) == 0)
		all = c->cpus;
	(void)pthread_setaffinity_np(c->thread, sizeof(all), &all);
}

/* Whether the thread may run on the processors of a port's lcore_id at all. */
static int
pin(struct virtq_control *c, const struct virtq_port *port)
{
	cpu_set_t set = port_cpus(port);
	int ret = pthread_setaffinity_np(c->thread, sizeof(set), &set);

	if (ret != 0)
		VIRTQ_LOG(ERR,
			  "%s: lcore_id=%d: this process may not run there (%s): give the number "
			  "of a processor it may use, or leave lcore_id out",
			  port->name, port->lcore_id, strerror(ret));
	return -ret;
}

int
virtq_control_add_port(struct virtq_control *c, struct virtq_port *port)
{
	int ret = port->lcore_id >= 0 ? pin(c, port) : 0;

	if (ret != 0)
		return ret;
	port->control = c;
	port->call = c->call;
	for (uint32_t i = 0; i < port->max_queues; i++)
		port->rxq[i].wake_fd = port->txq[i].wake_fd = c->wake_fd;
	TAILQ_INSERT_TAIL(&c->ports, port, next);
	pin_all(c);
	return 0;
}

void
virtq_control_remove_port(struct virtq_control *c, struct virtq_port *port)
{
	TAILQ_REMOVE(&c->ports, port, next);
	pin_all(c);
	while (c->calling == port && !pthread_equal(pthread_self(), c->thread))
		pthread_cond_wait(&c->called, &c->lock);
}
