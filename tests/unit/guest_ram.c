/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "guest_ram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest_mem.h"

#define GUARD 4096u

/* Not in the order of their addresses: nothing may rely on that. */
static const unsigned int ram_order[RAM_REGIONS] = {RAM_D, RAM_B, RAM_C, RAM_A};

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "made-up guest: %s\n", what);
	abort();
}

int
ram_memfd(uint64_t size, unsigned int flags)
{
	int fd = memfd_create("guest-ram", MFD_CLOEXEC | flags);

	if (fd >= 0 && ftruncate(fd, (off_t)size) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
place(struct guest_ram *ram, uint64_t size)
{
	const uint64_t base[RAM_REGIONS] = {RAM_A_ADDR, RAM_A_ADDR + size, RAM_C_ADDR, RAM_D_ADDR};

	memset(ram, 0, sizeof(*ram));
	ram->size = size;
	memcpy(ram->base, base, sizeof(base));
}

void
ram_init(struct guest_ram *ram, uint64_t size)
{
	struct guest_mem_desc desc[RAM_REGIONS];
	int fds[RAM_REGIONS];
	char err[256] = "";

	place(ram, size);
	for (unsigned int i = 0; i < RAM_REGIONS; i++) {
		unsigned int r = ram_order[i];
		void *p;

		fds[i] = ram_memfd(size, 0);
		must(fds[i] >= 0, "no memfd");
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
		must(p != MAP_FAILED, "no memory");
		ram->view[r] = p;
		desc[i] = (struct guest_mem_desc){.guest_addr = ram->base[r], .size = size};
	}
	ram->mem = guest_mem_new(desc, RAM_REGIONS, fds, err, sizeof(err));
	must(ram->mem, err);
	ram_reset(ram);
}

void
ram_free(struct guest_ram *ram)
{
	guest_mem_free(ram->mem);
	for (unsigned int i = 0; i < RAM_REGIONS; i++)
		munmap(ram->view[i], ram->size);
	memset(ram, 0, sizeof(*ram));
}

void
ram_init_guarded(struct guest_ram *ram, uint64_t size, unsigned int number)
{
	const size_t step = size + GUARD;

	place(ram, size);
	ram->map = mmap(NULL, RAM_REGIONS * step + GUARD, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	must(ram->map != MAP_FAILED, "no memory");
	ram->mem = calloc(1, sizeof(*ram->mem));
	must(ram->mem, "no memory");
	for (unsigned int i = 0; i < RAM_REGIONS; i++) {
		unsigned int r = ram_order[i];
		uint8_t *at = ram->map + GUARD + (i + number) % RAM_REGIONS * step;

		must(mprotect(at, size, PROT_READ | PROT_WRITE) == 0, "no memory");
		ram->view[r] = at;
		ram->mem->region[ram->mem->count++] = (struct guest_region){
			.guest_addr = ram->base[r], .size = size, .host = at};
	}
}

void
ram_free_guarded(struct guest_ram *ram)
{
	munmap(ram->map, RAM_REGIONS * (ram->size + GUARD) + GUARD);
	free(ram->mem);
	memset(ram, 0, sizeof(*ram));
}

void
ram_reset(struct guest_ram *ram)
{
	for (unsigned int i = 0; i < RAM_REGIONS; i++)
		ram->used[i] = RAM_HEAP;
}

uint64_t
ram_alloc(struct guest_ram *ram, unsigned int region, uint64_t size, uint64_t align)
{
	uint64_t off = (ram->used[region] + align - 1) / align * align;

	must(off + size <= ram->size, "a test asks for more memory than the guest has");
	ram->used[region] = off + size;
	memset(ram->view[region] + off, 0, size);
	return ram->base[region] + off;
}

void *
ram_ptr(const struct guest_ram *ram, uint64_t addr)
{
	for (unsigned int i = 0; i < RAM_REGIONS; i++)
		if (addr >= ram->base[i] && addr - ram->base[i] < ram->size)
			return ram->view[i] + (addr - ram->base[i]);
	fprintf(stderr, "address 0x%llx: ", (unsigned long long)addr);
	must(false, "a test uses an address that the guest does not have");
	return NULL;
}

uint64_t
ram_addr(const void *p, const void *ram)
{
	const struct guest_ram *g = ram;
	const uint8_t *at = p;

	for (unsigned int i = 0; i < RAM_REGIONS; i++)
		if (at >= g->view[i] && at < g->view[i] + g->size)
			return g->base[i] + (uint64_t)(at - g->view[i]);
	must(false, "a test uses a pointer that is not the guest's");
	return 0;
}

/* Bytes from addr to the end of its region, at most len. */
static uint64_t
part_of(const struct guest_ram *ram, uint64_t addr, uint64_t len)
{
	for (unsigned int i = 0; i < RAM_REGIONS; i++) {
		uint64_t end = ram->base[i] + ram->size;

		if (addr >= ram->base[i] && addr < end)
			return len < end - addr ? len : end - addr;
	}
	return len;
}

void
ram_write(const struct guest_ram *ram, uint64_t addr, const void *from, uint64_t len)
{
	const uint8_t *p = from;

	while (len > 0) {
		uint64_t part = part_of(ram, addr, len);

		memcpy(ram_ptr(ram, addr), p, part);
		p += part;
		addr += part;
		len -= part;
	}
}

void
ram_read(const struct guest_ram *ram, uint64_t addr, void *to, uint64_t len)
{
	uint8_t *p = to;

	while (len > 0) {
		uint64_t part = part_of(ram, addr, len);

		memcpy(p, ram_ptr(ram, addr), part);
		p += part;
		addr += part;
		len -= part;
	}
}

void
ram_fill(const struct guest_ram *ram, uint64_t addr, uint8_t byte, uint64_t len)
{
	while (len > 0) {
		uint64_t part = part_of(ram, addr, len);

		memset(ram_ptr(ram, addr), byte, part);
		addr += part;
		len -= part;
	}
}

bool
ram_host_to_guest(const struct guest_ram *ram, const uint8_t *p, uint64_t len, uint64_t *addr)
{
	for (uint32_t i = 0; i < ram->mem->count; i++) {
		const struct guest_region *r = &ram->mem->region[i];

		if (p < r->host || p >= r->host + ram->size)
			continue;
		*addr = r->guest_addr + (uint64_t)(p - r->host);
		return len <= (uint64_t)(r->host + ram->size - p);
	}
	return false;
}
