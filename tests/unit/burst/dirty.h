/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_DIRTY_H
#define TEST_DIRTY_H

/*
 * dirty.h - which bits of its dirty log a world must have set, and which it must not.
 */

#include "ring.h"

/* The first world's memory as it is now; empties the logs of all. */
void dirty_start(const struct ring *ring);

/* NULL, or what is wrong with the log of w: each page that was written has its bit, and no
 * other one but those of the ring itself. */
const char *dirty_check(const struct world *w);

#endif /* TEST_DIRTY_H */
