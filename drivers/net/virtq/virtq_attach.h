/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_ATTACH_H
#define VIRTQ_ATTACH_H

/*
 * virtq_attach.h - what the messages of a device do to its port: memory mapped
 * and unmapped, rings handed to the data threads and taken back.  Control
 * thread, with the connector's lock held.
 */

#include "virtq_ctrl.h"

extern const struct ipc_session_ops virtq_session_ops;

/* Takes every ring back and forgets the device: when this returns, no thread
 * touches its memory, and the memory is unmapped.  Harmless when repeated. */
void virtq_detach(struct virtq_port *port);

/* Tells the device and the log about rings that the guest broke. */
void virtq_report_faults(struct virtq_port *port);

/* Interrupts guests that may be waiting for what was given back to them.  To be
 * called now and then while the port is running. */
void virtq_wake_waiting(struct virtq_port *port);

/* What the guest shall see of the port. */
struct virtq_ipc_link virtq_link_of(const struct virtq_port *port);

#endif /* VIRTQ_ATTACH_H */
