/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_RARP_H
#define VIRTQ_RARP_H

/*
 * virtq_rarp.h - a guest that moved here and cannot announce itself: the application
 * receives a RARP packet with the guest's address, so that a switch learns its port.
 */

#include "virtq.h"

/* The first receive queue receives the packet with its next burst, or with the first one
 * when it has a ring of the guest.  Control thread, with its lock held. */
void virtq_rarp_send(struct virtq_port *port, const uint8_t *mac);

/* Control thread, with its lock held: once the packet was received, bursts do not look for
 * one any more. */
void virtq_rarp_check(struct virtq_port *port);

/* The packet that is to be received, or NULL.  Data thread, in a burst by `many`. */
struct rte_mbuf *virtq_rarp_take(struct virtq_queue *q);

#endif /* VIRTQ_RARP_H */
