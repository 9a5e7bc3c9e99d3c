/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_DEVICE_H
#define VIRTQ_DEVICE_H

/*
 * virtq_device.h - the guest of a port, whatever its front: holds its memory, makes its
 * rings, hands them to the data threads, takes them back and frees them.
 *
 * A front describes rings in port->vq[i].ring and calls this.  All calls: with the
 * control thread's lock held, in the control thread or another one of the application, but in
 * no data thread.  No call waits longer than a burst takes.
 */

#include "virtq.h"

/* The virtio features that a guest may have acknowledged. */
uint64_t virtq_device_features(void);

/*
 * Replaces the guest's memory by mem, which the device owns from now on, and unmaps the
 * old one.  Running rings continue in mem.  Returns 0; or -EINVAL or -ENOMEM with one
 * sentence in err (err_size bytes): a ring is not in mem, no ring is running, and the
 * caller has to end the connection.
 */
int virtq_device_set_mem(struct virtq_port *port, struct guest_mem *mem, char *err,
			 size_t err_size);

/*
 * From when this returns, all that is written to guest memory is marked in log (a dirty
 * log), which the device owns from now on; NULL: it is not logged.  Also while running: no
 * packet is lost, and no burst uses the log of before any more, which is freed.  The log
 * stays until the next call or virtq_device_detach().
 */
void virtq_device_set_log(struct virtq_port *port, struct guest_log *log);

/*
 * The guest's driver is ready: makes the enabled ones of the first num_vqs rings and
 * hands them to the data threads; owns their eventfds from now on.  features are the
 * negotiated ones.  Returns 0; or -EINVAL or -ENOMEM with one sentence in err (err_size
 * bytes): then no ring was handed over, those that were made are freed, and the eventfds
 * of all descriptions are closed.
 */
int virtq_device_start(struct virtq_port *port, uint64_t features, uint32_t num_vqs, char *err,
		       size_t err_size);

/*
 * While running: makes the rings that were enabled since, and hands them over.  Returns 0;
 * or -EINVAL or -ENOMEM with one sentence in err (err_size bytes): then none of them was
 * handed over, those that were running before go on, and the caller has to end the
 * connection.
 */
int virtq_device_start_rings(struct virtq_port *port, char *err, size_t err_size);

/* Takes back and frees the rings of virtqueues [first, end): no burst accesses them any
 * more.  They are then not enabled, and their positions are in their descriptions. */
void virtq_device_stop_rings(struct virtq_port *port, uint32_t first, uint32_t end);

/* The application has configured so many queues, at most max_queues of the port, and runs
 * no burst: which of them serves which ring (virtq_map.h). */
void virtq_device_configure(struct virtq_port *port, uint32_t num_rxq, uint32_t num_txq);

/* The guest's driver has stopped: virtq_device_stop_rings() for all rings; the memory stays
 * mapped, and the eventfds stay open.  Harmless when repeated. */
void virtq_device_stop(struct virtq_port *port);

/* Closes the eventfds of all rings, none of which is running. */
void virtq_device_close_fds(struct virtq_port *port);

/* A peer connected: it is the port's, which has none, and its rings can be described.  Returns
 * 0 or -ENOMEM. */
int virtq_device_attach(struct virtq_port *port, struct virtq_peer *peer);

/* Stops, frees the rings with what was said of each, unmaps the guest's memory and its dirty
 * log, and clears port->peer.  Harmless when repeated. */
void virtq_device_detach(struct virtq_port *port);

/* A page of what the peer shares vanished: takes all rings from the data threads, without a
 * wait, and wakes the control thread.  arg is the port.  Async-signal-safe; any thread, also
 * without the control thread's lock. */
void virtq_device_memory_lost(void *arg);

/* Takes all rings from the data threads, but does not free them: when this returns, no
 * burst accesses one. */
void virtq_device_quiesce(struct virtq_port *port);

/* Reports rings that the guest broke since the last call (log, xstats,
 * virtq_front_ops.broken), and interrupts the guest where a data thread left that to the
 * control thread.  Ends the connection if guest memory or the dirty log was lost. */
void virtq_device_check(struct virtq_port *port);
#define VIRTQ_LOG_LOST "the dirty log's file was truncated"
#define VIRTQ_MEMORY_LOST "the guest's memory file was truncated or its hugepages ran out"

/* Ends the connection if the peer filled an eventfd that interrupts its guest.  That harms
 * nobody else: it is reported because it shows a broken or hostile peer. */
void virtq_device_check_call_fds(struct virtq_port *port);

/* The watchdog of vring_notify.h for all rings; to be called every VIRTQ_WATCHDOG_MS while
 * the port is running. */
void virtq_device_watchdog(struct virtq_port *port);
#define VIRTQ_WATCHDOG_MS 10u

/* Sets ethdev's link state: up while the port is both started and running. */
void virtq_device_set_link(struct virtq_port *port);

#endif /* VIRTQ_DEVICE_H */
