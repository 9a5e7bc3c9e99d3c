/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VDRIVER_IMPL_H
#define VIRTQ_VDRIVER_IMPL_H

/* vdriver_impl.h - between the files of lib/vdriver, and for nobody else. */

#include "vdriver.h"
#include "vdriver_order.h"

/* A chain that is to be added: n direct descriptors, then the table's, if any. */
struct vd_new {
	const struct vdriver_seg *seg;
	uint32_t n;
	const struct vdriver_table *table; /* NULL: none */
	uint16_t slots;
};

/* Descriptor k of it, without the flags that depend on its place. */
struct vd_piece {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
};
struct vd_piece vd_piece(const struct vd_new *c, uint32_t k);

/* What differs between the formats.  There is room for what is put. */
struct vd_format {
	void (*reset)(struct vdriver *vd);
	void (*put)(struct vdriver *vd, const struct vd_new *c, uint16_t id);
	bool (*publish)(struct vdriver *vd);
	/* the entry at vd->next_used: as vdriver_get() */
	int (*look)(struct vdriver *vd, struct vdriver_used *u);
	/* goes on after a chain, and frees what it had */
	void (*release)(struct vdriver *vd, uint16_t id, uint16_t slots);
	void (*ask_interrupt)(struct vdriver *vd);
	void (*disable_interrupts)(struct vdriver *vd);
	bool (*used_at)(const struct vdriver *vd, uint16_t position, struct vdriver_used *u);
};
extern const struct vd_format vd_split, vd_packed;

/* A free descriptor, or packed: id. */
uint16_t vd_take_free(struct vdriver *vd);
void vd_put_free(struct vdriver *vd, uint16_t id);

/* The ring is broken from now on: -1. */
int vd_fault(struct vdriver *vd, enum vdriver_fault fault, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Whether the entries from old_idx up to new_idx have the one with index `event`
 * among them (2.6.7.2). */
static inline bool
vd_need_event(uint16_t event, uint16_t new_idx, uint16_t old_idx)
{
	return (uint16_t)(new_idx - event - 1) < (uint16_t)(new_idx - old_idx);
}

#endif /* VIRTQ_VDRIVER_IMPL_H */
