/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_QUEUES_FIXTURE_H
#define TEST_QUEUES_FIXTURE_H

/*
 * fixture.h - a port of the driver with a front that this process plays, and a guest with
 * its driver's rings.  Without EAL.
 */

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdint.h>

#include <ethdev_driver.h>

#include "guest_log.h"
#include "guest_ring.h"
#include "pool.h"
#include "virtq_front.h"

#define PAIRS 4u
#define QUEUES 4u
#define RING 64u
#define RAM_SIZE 0x800000u
#define HDR 12u
#define BUF 128u /* bytes of a buffer, header included */
#define FRAME 60u

/* What a frame says of itself, after its Ethernet header. */
struct stamp {
	uint32_t from; /* pair of the guest, or tx queue of the application */
	uint32_t seq;
};

struct fixture {
	struct virtq_port port;
	struct virtq_peer peer;
	struct rte_eth_dev_data data;
	struct virtq_queue rxq[QUEUES], txq[QUEUES];
	struct virtq_vq vq[VIRTQ_MAX_VQS];
	struct guest_ram ram;
	struct guest_ring ring[2 * PAIRS]; /* by virtqueue index */
	struct pool rx_pool[QUEUES], tx_pool[QUEUES];
	eth_rx_burst_t rx;
	eth_tx_burst_t tx;
	uint32_t broken;    /* rings, as the front was told */
	const char *failed; /* why the connection is over, as the front was told */
	bool dead;          /* the connection is over */
	uint64_t got_at;    /* address of the buffer that guest_recv() took last */
	int wake_fd;
};

/* A dirty log of the guest's memory, and the guest's own view of it. */
struct dirty {
	struct guest_log *log; /* to be given to the port */
	const uint8_t *bits;
	int fd;
};

/* A guest that uses `pairs` of its PAIRS, and an application without queues. */
void fixture_start(struct fixture *f, bool packed, uint32_t pairs);

/* Everything is back where it came from, else a failed assertion. */
void fixture_stop(struct fixture *f);

/* ethtool -L, as a front passes it on. */
void fixture_pairs(struct fixture *f, uint32_t pairs);

/* The guest sends a frame; false: the ring is full. */
bool guest_send(struct fixture *f, uint32_t pair, struct stamp s);

/* Takes back what the application received from the pair. */
void guest_reap(struct fixture *f, uint32_t pair);

void dirty_make(struct dirty *d);
void dirty_free(struct dirty *d); /* but not d->log */

/* Whether a byte of guest memory is marked. */
bool dirty_is_marked(const struct dirty *d, uint64_t addr);

/* Whether a used entry of the ring is marked. */
bool dirty_has_ring(const struct dirty *d, const struct virtq_vq *vq);

/* Posts as many receive buffers as there is room for. */
void guest_post(struct fixture *f, uint32_t pair);

/* A frame that the guest received by the pair; its buffer is posted again. */
bool guest_recv(struct fixture *f, uint32_t pair, struct stamp *s);

/* A frame of the application, from tx_pool; NULL: the pool is empty. */
struct rte_mbuf *app_frame(struct fixture *f, uint32_t queue, uint32_t seq);

struct stamp app_stamp(const struct rte_mbuf *m);

extern CU_TestInfo map_tests[];
extern CU_TestInfo log_tests[];
extern CU_TestInfo rarp_tests[];
extern CU_TestInfo traffic_tests[];

#endif /* TEST_QUEUES_FIXTURE_H */
