/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_SIGBUS_GUARD_H
#define VIRTQ_SIGBUS_GUARD_H

/*
 * sigbus_guard.h - a peer that truncates a file we have mapped must not kill this
 * process.  On a SIGBUS inside a guarded mapping, a signal handler replaces the page by
 * zeros and marks the mapping lost; any other SIGBUS goes to the handler that was
 * installed before.  Any thread.
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * Installs the signal handler, or puts it on top of one that took its place.  To be called
 * early, before a part of the process swaps handlers, and once in a while.  Returns 0 or
 * -1.
 */
int sigbus_guard_check(void);

/* Guards size bytes at map, in pages of page bytes (a power of two; both are aligned to
 * it).  Returns a slot for sigbus_guard_remove(), or -1 if all are taken or the handler
 * cannot be installed. */
int sigbus_guard_add(void *map, size_t size, size_t page);

/* lost(arg) is called in the signal handler each time that a page of the mapping in slot
 * vanished; it has to be async-signal-safe. */
void sigbus_guard_on_loss(int slot, void (*lost)(void *arg), void *arg);

/* To be called before the mapping is unmapped.  -1 is allowed. */
void sigbus_guard_remove(int slot);

/* True if a page of the guarded mapping at map was replaced. */
bool sigbus_guard_lost(const void *map);

#endif /* VIRTQ_SIGBUS_GUARD_H */
