/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_SIGBUS_CHAIN_H
#define VIRTQ_SIGBUS_CHAIN_H

/*
 * sigbus_chain.h - keeps a handler of SIGBUS the first of the process, also where others
 * replace it, and calls the handlers that it found.
 *
 * EAL puts a handler of its own in the place of whatever is there while it allocates a
 * hugepage, and restores that afterwards; rte_dev_hotplug_handle_enable() installs one that
 * chains to what was there.  So there are several functions (levels), each with the action
 * that it found.  A handler that is found on top gets the next level over it: whoever is
 * restored or chained to later is then one of these functions, with the right action after
 * it, and no chain contains a handler twice.
 *
 * EAL chains to an earlier handler with one argument even if that handler expects three.
 * A level that is not on top therefore uses what the level on top was called with.
 */

#include <stdbool.h>

/*
 * Installs the handler unless it is on top.  fault(addr) is called in it for each SIGBUS
 * that an access to addr caused; if it returns false, the earlier handler is called.
 * Returns 0, or -1 if more than a few other handlers were found on top.  Any thread; always with the
 * same function.
 */
int sigbus_chain_check(bool (*fault)(void *addr));

#endif /* VIRTQ_SIGBUS_CHAIN_H */
