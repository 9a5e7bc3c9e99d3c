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
#include <rte_spinlock.h>

#include "compat.h"
#include "guest_mem.h"
#include "ipc_budget.h"
#include "virtq_copy.h"
#include "virtq_filter.h"
#include "virtq_log.h"
#include "vring.h"
#include "vring_notify.h"

/* Queue pairs of a guest; queues each way of an application. */
#define VIRTQ_MAX_PAIRS 128u
#define VIRTQ_MAX_VQS (2u * VIRTQ_MAX_PAIRS)

/* What a frame is longer than its payload: Ethernet header and two tags. */
#define VIRTQ_OVERHEAD (RTE_ETHER_HDR_LEN + 2u * RTE_VLAN_HLEN)
/* ethdev takes the overhead of a port from its max_rx_pktlen and max_mtu, but assumes
 * another one if max_mtu is UINT16_MAX. */
#define VIRTQ_MAX_MTU (UINT16_MAX - 1u)
/* Longest frame either way. */
#define VIRTQ_MAX_FRAME (VIRTQ_MAX_MTU + VIRTQ_OVERHEAD)

/* Written by the queue's data thread only. */
struct virtq_queue_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t nombuf;    /* rx: too few mbufs; the packets stay with the guest */
	uint64_t runt;      /* rx: chain no longer than the header and 14 bytes */
	uint64_t oversize;  /* rx: longer than max_frame; tx: than the guest's buffers allow */
	uint64_t filtered;  /* tx: not for this guest (rxfilter=1) */
	uint64_t no_buffer; /* tx: bursts that ended because the guest had no buffer */
	uint64_t notified;  /* both: interrupts sent to the guest */
	uint64_t missed;    /* rx: too few mbufs even for one packet, which is dropped */
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
	bool recover; /* where it begins is to be taken from `state`, if that says it */
	struct ring_state state;
	int kick_fd; /* owned, as call_fd is; -1: none */
	int call_fd;
};

/*
 * A virtqueue of the guest.  The control thread's, under its lock; data
 * threads access `vring`, `next` and `lock` of those that are in a queue's `many`.
 */
struct virtq_vq {
	struct virtq_ring ring;
	struct vring *vring;   /* NULL: not made */
	struct virtq_vq *next; /* circular: those that one rx queue serves */
	struct vring_watch watch;
	uint32_t senders;    /* tx queues that send by it */
	uint16_t index;      /* of the virtqueue (virtio 5.1.2) */
	uint8_t fault;       /* enum vring_fault that was reported; outlives the vring */
	bool fresh;          /* made, and the guest not interrupted since */
	rte_spinlock_t lock; /* held by a tx burst while senders > 1, or while it is logged */
} __rte_cache_aligned;

/*
 * One queue of the application.  An idle poll reads only the first cache line.
 *
 * `view` is the ring of a queue that has one for itself and nothing else to do; else `many` is
 * the first of those that an rx queue serves in turn, or the one that a tx queue shares.
 * Both are NULL while the guest has none for this queue.
 */
struct virtq_queue {
	uint32_t active;    /* a burst is running; D and E of order.h */
	bool cheap_barrier; /* membarrier(2) is available; D */
	bool filter;
	struct virtq_copy_policy copy;
	uint16_t port_id;
	void *view; /* struct vring * */
	void *many; /* struct virtq_vq * */
	struct rte_mempool *pool;
	uint64_t rearm;      /* rearm word of a new mbuf of this port */
	uint16_t mbuf_room;  /* bytes that a new mbuf holds */
	uint16_t max_single; /* rx: longest packet that goes into one mbuf */
	uint32_t max_frame;  /* rx: longest packet (virtq_limits.h) */
	int wake_fd;         /* eventfd that wakes the control thread, to report a broken ring */

	struct virtq_port *port;
	struct virtq_vq *turn; /* the data thread's: which of `many` is next */

	struct virtq_queue_stats stats __rte_cache_aligned;
	uint32_t oversize_len; /* rx: of the last packet that was counted as oversize */
	uint32_t rarp;         /* rx, 1: a packet of virtq_rarp.h is to be received */
	uint8_t rarp_mac[6];

	/* control thread's, under its lock */
	struct virtq_queue_stats base __rte_cache_aligned; /* at the last reset */
	uint64_t broken;                                   /* rings, since the last reset */
	bool scatter;                                      /* rx: a packet may take several mbufs */
	bool oversize_logged; /* since the limits were set, when stats.oversize was: */
	uint64_t oversize_known;
	uint16_t nb_desc;    /* that the application requested; the guest chooses the size */
	struct virtq_vq *vq; /* rx: the first of its rings; tx: the one by which it sends */
} __rte_cache_aligned;

struct guest_log;
struct virtq_connector;
struct virtq_control;
struct virtq_peer;

/* Events of a port, for xstats. */
struct virtq_port_counts {
	uint64_t connects;
	uint64_t starts;
	uint64_t lost; /* connections that ended while the guest's driver was ready */
	uint64_t broken_rings;
	uint64_t announces; /* of the guest's address, in either direction */
};

/* dev_private.  The control thread's lock guards all that changes after the probe. */
struct virtq_port {
	TAILQ_ENTRY(virtq_port) next;
	char name[RTE_ETH_NAME_MAX_LEN];
	uint16_t port_id;
	uint32_t nid;
	uint32_t max_queues; /* each way, that the application may configure */
	int lcore_id;        /* -1: anywhere */
	bool rxfilter;
	uint64_t mem_limit; /* bytes of its guest's memory; 0: the default */
	uid_t uid;          /* a second user who may connect; (uid_t)-1: none */
	struct virtq_control *control;
	struct virtq_connector *connector;
	struct vring_call *call;  /* the control thread's; to interrupt guests */
	struct virtq_peer *peer;  /* NULL: no device connected */
	struct ipc_budget budget; /* of its peers, one after the other */
	bool started;             /* by the application */
	bool running;             /* the guest's driver is ready */
	bool lsc_pending;         /* the application's callback is still to be called */
	bool rarp_pending;        /* or received, and virtq_rarp_check() is still to be called */
	bool queues_pending;      /* the same for RTE_ETH_EVENT_QUEUE_STATE */
	struct virtq_log_limit log;
	uint16_t mtu;

	struct guest_mem *mem;
	struct guest_log *dirty_log; /* NULL: the guest does not migrate */
	uint64_t features;           /* virtio features negotiated, while running */
	uint32_t num_vqs;            /* virtqueues that the front described, while running */
	uint32_t pairs_in_use;       /* by the guest, while running */
	struct virtq_rx_filter rx_filter;
	struct virtq_port_counts count;
	struct virtq_port_counts count_base;

	uint32_t num_rxq; /* queues of the application that serve rings */
	uint32_t num_txq;
	struct virtq_queue *rxq; /* [max_queues] */
	struct virtq_queue *txq; /* [max_queues] */
	struct virtq_vq *vq;     /* [VIRTQ_MAX_VQS], by virtqueue index; NULL: no peer */
	/* by virtqueue index: in use, as the application knows it; outlives the peer */
	bool reported[VIRTQ_MAX_VQS];
};

/* The guest's receiveq of a pair: where the application sends. */
static inline struct virtq_vq *
virtq_receiveq(struct virtq_port *port, uint32_t pair)
{
	return &port->vq[2u * pair];
}

/* The guest's transmitq of a pair: from where the application receives. */
static inline struct virtq_vq *
virtq_transmitq(struct virtq_port *port, uint32_t pair)
{
	return &port->vq[2u * pair + 1u];
}

#endif /* VIRTQ_H */
