/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_burst.h"

#include <rte_cpuflags.h>
#include <rte_vect.h>

struct variant {
	const char *name;
	uint16_t simd; /* least --force-max-simd-bitwidth that allows it */
	eth_rx_burst_t rx;
	eth_tx_burst_t tx;
	bool (*usable)(void);
};

static bool
always(void)
{
	return true;
}

#ifdef RTE_ARCH_X86_64
static bool
has_avx512(void)
{
	return rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512F) == 1 &&
	       rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) == 1 &&
	       rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512DQ) == 1 &&
	       rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512VL) == 1 &&
	       rte_cpu_get_flag_enabled(RTE_CPUFLAG_BMI2) == 1;
}

static bool
has_avx2(void)
{
	return rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) == 1;
}
#endif

/* Best first. */
static const struct variant variants[] = {
#ifdef RTE_ARCH_X86_64
	{"AVX-512, one copy", RTE_VECT_SIMD_512, virtq_rx_avx512, virtq_tx_avx512, has_avx512},
	{"AVX2, one copy", RTE_VECT_SIMD_256, virtq_rx_avx2, virtq_tx_avx2, has_avx2},
#endif
	{"Scalar, one copy", 0, virtq_rx_scalar, virtq_tx_scalar, always},
};

void
virtq_burst_select(struct rte_eth_dev *dev)
{
	const struct variant *v = variants;

	while (rte_vect_get_max_simd_bitwidth() < v->simd || !v->usable())
		v++;
	dev->rx_pkt_burst = v->rx;
	dev->tx_pkt_burst = v->tx;
}

const char *
virtq_burst_name(const struct rte_eth_dev *dev)
{
	for (size_t i = 0; i < RTE_DIM(variants); i++)
		if (dev->rx_pkt_burst == variants[i].rx)
			return variants[i].name;
	return "none";
}
