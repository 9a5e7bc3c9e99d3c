/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VRING_BATCH_H
#define VIRTQ_VRING_BATCH_H

/*
 * vring_batch.h - a batch of chains: snapshotted once from guest memory, checked
 * and translated, ready to be copied from or to.  Data thread only.
 *
 * deq: the guest sends (transmitq), its buffers are read.
 * enq: the guest receives (receiveq), its buffers are written.
 */

#include <string.h>

#include "order.h"
#include "vring_types.h"

#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

#define VRING_BURST 32u  /* packets of a batch */
#define VRING_BATCH 128u /* chains of a batch: a mergeable packet may take many */

/* A batch, or a run, is returned whole: the journal has to hold all of it. */
_Static_assert(VRING_BATCH <= RING_JOURNAL && VRING_BURST <= RING_JOURNAL, "journal too short");

/* Room for one chain of the greatest length, cut at every region border. */
#define VRING_BATCH_SEGS (VRING_MAX_CHAIN + GUEST_MEM_MAX_REGIONS + VRING_BATCH)

/* Descriptors that a batch looks at.  Those of no length take no room, so that
 * room alone would not bound the time of a burst. */
#define VRING_BATCH_DESCS VRING_BATCH_SEGS

enum vring_dir {
	VRING_DEQ,
	VRING_ENQ
};

/* A run: up to VRING_BURST chains in a row that are one direct descriptor in one region
 * each, which is what most guests make most of the time.  The first chain that is
 * anything else ends the run and goes into a batch. */
struct vring_run {
	uint8_t *host[VRING_BURST] __attribute__((aligned(64)));
	uint32_t len[VRING_BURST] __attribute__((aligned(64))); /* later: of its used entry */
	uint16_t id[VRING_BURST] __attribute__((aligned(64)));
};

/* Bytes that a buffer of a run has, both included; at most INT32_MAX. */
struct vring_limits {
	uint32_t min;
	uint32_t max;
};

/* The flags that decide whether a descriptor can be in a run, and what they have to
 * be. */
#define VRING_RUN_FLAGS (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT)

static inline uint16_t
vring_run_flags(const enum vring_dir dir)
{
	return dir == VRING_ENQ ? VRING_DESC_F_WRITE : 0;
}

static inline uint32_t
vring_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Brings a line near, to be read or to be written. */
static inline void
vring_prefetch(const void *p)
{
	__builtin_prefetch(p, 0, 3);
}

static inline void
vring_prefetch_write(const void *p)
{
	__builtin_prefetch(p, 1, 3);
}

/* A piece of a buffer in host memory. */
struct vring_seg {
	uint8_t *addr;
	uint32_t len;
};

struct vring_chain {
	uint16_t head;  /* what the used entry names: head of the chain, or packed: its id */
	uint16_t first; /* in vring_batch.seg */
	uint16_t nseg;
	uint16_t at;  /* where it began, in ring slots behind the next one */
	uint32_t len; /* bytes of all pieces, saturated; then what its used entry says */
};

struct vring_batch {
	uint16_t nchain;
	uint16_t nseg;
	uint16_t slots; /* ring slots of all chains */
	uint16_t ndesc; /* looked at, also those of no length; never given back */
	bool full;      /* a chain that is there found no room */
	struct vring_chain chain[VRING_BATCH];
	struct vring_seg seg[VRING_BATCH_SEGS];
};

/* True while this ring is ours to touch: pairs with G, the device's run word. */
static inline bool
vring_is_ours(const struct vring *vr)
{
	return ring_state_is_ours(&vr->state);
}

/* One descriptor, copied once and never looked at again (a torn one is the
 * guest's own doing, and is checked as what it is). */
static inline struct vring_desc
vring_desc_snapshot(const void *at)
{
	struct vring_desc d;

	memcpy(&d, at, sizeof(d));
	order_keep_copy(&d, sizeof(d));
	return d;
}

/* Appends [addr, addr + len) to the chain, in as many pieces as it has regions.
 * A buffer of no length has no address to check and adds nothing. */
static inline enum vring_fault
vring_add_buffer(const struct vring *vr, struct vring_batch *b, struct vring_chain *c,
		 uint64_t addr, uint32_t len)
{
	/* the byte behind the last address is not the one at the first */
	if (len > 0 && addr > UINT64_MAX - (len - 1))
		return VRING_FAULT_ADDRESS;
	while (len > 0) {
		uint32_t part = len;
		uint8_t *host = guest_mem_piece(vr->mem, addr, &part);

		if (!host)
			return VRING_FAULT_ADDRESS;
		if (b->nseg == VRING_BATCH_SEGS)
			return VRING_FAULT_LOOP;
		b->seg[b->nseg++] = (struct vring_seg){host, part};
		c->nseg++;
		c->len = c->len > UINT32_MAX - part ? UINT32_MAX : c->len + part;
		addr += part;
		len -= part;
	}
	return VRING_OK;
}

/* Counts, checks and appends the buffer of one descriptor of a chain. */
static inline enum vring_fault
vring_add_desc(const struct vring *vr, struct vring_batch *b, struct vring_chain *c, uint64_t addr,
	       uint32_t len, uint16_t flags, enum vring_dir dir)
{
	if (b->ndesc++ >= VRING_BATCH_DESCS)
		return VRING_FAULT_LOOP;
	if (!(flags & VRING_DESC_F_WRITE) != (dir == VRING_DEQ))
		return VRING_FAULT_DIRECTION;
	return vring_add_buffer(vr, b, c, addr, len);
}

static inline void
vring_batch_begin(struct vring_batch *b)
{
	b->nchain = 0;
	b->nseg = 0;
	b->slots = 0;
	b->ndesc = 0;
	b->full = false;
}

/* Forgets the chains from nchain on. */
static inline void
vring_batch_cut(struct vring_batch *b, uint16_t nchain)
{
	if (nchain >= b->nchain)
		return;
	b->slots = b->chain[nchain].at;
	b->nseg = b->chain[nchain].first;
	b->nchain = nchain;
}

/* A chain did not get into the batch: for want of room, or because the guest
 * broke it.  No room is a fault only of a chain that has all room for itself. */
static inline void
vring_batch_refuse(struct vring *vr, struct vring_batch *b, const struct vring_chain *c,
		   enum vring_fault fault)
{
	b->full = (b->nseg == VRING_BATCH_SEGS && c->first > 0) || b->ndesc > VRING_BATCH_DESCS;
	b->nseg = c->first;
	if (!b->full)
		vr->fault = fault;
}

#endif /* VIRTQ_VRING_BATCH_H */
