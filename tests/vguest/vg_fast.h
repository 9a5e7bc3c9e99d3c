/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_FAST_H
#define VG_FAST_H

/* vg_fast.h - a ring of lib/vdriver whose chains never change, and their packets. */

#include <stdbool.h>
#include <stdint.h>

#include "vdriver_fast.h"
#include "vg_port.h"

struct vg_fast {
	struct vdriver_fast ring;
	struct vg_queue *q; /* NULL: not in use */
	bool count_buffers; /* receive: packets may take several buffers */
	uint32_t batch, min_batch;
	uint16_t left; /* buffers still to come of a packet */
	uint64_t packets, bytes, buffers;
	uint64_t read;  /* keeps the compiler from leaving reads out */
	uint8_t **data; /* by chain: where the network header begins */
};

int vg_fast_init(struct vg_fast *f, struct vg_port *p, struct vg_queue *q);
void vg_fast_free(struct vg_fast *f);

/* Takes what came back, up to a batch, and gives it again.  How many chains. */
typedef uint32_t (*vg_burst_fn)(struct vg_fast *f);
vg_burst_fn vg_fast_burst(bool packed, bool rx, enum vg_touch touch);

#endif /* VG_FAST_H */
