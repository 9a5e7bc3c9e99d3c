/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_GUEST_MEM_H
#define VIRTQ_GUEST_MEM_H

/*
 * guest_mem.h - the RAM of one guest, mapped: checked translation of addresses of
 * either of two spaces.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_MEM_MAX_REGIONS 64u

/* One region as the device describes it; all in bytes. */
struct guest_mem_desc {
	uint64_t guest_addr;
	uint64_t size;
	uint64_t fd_offset;
	uint64_t user_addr; /* in the front end's process; 0: it did not say */
};

struct guest_region {
	uint64_t guest_addr;
	uint64_t size;
	uint8_t *host; /* of guest_addr */
	uint64_t user_addr;
};

/* Which addresses: those that are in descriptors, or those by which a front end tells
 * where its rings are (vhost-user: its own virtual ones). */
enum guest_space {
	GUEST_PHYSICAL,
	GUEST_USER,
};

/* Immutable once made; readers need no lock. */
struct guest_mem {
	uint32_t count;
	struct guest_region region[GUEST_MEM_MAX_REGIONS];
};

/*
 * Maps count regions.  fds[i] is taken over (and set to -1) for each region that
 * was mapped, so that the caller closes what is left.  Returns NULL with one
 * sentence in err (err_size bytes) if a region is empty, wraps, overlaps, is
 * longer than its file or cannot be mapped.  Any thread.
 */
struct guest_mem *guest_mem_new(const struct guest_mem_desc *desc, unsigned int count, int *fds,
				char *err, size_t err_size);

/* Unmaps and closes; NULL is allowed.  No thread may still use mem. */
void guest_mem_free(struct guest_mem *mem);

/* True once a page of mem vanished under us (its file was truncated, or the
 * hugepages ran out): its mapping then reads as zero and leads nowhere. */
bool guest_mem_lost(const struct guest_mem *mem);

/* [addr, addr + *len) if it starts in a region: its host address, with *len cut
 * to what that region holds; NULL if it does not. */
static inline uint8_t *
guest_mem_piece(const struct guest_mem *mem, uint64_t addr, uint32_t *len)
{
	for (uint32_t i = 0; i < mem->count; i++) {
		const struct guest_region *r = &mem->region[i];
		uint64_t off = addr - r->guest_addr;

		if (addr >= r->guest_addr && off < r->size) {
			if (*len > r->size - off)
				*len = (uint32_t)(r->size - off);
			return r->host + off;
		}
	}
	return NULL;
}

/* [addr, addr + len) as one piece of host memory, or NULL; `space` is a constant at
 * every use. */
static inline uint8_t *
guest_mem_find(const struct guest_mem *mem, const enum guest_space space, uint64_t addr,
	       uint64_t len)
{
	for (uint32_t i = 0; i < mem->count; i++) {
		const struct guest_region *r = &mem->region[i];
		uint64_t from = space == GUEST_PHYSICAL ? r->guest_addr : r->user_addr;
		uint64_t off = addr - from;

		if (addr >= from && off <= r->size && len <= r->size - off && len > 0)
			return r->host + off;
	}
	return NULL;
}

/* The same of a guest-physical address. */
static inline uint8_t *
guest_mem_host(const struct guest_mem *mem, uint64_t addr, uint64_t len)
{
	return guest_mem_find(mem, GUEST_PHYSICAL, addr, len);
}

/* The same of an address of the front end's process. */
static inline uint8_t *
guest_mem_user(const struct guest_mem *mem, uint64_t addr, uint64_t len)
{
	return guest_mem_find(mem, GUEST_USER, addr, len);
}

#endif /* VIRTQ_GUEST_MEM_H */
