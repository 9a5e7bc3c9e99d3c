/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_CONTROL_H
#define VIRTQ_CONTROL_H

/*
 * virtq_control.h - the control thread: one a process, for all ports, connectors and
 * peers, and the lock of all that it shares with other threads of the application.  It
 * waits for fds, calls what is due, checks the ports, and calls the application's
 * callbacks.  Any thread of the application, but no data thread, unless noted otherwise.
 */

#include <sys/queue.h>

#include "virtq.h"
#include "virtq_watch.h"

/* What the control thread does from time to time. */
struct virtq_chore {
	TAILQ_ENTRY(virtq_chore) next;
	/* Does what is due.  Control thread, with the lock; may remove no chore. */
	void (*run)(struct virtq_chore *chore, uint64_t now_ms);
	/* When something is due next; UINT64_MAX: never. */
	uint64_t (*due)(struct virtq_chore *chore, uint64_t now_ms);
};

TAILQ_HEAD(virtq_ports, virtq_port);

/* The process's control thread, which the first caller starts; name is for the log.  NULL
 * after a log line.  To be followed by virtq_control_put(). */
struct virtq_control *virtq_control_get(const char *name);

/* The last one ends the thread.  The lock must not be held. */
void virtq_control_put(struct virtq_control *c);

void virtq_control_lock(struct virtq_control *c);
void virtq_control_unlock(struct virtq_control *c);

/* All that follows: with the lock held. */

/*
 * Adds a port, which is checked from then on, and puts the thread on the processors of its
 * lcore_id, besides those of other ports (an lcore that the application does not use
 * stands for the processor of that number).  Returns 0, or -errno after a log line.
 */
int virtq_control_add_port(struct virtq_control *c, struct virtq_port *port);

/* Removes a port, and waits, with the lock given up, for the end of a callback that runs
 * for it, unless called from it. */
void virtq_control_remove_port(struct virtq_control *c, struct virtq_port *port);

struct virtq_ports *virtq_control_ports(struct virtq_control *c);

/* Waits for an fd; 0 or -errno. */
int virtq_control_watch(struct virtq_control *c, int fd, struct virtq_watch *w);
/* Its watch may then be freed. */
void virtq_control_unwatch(struct virtq_control *c, int fd);

void virtq_control_add_chore(struct virtq_control *c, struct virtq_chore *chore);
void virtq_control_remove_chore(struct virtq_control *c, struct virtq_chore *chore);

/* The thread looks for what is due and what has to be reported.  Also without the lock. */
void virtq_control_wake(struct virtq_control *c);

#endif /* VIRTQ_CONTROL_H */
