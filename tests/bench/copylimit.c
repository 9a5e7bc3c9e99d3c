/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * copylimit - a lower bound for the cost of a ring: two threads that move the same bytes
 * through the same buffers, without a ring.
 *
 *   copylimit enq|deq TOUCH HOST_CPU GUEST_CPU BYTES BUFFERS MS
 *
 * The host's thread copies to (enq) or from (deq) one buffer after the other and times
 * each burst.  The guest's thread, half a ring away, reads (enq) or writes (deq) none, the
 * first or all cache lines of each buffer.  The host publishes its position once a burst,
 * outside the timed part.  For half of the time it only copies, for the other half it also
 * prefetches the next buffer while it copies one; the result is that of the faster half.
 */

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "cpu.h"

#define BURST 32u
#define MAX_BYTES 2048u
/* not a multiple of the page size: such buffers would map to the same sets of a cache */
#define STRIDE 2304u
#define LINE 64u
/* a burst that took longer was interrupted */
#define INTERRUPTED_US 20
#define HUGE ((size_t)2 << 20)

struct work {
	bool enq;
	uint32_t touch; /* bytes of each buffer that the guest reads or writes */
	int host, guest;
	uint32_t bytes, buffers, ms;
	uint8_t *ring, *own;
	_Alignas(128) _Atomic uint64_t place;
	_Alignas(128) atomic_bool stop;
	uint64_t sum;
};

static uint8_t *
buffer(const struct work *w, uint64_t n)
{
	return w->ring + n % w->buffers * STRIDE;
}

static void
touch(struct work *w, uint8_t *b, uint64_t n)
{
	for (uint32_t i = 0; i < w->touch; i += LINE) {
		if (w->enq)
			w->sum += *(volatile uint64_t *)(b + i);
		else
			*(volatile uint64_t *)(b + i) = n;
	}
}

static void *
guest(void *arg)
{
	struct work *w = arg;
	uint64_t n = 0;

	cpu_pin(w->guest);
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		uint64_t to = atomic_load_explicit(&w->place, memory_order_relaxed);

		/* deq: half a ring ahead of the host; enq: half a ring after it */
		to = w->enq ? to - (to < w->buffers / 2 ? to : w->buffers / 2)
			    : to + w->buffers / 2;
		for (; n < to; n++)
			touch(w, buffer(w, n), n);
	}
	return NULL;
}

static void
prefetch(const struct work *w, const uint8_t *b)
{
	for (uint32_t i = 0; i < w->bytes; i += LINE) {
		if (w->enq)
			__builtin_prefetch(b + i, 1);
		else
			__builtin_prefetch(b + i, 0);
	}
}

/* Cycles a packet, measured for half of w->ms.  *packets: the position, moved on. */
static double
host(struct work *w, double hz, bool with_prefetch, uint64_t *packets)
{
	uint64_t begin = __rdtsc(), end = begin, busy = 0, n = *packets, counted = 0;
	uint64_t limit = (uint64_t)(hz / 1e6 * INTERRUPTED_US) + BURST * w->bytes;

	while ((double)(end - begin) < w->ms * hz / 2000) {
		uint64_t from = cpu_begin();

		for (uint32_t i = 0; i < BURST; i++) {
			uint8_t *b = buffer(w, n + i), *own = w->own + i * STRIDE;

			if (with_prefetch && i + 1 < BURST)
				prefetch(w, buffer(w, n + i + 1));
			memcpy(w->enq ? b : own, w->enq ? own : b, w->bytes);
			__asm__ volatile("" ::: "memory");
		}
		end = cpu_end();
		n += BURST;
		if (end - from < limit) {
			busy += end - from;
			counted += BURST;
		}
		atomic_store_explicit(&w->place, n, memory_order_relaxed);
	}
	*packets = n;
	return counted ? (double)busy / (double)counted : HUGE_VAL;
}

/* In huge pages, as guests and mempools are; in small ones if there are none. */
static uint8_t *
memory(size_t bytes)
{
	size_t all = (bytes + HUGE - 1) / HUGE * HUGE;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
	void *p = mmap(NULL, all, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0);

	if (p == MAP_FAILED)
		p = mmap(NULL, all, PROT_READ | PROT_WRITE, flags, -1, 0);
	return p == MAP_FAILED ? NULL : memset(p, 0x5a, bytes);
}

static int
parse(struct work *w, char **argv)
{
	w->enq = strcmp(argv[1], "enq") == 0;
	w->host = atoi(argv[3]);
	w->guest = atoi(argv[4]);
	w->bytes = (uint32_t)atoi(argv[5]);
	w->buffers = (uint32_t)atoi(argv[6]);
	w->ms = (uint32_t)atoi(argv[7]);
	w->touch = strcmp(argv[2], "all") == 0 ? w->bytes : strcmp(argv[2], "first") == 0;
	if (w->bytes == 0 || w->bytes > MAX_BYTES || w->buffers < 2 * BURST)
		return -1;
	w->ring = memory((size_t)w->buffers * STRIDE);
	w->own = memory(BURST * STRIDE);
	if (!w->ring || !w->own)
		return -1;
	return 0;
}

int
main(int argc, char **argv)
{
	static struct work w;
	double hz, best, with_prefetch;
	pthread_t thread;
	uint64_t n = 0;

	if (argc != 8 || parse(&w, argv) != 0) {
		fprintf(stderr,
			"usage: copylimit enq|deq none|first|all HOST_CPU GUEST_CPU BYTES BUFFERS "
			"MS (up to %u bytes, at least %u buffers)\n",
			MAX_BYTES, 2 * BURST);
		return 2;
	}
	if (pthread_create(&thread, NULL, guest, &w) != 0)
		return EXIT_FAILURE;
	cpu_pin(w.host);
	hz = cpu_tsc_hz();
	best = host(&w, hz, false, &n);
	with_prefetch = host(&w, hz, true, &n);
	if (with_prefetch < best)
		best = with_prefetch;
	printf("{\"cycles_per_packet\": %.2f, \"mpps\": %.3f}\n", best, hz / best / 1e6);
	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	return EXIT_SUCCESS;
}
