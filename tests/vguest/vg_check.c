/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The run that verifies everything. */

#include <sched.h>

#include "vg_log.h"
#include "vg_run.h"
#include "vg_sock.h"

/* How long a packet may take before the first one came back. */
#define PROBE_MS 100u
/* Rounds between two looks at the backend's socket. */
#define POLL_ROUNDS 256u
/* Polls in vain before another thread may run; many when time is measured. */
#define SPIN 64u
#define LONG_SPIN 4096u
/* What each other queue pair has to get through beside a broken one. */
#define OTHERS 100u

static int
round_of(struct vg_run *run, struct vg_flow *f)
{
	int a = vg_flow_reap(run, f), b, c;

	if (a < 0)
		return -1;
	b = vg_flow_receive(run, f, run->o->batch);
	if (b < 0)
		return -1;
	c = run->late ? 0 : vg_flow_send(run, f);
	return c < 0 ? -1 : a + b + c;
}

static bool
all_done(const struct vg_run *run)
{
	for (uint32_t i = 0; i < run->o->pairs; i++)
		if (!vg_flow_done(run, &run->flow[i]))
			return false;
	return true;
}

static uint64_t
progress(const struct vg_flow *f)
{
	return f->received + f->sent;
}

static void
mark_others(const struct vg_run *run)
{
	for (uint32_t k = 0; k < run->nall; k++)
		for (uint32_t i = 0; i < run->o->pairs; i++)
			run->all[k].flow[i].at_fault = progress(&run->all[k].flow[i]);
}

/* Whether each of the others, of all ports, has shown that it goes on. */
static bool
others_went_on(struct vg_run *run)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t k = 0; k < run->nall; k++) {
		for (uint32_t i = 0; i < run->o->pairs; i++) {
			const struct vg_flow *f = &run->all[k].flow[i];
			uint64_t n = progress(f) - f->at_fault;

			if (run->faulty == f->rxq || run->faulty == f->txq)
				continue;
			if (n < OTHERS)
				return false;
			least = n < least ? n : least;
		}
	}
	run->st.meanwhile = least == UINT64_MAX ? 0 : least;
	return true;
}

/* So many packets more than what is under way. */
static void
wind_up(struct vg_run *run, uint64_t more)
{
	run->ending = true;
	for (uint32_t i = 0; i < run->o->pairs; i++) {
		struct vg_flow *f = &run->flow[i];

		f->target = (run->o->mode == VG_RX ? f->received : f->tx_seq) + more;
	}
}

static int
on_broken(struct vg_run *run)
{
	struct vg_port *p = run->p;

	if (!run->faulty || !run->faulty->frozen)
		return vg_err("the backend calls queue %u broken: %s", p->broken_queue,
			      p->broken_text);
	if (run->faulty != &p->q[p->broken_queue])
		return vg_err("queue %u was broken, and the backend says that of queue %u: %s",
			      run->faulty->index, p->broken_queue, p->broken_text);
	if (!run->fault_done) {
		run->fault_done = true;
		mark_others(run);
	}
	if (!others_went_on(run))
		return 0;
	run->faulty = NULL;
	if (vg_life_heal(run) != 0)
		return -1;
	for (uint32_t k = 0; k < run->nall; k++)
		wind_up(&run->all[k], run->o->packets);
	return 0;
}

/* What the backend has to say, and what became due. */
static int
control(struct vg_run *run)
{
	struct vg_port *p = run->p;

	if (p->be->poll(p) != 0)
		return -1;
	if (p->event == VG_EV_DEAD) {
		/* the time that it takes is not one without progress */
		run->moving = true;
		return run->o->reconnect ? vg_life_reconnect(run) : vg_err("the backend went away");
	}
	return p->event == VG_EV_BROKEN ? on_broken(run) : 0;
}

static int
restart_if_due(struct vg_run *run)
{
	uint64_t n = run->o->mode == VG_TX ? run->st.tx_packets : run->st.rx_packets;

	if (!run->o->restart_every || n < run->next_restart || run->faulty)
		return 0;
	run->next_restart = n + run->o->restart_every;
	return vg_life_restart(run);
}

static int
timed_out(const struct vg_run *run)
{
	if (run->faulty && run->faulty->frozen && !run->fault_done)
		return vg_err("no BROKEN within %u ms for the fault %s in %s", run->o->timeout_ms,
			      run->o->fault, run->faulty->name);
	for (uint32_t i = 0; i < run->o->pairs; i++) {
		const struct vg_flow *f = &run->flow[i];

		if (!vg_flow_done(run, f))
			return vg_err(
				"nothing moved for %u ms: queue pair %u sent %llu packets, %u "
				"of them still in the ring, and got %llu; link %s",
				run->o->timeout_ms, f->stream, (unsigned long long)f->tx_seq,
				f->txq->ring.vd.nbusy, (unsigned long long)f->received,
				run->p->link_up ? "up" : "down");
	}
	return vg_err("nothing moved for %u ms", run->o->timeout_ms);
}

