/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_GUEST_MEM_H
#define VIRTQ_GUEST_MEM_H

/*
 * guest_mem.h - the mapped RAM of one guest, and checked translation of its addresses.
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
	uint64_t user_addr; /* in the front end's process; 0: unknown */
};

struct guest_region {
	uint64_t guest_addr;
	uint64_t size;
	uint8_t *host; /* where guest_addr is mapped here */
	uint64_t user_addr;
};

enum guest_space {
	GUEST_PHYSICAL, /* addresses in descriptors */
	GUEST_USER,     /* vhost-user: virtual addresses of the front end, of its rings */
};

/* Immutable once made; readers need no lock. */
struct guest_mem {
	uint32_t count;
	struct guest_region region[GUEST_MEM_MAX_REGIONS];
};

/*
 * Maps count regions, desc[i] from fds[i].  The fd of each mapped region is taken over
 * and set to -1 in fds; the caller closes the others.  Returns NULL with one sentence in
 * err (err_size bytes) if a region is empty, wraps, overlaps, is longer than its file or
 * cannot be mapped.  Any thread.
 */
struct guest_mem *guest_mem_new(const struct guest_mem_desc *desc, unsigned int count, int *fds,
				char *err, size_t err_size);

/*
 * The regions of old (NULL: none) and one more, with the checks of guest_mem_new(); *fd is
 * taken over and set to -1.  The regions of old are not mapped again: both memories share
 * them, and are freed one by one in any order.  old stays as it is, also when NULL is
 * returned, with one sentence in err.  One thread at a time for all memories that share
 * regions, as for guest_mem_remove() and guest_mem_free().
 */
struct guest_mem *guest_mem_add(const struct guest_mem *old, const struct guest_mem_desc *desc,
				int *fd, char *err, size_t err_size);

/* The same without one region of old, that with guest_addr, size and user_addr of desc;
 * NULL with one sentence in err if there is none.  The last one may go: then no address is
 * in the memory. */
struct guest_mem *guest_mem_remove(const struct guest_mem *old, const struct guest_mem_desc *desc,
				   char *err, size_t err_size);

/* Whether mem (NULL: none) has a region with guest_addr, size and user_addr of desc, of the
 * file that fd is open on; fd -1: of whatever file. */
bool guest_mem_has(const struct guest_mem *mem, const struct guest_mem_desc *desc, int fd);

/* Unmaps the regions that no other memory shares and closes their fds; NULL is allowed.
 * No thread may still use mem. */
void guest_mem_free(struct guest_mem *mem);

/* Bytes of all regions. */
uint64_t guest_mem_bytes(const struct guest_mem *mem);

/* lost(arg) is called each time that a page of mem was found to have vanished, in a signal
 * handler of the thread that accessed it: it has to be async-signal-safe.  A region that
 * several memories share calls the last one that was set. */
void guest_mem_on_loss(const struct guest_mem *mem, void (*lost)(void *arg), void *arg);

/* True once a page of mem vanished (its file was truncated, or the hugepages ran out):
 * pages that vanished read as zero, and what is written to them is lost.  Any thread. */
bool guest_mem_lost(const struct guest_mem *mem);

/* Host address of the guest-physical addr, with *len cut to what its region holds after
 * it; NULL if addr is in no region. */
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

/* Host address of [addr, addr + len), or NULL if it is empty or not in one region.
 * `space` is a constant at every use. */
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

static inline uint8_t *
guest_mem_host(const struct guest_mem *mem, uint64_t addr, uint64_t len)
{
	return guest_mem_find(mem, GUEST_PHYSICAL, addr, len);
}

static inline uint8_t *
guest_mem_user(const struct guest_mem *mem, uint64_t addr, uint64_t len)
{
	return guest_mem_find(mem, GUEST_USER, addr, len);
}

/* The way back: *gpa becomes the guest-physical address of a byte in mem; false if host is
 * in no region. */
static inline bool
guest_mem_gpa(const struct guest_mem *mem, const void *host, uint64_t *gpa)
{
	for (uint32_t i = 0; i < mem->count; i++) {
		const struct guest_region *r = &mem->region[i];
		uint64_t off = (uintptr_t)host - (uintptr_t)r->host;

		if (off < r->size) {
			*gpa = r->guest_addr + off;
			return true;
		}
	}
	return false;
}

#endif /* VIRTQ_GUEST_MEM_H */
