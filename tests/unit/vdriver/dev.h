/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_DEV_H
#define TEST_DEV_H

/*
 * dev.h - a ring of lib/vdriver, and a device that reads and writes its memory as the
 * test says, right or wrong.
 */

#include <CUnit/CUnit.h>

#include "both.h"
#include "vdriver.h"

#define BIT(n) (1ull << (n))
#define F_INDIRECT BIT(VIRTIO_F_INDIRECT_DESC)
#define F_EVENT_IDX BIT(VIRTIO_F_EVENT_IDX)
#define F_PACKED BIT(VIRTIO_F_RING_PACKED)
#define F_IN_ORDER BIT(VIRTIO_F_IN_ORDER)
#define WRAP VRING_PACKED_WRAP

/* Between a host pointer and what the device calls it. */
#define DEV_OFFSET 0x123400000000ull
#define DEV_MAX_SEGS 16u
#define DEV_TABLE 8u /* entries of an indirect table */

struct dev {
	struct vdriver vd;
	struct vdriver_config cfg;
	void *mem[4];
	uint16_t avail, used; /* where the device is */
};

/* A chain as the device finds it. */
struct dev_chain {
	uint16_t id;
	uint16_t slots;
	uint32_t n;
	struct vdriver_seg seg[DEV_MAX_SEGS];
};

/* A ring with tables, at a position; packed as the features say.  A failure ends the
 * program. */
void dev_up(struct dev *d, uint64_t features, uint32_t size, uint16_t position);
void dev_down(struct dev *d);

/* The beginning of a new ring. */
#define DEV_START(packed) ((packed) ? WRAP : 0)

/* The next available chain; false if there is none. */
bool dev_take(struct dev *d, struct dev_chain *c);

/* Writes a used entry for a chain, or for all up to this one, that took so many slots. */
void dev_use(struct dev *d, uint32_t id, uint32_t len, uint32_t slots);

/* A position some slots on, packed or split. */
uint16_t dev_ahead(const struct dev *d, uint16_t position, uint32_t n);

/* Cookies that say a number. */
static inline void *
cookie(uintptr_t n)
{
	return (void *)n;
}

extern CU_TestInfo ring_tests[], fault_tests[], notify_tests[], fast_tests[];

#endif /* TEST_DEV_H */
