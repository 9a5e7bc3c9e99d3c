/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * Kills the backend, at random or in the middle of returning a burst.  For that it
 * is stopped again and again until it happens to stand where it is wanted: it
 * cannot be asked to wait there.
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "vg_log.h"
#include "vg_pattern.h"
#include "vg_run.h"

/* A processor that runs the backend is told to stop, and does so a little later. */
#define STOP_US 20
#define SURE_US 2000
/* The backend works for so long, at most, before it is told. */
#define WORK_US 40

static void
pause_us(long us)
{
	const struct timespec t = {0, us * 1000};

	nanosleep(&t, NULL);
}

static int
tell(const struct vg_run *run, int sig)
{
	if (kill(run->p->peer_pid, sig) == 0 || errno == ESRCH)
		return 0;
	return vg_err("--kill: process %d: %s", (int)run->p->peer_pid, strerror(errno));
}

/* vg_recover() makes "made" of "torn". */
static bool
is_there(const struct vg_run *run)
{
	enum vg_moment at = run->p->be->moment(run->p), want = run->o->kill_at;

	/* dead, it says that itself */
	return at == want || at == VG_AT_WRONG || (want == VG_AT_MADE && at == VG_AT_TORN);
}

/* 1: it stands still where it is wanted.  0: it goes on.  -1 after vg_err(). */
static int
caught(struct vg_run *run)
{
	/* asleep: it may have but this processor to work on */
	pause_us((long)(vg_mix(__rdtsc()) % WORK_US));
	run->st.attempts++;
	if (tell(run, SIGSTOP) != 0)
		return -1;
	pause_us(STOP_US);
	if (is_there(run)) {
		pause_us(SURE_US);
		if (is_there(run))
			return 1;
	}
	return tell(run, SIGCONT);
}

static bool
all_warm(const struct vg_run *run)
{
	for (uint32_t i = 0; i < run->o->pairs; i++)
		if (!run->flow[i].warm)
			return false;
	return true;
}

int
vg_kill_if_due(struct vg_run *run)
{
	const struct vg_opts *o = run->o;
	int err;

	if (run->st.attempts == 0)
		(void)prctl(PR_SET_TIMERSLACK, 1);
	if (run->killed || run->kills == o->kills || run->st.rx_packets < run->next_kill ||
	    !all_warm(run))
		return 0;
	err = o->kill_at == VG_AT_ANY ? 1 : caught(run);
	if (err <= 0)
		return err;
	run->killed = true;
	run->kills++;
	run->next_kill = run->st.rx_packets + (run->kills == o->kills
						       ? o->packets
						       : 1 + vg_mix(run->kills) % o->kill_every);
	return tell(run, SIGKILL);
}
