/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_FIELD_H
#define VIRTQ_IPC_FIELD_H

/*
 * ipc_field.h - checks of the kinds of fields that several messages have, for the
 * checks of messages at both ends.
 */

#include <stdbool.h>
#include <stddef.h>

#include "ipc_err.h"

bool ipc_all_zero(const void *p, size_t len);

/* 0 if zero is true, else -1: `what` has reserved bits that are not zero. */
int ipc_field_reserved(const char *what, bool zero, struct ipc_err *err);

/* A name of VIRTQ_IPC_NAME_LEN bytes: terminated and, because names go to logs and
 * terminals, printable ASCII. */
int ipc_field_name(const char *what, const char *name, struct ipc_err *err);

/* A text of VIRTQ_IPC_TEXT_LEN bytes: terminated.  Whoever shows it makes it
 * printable (ipc_text_copy()). */
int ipc_field_text(const char *what, const char *text, struct ipc_err *err);

/* A ring position in a message: no flag that is not known, and no journal. */
bool ipc_field_pos(const struct virtq_ipc_ring_pos *pos);

#endif /* VIRTQ_IPC_FIELD_H */
