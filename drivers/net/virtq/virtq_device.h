/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_DEVICE_H
#define VIRTQ_DEVICE_H

/*
 * virtq_device.h - the guest behind a port, whatever front it came by: its memory, and
 * its rings made, handed to the data threads, taken back and freed.
 *
 * A front describes rings in port->queue[i].ring and calls this.  Control thread, or
 * another one of the application, with the connector's lock held.  No call waits longer
 * than a burst takes.
 */

#include "virtq.h"

/* The virtio features that a guest may have acknowledged. */
uint64_t virtq_device_features(void);

/*
 * From now on the guest's memory is mem, which the device owns; what was there before is
 * unmapped.  Rings that are running go on in it.  Returns 0; or -EINVAL or -ENOMEM with
 * one sentence in err: then the rings do not lie in it, none is running, and the
 * connection has to end.
 */
int virtq_device_set_mem(struct virtq_port *port, struct guest_mem *mem, char *err,
			 size_t err_size);

/*
 * The guest's driver is ready: takes the first num_queues descriptions, makes those
 * rings that are enabled and hands them to the data threads.  Returns 0; or -EINVAL or
 * -ENOMEM with one sentence in err: then no ring was handed over, those that were made
 * are freed, and the eventfds of all descriptions are closed.
 */
int virtq_device_start(struct virtq_port *port, uint64_t features, uint32_t num_queues, char *err,
		       size_t err_size);

/*
 * While running: makes the rings, one or many, that were enabled since, and hands them
 * over.  Returns 0; or -EINVAL or -ENOMEM with one sentence in err: then none of them was
 * handed over, the rings that were running before go on, and the connection has to end.
 */
int virtq_device_start_rings(struct virtq_port *port, char *err, size_t err_size);

/* Takes the rings of queues [first, end) back: afterwards no burst touches one.  They
 * rest at the position that is then in their description, and are not enabled. */
void virtq_device_stop_rings(struct virtq_port *port, uint32_t first, uint32_t end);

/* The guest's driver has stopped: takes all rings back and closes their eventfds; the
 * memory stays.  The positions are then in the descriptions.  Harmless when repeated. */
void virtq_device_stop(struct virtq_port *port);

/* Forgets the guest, its memory too.  Harmless when repeated. */
void virtq_device_detach(struct virtq_port *port);

/* When it returns, no burst touches a ring; the rings themselves stay. */
void virtq_device_quiesce(struct virtq_port *port);

/* Reports rings that the guest broke since the last call (log, xstats,
 * virtq_front_ops.broken), and ends the connection if the peer took memory back or filled
 * an eventfd by which its guest is interrupted. */
void virtq_device_check(struct virtq_port *port);
#define VIRTQ_MEMORY_LOST "the guest's memory file was truncated or its hugepages ran out"

/* The watchdog of vring_notify.h; to be called every VIRTQ_WAKE_MS while running. */
void virtq_device_wake(struct virtq_port *port);
#define VIRTQ_WAKE_MS 10u

/* ethdev's link state: up while both the application and the guest are there. */
void virtq_device_set_link(struct virtq_port *port);

#endif /* VIRTQ_DEVICE_H */
