/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef RTE_ETH_VIRTQ_H
#define RTE_ETH_VIRTQ_H

/*
 * rte_eth_virtq.h - calls for eth_virtqX ports that ethdev does not have.  Link with
 * librte_net_virtq (pkg-config librte_net_virtq).
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
	uint32_t max_queues; /* queues each way that the application may configure */
	bool connected;      /* to a device, which the fields below describe */
	bool running;        /* the guest's driver is ready */
	/* id= of the QEMU device, name and UUID of its VM; empty with vhost-user, whose
	 * messages do not say it */
	char device[RTE_ETH_VIRTQ_NAME_LEN];
	char vm_name[RTE_ETH_VIRTQ_NAME_LEN];
	uint8_t vm_uuid[16];
	uint32_t pid;         /* of QEMU, as it reported; with vhost-user, as the kernel says */
	uint8_t guest_mac[6]; /* zero with vhost-user */
	uint32_t pairs;       /* queue pairs in use, while running */
	uint64_t features;    /* virtio features negotiated, while running */
	uint32_t rx_mode;     /* VIRTQ_IPC_RX_* of virtq_ipc.h; 0 with vhost-user */
	char front[16];       /* "ipc" (virtio-net-ipc-pci) or "vhost-user" */
	bool client;          /* the port connects to the socket, and does not listen there */
	uint16_t guest_mtu;   /* as a vhost-user front end said; 0: unknown */
};

/**
 * Describes the device and the guest at the other end of a port.
 *
 * @param port_id
 *   A port of this driver.
 * @param info
 *   Filled in.
 * @return
 *   0, -ENODEV if port_id is no port of this driver, -EINVAL if info is NULL.
 *
 * Any thread; takes a lock of the control thread, so it does not belong into a data path.
 */
int rte_eth_virtq_info_get(uint16_t port_id, struct rte_eth_virtq_info *info);

/**
 * Requests that the guest announces itself (gratuitous ARP; virtio 5.1.6.5.4), for
 * example after the application moved the port to another network.
 *
 * @param port_id
 *   A port of this driver.
 * @return
 *   0, -ENODEV if port_id is no port of this driver, -ENOTCONN if no device is
 *   connected, -ENOTSUP if the device does not support it.
 *
 * Any thread; see rte_eth_virtq_info_get().
 */
int rte_eth_virtq_announce(uint16_t port_id);

struct rte_eth_virtq_queue_event {
	uint16_t pair; /* of the guest */
	bool rx;       /* from where the application receives; else, to which it sends */
	bool enabled;  /* the guest uses it */
};

/**
 * Says which ring of the guest came into use or went out of use.  To be called in a
 * callback for RTE_ETH_EVENT_QUEUE_STATE (rte_eth_dev_callback_register()) until it
 * returns -ENOENT: one event may stand for several changes.  A ring that changed and
 * changed back meanwhile is not reported.
 *
 * The driver needs nothing of this: rx queue i of n serves pairs i, i + n, i + 2n, ...
 * of the guest, and a tx queue whose pair the guest does not use sends by one that it
 * does.
 *
 * @param port_id
 *   A port of this driver.
 * @param event
 *   Filled in.
 * @return
 *   0, -ENOENT if nothing changed since the last call, -ENODEV if port_id is no port of
 *   this driver, -EINVAL if event is NULL.
 *
 * Any thread, also in the callback; see rte_eth_virtq_info_get().
 */
int rte_eth_virtq_queue_event_get(uint16_t port_id, struct rte_eth_virtq_queue_event *event);

#ifdef __cplusplus
}
#endif

#endif /* RTE_ETH_VIRTQ_H */
