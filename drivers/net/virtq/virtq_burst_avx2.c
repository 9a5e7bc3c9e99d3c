/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Empty unless compiled for x86-64. */
#ifdef __AVX2__

#include "virtq_burst.h"

#include "virtq_burst_tmpl.h"

uint16_t
virtq_rx_avx2(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	return virtq_rx_burst(queue, pkts, n);
}

uint16_t
virtq_tx_avx2(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	return virtq_tx_burst(queue, pkts, n);
}

#endif /* __AVX2__ */
