/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_FAST_H
#define VG_FAST_H

/*
 * vg_fast.h - a ring whose chains never change: every chain goes back as it came,
 * so that a turn costs little more than the cache misses of the ring itself.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vg_port.h"

struct vg_fast {
	struct vg_ring *ring;
	struct vg_queue *q;
	bool in_order;
	bool count_buffers; /* receive: packets may take several buffers */
	uint16_t nchain;
	uint16_t next;  /* chain that is due */
	uint16_t last;  /* split: used index taken */
	uint16_t avail; /* split: available index told */
	bool used_wrap, fill_wrap;
	uint32_t batch, min_batch;
	uint16_t left; /* buffers still to come of a packet */
	bool bad;      /* the backend broke the ring or its order */
	uint64_t packets, bytes, buffers;
	uint64_t read; /* keeps the compiler from leaving reads out */
	/* by chain */
	uint16_t *first; /* head, or first slot */
	uint16_t *id;
	uint16_t *ndesc;
	uint8_t **data; /* where the network header begins */
	uint32_t *len;  /* of the packet; receive: of the buffer */
	/* by id */
	uint16_t *of_id;
	/* packed: by slot, length, id and flags without wrap bits */
	uint64_t *word;
};

int vg_fast_init(struct vg_fast *f, struct vg_port *p, struct vg_queue *q);
void vg_fast_free(struct vg_fast *f);

/* Takes what came back, up to a batch, and gives it again.  How many chains. */
typedef uint32_t (*vg_burst_fn)(struct vg_fast *f);
vg_burst_fn vg_fast_burst(bool packed, bool rx, enum vg_touch touch);

#endif /* VG_FAST_H */
