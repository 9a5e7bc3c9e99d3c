/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VRING_SPLIT_H
#define VIRTQ_VRING_SPLIT_H

/*
 * vring_split.h - split virtqueues (virtio 2.6): snapshots of chains, used entries.
 * Data thread only.
 */

#include "vring_batch.h"
#include "vring_notify.h"

/* How many chains are available, as far as is known.  The guest writes to the cache line
 * of its index all the time, so the index is read again only when fewer than `want` are
 * known.  0 with vr->fault set if the index is invalid. */
static inline __attribute__((always_inline)) uint16_t
vring_split_available(struct vring *vr, uint16_t want)
{
	uint16_t n = (uint16_t)(vr->avail_idx - vr->last_avail), idx;

	if (n >= want)
		return n;
	idx = order_acquire16(&vr->avail->idx);
	n = (uint16_t)(idx - vr->last_avail);
	/* not stored: another call in this burst must find the fault again */
	if (n > vr->size) {
		vr->fault = VRING_FAULT_AVAIL_JUMP;
		return 0;
	}
	vr->avail_idx = idx;
	return n;
}

/* Appends the chain in an indirect table (2.6.5.3), entry by entry because the table may
 * cross regions.  `direct`: descriptors of the chain before it. */
static inline enum vring_fault
vring_split_indirect(const struct vring *vr, const struct vring_desc *outer, uint32_t direct,
		     enum vring_dir dir, struct vring_batch *b, struct vring_chain *c)
{
	uint32_t entries = outer->len / 16;
	uint32_t i = 0;

	if (!vr->indirect || (outer->flags & VRING_DESC_F_NEXT) || outer->len % 16 != 0 ||
	    entries == 0 || entries > VRING_MAX_CHAIN)
		return VRING_FAULT_INDIRECT;
	for (uint32_t seen = 0; seen < entries && direct + seen < VRING_MAX_CHAIN; seen++) {
		enum vring_fault fault;
		struct vring_desc d;
		const uint8_t *at;

		if (outer->addr > UINT64_MAX - 16ull * i)
			return VRING_FAULT_ADDRESS;
		at = guest_mem_host(vr->mem, outer->addr + 16ull * i, 16);
		if (!at)
			return VRING_FAULT_ADDRESS;
		d = vring_desc_snapshot(at);
		if (d.flags & VRING_DESC_F_INDIRECT)
			return VRING_FAULT_INDIRECT;
		fault = vring_add_desc(vr, b, c, d.addr, d.len, d.flags, dir);
		if (fault != VRING_OK || !(d.flags & VRING_DESC_F_NEXT))
			return fault;
		if (d.next >= entries)
			return VRING_FAULT_NEXT;
		i = d.next;
	}
	return VRING_FAULT_LOOP;
}

/* Appends one chain, from its head to its end. */
static inline enum vring_fault
vring_split_chain(const struct vring *vr, uint16_t head, enum vring_dir dir, struct vring_batch *b,
		  struct vring_chain *c)
{
	uint16_t i = head;

	for (uint32_t seen = 0; seen < vr->size && seen < VRING_MAX_CHAIN; seen++) {
		struct vring_desc d = vring_desc_snapshot(&vr->desc[i]);
		enum vring_fault fault;

		/* An indirect descriptor may end a chain of direct ones (2.6.5.3.1). */
		if (d.flags & VRING_DESC_F_INDIRECT)
			return vring_split_indirect(vr, &d, seen, dir, b, c);
		fault = vring_add_desc(vr, b, c, d.addr, d.len, d.flags, dir);
		if (fault != VRING_OK || !(d.flags & VRING_DESC_F_NEXT))
			return fault;
		if (d.next >= vr->size)
			return VRING_FAULT_NEXT;
		i = d.next;
	}
	return VRING_FAULT_LOOP;
}

/*
 * Adds n chains, all available, from entry last_avail + `from` on to the batch; returns
 * how many.  Stops when the batch is full (b->full), or at a malformed chain (vr->fault),
 * which is not added.
 */
static inline uint16_t
vring_split_snapshot(struct vring *vr, enum vring_dir dir, struct vring_batch *b, uint16_t from,
		     uint16_t n)
{
	uint16_t added = 0;

	while (added < n && b->nchain < VRING_BATCH) {
		uint16_t slot = (uint16_t)(vr->last_avail + from + added) & vr->mask;
		struct vring_chain *c = &b->chain[b->nchain];
		uint16_t head = order_read16(&vr->avail->ring[slot]);
		enum vring_fault fault = VRING_FAULT_HEAD;

		*c = (struct vring_chain){.head = head, .first = b->nseg, .at = b->slots};
		if (head < vr->size)
			fault = vring_split_chain(vr, head, dir, b, c);
		if (fault != VRING_OK) {
			vring_batch_refuse(vr, b, c, fault);
			return added;
		}
		b->nchain++;
		b->slots++;
		added++;
	}
	b->full = added < n;
	return added;
}

/* Writes the used entry `at` places after last_used.  Runs have another writer:
 * isa_used_split(). */
static inline __attribute__((always_inline)) void
vring_split_put_used(struct vring *vr, uint16_t at, uint16_t head, uint32_t len)
{
	vr->used->ring[(uint16_t)(vr->last_used + at) & vr->mask] = (struct vring_used_elem){head,
											     len};
}

/* Advances over n chains whose used entries are written; publishes nothing. */
static inline __attribute__((always_inline)) void
vring_split_advance(struct vring *vr, uint16_t n)
{
	vr->last_avail += n;
	vr->last_used += n;
}

/* Undoes vring_split_advance(), if nothing was published since. */
static inline void
vring_split_retreat(struct vring *vr, uint16_t n)
{
	vr->last_avail -= n;
	vr->last_used -= n;
}

/* Returns n chains, and those that vring_split_advance() passed, as used buffers: moves
 * the used index, publishes the position, and interrupts the guest if its driver wants
 * that; returns whether it did. */
static inline __attribute__((always_inline)) bool
vring_split_publish(struct vring *vr, uint16_t n)
{
	vring_split_advance(vr, n);
	order_release16(&vr->used->idx, vr->last_used);
	ring_state_publish(&vr->state, vr->last_used);
	return vring_notify(vr, false);
}

#endif /* VIRTQ_VRING_SPLIT_H */
