/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VRING_PACKED_H
#define VIRTQ_VRING_PACKED_H

/*
 * vring_packed.h - packed virtqueues (virtio 2.7): snapshots of chains, used descriptors
 * and their journal.  Data thread only.
 *
 * All chains are returned, in order, so the used descriptor of a chain goes to the slot
 * where the chain began.
 */

#include "vring_batch.h"
#include "vring_notify.h"

/* The slot `ahead` (at most size) after the next one, and its wrap counter. */
static inline __attribute__((always_inline)) uint16_t
vring_packed_slot(const struct vring *vr, uint32_t ahead, bool *wrap)
{
	uint32_t slot = vr->last_avail + ahead;

	*wrap = vr->wrap;
	if (slot >= vr->size) {
		slot -= vr->size;
		*wrap = !*wrap;
	}
	return (uint16_t)slot;
}

/* Whether a descriptor with these flags is available to us, given its slot's wrap counter
 * (2.7.1). */
static inline bool
vring_packed_is_avail(uint16_t flags, bool wrap)
{
	return !!(flags & VRING_PACKED_F_AVAIL) == wrap && !!(flags & VRING_PACKED_F_USED) != wrap;
}

static inline struct vring_packed_desc
vring_packed_snapshot_desc(const void *at)
{
	struct vring_packed_desc d;

	memcpy(&d, at, sizeof(d));
	order_keep_copy(&d, sizeof(d));
	return d;
}

/* Appends all entries of an indirect table, in order (2.7.7). */
static inline enum vring_fault
vring_packed_indirect(const struct vring *vr, const struct vring_packed_desc *outer,
		      enum vring_dir dir, struct vring_batch *b, struct vring_chain *c)
{
	uint32_t entries = outer->len / 16;

	if (!vr->indirect || (outer->flags & VRING_DESC_F_NEXT) || outer->len % 16 != 0 ||
	    entries == 0 || entries > VRING_MAX_CHAIN || outer->addr > UINT64_MAX - outer->len)
		return VRING_FAULT_INDIRECT;
	for (uint32_t i = 0; i < entries; i++) {
		const uint8_t *at = guest_mem_host(vr->mem, outer->addr + 16ull * i, 16);
		struct vring_packed_desc d;
		enum vring_fault fault;

		if (!at)
			return VRING_FAULT_ADDRESS;
		d = vring_packed_snapshot_desc(at);
		if (d.flags & VRING_DESC_F_INDIRECT)
			return VRING_FAULT_INDIRECT;
		fault = vring_add_desc(vr, b, c, d.addr, d.len, d.flags, dir);
		if (fault != VRING_OK)
			return fault;
	}
	return VRING_OK;
}

/* Appends the chain that begins c->at slots after the next one.  Its first descriptor is
 * available, so the others are too (2.7.16).  *slots: how many it takes. */
static inline enum vring_fault
vring_packed_chain(const struct vring *vr, enum vring_dir dir, struct vring_batch *b,
		   struct vring_chain *c, uint16_t *slots)
{
	for (uint16_t n = 0; n < VRING_MAX_CHAIN && c->at + n < vr->size; n++) {
		struct vring_packed_desc d;
		enum vring_fault fault;
		bool wrap;

		d = vring_packed_snapshot_desc(&vr->slot[vring_packed_slot(vr, c->at + n, &wrap)]);
		*slots = n + 1;
		c->head = d.id;
		/* an indirect descriptor must not end a list (2.7.17) */
		if (d.flags & VRING_DESC_F_INDIRECT)
			return n == 0 ? vring_packed_indirect(vr, &d, dir, b, c)
				      : VRING_FAULT_INDIRECT;
		fault = vring_add_desc(vr, b, c, d.addr, d.len, d.flags, dir);
		if (fault != VRING_OK || !(d.flags & VRING_DESC_F_NEXT))
			return fault;
	}
	return VRING_FAULT_LOOP;
}

