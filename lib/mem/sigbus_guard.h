/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_SIGBUS_GUARD_H
#define VIRTQ_SIGBUS_GUARD_H

/*
 * sigbus_guard.h - a peer that truncates a file we have mapped must not kill
 * this process.  While a mapping is guarded, a SIGBUS inside it replaces the
 * whole of it by zero pages and notes that it is lost; any other SIGBUS goes
 * to the handler that was there before.
 */

#include <stdbool.h>
#include <stddef.h>

/* Returns a slot, or -1 when all are taken or the handler cannot be set. */
int sigbus_guard_add(void *map, size_t size);

/* To be called before the mapping goes.  -1 is allowed. */
void sigbus_guard_remove(int slot);

/* True if the mapping at map was lost. */
bool sigbus_guard_lost(const void *map);

#endif /* VIRTQ_SIGBUS_GUARD_H */
