/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_GUEST_RAM_H
#define TEST_GUEST_RAM_H

/*
 * guest_ram.h - the memory of a made-up guest, in four regions.  B stands directly
 * behind A in the guest's eyes, and elsewhere in ours.  Behind B is a hole, then C; D
 * is above 4 GiB.  How large a region is, the suite says.
 */

#include <stdbool.h>
#include <stdint.h>

struct guest_mem;

enum {
	RAM_A,
	RAM_B,
	RAM_C,
	RAM_D,
	RAM_REGIONS
};
#define RAM_A_ADDR 0x100000ull
#define RAM_C_ADDR 0x4000000ull
#define RAM_D_ADDR 0x140000000ull

/* Of regions of RAM_SIZE bytes, which the suite defines. */
#define RAM_B_ADDR (RAM_A_ADDR + RAM_SIZE)
#define RAM_HOLE (RAM_B_ADDR + RAM_SIZE)

struct guest_ram {
	uint64_t size; /* of each region */
	uint64_t base[RAM_REGIONS];
	uint8_t *view[RAM_REGIONS]; /* the guest's own mappings */
	uint64_t used[RAM_REGIONS]; /* handed out by ram_alloc() */
	struct guest_mem *mem;      /* what the code under test has */
	uint8_t *map;               /* ram_init_guarded() */
};

/* In files that the code under test maps once more.  Exits the program when the
 * machine has no memory for it, as ram_init_guarded() does. */
void ram_init(struct guest_ram *ram, uint64_t size);
void ram_free(struct guest_ram *ram);

/* In memory of this process, which the code under test shares, with pages around each
 * region that nobody may touch.  The regions' order there is another one for each
 * number, so that no address is at the same distance from the guest's in two of them. */
void ram_init_guarded(struct guest_ram *ram, uint64_t size, unsigned int number);
void ram_free_guarded(struct guest_ram *ram);

/* Guest-physical address of new zeroed memory in one region, from RAM_HEAP on: below,
 * tests use addresses of their own. */
#define RAM_HEAP 0x100000u
uint64_t ram_alloc(struct guest_ram *ram, unsigned int region, uint64_t size, uint64_t align);
void ram_reset(struct guest_ram *ram);

/* The guest's own pointer to memory inside one region, and back. */
void *ram_ptr(const struct guest_ram *ram, uint64_t addr);
uint64_t ram_addr(const void *p, const void *ram);

/* Byte copies that may cross from A to B. */
void ram_write(const struct guest_ram *ram, uint64_t addr, const void *from, uint64_t len);
void ram_read(const struct guest_ram *ram, uint64_t addr, void *to, uint64_t len);
void ram_fill(const struct guest_ram *ram, uint64_t addr, uint8_t byte, uint64_t len);

/* Whether [p, p + len) is inside a mapping of the code under test; then *addr
 * is its guest-physical address. */
bool ram_host_to_guest(const struct guest_ram *ram, const uint8_t *p, uint64_t len, uint64_t *addr);

/* A memfd of that many bytes; -1 where flags (MFD_HUGETLB) are not possible. */
int ram_memfd(uint64_t size, unsigned int flags);

#endif /* TEST_GUEST_RAM_H */
