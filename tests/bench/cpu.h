/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef BENCH_CPU_H
#define BENCH_CPU_H

/* cpu.h - processors and the time-stamp counter. */

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <x86intrin.h>

/*
 * The time when all earlier instructions are done, but for stores in the store buffer.  A
 * plain rdtsc can run before earlier loads have completed: what a burst of one packet
 * waits for would be counted in the call of one driver and between the calls of another.
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

/* TSC cycles a second, measured against CLOCK_MONOTONIC_RAW. */
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

/* Pins the calling thread to a processor; ends the program if that fails. */
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
