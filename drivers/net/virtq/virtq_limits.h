/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_LIMITS_H
#define VIRTQ_LIMITS_H

/*
 * virtq_limits.h - how long a packet may be that the application receives: not longer than
 * the port's MTU allows, nor, without RTE_ETH_RX_OFFLOAD_SCATTER, than one mbuf.  With the
 * control thread's lock held.
 */

#include "virtq.h"

/* Sets the limits of a receive queue with a mempool; a burst may be running. */
void virtq_limits_set(struct virtq_queue *q, uint16_t mtu, bool scatter);

/* Logs the first packet that was dropped since the limits were set, and what to configure
 * if it should not be. */
void virtq_limits_report(struct virtq_port *port);

#endif /* VIRTQ_LIMITS_H */
