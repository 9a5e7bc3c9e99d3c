/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_STATS_H
#define VIRTQ_STATS_H

/* virtq_stats.h - statistics and xstats of a port: ops of ethdev. */

#include "virtq.h"

int virtq_stats_get(VIRTQ_STATS_ARGS);
int virtq_stats_reset(struct rte_eth_dev *dev);
int virtq_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats, unsigned int n);
int virtq_xstats_get_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names,
			   unsigned int n);

/* A counter: its name, and where in its struct it is. */
struct virtq_xstat {
	const char *name;
	size_t offset;
};

/* Of struct virtq_port_counts. */
extern const struct virtq_xstat virtq_port_xstats[];
extern const size_t virtq_num_port_xstats;

static inline uint64_t
virtq_xstat_of(const struct virtq_xstat *xstat, const void *counts)
{
	return *(const uint64_t *)((const uint8_t *)counts + xstat->offset);
}

/* Sums of all queues of one direction since the port was made: no reset of the application's
 * statistics changes them, so that who asks now and then can subtract. */
struct virtq_totals {
	uint64_t packets;
	uint64_t bytes;
	uint64_t dropped;
};

/* rx and tx are filled in.  Any thread. */
void virtq_totals_get(struct virtq_port *port, struct virtq_totals *rx, struct virtq_totals *tx);

#endif /* VIRTQ_STATS_H */
