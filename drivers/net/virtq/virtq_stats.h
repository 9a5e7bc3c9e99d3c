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
