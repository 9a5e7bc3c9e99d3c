/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_RECOVER_H
#define VG_RECOVER_H

/* vg_recover.h - rings that a PMD has left behind. */

#include "virtq_ipc.h"

#include "vg_port.h"

/* How far the PMD is with returning a burst. */
enum vg_moment vg_recover_moment(const struct vdriver *r, const struct virtq_ipc_state_queue *s);

/* Finishes what it had begun, and sets q->pos: 0, or -1 after vg_err() if it left
 * what it must not. */
int vg_recover(struct vg_port *p, const struct virtq_ipc_state *state);

#endif /* VG_RECOVER_H */
