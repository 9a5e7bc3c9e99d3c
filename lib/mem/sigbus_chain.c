/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "sigbus_chain.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#define LEVELS 8

/* What the kernel called the level on top with.  A handler further down may leave by
 * siglongjmp(), so it may be of an earlier signal.  No thread-local storage that is
 * allocated on first use: signal handlers read it. */
static __thread __attribute__((tls_model("initial-exec"))) struct {
	siginfo_t *info;
	void *uc;
} at_hand;

static struct sigaction old_action[LEVELS]; /* what each level found */
static int levels_used;                     /* others may chain to them, or restore them */
static bool (*on_fault)(void *addr);
static pthread_mutex_t chain_lock = PTHREAD_MUTEX_INITIALIZER;

static void on_level(int level, int sig, siginfo_t *info, void *uc);

#define LEVEL(n)                                            \
	static void level_##n(int s, siginfo_t *i, void *u) \
	{                                                   \
		on_level(n, s, i, u);                       \
	}
LEVEL(0)
LEVEL(1)
LEVEL(2)
LEVEL(3)
LEVEL(4)
LEVEL(5)
LEVEL(6)
LEVEL(7)

static void (*const level_fn[LEVELS])(int, siginfo_t *, void *) = {
	level_0, level_1, level_2, level_3, level_4, level_5, level_6, level_7,
};

/* The level that an action is; -1: none. */
static int
level_of(const struct sigaction *sa)
{
	for (int i = 0; i < LEVELS; i++)
		if ((sa->sa_flags & SA_SIGINFO) && sa->sa_sigaction == level_fn[i])
			return i;
	return -1;
}

static int
level_on_top(void)
{
	struct sigaction now;

	return sigaction(SIGBUS, NULL, &now) == 0 ? level_of(&now) : -1;
}

/* A level to put over the handler `found`: the one that was over the same function before,
 * because EAL's handler comes and goes with each hugepage; else a new one. */
static int
level_for(const struct sigaction *found)
{
	for (int i = 0; i < levels_used; i++)
		if (old_action[i].sa_handler == found->sa_handler)
			return i;
	return levels_used < LEVELS ? levels_used : -1;
}

/* With chain_lock held. */
static int
take_top(void)
{
	struct sigaction set = {.sa_flags = SA_SIGINFO | SA_NODEFER}, found;
	int level;

	if (sigaction(SIGBUS, NULL, &found) != 0)
		return -1;
	if (level_of(&found) >= 0)
		return 0;
	level = level_for(&found);
	if (level < 0)
		return -1;
	sigemptyset(&set.sa_mask);
	set.sa_sigaction = level_fn[level];
	/* the handler may run at once; what it chains to has to be there */
	old_action[level] = found;
	if (sigaction(SIGBUS, &set, &found) != 0)
		return -1;
	old_action[level] = found;
	if (level == levels_used)
		levels_used++;
	return 0;
}

static void
set_default(void)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};

	sigaction(SIGBUS, &dfl, NULL);
}

static void
call_old(const struct sigaction *old, int sig, siginfo_t *info, void *uc)
{
	if (old->sa_flags & SA_SIGINFO) {
		old->sa_sigaction(sig, info, uc);
	} else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
		old->sa_handler(sig);
	} else if (old->sa_handler == SIG_DFL || info->si_code > 0) {
		/* a faulting access runs again after the return, and then ends the process */
		set_default();
		if (info->si_code <= 0)
			raise(sig);
	}
}

/* Somebody put a handler over this level and chains to it, perhaps without siginfo.  The
 * access that faulted runs again after the return, and is then found by the level on top. */
static void
take_top_in_handler(void)
{
	if (pthread_mutex_trylock(&chain_lock) != 0)
		return; /* another thread is about to do it */
	if (take_top() != 0)
		set_default();
	pthread_mutex_unlock(&chain_lock);
}

/* The kernel called this level.  (A signal that a process sent, si_code <= 0, has no fault
 * address.) */
static void
on_top(int level, int sig, siginfo_t *info, void *uc)
{
	siginfo_t *outer_info = at_hand.info;
	void *outer_uc = at_hand.uc;

	if (info->si_code > 0 && on_fault(info->si_addr))
		return;
	at_hand.info = info;
	at_hand.uc = uc;
	call_old(&old_action[level], sig, info, uc);
	at_hand.info = outer_info;
	at_hand.uc = outer_uc;
}

/* Async-signal-safe. */
static void
on_level(int level, int sig, siginfo_t *info, void *uc)
{
	int top = level_on_top(), err = errno;

	if (top == level)
		on_top(level, sig, info, uc);
	else if (top < 0)
		take_top_in_handler();
	else if (at_hand.info)
		call_old(&old_action[level], sig, at_hand.info, at_hand.uc);
	errno = err;
}

int
sigbus_chain_check(bool (*fault)(void *addr))
{
	int ret;

	pthread_mutex_lock(&chain_lock);
	on_fault = fault;
	ret = take_top();
	pthread_mutex_unlock(&chain_lock);
	return ret;
}
