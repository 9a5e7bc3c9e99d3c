/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef BENCH_CPU_H
#define BENCH_CPU_H

/* cpu.h - places and clocks. */

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <x86intrin.h>

/*
 * The time when all that came before is done, but for stores on their way to memory.
 * A plain rdtsc is taken while a call is still waiting for the lines it asked for, up
 * to some hundred instructions back: what a burst of one packet waits for would show
 * in one driver's calls and between the other's.
 */
static inline uint64_t
cpu_begin(void)
{
	_mm_lfence();
	return __rdtsc();
}

static inline uint64_t
cpu_end(void)
{
	unsigned int cpu;

	return __rdtscp(&cpu);
}

/* TSC cycles a second, against the clock over 20 ms. */
static inline double
cpu_tsc_hz(void)
{
	struct timespec a, b;
	uint64_t from, to;
	double ns;

	clock_gettime(CLOCK_MONOTONIC_RAW, &a);
	from = __rdtsc();
	do {
		clock_gettime(CLOCK_MONOTONIC_RAW, &b);
		to = __rdtsc();
		ns = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
	} while (ns < 20e6);
	return (double)(to - from) * 1e9 / ns;
}

/* The calling thread stays on that processor, or the program ends. */
static inline void
cpu_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == 0)
		return;
	fprintf(stderr, "bench: processor %d: %s\n", cpu, strerror(errno));
	exit(EXIT_FAILURE);
}

#endif /* BENCH_CPU_H */
