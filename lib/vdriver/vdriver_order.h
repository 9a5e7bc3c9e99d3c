/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VDRIVER_ORDER_H
#define VIRTQ_VDRIVER_ORDER_H

/*
 * vdriver_order.h - the only atomics and fences of lib/vdriver.  It is not
 * lib/mem/order.h: the driver's side is what the device's side is tested with, and
 * an error in an ordering that both share would not show.
 *
 *   A  device: used entries, then used index, or flags of a packed descriptor
 *                                          -> driver: index or flags, then entry
 *   B  driver: descriptors, then avail index, or flags of the first descriptor
 *                                          -> device: index or flags, then descriptors
 *   C  driver: interrupts on, fence, used  -> device: used, fence, interrupts on?
 *   D  driver: avail, fence, notify?       -> device: notifications on, fence, avail
 */

#include <stdint.h>

/* A word that the device may be writing: read once. */
static inline uint16_t
vd_read16(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline uint32_t
vd_read32(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* A word that the device may be reading: written in one piece. */
static inline void
vd_write16(uint16_t *p, uint16_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

/* A: what the device wrote before is read after this. */
static inline uint16_t
vd_acquire16(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* B: what the driver wrote before is seen before this. */
static inline void
vd_release16(uint16_t *p, uint16_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* B: second half of a packed descriptor, its flags included. */
static inline void
vd_release64(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* C and D: a store before it and a load after it stay in this order. */
static inline void
vd_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif /* VIRTQ_VDRIVER_ORDER_H */
