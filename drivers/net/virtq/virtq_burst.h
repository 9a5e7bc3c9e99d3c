/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_BURST_H
#define VIRTQ_BURST_H

#include <ethdev_driver.h>

/* Sets the burst functions of a port to the fastest variant that the processor and
 * --force-max-simd-bitwidth allow. */
void virtq_burst_select(struct rte_eth_dev *dev);

/* Name of the variant in use, for rte_eth_rx_burst_mode_get(); static memory. */
const char *virtq_burst_name(const struct rte_eth_dev *dev);

uint16_t virtq_rx_scalar(void *queue, struct rte_mbuf **pkts, uint16_t n);
uint16_t virtq_tx_scalar(void *queue, struct rte_mbuf **pkts, uint16_t n);
uint16_t virtq_rx_avx2(void *queue, struct rte_mbuf **pkts, uint16_t n);
uint16_t virtq_tx_avx2(void *queue, struct rte_mbuf **pkts, uint16_t n);
uint16_t virtq_rx_avx512(void *queue, struct rte_mbuf **pkts, uint16_t n);
uint16_t virtq_tx_avx512(void *queue, struct rte_mbuf **pkts, uint16_t n);

#endif /* VIRTQ_BURST_H */
