/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "step.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__x86_64__)
#define TRAP_FLAG 0x100ull

static void (*look_at)(void *);
static void *look_arg;
static unsigned long steps;

/* The processor does not trap in here: the flag is only restored at the end. */
static void
on_trap(int sig)
{
	(void)sig;
	steps++;
	look_at(look_arg);
}

unsigned long
step_through(void (*call)(void *), void (*look)(void *), void *arg)
{
	struct sigaction sa = {.sa_handler = on_trap}, old;

	look_at = look;
	look_arg = arg;
	steps = 0;
	sigemptyset(&sa.sa_mask);
	if (sigaction(SIGTRAP, &sa, &old) != 0) {
		perror("sigaction");
		exit(2);
	}
	__builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | TRAP_FLAG);
	call(arg);
	__builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~TRAP_FLAG);
	sigaction(SIGTRAP, &old, NULL);
	return steps;
}
#else
unsigned long
step_through(void (*call)(void *), void (*look)(void *), void *arg)
{
	(void)look;
	call(arg);
	return 0;
}
#endif
