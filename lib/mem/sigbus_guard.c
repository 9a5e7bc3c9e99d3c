/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "sigbus_guard.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

#include "order.h"

/* For all ports of the process; each has at most GUEST_MEM_MAX_REGIONS regions and a
 * state page. */
#define GUARD_SLOTS 8192u

struct guard {
	void *map; /* NULL: free; I: written last when added, first when removed */
	size_t size;
	uint32_t lost;
};

static struct guard guards[GUARD_SLOTS];
static uint32_t guards_top; /* slots ever used; the handler searches these */
static struct sigaction old_action;
static bool installed;
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

static void
chain_to_old(int sig, siginfo_t *info, void *uc)
{
	if (old_action.sa_flags & SA_SIGINFO) {
		old_action.sa_sigaction(sig, info, uc);
	} else if (old_action.sa_handler != SIG_DFL && old_action.sa_handler != SIG_IGN) {
		old_action.sa_handler(sig);
	} else if (old_action.sa_handler == SIG_DFL || info->si_code > 0) {
		/* a faulting access runs again after the return, and then ends the process */
		struct sigaction dfl = {.sa_handler = SIG_DFL};

		sigaction(SIGBUS, &dfl, NULL);
		if (info->si_code <= 0)
			raise(sig);
	}
}

/* Async-signal-safe: atomics and mmap(2) only. */
static void
on_sigbus(int sig, siginfo_t *info, void *uc)
{
	/* a signal sent by a process (si_code <= 0) has no fault address */
	struct guard *g = info->si_code > 0 ? guard_of(info->si_addr) : NULL;

	if (!g ||
	    mmap(g->map, g->size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED) {
		chain_to_old(sig, info, uc);
		return;
	}
	order_release32(&g->lost, 1);
}

static int
install(void)
{
	struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};

	if (installed)
		return 0;
	sigemptyset(&sa.sa_mask);
	if (sigaction(SIGBUS, &sa, &old_action) != 0)
		return -1;
	installed = true;
	return 0;
}

int
sigbus_guard_add(void *map, size_t size)
{
	int slot = -1;

	pthread_mutex_lock(&guards_lock);
	if (install() == 0) {
		for (uint32_t i = 0; i < GUARD_SLOTS && slot < 0; i++) {
			if (guards[i].map)
				continue;
			guards[i].size = size;
			guards[i].lost = 0;
			order_release_ptr(&guards[i].map, map);
			if (i >= guards_top)
				order_release32(&guards_top, i + 1);
			slot = (int)i;
		}
	}
	pthread_mutex_unlock(&guards_lock);
	return slot;
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
