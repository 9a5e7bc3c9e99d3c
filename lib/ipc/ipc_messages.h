/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_MESSAGES_H
#define VIRTQ_IPC_MESSAGES_H

/*
 * ipc_messages.h - the messages of the server (the PMD), one row each.
 */

#include "ipc_envelope.h"

extern const struct ipc_msg_table ipc_messages;

#endif /* VIRTQ_IPC_MESSAGES_H */
