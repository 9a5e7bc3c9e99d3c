/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_ETHDEV_H
#define VIRTQ_ETHDEV_H

/*
 * virtq_ethdev.h - a port and its queues, as all files of the driver see them.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <rte_ether.h>
#include <rte_log.h>
#include <rte_mempool.h>

#include "compat.h"
#include "guest_mem.h"
#include "ipc_session.h"
#include "virtq_copy.h"
#include "virtq_ipc.h"
#include "vring_notify.h"

#define VIRTQ_MAX_MACS 64u

/* A guest that starts and stops in a loop, or a client that comes and goes, may
 * not fill the log: so many lines a minute. */
#define VIRTQ_LOG_LINES 30u
struct virtq_log_limit {
	uint64_t since_ms;
	uint32_t lines;
	uint32_t left_out;
};

/* Counts a line about `name`; false: not this one.  What was left out is told when
 * the minute is over. */
bool virtq_may_log(struct virtq_log_limit *limit, const char *name);

/* Longest frame either way: 64 KiB of payload, Ethernet header, two tags. */
#define VIRTQ_MAX_FRAME (65535u + RTE_ETHER_HDR_LEN + 2u * 4u)

extern int virtq_logtype;
#define VIRTQ_LOG(level, fmt, ...) \
	rte_log(RTE_LOG_##level, virtq_logtype, "virtq: " fmt "\n", ##__VA_ARGS__)

/* Written by the queue's data thread only. */
struct virtq_queue_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t nombuf;    /* deq: the mempool was empty */
	uint64_t runt;      /* deq: chain no longer than the header and 14 bytes */
	uint64_t oversize;  /* both: longer than VIRTQ_MAX_FRAME or the guest's buffers */
	uint64_t filtered;  /* enq: not for this guest (rxfilter=1) */
	uint64_t no_buffer; /* enq: bursts that ended because the guest had no buffer */
	uint64_t notified;  /* both: interrupts sent to the guest */
};

/* For lines whose number a peer decides. */
#define VIRTQ_PORT_LOG(level, port, fmt, ...)                                      \
	do {                                                                       \
		if (virtq_may_log(&(port)->log, (port)->name))                     \
			VIRTQ_LOG(level, "%s: " fmt, (port)->name, ##__VA_ARGS__); \
	} while (0)

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
	uint16_t index;               /* as in virtq_ipc_start */
	uint16_t nb_desc;             /* as the application asked; the guest chooses */
	struct virtq_ipc_queue start; /* as the START in force has it */
	uint8_t fault;                /* that was reported; also while the ring rests */
	struct vring_watch watch;
	struct vring *vring;
	int kick_fd;
	int call_fd;
} __rte_cache_aligned;

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
	struct virtq_peer *peer; /* NULL: no device connected */
	bool started;            /* by the application */
	bool running;            /* by the guest */
	bool lsc_pending;
	struct virtq_log_limit log;
	uint16_t mtu;

	struct guest_mem *mem;
	struct virtq_ipc_state *state; /* the ring state page, mapped */
	size_t state_size;
	int state_guard;
	struct {
		uint64_t features;
		uint32_t generation;
		uint32_t num_queues;
	} start; /* the START in force while running; its queues are in theirs */
	struct virtq_ipc_rxstate rx;
	struct virtq_port_counts count;
	struct virtq_port_counts count_base;

	struct virtq_queue *queue; /* [2 * pairs], in the order of virtq_ipc_start */
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

/* virtq_ethdev.c */
extern const struct eth_dev_ops virtq_ops;
extern const struct eth_dev_ops virtq_secondary_ops;
void virtq_link_set(struct virtq_port *port);

/* virtq_stats.c */
int virtq_stats_get(VIRTQ_STATS_ARGS);
int virtq_stats_reset(struct rte_eth_dev *dev);
int virtq_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats, unsigned int n);
int virtq_xstats_get_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names,
			   unsigned int n);
void virtq_counters(struct virtq_port *port, struct virtq_ipc_counters *out);

#endif /* VIRTQ_ETHDEV_H */
