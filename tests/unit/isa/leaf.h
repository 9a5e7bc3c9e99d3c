/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_LEAF_H
#define TEST_LEAF_H

/* leaf.h - the leaves of lib/vring/isa.h as values, so that a test can go round them. */

#include "vring_batch.h"

struct leaf {
	const char *name;
	void (*copy)(void *dst, const void *src, uint32_t len);
	uint16_t (*gather_split)(const struct vring *vr, enum vring_dir dir, uint16_t at,
				 uint16_t n, const struct vring_limits *lim, struct vring_run *run);
	uint16_t (*gather_packed)(const struct vring *vr, enum vring_dir dir, uint16_t slot,
				  bool wrap, uint16_t n, const struct vring_limits *lim,
				  struct vring_run *run);
	void (*used_split)(struct vring_used_elem *at, const struct vring_run *run, uint16_t n);
	void (*used_packed)(struct vring *vr, const struct vring_run *run, uint16_t n);
};

extern const struct leaf leaf_scalar, leaf_avx2, leaf_avx512;

#endif /* TEST_LEAF_H */
