/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_FRONT_H
#define VIRTQ_FRONT_H

/*
 * virtq_front.h - a front implements the protocol by which a peer hands the memory and the
 * rings of its guest to a port.  A front calls virtq_device.h, which depends on no
 * protocol; connector and device call a front through these ops alone.
 *
 * A new front is one file, virtq_front_<name>.c, with one struct virtq_front_ops that is
 * declared at the end of this header and given to virtq_connector_add() by the probe.
 * Between open() and close() its input() does this, as its peer's messages require:
 *
 *  - names the port: sets peer->port and port->peer, which detach() clears (of a front
 *    with one_port, the connector does this before the first input());
 *  - virtq_device_set_mem() with the guest's memory;
 *  - fills in port->vq[i].ring (ring_state_none if it has no state page),
 *    port->pairs_in_use and port->rx_filter, then calls virtq_device_start();
 *  - virtq_device_start_rings() and virtq_device_stop_rings() of single rings,
 *    virtq_device_stop() of all.
 *
 * All ops are called with the control thread's lock held, in the control thread unless noted
 * otherwise.
 */

#include <sys/queue.h>

#include "virtq.h"
#include "virtq_watch.h"

struct rte_eth_virtq_info;
struct virtq_front_ops;

/* One connection.  A front's own state follows it in memory. */
struct virtq_peer {
	struct virtq_watch watch; /* first: the connector's, of fd */
	TAILQ_ENTRY(virtq_peer) next;
	const struct virtq_front_ops *ops;
	struct virtq_connector *connector;
	struct virtq_port *port; /* NULL until the peer names one, and after detach() */
	int fd;                  /* to be polled; the front owns it */
	pid_t pid;               /* connector's: of the peer, as the kernel says; 0: unknown */
	uint64_t deadline_ms;    /* when the peer must have named a port (virtq_now_ms()) */
	uint32_t cost;           /* IPC_COST_* of what the last input() did */
	bool paused;             /* connector's: not read from until its port has tokens */
};

/* Why this side ends a connection. */
enum virtq_reason {
	VIRTQ_GONE,      /* the application closed or reset the port */
	VIRTQ_PEER,      /* this user may not connect */
	VIRTQ_RESOURCES, /* out of memory, fds or another resource */
	VIRTQ_BUSY,      /* another peer has the port */
	VIRTQ_CROWD,     /* too many connections that have named no port */
	VIRTQ_TIMEOUT,   /* the peer named no port in time */
	VIRTQ_MEMORY,    /* the peer truncated a file, or filled an eventfd, that it shares */
};

struct virtq_front_ops {
	const char *name;
	const char *peer_is; /* "device", "front end": for the log */
	int sock_type;       /* SOCK_SEQPACKET or SOCK_STREAM */
	bool one_port;       /* a connector has one port, which a peer needs not name */
	/* What a peer is told that has named no port; NULL with one_port. */
	const char *crowd_text;   /* VIRTQ_CROWD */
	const char *timeout_text; /* VIRTQ_TIMEOUT */

	/* A peer connected: returns its state, with ops, connector, fd and deadline_ms
	 * filled in, or NULL.  Takes fd over in both cases. */
	struct virtq_peer *(*open)(struct virtq_connector *c, int fd);

	/* The fd is readable, or the peer closed it: handles some messages and fills in
	 * peer->cost.  Returns 0, or -1 if the connection is over. */
	int (*input)(struct virtq_peer *peer);

	/* Whether the connection is over; the control thread then calls close(). */
	bool (*is_dead)(const struct virtq_peer *peer);

	/*
	 * Ends the connection: takes the rings from the data threads, then sends reason and
	 * text, one sentence, to the peer.  Any thread of the application.
	 */
	void (*fail)(struct virtq_peer *peer, enum virtq_reason reason, const char *text);

	/* virtq_device_detach(), and peer->port becomes NULL.  Harmless when repeated.  Any
	 * thread of the application. */
	void (*detach)(struct virtq_peer *peer);

	/* Detaches, closes and frees. */
	void (*close)(struct virtq_peer *peer);

	/* One sentence for the log: why the connection is over.  *failed: an error, else the
	 * peer left or the application ended it. */
	const char *(*why)(const struct virtq_peer *peer, bool *failed);

	/* Once a second, after input(), when a data thread woke the control thread, and before
	 * rings are freed: calls virtq_device_check(), which calls broken() and fail(), and
	 * checks what the front itself shares with its peer. */
	void (*check)(struct virtq_peer *peer);

	/* Sends the port's link and MTU.  Returns 0, or -1 if the connection is over.  Any
	 * thread of the application. */
	int (*link)(struct virtq_peer *peer);

	/* Requests that the guest announces itself: 0, or -errno (-ENOTCONN: the connection
	 * is over).  Any thread of the application. */
	int (*announce)(struct virtq_peer *peer);

	/* Sends that the guest broke virtqueue `queue`; text says how. */
	void (*broken)(struct virtq_peer *peer, uint16_t queue, const char *text);

	/* Fills in the fields of info that the peer sent.  Any thread of the application. */
	void (*info)(const struct virtq_peer *peer, struct rte_eth_virtq_info *info);
};

extern const struct virtq_front_ops virtq_front_ipc;
extern const struct virtq_front_ops virtq_front_vhost;

#endif /* VIRTQ_FRONT_H */
