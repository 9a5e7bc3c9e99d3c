/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_GUEST_RAM_H
#define TEST_GUEST_RAM_H

/*
 * guest_ram.h - the memory of a made-up guest: memfds that the guest sees
 * through mappings of its own, and that the code under test maps once more.
 * The guest's view is the reference: it shares no code with lib/vring.
 */

#include <stdbool.h>
#include <stdint.h>

struct guest_mem;

#define RAM_REGIONS 4u
#define RAM_SIZE 0x400000u /* of each region */
#define RAM_HEAP 0x100000u /* where ram_alloc() begins: below, tests use addresses of their own */

/* Region B stands directly behind A in the guest's eyes, but is another file.
 * Behind B is a hole, then C; D is above 4 GiB. */
enum {
	RAM_A,
	RAM_B,
	RAM_C,
	RAM_D
};
#define RAM_A_ADDR 0x100000ull
#define RAM_B_ADDR (RAM_A_ADDR + RAM_SIZE)
#define RAM_HOLE (RAM_B_ADDR + RAM_SIZE)
#define RAM_C_ADDR 0x4000000ull
#define RAM_D_ADDR 0x140000000ull

struct guest_ram {
	uint64_t base[RAM_REGIONS];
	uint8_t *view[RAM_REGIONS]; /* the guest's own mappings */
	uint64_t used[RAM_REGIONS]; /* handed out by ram_alloc() */
	struct guest_mem *mem;      /* what the code under test has */
};

/* Exits the program when the machine has no memory for it. */
void ram_init(struct guest_ram *ram);
void ram_free(struct guest_ram *ram);

/* Guest-physical address of new zeroed memory in one region. */
uint64_t ram_alloc(struct guest_ram *ram, unsigned int region, uint64_t size, uint64_t align);
void ram_reset(struct guest_ram *ram);

/* The guest's own pointer to memory inside one region. */
void *ram_ptr(const struct guest_ram *ram, uint64_t addr);

/* Byte copies that may cross from A to B. */
void ram_write(struct guest_ram *ram, uint64_t addr, const void *from, uint64_t len);
void ram_read(const struct guest_ram *ram, uint64_t addr, void *to, uint64_t len);
void ram_fill(struct guest_ram *ram, uint64_t addr, uint8_t byte, uint64_t len);

/* Whether [p, p + len) is inside a mapping of the code under test; then *addr
 * is its guest-physical address. */
bool ram_host_to_guest(const struct guest_ram *ram, const uint8_t *p, uint64_t len, uint64_t *addr);

/* A memfd of that many bytes; -1 where flags (MFD_HUGETLB) are not possible. */
int ram_memfd(uint64_t size, unsigned int flags);

#endif /* TEST_GUEST_RAM_H */
