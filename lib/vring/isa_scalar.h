/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_ISA_SCALAR_H
#define VIRTQ_ISA_SCALAR_H

/*
 * isa_scalar.h - the leaf of isa.h without vectors: one descriptor at a time.  This is the
 * reference: every other leaf is tested against it, byte for byte.  Runs too short for
 * vectors use it whatever the leaf (vring_run.h).
 */

#include "vring_packed.h"

#define ISA_SCALAR_NAME "Scalar"
#define ISA_SCALAR_VECTOR false

/* In blocks of constant size, whose copy the compiler inlines; the last one overlaps the
 * one before it. */
static inline void
isa_scalar_copy(void *dst, const void *src, uint32_t len)
{
	uint8_t *d = dst;
	const uint8_t *s = src;
	uint32_t i = 0;

	if (len < 64) {
		memcpy(d, s, len);
		return;
	}
	for (; i + 64 <= len; i += 64)
		memcpy(d + i, s + i, 64);
	if (i < len)
		memcpy(d + len - 64, s + len - 64, 64);
}

/* Whether this descriptor is a chain that can be in a run; if so, its buffer becomes entry
 * i of the run. */
static inline __attribute__((always_inline)) bool
isa_scalar_take(const struct vring *vr, const enum vring_dir dir, uint16_t flags, uint64_t addr,
		uint32_t len, const struct vring_limits *lim, struct vring_run *run, uint16_t i)
{
	if ((flags & VRING_RUN_FLAGS) != vring_run_flags(dir) || len < lim->min || len > lim->max)
		return false;
	run->host[i] = guest_mem_host(vr->mem, addr, len);
	run->len[i] = len;
	return run->host[i] != NULL;
}

static inline __attribute__((always_inline)) uint16_t
isa_scalar_gather_split(const struct vring *vr, const enum vring_dir dir, uint16_t at, uint16_t n,
			const struct vring_limits *lim, struct vring_run *run)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		uint16_t slot = (uint16_t)(at + i) & vr->mask;
		uint16_t id = order_read16(&vr->avail->ring[slot]);
		struct vring_desc d;

		if (id >= vr->size)
			break;
		d = vring_desc_snapshot(&vr->desc[id]);
		run->id[i] = id;
		if (!isa_scalar_take(vr, dir, d.flags, d.addr, d.len, lim, run, i))
			break;
	}
	return i;
}

static inline __attribute__((always_inline)) uint16_t
isa_scalar_gather_packed(const struct vring *vr, const enum vring_dir dir, uint16_t slot, bool wrap,
			 uint16_t n, const struct vring_limits *lim, struct vring_run *run)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		const struct vring_packed_desc *at = &vr->slot[slot + i];
		struct vring_packed_desc d;

		if (!vring_packed_is_avail(order_acquire16(&at->flags), wrap))
			break;
		d = vring_packed_snapshot_desc(at);
		run->id[i] = d.id;
		if (!isa_scalar_take(vr, dir, d.flags, d.addr, d.len, lim, run, i))
			break;
	}
	return i;
}

static inline __attribute__((always_inline)) void
isa_scalar_used_split(struct vring_used_elem *at, const struct vring_run *run, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		at[i] = (struct vring_used_elem){run->id[i], run->len[i]};
}

static inline __attribute__((always_inline)) void
isa_scalar_used_packed(struct vring *vr, const struct vring_run *run, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		vring_packed_note(vr, i, i, run->id[i], run->len[i]);
	vring_packed_begin(vr, n, n);
	for (uint16_t i = n; i-- > 0;)
		vring_packed_put_used(vr, i, run->id[i], run->len[i]);
}

#endif /* VIRTQ_ISA_SCALAR_H */
