/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VDRIVER_H
#define VIRTQ_VDRIVER_H

/*
 * vdriver.h - one virtqueue as its driver sees it, split (virtio 1.1, 2.6) or
 * packed (2.7).  It shares no code with lib/vring, the device's side.
 *
 * The driver adds chains of buffers, publishes them, and takes back those that the
 * device has used.  The memory of the ring is the caller's, given as host pointers;
 * buffers are named by the addresses that the device sees.  A ring belongs to one
 * thread at a time, no function waits, and none makes a system call after
 * vdriver_init(): notifying the device, and being interrupted, is up to the caller.
 *
 * The device is not trusted: a used entry that it must not write is a fault, after
 * which nothing comes back from this ring until vdriver_reset().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio_abi.h"

#define VDRIVER_MAX_SIZE 32768u /* entries (2.6, 2.7) */

/* A piece of a chain.  Those that the device writes come after all others
 * (2.6.4.2, 2.7.16); that is up to the caller. */
struct vdriver_seg {
	uint64_t addr; /* as the device sees it */
	uint32_t len;  /* bytes */
	bool write;    /* the device writes it */
};

/* An indirect table that the caller has written, for vdriver_add_table(). */
struct vdriver_table {
	uint64_t addr;     /* as the device sees it */
	uint32_t entries;  /* descriptors */
	uint32_t writable; /* bytes that the device may write */
};

/* A chain that came back. */
struct vdriver_done {
	void *cookie;
	uint32_t len; /* bytes that the device says it wrote */
	uint16_t id;
	bool skipped; /* IN_ORDER: a later chain's used entry returned it, len is not known */
};

/* What the device wrote in place of one used entry. */
struct vdriver_used {
	uint32_t id;
	uint32_t len;
	uint16_t flags; /* packed: of the used descriptor */
};

/* What the device did that it must not. */
enum vdriver_fault {
	VDRIVER_OK,
	VDRIVER_FAULT_INDEX,  /* used index ahead of what is available (2.6.8.2) */
	VDRIVER_FAULT_ID,     /* names no chain that is available */
	VDRIVER_FAULT_ORDER,  /* IN_ORDER: another chain was due (2.6.9, 2.7.9) */
	VDRIVER_FAULT_LENGTH, /* more bytes than the chain has for writing (2.6.8.2) */
	VDRIVER_FAULT_WRITE,  /* packed: says that it wrote to a chain that is only read (2.7.4) */
};

struct vdriver_config {
	uint64_t features;  /* of those negotiated RING_PACKED, IN_ORDER, EVENT_IDX count */
	uint32_t size;      /* entries, 2 to VDRIVER_MAX_SIZE; split: a power of two */
	uint16_t position;  /* where to begin, see vdriver_position(); a new packed ring: 0x8000 */
	uint16_t max_table; /* entries of an indirect table; 0: no vdriver_add_indirect() */

	/* the areas, of vdriver_bytes() each and aligned as 2.6 and 2.7 ask */
	void *desc, *driver, *device;
	void *tables; /* aligned to 16; NULL with max_table 0 */

	/* How the device sees a host pointer into the areas, asked once for each area.
	 * NULL: by adding `offset` to the pointer. */
	uint64_t (*addr_of)(const void *host, const void *arg);
	const void *arg;
	uint64_t offset;

	/* Packed: all 65536 ids in turn, from id_first in steps of id_step, which is odd;
	 * not with tables.  id_step 0: ids below the size. */
	uint16_t id_first, id_step;
	/* Packed: all descriptors of a chain but the last carry an id that is not the
	 * chain's, for devices under test (2.7.6: the last one's counts). */
	bool decoy_ids;
};

/* A chain that is available, by its id. */
struct vdriver_chain {
	void *cookie;
	uint32_t writable; /* bytes */
	uint16_t slots;    /* entries of the ring that it takes */
	bool busy;
};

struct vdriver {
	/* Memory of the ring.  Tests that break rings write here. */
	union {
		struct vring_desc *desc;
		struct vring_packed_desc *slot;
	};
	union {
		struct vring_avail *avail;
		struct vring_packed_event *driver_event;
	};
	union {
		struct vring_used *used;
		struct vring_packed_event *device_event;
	};
	struct vring_desc *tables;
	struct {
		uint64_t desc, driver, device, tables;
	} addr; /* as the device sees them */

	bool packed, in_order, event_idx;
	uint16_t size;
	uint16_t max_table;
	uint16_t nfree; /* ring entries */
	uint16_t nbusy; /* chains */

	/* Split: indices.  Packed: slot, and wrap counter in bit 15 (VRING_PACKED_WRAP). */
	uint16_t next_avail; /* where the next chain begins */
	uint16_t published;  /* next_avail at the last vdriver_publish() */
	uint16_t next_used;  /* where the device says what it used next */

	/* Packed: the first descriptor added since then.  Its flags make all of them
	 * available and are written last (2.7.16). */
	bool pending;
	uint16_t pending_slot, pending_flags, added;

	/* the rest is the library's own */
	uint16_t decoy; /* turns an id into another one */
	uint16_t id_first, id_step;
	struct vdriver_chain *chain; /* by id */
	uint16_t *link;              /* split: descriptor after this one in its chain */
	uint16_t *free;              /* split: descriptors, packed: ids; a ring */
	uint32_t nid, free_head, free_count;
	uint16_t *order; /* IN_ORDER: ids as they were made available; a ring */
	uint32_t order_head, order_tail;
	uint16_t group; /* IN_ORDER: chains that one used entry returned, to be taken */
	uint32_t group_len;
	enum vdriver_fault fault;
	char err[128];
};

