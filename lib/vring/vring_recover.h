/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VRING_RECOVER_H
#define VIRTQ_VRING_RECOVER_H

/*
 * vring_recover.h - where a ring goes on after the process that served it died, at any
 * instruction.  The used index of a split ring says it.  In a packed ring used descriptors
 * replace the available ones, so the position and the journal (ring_state.h) say it, which
 * outlive that process.  Control thread.
 */

#include "vring.h"

/*
 * Sets cfg->avail and cfg->used to the position at which the ring goes on, for vring_init().
 * Where a packed ring's last owner had begun to return used buffers, finishes that by its
 * journal.  Without a published position (cfg->state.pos is NULL or its word is not valid)
 * cfg stays as it is: nothing was returned.
 *
 * A peer may have written anything to position, journal and ring, and may still do so.
 * Returns 0, or -1 with one sentence in err (err_size bytes): they contradict each other, or
 * what vring_init() refuses.  No address but the ring's slots is written, and words that
 * suppress kicks.  If this process dies within, the next one gets the same result.
 */
int vring_recover(struct vring_config *cfg, char *err, size_t err_size);

#endif /* VIRTQ_VRING_RECOVER_H */
