/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_FILTER_H
#define VIRTQ_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#define VIRTQ_FILTER_MACS 64u
#define VIRTQ_FILTER_VLAN_BYTES 512u /* one bit a VLAN id, 0 to 4095 */

/* Bits of virtq_rx_filter.mode (virtio 5.1.6.5.1). */
#define VIRTQ_RX_PROMISC (1u << 0)
#define VIRTQ_RX_ALLMULTI (1u << 1)
#define VIRTQ_RX_ALLUNI (1u << 2)
#define VIRTQ_RX_NOMULTI (1u << 3)
#define VIRTQ_RX_NOUNI (1u << 4)
#define VIRTQ_RX_NOBCAST (1u << 5)
#define VIRTQ_RX_UNI_OVERFLOW (1u << 6)   /* the unicast table was too long to carry */
#define VIRTQ_RX_MULTI_OVERFLOW (1u << 7) /* the multicast table was too long to carry */
#define VIRTQ_RX_VLAN_FILTER (1u << 8)    /* vlans[] is to be used */

/* What the guest has set through its control queue. */
struct virtq_rx_filter {
	uint32_t mode;
	uint8_t mac[6];
	uint16_t num_uni;   /* unicast addresses, the first of macs[] */
	uint16_t num_multi; /* multicast addresses, after them */
	uint8_t macs[VIRTQ_FILTER_MACS][6];
	uint8_t vlans[VIRTQ_FILTER_VLAN_BYTES]; /* bit (id & 7) of byte (id >> 3) */
};

/*
 * Whether packet m passes the receive mode, address table and VLAN table that the guest
 * has set (virtio 5.1.6.5); used with rxfilter=1.  Data thread.  The control thread may be
 * replacing rx: a mix of old and new state then decides, as in a network card that is
 * being reprogrammed.
 */
bool virtq_filter_pass(const struct virtq_rx_filter *rx, const struct rte_mbuf *m);

#endif /* VIRTQ_FILTER_H */
