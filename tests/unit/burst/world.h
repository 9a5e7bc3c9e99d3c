/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_WORLD_H
#define TEST_WORLD_H

/*
 * world.h - a guest's memory, a ring in it, and the queue of a port that serves
 * it.  There is one for each variant of the burst functions, and all of them look
 * the same to the guest: same addresses, same content.
 */

#include <stdbool.h>
#include <stdint.h>

#include <ethdev_driver.h>

#include "guest_log.h"
#include "guest_ring.h"
#include "pool.h"
#include "virtq.h"
#include "virtq_ipc.h"
#include "vring.h"

#define WORLDS 4u

#define RAM_SIZE 0x40000u /* of each region */

enum {
	POOL_STD,
	POOL_SMALL,
	POOL_BIG,
	POOLS
};

#define GENERATION 7u
#define PORT_ID 3u
#define BURST_MAX 64u

struct variant {
	const char *name;
	eth_rx_burst_t rx;
	eth_tx_burst_t tx;
};

/* [0] is scalar, the reference. */
extern struct variant variants[WORLDS];
extern unsigned int nvariants;

struct world {
	struct guest_ram ram; /* ram_init_guarded() */
	struct vring vr;
	struct virtq_port port;
	struct virtq_queue q;
	struct pool pool[POOLS];
	uint32_t run;
	struct virtq_ipc_state_queue state __rte_cache_aligned;
	int call_fd, wake_fd;
	struct guest_log *log; /* of all its memory */
	struct virtq_vq vq;    /* the ring, when it is logged */
	struct vring_call *call;
	uint64_t calls, wakes;
	struct rte_mbuf *pkts[BURST_MAX];
	uint16_t got; /* what the last burst returned */
};

extern struct world worlds[WORLDS];

void worlds_init(void);
void worlds_free(void);

/* The memory of the others becomes that of the first. */
void worlds_copy_memory(void);

/* Makes the ring of w, with the run word, state page and eventfds fresh; `where`
 * has the addresses, size, features and position; with any log there, w's own is used. */
void world_start(struct world *w, const struct vring_config *where, unsigned int pool,
		 bool with_pos);

/* Reads its eventfds. */
void world_listen(struct world *w);

/* NULL, or what differs between the first world and w behind a burst: memory,
 * ring, state page, statistics, interrupts. */
const char *world_differs(const struct world *w);

/* The same for the packet that two mbufs hold. */
const char *mbuf_differs(const struct rte_mbuf *a, const struct rte_mbuf *b);

/* Reproducible numbers. */
struct rnd {
	uint64_t s;
};
uint32_t rnd(struct rnd *r);
uint32_t rnd_below(struct rnd *r, uint32_t n);                /* n > 0 */
uint32_t rnd_from(struct rnd *r, uint32_t from, uint32_t to); /* both included */
bool one_in(struct rnd *r, uint32_t n);

#endif /* TEST_WORLD_H */
