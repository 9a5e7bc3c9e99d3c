/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_FAULT_H
#define VG_FAULT_H

/* vg_fault.h - rings broken on purpose, one named way at a time. */

#include <stdbool.h>

#include "vg_opts.h"

struct vg_port;
struct vg_queue;

void vg_fault_list(void);

/* Whether there is such a fault for such rings: 0, or -1 after vg_err(). */
int vg_fault_check(const struct vg_opts *o);

/* Makes the malformed chain available, and freezes the queue.  False: no room
 * yet. */
bool vg_fault_inject(struct vg_port *p, struct vg_queue *q);

#endif /* VG_FAULT_H */
