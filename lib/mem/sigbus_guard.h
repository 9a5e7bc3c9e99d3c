/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_SIGBUS_GUARD_H
#define VIRTQ_SIGBUS_GUARD_H

/*
 * sigbus_guard.h - a peer that truncates a file we have mapped must not kill this
 * process.  On a SIGBUS inside a guarded mapping, a signal handler replaces the whole
 * mapping with zero pages and marks it lost; any other SIGBUS goes to the handler that
 * was installed before.  Any thread.
 */

#include <stdbool.h>
#include <stddef.h>

/* Guards size bytes at map.  Returns a slot for sigbus_guard_remove(), or -1 if all are
 * taken or the handler cannot be installed. */
int sigbus_guard_add(void *map, size_t size);

/* To be called before the mapping is unmapped.  -1 is allowed. */
void sigbus_guard_remove(int slot);

/* True if the guarded mapping at map was replaced. */
bool sigbus_guard_lost(const void *map);

#endif /* VIRTQ_SIGBUS_GUARD_H */
