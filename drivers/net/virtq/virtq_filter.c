/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_filter.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

static bool
vlan_passes(const struct virtq_ipc_rxstate *rx, const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *tag = (const struct rte_vlan_hdr *)(eth + 1);
	uint16_t id;

	if (!(rx->mode & VIRTQ_IPC_RX_VLAN_FILTER) ||
	    eth->ether_type != RTE_BE16(RTE_ETHER_TYPE_VLAN) ||
	    m->data_len < sizeof(*eth) + sizeof(*tag))
		return true;
	id = rte_be_to_cpu_16(tag->vlan_tci) & 0xfff;
	return rx->vlans[id >> 3] & (1u << (id & 7));
}

static bool
in_table(const struct virtq_ipc_rxstate *rx, const uint8_t *mac, uint32_t from, uint32_t count)
{
	for (uint32_t i = from; i < from + count && i < VIRTQ_IPC_MAX_MACS; i++)
		if (memcmp(rx->macs[i], mac, RTE_ETHER_ADDR_LEN) == 0)
			return true;
	return false;
}

bool
virtq_filter_pass(const struct virtq_ipc_rxstate *rx, const struct rte_mbuf *m)
{
	const uint8_t *mac = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t mode = rx->mode;

	if (m->data_len < sizeof(struct rte_ether_hdr))
		return true;
	if (mode & VIRTQ_IPC_RX_PROMISC)
		return true;
	if (!vlan_passes(rx, m))
		return false;
	if (rte_is_broadcast_ether_addr((const struct rte_ether_addr *)mac))
		return !(mode & VIRTQ_IPC_RX_NOBCAST);
	if (mac[0] & 1)
		return !(mode & VIRTQ_IPC_RX_NOMULTI) &&
		       ((mode & (VIRTQ_IPC_RX_ALLMULTI | VIRTQ_IPC_RX_MULTI_OVERFLOW)) ||
			in_table(rx, mac, rx->num_uni, rx->num_multi));
	return !(mode & VIRTQ_IPC_RX_NOUNI) &&
	       ((mode & (VIRTQ_IPC_RX_ALLUNI | VIRTQ_IPC_RX_UNI_OVERFLOW)) ||
		memcmp(mac, rx->mac, RTE_ETHER_ADDR_LEN) == 0 || in_table(rx, mac, 0, rx->num_uni));
}
