/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_MSG_H
#define VG_MSG_H

/*
 * vg_msg.h - the messages of doc/protocol.md as the client (the device) sees them:
 * what it receives is checked against these rows with ipc_msg_check().
 */

#include "ipc_envelope.h"

extern const struct ipc_msg_table vg_msgs;

#endif /* VG_MSG_H */
