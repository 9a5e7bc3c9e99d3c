/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef HOSTBENCH_H
#define HOSTBENCH_H

/* hostbench.h - one measured run on the ports of this process. */

#include <inttypes.h>
#include <stdint.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#define HB_MAX_BURST 512u
#define HB_MAX_QUEUES 128u
/* How long a run waits for its first packet. */
#define HB_PATIENCE_S 10u

enum hb_mode {
	HB_ENQ,
	HB_DEQ,
	HB_IO,
	HB_POLL,
	HB_PORTS
};

struct hb_options {
	struct rte_mempool *pool;
	enum hb_mode mode;
	uint32_t size;    /* bytes of a packet; 0: IMIX */
	uint32_t segment; /* bytes of an mbuf's data; 0: as many as fit */
	uint32_t burst;
	uint32_t queues;
	uint32_t warm_ms;
	uint32_t time_ms;
};

struct hb_tally {
	uint64_t packets;
	uint64_t bytes;
	uint64_t busy_cycles; /* in calls that moved packets and were not interrupted */
	uint64_t busy_packets;
	uint64_t busy_calls;
	uint64_t idle_cycles; /* in calls that moved none */
	uint64_t idle_calls;
	uint64_t disturbed; /* calls that were interrupted */
	uint64_t cycles;    /* of the whole run */
	uint64_t waited_ns; /* this thread was ready to run, but did not */
	uint64_t stolen;    /* clock ticks stolen by the hypervisor, all processors */
	long switches;      /* involuntary context switches of this thread */
};

/* Waits for the first packet, warms up, then measures into *t.  Returns 0, or -1 if no
 * packet came within HB_PATIENCE_S. */
int hb_run(const struct hb_options *o, struct hb_tally *t);

#endif /* HOSTBENCH_H */
