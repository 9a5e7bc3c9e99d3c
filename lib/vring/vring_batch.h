/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VRING_BATCH_H
#define VIRTQ_VRING_BATCH_H

/*
 * vring_batch.h - a batch of chains: snapshotted once from guest memory, checked and
 * translated, ready to be copied from or to.  Data thread only.
 *
 * deq: the guest sends (transmitq), we read its buffers.
 * enq: the guest receives (receiveq), we write its buffers.
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

/* The journal has to hold a whole batch or run. */
_Static_assert(VRING_BATCH <= RING_JOURNAL && VRING_BURST <= RING_JOURNAL, "journal too short");

/* Room for one chain of the greatest length, cut at every region border. */
#define VRING_BATCH_SEGS (VRING_MAX_CHAIN + GUEST_MEM_MAX_REGIONS + VRING_BATCH)

/* Descriptors that a batch reads.  Empty ones take no segment, so segments alone would
 * not bound the time of a burst. */
#define VRING_BATCH_DESCS VRING_BATCH_SEGS

enum vring_dir {
	VRING_DEQ,
	VRING_ENQ
};

/* A run: up to VRING_BURST consecutive chains, each of one direct descriptor in one
 * region, which is what most guests make most of the time.  Any other chain ends the run
 * and goes into a batch. */
struct vring_run {
	uint8_t *host[VRING_BURST] __attribute__((aligned(64)));
	/* bytes of the buffer; before the return: bytes written to it */
	uint32_t len[VRING_BURST] __attribute__((aligned(64)));
	uint16_t id[VRING_BURST] __attribute__((aligned(64)));
};

/* Least and greatest length of a buffer in a run, bytes; at most INT32_MAX. */
struct vring_limits {
	uint32_t min;
	uint32_t max;
};

/* A descriptor can be in a run if these flags are vring_run_flags(). */
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

/* Bytes; where it is another number, prefetches are less use. */
#define VRING_CACHE_LINE 64u

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
	uint16_t head;  /* for its used entry: the first descriptor's index; packed: buffer id */
	uint16_t first; /* of its segments, in vring_batch.seg */
	uint16_t nseg;
	uint16_t at;  /* its first ring slot, counted from the next one to be returned */
	uint32_t len; /* bytes of all segments, saturated; before the return: bytes written */
};

struct vring_batch {
	uint16_t nchain;
	uint16_t nseg;
	uint16_t slots; /* ring slots of all chains */
	uint16_t ndesc; /* descriptors read, empty ones too; vring_batch_cut() keeps it */
	bool full;      /* an available chain did not fit */
	struct vring_chain chain[VRING_BATCH];
	struct vring_seg seg[VRING_BATCH_SEGS];
};

/* G: true while this process may access the ring. */
static inline bool
vring_is_ours(const struct vring *vr)
{
	return ring_state_is_ours(&vr->state);
}

/* Reads a descriptor once.  If the guest writes it meanwhile the copy may be torn; it is
 * checked like any other. */
static inline struct vring_desc
vring_desc_snapshot(const void *at)
{
	struct vring_desc d;

	memcpy(&d, at, sizeof(d));
	order_keep_copy(&d, sizeof(d));
	return d;
}

/* Appends [addr, addr + len) to the chain, one segment a region.  An empty buffer adds
 * nothing, and its address is not checked. */
static inline enum vring_fault
vring_add_buffer(const struct vring *vr, struct vring_batch *b, struct vring_chain *c,
		 uint64_t addr, uint32_t len)
{
	/* addresses must not wrap */
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

/* Chain c does not go into the batch, because it did not fit (b->full) or because it is
 * malformed (vr->fault).  One that does not fit into an empty batch is malformed. */
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
