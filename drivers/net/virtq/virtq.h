/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_H
#define VIRTQ_H

/*
 * virtq.h - a port and its queues, as all files of the driver see them.  It does not
 * depend on a protocol: a front hands a guest's memory and rings to a port
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
#include "ipc_budget.h"
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

/* A ring as a front describes it. */
struct virtq_ring {
	struct vring_addr addr;
	enum guest_space space;
	uint32_t size;  /* entries; 0: the guest has not set it up */
	uint16_t avail; /* where it begins, as vring_config has it */
	uint16_t used;
	bool at_used_idx;
	bool enabled; /* to be served; else no vring is made, and the position stays */
	struct ring_state state;
	int kick_fd; /* owned, as call_fd is; -1: none */
	int call_fd;
};

/* One virtqueue of a port.  An idle poll reads only the first cache line. */
struct virtq_queue {
	uint32_t active;    /* a burst is running; D and E of order.h */
	bool cheap_barrier; /* membarrier(2) is available; D */
	bool filter;
	struct virtq_copy_policy copy;
	uint16_t port_id;
	void *view; /* struct vring *, NULL while detached */
	struct rte_mempool *pool;
	uint64_t rearm;     /* rearm word of a new mbuf of this port */
	uint16_t mbuf_room; /* bytes that a new mbuf holds */
	struct virtq_port *port;
	int wake_fd; /* eventfd that wakes the control thread, to report a broken ring */

	struct virtq_queue_stats stats __rte_cache_aligned;

	/* control thread's, under the connector's lock */
	struct virtq_queue_stats base __rte_cache_aligned; /* at the last reset */
	uint64_t broken;                                   /* how often, since the last reset */
	uint16_t index;                                    /* of the virtqueue (virtio 5.1.2) */
	uint16_t nb_desc; /* that the application requested; the guest chooses the size */
	uint8_t fault;    /* enum vring_fault that was reported; outlives the vring */
	struct virtq_ring ring;
	struct vring_watch watch;
	struct vring *vring;
} __rte_cache_aligned;

struct virtq_connector;
struct virtq_peer;

/* Events of a port, for xstats. */
struct virtq_port_counts {
	uint64_t connects;
	uint64_t starts;
	uint64_t lost; /* connections that ended while the guest's driver was ready */
	uint64_t broken_rings;
};

/* dev_private.  The connector's lock guards all that changes after the probe. */
struct virtq_port {
	TAILQ_ENTRY(virtq_port) next;
	char name[RTE_ETH_NAME_MAX_LEN];
	uint16_t port_id;
	uint32_t nid;
	uint32_t pairs;
	int lcore_id; /* -1: anywhere */
	bool rxfilter;
	uint64_t mem_limit; /* bytes of its guest's memory; 0: VIRTQ_MEM_TABLE_RAM */
	uid_t uid;          /* a second user who may connect; (uid_t)-1: none */
	struct virtq_connector *connector;
	struct vring_call *call;  /* the connector's; to interrupt guests */
	struct virtq_peer *peer;  /* NULL: no device connected */
	struct ipc_budget budget; /* of its peers, one after the other */
	bool started;             /* by the application */
	bool running;             /* the guest's driver is ready */
	bool lsc_pending;         /* the application's callback is still to be called */
	struct virtq_log_limit log;
	uint16_t mtu;

	struct guest_mem *mem;
	uint64_t features;     /* virtio features negotiated, while running */
	uint32_t num_queues;   /* rings that the front described, while running */
	uint32_t pairs_in_use; /* by the guest, while running */
	struct virtq_rx_filter rx_filter;
	struct virtq_port_counts count;
	struct virtq_port_counts count_base;

	struct virtq_queue *queue; /* [2 * pairs], by virtqueue index */
};

/* Rx queue i of the application: the guest's transmitq i. */
static inline struct virtq_queue *
virtq_rxq(struct virtq_port *port, uint16_t i)
{
	return &port->queue[2u * i + 1u];
}

/* Tx queue i of the application: the guest's receiveq i. */
static inline struct virtq_queue *
virtq_txq(struct virtq_port *port, uint16_t i)
{
	return &port->queue[2u * i];
}

#endif /* VIRTQ_H */
