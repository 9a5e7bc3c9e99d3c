/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_FILTER_H
#define VIRTQ_FILTER_H

#include <stdbool.h>

#include <rte_mbuf.h>

#include "virtq_ipc.h"

/*
 * Whether the guest wants this packet, by the receive mode, address table and
 * VLAN table it has set (virtio 5.1.6.5); used with rxfilter=1.  Data thread,
 * while another one may be replacing rx: a packet at that moment is judged by
 * a mix of both states, as by a network card that is being reprogrammed.
 */
bool virtq_filter_pass(const struct virtq_ipc_rxstate *rx, const struct rte_mbuf *m);

#endif /* VIRTQ_FILTER_H */