/* Gives up what was sent before the backend forwarded anything. */
static bool
probe_again(struct vg_run *run)
{
	bool again = false;

	for (uint32_t i = 0; i < run->o->pairs; i++) {
		struct vg_flow *f = &run->flow[i];

		if (run->o->mode < VG_LOOP || f->warm || f->txq->ring.vd.nbusy > 0 ||
		    (f->floor == f->tx_seq && f->ahead == 0))
			continue;
		f->floor = f->tx_seq;
		f->ahead = 0;
		again = true;
	}
	return again;
}

/* Nothing to do since then: 0 to go on. */
static int
idle(struct vg_run *run, uint64_t since)
{
	run->st.idle_polls++;
	if (vg_now_ms() - since > PROBE_MS && probe_again(run))
		return 0;
	if (vg_now_ms() - since > run->o->timeout_ms)
		return timed_out(run);
	if (run->o->notify)
		return vg_wait(run, run->o->rate ? 1 : 100) < 0 ? -1 : 0;
	/* the backend may be waiting for this very processor */
	if (run->st.idle_polls % (run->o->mode == VG_PINGPONG ? LONG_SPIN : SPIN) == 0)
		sched_yield();
	_mm_pause();
	return 0;
}

/* One turn of one port. */
static int
turn(struct vg_run *run, uint64_t rounds)
{
	int moved = 0;

	for (uint32_t i = 0; i < run->o->pairs; i++) {
		int n = round_of(run, &run->flow[i]);

		if (n < 0)
			return -1;
		moved += n;
	}
	if (run->o->kills && vg_kill_if_due(run) != 0)
		return -1;
	run->st.bursts += moved > 0;
	if (moved == 0 && run->moving)
		run->still = vg_now_ms();
	run->moving = moved > 0;
	if ((rounds % POLL_ROUNDS == 0 || moved == 0) && control(run) != 0)
		return -1;
	if (restart_if_due(run) != 0)
		return -1;
	return !run->moving && (run->faulty || !all_done(run)) ? idle(run, run->still) : 0;
}

static bool
any_left(const struct vg_run *runs, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (runs[i].faulty || !all_done(&runs[i]))
			return true;
	return false;
}

/* Whether it is time to end a run that is not as long as a number of packets. */
static bool
is_over(const struct vg_run *run, uint64_t began)
{
	const struct vg_opts *o = run->o;

	if (vg_run_asked_to_end)
		return true;
	if (o->kills)
		return run->kills == o->kills && run->st.rx_packets >= run->next_kill;
	return o->ms && vg_now_ms() - began >= o->ms;
}

static int
loop(struct vg_run *runs, uint32_t n)
{
	uint64_t began = vg_now_ms(), rounds = 0;

	while (any_left(runs, n)) {
		for (uint32_t i = 0; i < n; i++)
			if (turn(&runs[i], rounds) != 0)
				return -1;
		if (++rounds % 16 != 0 || runs->ending || !is_over(runs, began))
			continue;
		for (uint32_t i = 0; i < n; i++)
			wind_up(&runs[i], 0);
	}
	return 0;
}

/* What was lost with a session, and nothing came behind it to tell. */
static void
count_last(struct vg_run *run)
{
	for (uint32_t i = 0; run->o->mode >= VG_LOOP && i < run->o->pairs; i++) {
		struct vg_flow *f = &run->flow[i];

		f->lost += f->tx_seq - f->rx_seq;
		f->rx_seq = f->tx_seq;
	}
}

static int
begin(struct vg_run *runs, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (vg_life_begin(&runs[i]) != 0)
			return -1;
		runs[i].all = runs;
		runs[i].nall = n;
		runs[i].moving = true;
	}
	for (uint32_t i = 0; i < n; i++)
		runs[i].began = __rdtsc();
	return 0;
}

int
vg_check_run(struct vg_run *runs, uint32_t n)
{
	int err;

	if (begin(runs, n) != 0)
		return -1;
	err = loop(runs, n);
	for (uint32_t i = 0; i < n; i++) {
		struct vg_stats *s = &runs[i].st;

		s->cycles = s->busy_cycles = __rdtsc() - runs[i].began;
		s->seconds = (double)s->cycles / runs[i].hz;
	}
	for (uint32_t i = 0; err == 0 && i < n; i++) {
		err = vg_life_end(&runs[i]);
		count_last(&runs[i]);
	}
	return err;
}
