/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_SIMPLE_H
#define VIRTQ_SIMPLE_H

/*
 * virtq_simple.h - chains of one direct descriptor in one region: what most
 * guests send and offer most of the time.  A kernel gathers, checks and
 * translates a run of them at once; the first one that is anything else ends
 * the run, and the general path takes it.
 */

#include <stdint.h>

#include "vring_core.h"

struct virtq_simple {
	uint8_t *host[VRING_BURST] __attribute__((aligned(64)));
	uint32_t len[VRING_BURST] __attribute__((aligned(64)));
	uint16_t id[VRING_BURST] __attribute__((aligned(64)));
};

/* The one region that holds [addr, addr + len), or NULL. */
static inline uint8_t *
virtq_simple_host(const struct guest_mem *mem, uint64_t addr, uint32_t len)
{
	return guest_mem_host(mem, addr, len);
}

/* Flags that a simple descriptor has, of those that matter. */
#define VIRTQ_SIMPLE_FLAGS (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT)

static inline uint16_t
virtq_simple_want(enum vring_dir dir)
{
	return dir == VRING_ENQ ? VRING_DESC_F_WRITE : 0;
}

#endif /* VIRTQ_SIMPLE_H */
