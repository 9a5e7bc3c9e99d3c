/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_CONNECTOR_H
#define VIRTQ_CONNECTOR_H

/*
 * virtq_connector.h - a connector: a socket in the file system, to which peers connect or
 * which this side connects to, the ports that share it and the peers at its other end.
 * Any thread of the application, but no data thread, unless noted otherwise.
 */

#include "virtq.h"

struct rte_eth_virtq_info;
struct virtq_front_ops;

/*
 * Adds a port to the connector at path; the first port makes the connector, with that
 * front: a listener, or, with client, one that connects to a listener.  Returns 0, or
 * -errno after a log line that says what to do.
 */
int virtq_connector_add(struct virtq_port *port, const char *path, bool client,
			const struct virtq_front_ops *front);

/* Removes a port: ends its connection, releases its rings and memory, and waits for the end
 * of a callback that runs for it, unless called from it.  The last port ends the
 * connector. */
void virtq_connector_remove(struct virtq_port *port);

/* Ends the port's connection, if it has one; the device will connect again. */
void virtq_connector_disconnect(struct virtq_port *port);

/* rte_eth_virtq_announce() for a port: 0 or -errno. */
int virtq_connector_announce(struct virtq_port *port);

/* With the lock held: fills in the fields of info that describe the connector. */
void virtq_connector_info(const struct virtq_port *port, struct rte_eth_virtq_info *info);

/* With the lock held: sends the port's link and MTU to its peer, if it has one. */
void virtq_connector_link_changed(struct virtq_port *port);

/* With the lock held: the port that serves nid, or NULL; the connector's first port. */
struct virtq_port *virtq_connector_port(struct virtq_connector *c, uint32_t nid);
struct virtq_port *virtq_connector_first_port(struct virtq_connector *c);

/* With the lock held, in the control thread: closes the peer if its connection is over, and
 * frees it; returns whether it did. */
bool virtq_connector_drop_if_dead(struct virtq_peer *peer);

#endif /* VIRTQ_CONNECTOR_H */
