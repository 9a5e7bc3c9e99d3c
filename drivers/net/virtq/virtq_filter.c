/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* A packet may begin at an odd address, and DPDK's header types are aligned to two bytes,
 * so headers are read by bytes. */

#include "virtq_filter.h"

#include <string.h>

#include <rte_ether.h>

static uint16_t
be16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static bool
vlan_passes(const struct virtq_rx_filter *rx, const struct rte_mbuf *m)
{
	const uint8_t *eth = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t id;

	if (!(rx->mode & VIRTQ_RX_VLAN_FILTER) ||
	    m->data_len < RTE_ETHER_HDR_LEN + sizeof(struct rte_vlan_hdr) ||
	    be16_at(eth + 2 * RTE_ETHER_ADDR_LEN) != RTE_ETHER_TYPE_VLAN)
		return true;
	id = be16_at(eth + RTE_ETHER_HDR_LEN) & 0xfff;
	return rx->vlans[id >> 3] & (1u << (id & 7));
}

static bool
in_table(const struct virtq_rx_filter *rx, const uint8_t *mac, uint32_t from, uint32_t count)
{
	for (uint32_t i = from; i < from + count && i < VIRTQ_FILTER_MACS; i++)
		if (memcmp(rx->macs[i], mac, RTE_ETHER_ADDR_LEN) == 0)
			return true;
	return false;
}

bool
virtq_filter_pass(const struct virtq_rx_filter *rx, const struct rte_mbuf *m)
{
	static const uint8_t broadcast[RTE_ETHER_ADDR_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const uint8_t *mac = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t mode = rx->mode;

	if (m->data_len < sizeof(struct rte_ether_hdr))
		return true;
	if (mode & VIRTQ_RX_PROMISC)
		return true;
	if (!vlan_passes(rx, m))
		return false;
	if (memcmp(mac, broadcast, sizeof(broadcast)) == 0)
		return !(mode & VIRTQ_RX_NOBCAST);
	if (mac[0] & 1)
		return !(mode & VIRTQ_RX_NOMULTI) &&
		       ((mode & (VIRTQ_RX_ALLMULTI | VIRTQ_RX_MULTI_OVERFLOW)) ||
			in_table(rx, mac, rx->num_uni, rx->num_multi));
	return !(mode & VIRTQ_RX_NOUNI) &&
	       ((mode & (VIRTQ_RX_ALLUNI | VIRTQ_RX_UNI_OVERFLOW)) ||
		memcmp(mac, rx->mac, RTE_ETHER_ADDR_LEN) == 0 || in_table(rx, mac, 0, rx->num_uni));
}
