/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_ETHDEV_H
#define VIRTQ_ETHDEV_H

/* virtq_ethdev.h - a port as ethdev sees it. */

#include "virtq.h"

/* Unicast addresses that the application may add. */
#define VIRTQ_MAX_MACS 64u

extern const struct eth_dev_ops virtq_ops;

/* A secondary process can only read: the guest's memory is mapped in the primary alone. */
extern const struct eth_dev_ops virtq_secondary_ops;

/* The port of that ethdev, or NULL if it is none of this driver.  Primary process. */
struct virtq_port *virtq_port_by_id(uint16_t port_id);

/* Frees what a port owns; no device and no burst may still use it.  Harmless when
 * repeated. */
void virtq_port_free(struct virtq_port *port);

#endif /* VIRTQ_ETHDEV_H */
