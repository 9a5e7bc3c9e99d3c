/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * probe - how far apart two processors are: nanoseconds that a cache line takes to go to
 * the other one and return.
 *
 *   probe CPU CPU
 *
 * Answers each line on stdin with one number, the best of several rounds; sleeps in
 * between.  The answer changes when the hypervisor moves virtual processors.
 */

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "cpu.h"

#define ROUNDS 20
#define TURNS 400u

static struct {
	_Alignas(128) _Atomic uint64_t line;
	_Alignas(128) sem_t go;
	int cpu;
} shared;

/* Answers ROUNDS * TURNS times, then sleeps until the next line on stdin. */
static void *
echo(void *arg)
{
	(void)arg;
	cpu_pin(shared.cpu);
	for (;;) {
		sem_wait(&shared.go);
		for (uint32_t i = 0; i < ROUNDS * TURNS; i++) {
			uint64_t want = 2 * (uint64_t)i + 1;

			while (atomic_load_explicit(&shared.line, memory_order_acquire) != want)
				;
			atomic_store_explicit(&shared.line, want + 1, memory_order_release);
		}
	}
	return NULL;
}

/* The best round, in cycles a turn. */
static double
round_trip(void)
{
	uint64_t best = UINT64_MAX, v = 1;

	atomic_store(&shared.line, 0);
	sem_post(&shared.go);
	for (int r = 0; r < ROUNDS; r++) {
		uint64_t from = __rdtsc(), took;

		for (uint32_t i = 0; i < TURNS; i++, v += 2) {
			atomic_store_explicit(&shared.line, v, memory_order_release);
			while (atomic_load_explicit(&shared.line, memory_order_acquire) != v + 1)
				;
		}
		took = __rdtsc() - from;
		best = took < best ? took : best;
	}
	return (double)best / TURNS;
}

static int
serve(int here, int there)
{
	double hz = cpu_tsc_hz();
	pthread_t thread;
	char line[16];

	shared.cpu = there;
	sem_init(&shared.go, 0, 0);
	if (pthread_create(&thread, NULL, echo, NULL) != 0) {
		fprintf(stderr, "probe: no second thread\n");
		return EXIT_FAILURE;
	}
	cpu_pin(here);
	while (fgets(line, sizeof(line), stdin)) {
		printf("%.1f\n", round_trip() * 1e9 / hz);
		if (fflush(stdout) != 0)
			break;
	}
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	if (argc == 3)
		return serve(atoi(argv[1]), atoi(argv[2]));
	fprintf(stderr, "usage: probe CPU CPU\n");
	return 2;
}
