/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef RTE_ETH_VIRTQ_H
#define RTE_ETH_VIRTQ_H

/*
 * rte_eth_virtq.h - what an application may want of an eth_virtqX port and
 * ethdev has no call for.  Link with librte_net_virtq (pkg-config
 * librte_net_virtq).
 */

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RTE_ETH_VIRTQ_NAME_LEN 64

struct rte_eth_virtq_info {
	char connector[108]; /* path of the socket */
	uint32_t nid;
	uint32_t max_pairs;                   /* queue pairs of the port */
	bool connected;                       /* a device said HELLO; the fields below are its */
	bool running;                         /* its guest's driver is ready */
	char device[RTE_ETH_VIRTQ_NAME_LEN];  /* id= of the QEMU device */
	char vm_name[RTE_ETH_VIRTQ_NAME_LEN]; /* -name of the VM, may be empty */
	uint8_t vm_uuid[16];
	uint32_t pid; /* of QEMU, as it says */
	uint8_t guest_mac[6];
	uint32_t pairs;    /* queue pairs in use, while running */
	uint64_t features; /* virtio features in force, while running */
	uint32_t rx_mode;  /* VIRTQ_IPC_RX_* of virtq_ipc.h */
};

/**
 * Tells who is at the other end of a port.
 *
 * @param port_id
 *   A port of this driver.
 * @param info
 *   Filled in; the caller's.
 * @return
 *   0, -ENODEV if port_id is none of this driver's, -EINVAL if info is NULL.
 *
 * Any thread but a data thread in a hurry: takes the connector's lock.
 */
int rte_eth_virtq_info_get(uint16_t port_id, struct rte_eth_virtq_info *info);

/**
 * Asks the guest to announce itself (gratuitous ARP; virtio 5.1.6.5.4), for
 * example after the application moved the port to another network.
 *
 * @return
 *   0, -ENODEV if port_id is none of this driver's, -ENOTCONN if no device is
 *   connected, -ENOTSUP if the device cannot.
 */
int rte_eth_virtq_announce(uint16_t port_id);

#ifdef __cplusplus
}
#endif

#endif /* RTE_ETH_VIRTQ_H */
