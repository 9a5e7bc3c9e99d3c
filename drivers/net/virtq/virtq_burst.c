/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_burst.h"

/* One variant so far; the others are chosen here by the processor. */
void
virtq_burst_select(struct rte_eth_dev *dev)
{
	dev->rx_pkt_burst = virtq_rx_scalar;
	dev->tx_pkt_burst = virtq_tx_scalar;
}

const char *
virtq_burst_name(void)
{
	return "Scalar, one copy";
}
