/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_CONNECTOR_H
#define VIRTQ_CONNECTOR_H

/*
 * virtq_connector.h - a connector: a socket in the file system, the control thread that
 * owns it, the ports that share it and the peers that are connected to it.
 */

#include "virtq.h"

struct virtq_front_ops;

/*
 * Puts a port on the connector at path, which is made for that front if it is the first
 * one there.  Returns 0, or -errno after a log line that says what to do.
 */
int virtq_connector_add(struct virtq_port *port, const char *path,
			const struct virtq_front_ops *front);

/* Takes the port off again: its peer is told, its rings are let go, and no callback of it
 * runs afterwards.  The last port ends the connector. */
void virtq_connector_remove(struct virtq_port *port);

/* Ends the connection of the port, if any; the device will connect again. */
void virtq_connector_disconnect(struct virtq_port *port);

/* Asks the guest to announce itself: 0 or -errno (rte_eth_virtq_announce()). */
int virtq_connector_announce(struct virtq_port *port);

void virtq_connector_lock(struct virtq_port *port);
void virtq_connector_unlock(struct virtq_port *port);
const char *virtq_connector_path(const struct virtq_port *port);

/* With the lock held: tells the peer, if there is one, that link or MTU changed. */
void virtq_connector_tell_link(struct virtq_port *port);

/* With the lock held: the port that serves nid, or NULL. */
struct virtq_port *virtq_connector_port(struct virtq_connector *c, uint32_t nid);

/* With the lock held, in the control thread: closes a peer that is gone, so that another
 * one can come; false if it is not. */
bool virtq_connector_drop_if_dead(struct virtq_peer *peer);

#endif /* VIRTQ_CONNECTOR_H */
