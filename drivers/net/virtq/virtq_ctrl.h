/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_CTRL_H
#define VIRTQ_CTRL_H

/*
 * virtq_ctrl.h - connectors: a socket, the thread that owns it, the ports that
 * share it and the devices that are connected to it.
 */

#include "virtq_ethdev.h"

/* One connected device. */
struct virtq_peer {
	TAILQ_ENTRY(virtq_peer) next;
	struct virtq_connector *connector;
	struct ipc_session *session;
	struct virtq_port *port; /* NULL before HELLO */
	uint64_t deadline_ms;    /* for HELLO */
};

/*
 * Puts a port on the connector at path, which is made if it is the first one
 * there.  Returns 0, or -errno after a log line that says what to do.
 */
int virtq_ctrl_add(struct virtq_port *port, const char *path);

/* Takes the port off again: its device is told, its rings are let go, and no
 * callback of it runs afterwards.  The last port ends the connector. */
void virtq_ctrl_remove(struct virtq_port *port);

/* Ends the connection of the port, if any; the device will connect again. */
void virtq_ctrl_disconnect(struct virtq_port *port);

/* The application started or stopped the port, or changed its MTU. */
void virtq_ctrl_set_started(struct virtq_port *port, bool started);
void virtq_ctrl_set_mtu(struct virtq_port *port, uint16_t mtu);

int virtq_ctrl_announce(struct virtq_port *port);

void virtq_ctrl_lock(struct virtq_port *port);
void virtq_ctrl_unlock(struct virtq_port *port);
const char *virtq_ctrl_path(const struct virtq_port *port);

/* With the lock held: finds the port that serves nid. */
struct virtq_port *virtq_ctrl_port(struct virtq_connector *c, uint32_t nid);

/* With the lock held: signals an eventfd of a device, without waiting. */
void virtq_ctrl_signal(struct virtq_connector *c, int eventfd);

/* With the lock held: lets a dead peer go, so that another one can come. */
bool virtq_ctrl_drop_if_dead(struct virtq_peer *peer);

#endif /* VIRTQ_CTRL_H */