/*
 * Adds up to n chains to the batch; returns how many.  Stops when no more are available,
 * when the batch is full (b->full), or at a malformed chain (vr->fault), which is not
 * added.
 */
static inline __attribute__((always_inline)) uint16_t
vring_packed_snapshot(struct vring *vr, enum vring_dir dir, struct vring_batch *b, uint16_t n)
{
	uint16_t added = 0;

	while (added < n) {
		struct vring_chain *c = &b->chain[b->nchain];
		enum vring_fault fault;
		uint16_t slot, slots = 0;
		bool wrap;

		if (b->slots >= vr->size)
			return added;
		slot = vring_packed_slot(vr, b->slots, &wrap);
		if (!vring_packed_is_avail(order_acquire16(&vr->slot[slot].flags), wrap))
			return added;
		if (b->nchain == VRING_BATCH) {
			b->full = true;
			return added;
		}
		*c = (struct vring_chain){.first = b->nseg, .at = b->slots};
		fault = vring_packed_chain(vr, dir, b, c, &slots);
		if (fault != VRING_OK) {
			vring_batch_refuse(vr, b, c, fault);
			return added;
		}
		b->slots += slots;
		b->nchain++;
		added++;
	}
	return added;
}

/* The slot `ahead` after the next one and its wrap counter, in one word as in the event
 * area (2.7.14). */
static inline __attribute__((always_inline)) uint16_t
vring_packed_place(const struct vring *vr, uint32_t ahead)
{
	bool wrap;
	uint16_t slot = vring_packed_slot(vr, ahead, &wrap);

	return (uint16_t)(slot | (wrap ? VRING_PACKED_WRAP : 0));
}

/* H: entry k of the journal: a used descriptor that is about to be written. */
static inline __attribute__((always_inline)) void
vring_packed_note(const struct vring *vr, uint16_t k, uint32_t ahead, uint16_t id, uint32_t len)
{
	if (vr->state.pos)
		vr->state.journal[k] = ring_state_used(vring_packed_place(vr, ahead), id, len);
}

/* H: n entries of the journal are valid; `slots` slots are about to be returned. */
static inline __attribute__((always_inline)) void
vring_packed_begin(const struct vring *vr, uint16_t n, uint16_t slots)
{
	if (vr->state.pos)
		order_release64(vr->state.pos, ring_state_pos(vring_packed_place(vr, slots),
							      vring_packed_place(vr, 0), n));
}

/* Length, id and flags of a used descriptor: its second half (2.7.13). */
static inline uint64_t
vring_packed_used_word(bool wrap, uint16_t id, uint32_t len)
{
	uint64_t flags = wrap ? VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED : 0;

	/* a used buffer that was written to has the flag WRITE (2.7.4) */
	if (len)
		flags |= VRING_DESC_F_WRITE;
	return len | (uint64_t)id << 32 | flags << 48;
}

/* Writes the used descriptor of the chain that began `ahead` slots after the next one.  To
 * be called for the last chain first: the guest polls the first one.  Runs have another
 * writer: isa_used_packed(). */
static inline __attribute__((always_inline)) void
vring_packed_put_used(struct vring *vr, uint32_t ahead, uint16_t id, uint32_t len)
{
	uint16_t slot;
	bool wrap;

	slot = vring_packed_slot(vr, ahead, &wrap);
	order_release64((uint64_t *)&vr->slot[slot] + 1, vring_packed_used_word(wrap, id, len));
}

/* Advances over the slots of the chains whose used descriptors were written, publishes
 * the position, and interrupts the guest if its driver wants that; returns whether it
 * did. */
static inline __attribute__((always_inline)) bool
vring_packed_publish(struct vring *vr, uint16_t slots)
{
	vr->last_avail = vring_packed_slot(vr, slots, &vr->wrap);
	vr->last_used = vr->last_avail;
	ring_state_publish(&vr->state, vring_packed_place(vr, 0));
	return vring_notify(vr, true);
}

#endif /* VIRTQ_VRING_PACKED_H */
