/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "sigbus_guard.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "order.h"
#include "sigbus_chain.h"

/* For all ports of the process; each has at most GUEST_MEM_MAX_REGIONS regions and a
 * state page. */
#define GUARD_SLOTS 8192u

/* Each page that is replaced may split a mapping, of which a process has a limited number
 * (vm.max_map_count).  After GUARD_SINGLE pages each piece that is replaced is twice as
 * long as the one before, so that some more replace all of any region. */
#define GUARD_SINGLE 64u
/* Faults in replaced pieces: the machine has no memory for zeros either. */
#define GUARD_FAULTS 1024u

struct guard {
	void *map; /* NULL: free; I: written last when added, first when removed */
	size_t size;
	size_t page;
	uint32_t lost;
	uint32_t faults;
	void *on_loss; /* void (*)(void *); F: written after its argument */
	void *on_loss_arg;
};

static struct guard guards[GUARD_SLOTS];
static uint32_t guards_top; /* slots ever used; the handler searches these */
static pthread_mutex_t guards_lock = PTHREAD_MUTEX_INITIALIZER;

static struct guard *
guard_of(const void *addr)
{
	uint32_t top = order_acquire32(&guards_top);

	for (uint32_t i = 0; i < top; i++) {
		uint8_t *map = order_acquire_ptr(&guards[i].map);
		size_t size = guards[i].size;

		/* I: if map changed meanwhile, size may be another guard's */
		if (map && (const uint8_t *)addr >= map &&
		    (size_t)((const uint8_t *)addr - map) < size &&
		    order_acquire_ptr(&guards[i].map) == map)
			return &guards[i];
	}
	return NULL;
}

static void *
zeros_anonymous(size_t len)
{
	return mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

/* Where private memory is counted, and refused, before it is used (a huge page under
 * vm.overcommit_memory=2, RLIMIT_DATA), a sparse file is not. */
static void *
zeros_file(size_t len)
{
	void *zeros = MAP_FAILED;
	int fd = memfd_create("virtq-lost", MFD_CLOEXEC);

	if (fd < 0)
		return MAP_FAILED;
	if (ftruncate(fd, (off_t)len) == 0)
		zeros = mmap(NULL, len, PROT_NONE, MAP_SHARED, fd, 0);
	close(fd);
	return zeros;
}

/*
 * Moves `zeros` onto [at, at + len): other threads find either the old pages or zeros.
 * Under mlockall(MCL_FUTURE) mmap() populates what it maps, but pages that are PROT_NONE
 * until they are unlocked are not populated, and mremap() populates nothing.
 */
static bool
move_onto(void *at, size_t len, void *zeros)
{
	if (zeros == MAP_FAILED)
		return false;
	madvise(zeros, len, MADV_DONTDUMP);
	if (munlock(zeros, len) == 0 && mprotect(zeros, len, PROT_READ | PROT_WRITE) == 0 &&
	    mremap(zeros, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at)
		return true;
	munmap(zeros, len);
	return false;
}

/* The last resort under RLIMIT_AS, which leaves no room beside the old page. */
static bool
map_onto(void *at, size_t len)
{
	return mmap(at, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == at;
}

/* Replaces the n-th piece of g, which contains the byte at `off`. */
static bool
replace(const struct guard *g, uint32_t n, size_t off)
{
	size_t len = g->page;
	uint8_t *at;

	while (n-- > GUARD_SINGLE && len < g->size)
		len *= 2;
	off &= ~(len - 1);
	if (len > g->size - off)
		len = g->size - off;
	at = (uint8_t *)g->map + off;
	return move_onto(at, len, zeros_anonymous(len)) || move_onto(at, len, zeros_file(len)) ||
	       (len == g->page && map_onto(at, len));
}

/* In the signal handler: system calls and atomics only. */
static bool
on_fault(void *addr)
{
	struct guard *g = guard_of(addr);
	void (*on_loss)(void *);
	uint32_t n;

	if (!g)
		return false;
	n = order_count32(&g->faults);
	if (n >= GUARD_FAULTS || !replace(g, n, (size_t)((uint8_t *)addr - (uint8_t *)g->map)))
		return false;
	order_release32(&g->lost, 1);
	on_loss = (void (*)(void *))(uintptr_t)order_acquire_ptr(&g->on_loss);
	if (on_loss)
		on_loss(g->on_loss_arg);
	return true;
}

int
sigbus_guard_check(void)
{
	return sigbus_chain_check(on_fault);
}

int
sigbus_guard_add(void *map, size_t size, size_t page)
{
	int slot = -1;

	if (sigbus_guard_check() != 0)
		return -1;
	pthread_mutex_lock(&guards_lock);
	for (uint32_t i = 0; i < GUARD_SLOTS && slot < 0; i++) {
		if (guards[i].map)
			continue;
		guards[i] = (struct guard){.size = size, .page = page};
		order_release_ptr(&guards[i].map, map);
		if (i >= guards_top)
			order_release32(&guards_top, i + 1);
		slot = (int)i;
	}
	pthread_mutex_unlock(&guards_lock);
	return slot;
}

void
sigbus_guard_on_loss(int slot, void (*lost)(void *arg), void *arg)
{
	guards[slot].on_loss_arg = arg;
	order_release_ptr(&guards[slot].on_loss, (void *)(uintptr_t)lost);
}

void
sigbus_guard_remove(int slot)
{
	if (slot < 0)
		return;
	pthread_mutex_lock(&guards_lock);
	order_release_ptr(&guards[slot].map, NULL);
	pthread_mutex_unlock(&guards_lock);
}

bool
sigbus_guard_lost(const void *map)
{
	const struct guard *g = guard_of(map);

	return g && order_acquire32(&g->lost);
}