/* Bytes of the areas of a ring, and of its tables: depends on features, size and
 * max_table.  The caller allocates them. */
struct vdriver_bytes {
	uint64_t desc, driver, device, tables;
};
struct vdriver_bytes vdriver_bytes(const struct vdriver_config *c);

/*
 * Sets a ring up, as vdriver_reset() does.  vd->addr says then what to tell the
 * device of it.  The areas stay the caller's and must outlive vd; *c need not.
 * Returns 0, or -1 with one sentence in err: bad size, position beyond the ring,
 * an area that is missing or not aligned, ids, out of memory.
 */
int vdriver_init(struct vdriver *vd, const struct vdriver_config *c, char *err, size_t err_size);

/* Frees what vdriver_init() allocated.  The device must not use the ring any more. */
void vdriver_free(struct vdriver *vd);

/* As after vdriver_init(): nothing available, nothing used, interrupts on, and both
 * sides at this position.  Chains that were available are forgotten, their cookies
 * with them.  The device must not use the ring. */
void vdriver_reset(struct vdriver *vd, uint16_t position);

/* Puts the free descriptors, or packed: ids, into an order made from seed.  IN_ORDER
 * asks for the ring's order of descriptors (2.6.9), which this undoes. */
void vdriver_shuffle(struct vdriver *vd, uint64_t seed);

/*
 * Adds a chain of n pieces, at least one: in n descriptors, or with
 * vdriver_add_indirect() in one descriptor and the table of its id (2.6.5.3,
 * 2.7.7), n at most max_table.  The device sees it with vdriver_publish(); any
 * number of chains may be added before.  Returns its id (split: its head), or -1 if
 * there is no room.
 */
int vdriver_add(struct vdriver *vd, const struct vdriver_seg *seg, uint32_t n, void *cookie);
int vdriver_add_indirect(struct vdriver *vd, const struct vdriver_seg *seg, uint32_t n,
			 void *cookie);

/* The same with a table of the caller's, which must stay until the chain is back,
 * after n direct descriptors; packed: n is 0 (2.7.7). */
int vdriver_add_table(struct vdriver *vd, const struct vdriver_seg *seg, uint32_t n,
		      const struct vdriver_table *table, void *cookie);

/* Writes n pieces as the entries of an indirect table of this format, 16 bytes each,
 * at any address. */
void vdriver_fill_table(void *table, bool packed, const struct vdriver_seg *seg, uint32_t n);

/* Makes all chains that were added available.  Returns whether the device asks to be
 * notified (2.6.10, 2.7.10); false if there were none. */
bool vdriver_publish(struct vdriver *vd);

/*
 * Takes one chain back: 1, 0 if the device has used no other, or -1 if it broke the
 * ring, with vd->fault and a sentence in vd->err.  The chain's buffers are the
 * caller's again, and its entries and its id free.  Under IN_ORDER one used entry
 * may return many chains, which come back one by one, in order.
 */
int vdriver_get(struct vdriver *vd, struct vdriver_done *done);

/* Takes up to max chains back: how many, or -1 if there are none before a fault. */
int vdriver_get_burst(struct vdriver *vd, struct vdriver_done *done, uint32_t max);

/* Whether vdriver_get() would find something, a fault included. */
bool vdriver_has_used(const struct vdriver *vd);

/* What the device wrote at a position from vd->next_used on: false if it has not yet.
 * Takes nothing back and checks nothing. */
bool vdriver_used_at(const struct vdriver *vd, uint16_t position, struct vdriver_used *u);

/* Asks the device for no interrupts: a hint, which it may come too late to see. */
void vdriver_disable_interrupts(struct vdriver *vd);

/* Asks the device for an interrupt when it uses the next chain.  To be sure of it, use
 * vdriver_enable_interrupts(). */
void vdriver_ask_interrupt(struct vdriver *vd);

/* The same, and looks once more: true if the caller may sleep until it is
 * interrupted, false if a chain came back meanwhile, for which no interrupt may come
 * (2.6.7.2, 2.7.14). */
bool vdriver_enable_interrupts(struct vdriver *vd);

/* Where the device goes on, once everything that it used was taken back: split: used
 * index; packed: slot, and wrap counter in bit 15. */
static inline uint16_t
vdriver_position(const struct vdriver *vd)
{
	return vd->next_used;
}

/* Packed: `slots` after a position; slots <= size. */
static inline uint16_t
vdriver_ahead(const struct vdriver *vd, uint16_t position, uint32_t slots)
{
	uint32_t slot = (position & ~VRING_PACKED_WRAP) + slots;
	uint32_t wrap = position & VRING_PACKED_WRAP;

	if (slot >= vd->size) {
		slot -= vd->size;
		wrap ^= VRING_PACKED_WRAP;
	}
	return (uint16_t)(slot | wrap);
}

/* Packed: AVAIL and USED of a descriptor that is available at this position, and of
 * one that is used there (2.7.1). */
static inline uint16_t
vdriver_avail_flags(uint16_t position)
{
	return position & VRING_PACKED_WRAP ? VRING_PACKED_F_AVAIL : VRING_PACKED_F_USED;
}

static inline uint16_t
vdriver_used_flags(uint16_t position)
{
	return position & VRING_PACKED_WRAP ? VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED : 0;
}

/* Split with EVENT_IDX: the words at the ends of the two rings (2.6.6, 2.6.8). */
static inline uint16_t *
vdriver_used_event(const struct vdriver *vd)
{
	return &vd->avail->ring[vd->size];
}

static inline uint16_t *
vdriver_avail_event(const struct vdriver *vd)
{
	return (uint16_t *)&vd->used->ring[vd->size];
}

#endif /* VIRTQ_VDRIVER_H */
