/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_PATTERN_H
#define VG_PATTERN_H

/*
 * vg_pattern.h - frames that can be told apart: Ethernet header, stream, number,
 * length, and bytes that follow from these.
 */

#include <stddef.h>
#include <stdint.h>

#include "vg_opts.h"

#define VG_FRAME_MIN 60u

struct vg_frame_hdr {
	uint8_t dst[6];
	uint8_t src[6];
	uint8_t type[2];
	uint16_t stream;
	uint32_t len;
	uint64_t seq;
} __attribute__((packed));

/* Writes the whole frame. */
void vg_frame_fill(uint8_t *frame, uint32_t len, uint32_t stream, uint64_t seq);

/* What is wrong with a frame of that stream, or NULL and its number in *seq.  The
 * two addresses may have been swapped. */
const char *vg_frame_check(const uint8_t *frame, uint32_t len, uint32_t stream, uint64_t *seq);

/* How long frame number seq of a stream is. */
uint32_t vg_frame_len(const struct vg_opts *o, uint32_t stream, uint64_t seq);

uint64_t vg_mix(uint64_t x);

#endif /* VG_PATTERN_H */
