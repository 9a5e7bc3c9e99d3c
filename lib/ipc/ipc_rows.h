/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_ROWS_H
#define VIRTQ_IPC_ROWS_H

/*
 * ipc_rows.h - the messages of the server (the PMD), one row each.
 */

#include "ipc_msg.h"

extern const struct ipc_msg_table ipc_rows;

#endif /* VIRTQ_IPC_ROWS_H */
