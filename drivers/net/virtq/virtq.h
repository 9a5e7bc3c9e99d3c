/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_H
#define VIRTQ_H

/*
 * virtq.h - a port and its queues, as all files of the driver see them.  Nothing of any
 * protocol is in here: how a guest's memory and rings reach a port is a front's business
 * (virtq_front.h).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <rte_ether.h>
#include <rte_mempool.h>

#include "compat.h"
#include "guest_mem.h"
#include "virtq_copy.h"
#include "virtq_filter.h"
#include "virtq_log.h"
#include "vring.h"
#include "vring_notify.h"

#define VIRTQ_MAX_PAIRS 128u
#define VIRTQ_MAX_QUEUES (2u * VIRTQ_MAX_PAIRS)

/* Longest frame either way: 64 KiB of payload, Ethernet header, two tags. */
#define VIRTQ_MAX_FRAME (65535u + RTE_ETHER_HDR_LEN + 2u * 4u)

/* Written by the queue's data thread only. */
struct virtq_queue_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t nombuf;    /* rx: the mempool was empty */
	uint64_t runt;      /* rx: chain no longer than the header and 14 bytes */
	uint64_t oversize;  /* both: longer than VIRTQ_MAX_FRAME or the guest's buffers */
	uint64_t filtered;  /* tx: not for this guest (rxfilter=1) */
	uint64_t no_buffer; /* tx: bursts that ended because the guest had no buffer */
	uint64_t notified;  /* both: interrupts sent to the guest */
};

/* A ring as a front was told of it. */
struct virtq_ring {
	struct vring_addr addr;
	enum guest_space space;
	uint32_t size;  /* entries; 0: the guest has not set it up */
	uint16_t avail; /* where it begins, as vring_config has it */
	uint16_t used;
	bool at_used_idx;
	bool enabled; /* to be served; else it rests at its position */
	struct ring_state state;
	int kick_fd; /* the ring's own; -1: none */
	int call_fd;
};

/* One virtqueue of a port.  The first line is all that an idle poll reads. */
struct virtq_queue {
	uint32_t active; /* a burst is running; see order.h, D and E */
	bool cheap_barrier;
	bool filter;
	struct virtq_copy_policy copy;
	uint16_t port_id;
	void *view; /* struct vring *, NULL while detached */
	struct rte_mempool *pool;
	uint64_t rearm;     /* rearm word of a fresh mbuf of this port */
	uint16_t mbuf_room; /* bytes a fresh mbuf holds */
	struct virtq_port *port;
	int wake_fd; /* the control thread's; to report a broken ring */

	struct virtq_queue_stats stats __rte_cache_aligned;

	/* control side, under the connector's lock */
	struct virtq_queue_stats base __rte_cache_aligned; /* at the last reset */
	uint64_t broken;
	uint16_t index;   /* of the virtqueue (virtio 5.1.2) */
	uint16_t nb_desc; /* as the application asked; the guest chooses */
	uint8_t fault;    /* enum vring_fault that was reported; also while the ring rests */
	struct virtq_ring ring;
	struct vring_watch watch;
	struct vring *vring;
} __rte_cache_aligned;

struct ipc_signal;
struct virtq_connector;
struct virtq_peer;

/* Events of a port's life, for xstats. */
struct virtq_port_counts {
	uint64_t connects;
	uint64_t starts;
	uint64_t lost; /* connections that ended while the guest was running */
	uint64_t broken_rings;
};

/* dev_private.  Everything but the names is under the connector's lock. */
struct virtq_port {
	TAILQ_ENTRY(virtq_port) next;
	char name[RTE_ETH_NAME_MAX_LEN];
	uint16_t port_id;
	uint32_t nid;
	uint32_t pairs;
	int lcore_id; /* -1: anywhere */
	bool rxfilter;
	uid_t uid; /* also allowed to connect; (uid_t)-1: nobody else */
	struct virtq_connector *connector;
	const struct ipc_signal *signal; /* the connector's; to interrupt guests */
	struct virtq_peer *peer;         /* NULL: no device connected */
	bool started;                    /* by the application */
	bool running;                    /* by the guest */
	bool lsc_pending;
	struct virtq_log_limit log;
	uint16_t mtu;

	struct guest_mem *mem;
	uint64_t features;     /* virtio's, while running */
	uint32_t num_queues;   /* that the front described, while running */
	uint32_t pairs_in_use; /* by the guest, while running */
	struct virtq_rx_filter rx_filter;
	struct virtq_port_counts count;
	struct virtq_port_counts count_base;

	struct virtq_queue *queue; /* [2 * pairs], by virtqueue index */
};

/* Application's queue i: it receives what the guest's transmitq sends. */
static inline struct virtq_queue *
virtq_rxq(struct virtq_port *port, uint16_t i)
{
	return &port->queue[2u * i + 1u];
}

static inline struct virtq_queue *
virtq_txq(struct virtq_port *port, uint16_t i)
{
	return &port->queue[2u * i];
}

#endif /* VIRTQ_H */
