/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_POOL_H
#define TEST_POOL_H

/*
 * pool.h - a mempool of mbufs in ordinary memory, made without EAL: each mbuf is
 * an allocation of its own, handed out last in first out, and looked at when it
 * comes back.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#define POOL_MBUFS 192u

struct pool {
	struct rte_mempool *mp;
	uint16_t room;   /* bytes behind the headroom */
	uint32_t top;    /* how many are free */
	uint32_t hidden; /* free ones that the pool pretends not to have */
	uint32_t errors; /* mbufs that came back twice, or not as they must be */
	struct rte_mbuf *free[POOL_MBUFS];
	struct rte_mbuf *all[POOL_MBUFS];
};

/* Exits the program when there is no memory. */
void pool_init(struct pool *p, const char *name, uint16_t room);
void pool_free(struct pool *p);

/* The order in which it hands out as after pool_init(), `left` of them.  All
 * mbufs must be back. */
void pool_reset(struct pool *p, uint32_t left);

/* Errors so far, and mbufs whose end was written over. */
uint32_t pool_errors(const struct pool *p);

#endif /* TEST_POOL_H */
