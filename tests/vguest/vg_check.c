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
/* Polls in vain before another thread may run. */
#define SPIN 64u
/* What the other queue pairs have to get through beside a broken one. */
#define OTHERS 500u

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

static uint64_t
others(const struct vg_run *run)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < run->o->pairs; i++)
		if (run->faulty != run->flow[i].rxq && run->faulty != run->flow[i].txq)
			n += run->flow[i].received + run->flow[i].sent;
	return n;
}

static bool
all_done(const struct vg_run *run)
{
	for (uint32_t i = 0; i < run->o->pairs; i++)
		if (!vg_flow_done(run, &run->flow[i]))
			return false;
	return true;
}

/* Whether the others have shown that they go on, or have nothing left to do. */
static bool
others_went_on(const struct vg_run *run)
{
	for (uint32_t i = 0; i < run->o->pairs; i++) {
		const struct vg_flow *f = &run->flow[i];

		if (run->faulty != f->rxq && run->faulty != f->txq && !vg_flow_done(run, f))
			return others(run) >= run->others_at + OTHERS;
	}
	return true;
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
		run->others_at = others(run);
	}
	if (!others_went_on(run))
		return 0;
	run->faulty = NULL;
	return vg_life_heal(run);
}

/* What the backend has to say, and what became due. */
static int
control(struct vg_run *run)
{
	struct vg_port *p = run->p;

	if (p->be->poll(p) != 0)
		return -1;
	if (p->event == VG_EV_DEAD)
		return run->o->reconnect ? vg_life_reconnect(run) : vg_err("the backend went away");
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
				f->txq->ring.nbusy, (unsigned long long)f->received,
				run->p->link_up ? "up" : "down");
	}
	return vg_err("nothing moved for %u ms", run->o->timeout_ms);
}

/* With --ms: from now on only what is under way. */
static void
wind_up(struct vg_run *run)
{
	run->ending = true;
	for (uint32_t i = 0; i < run->o->pairs; i++) {
		struct vg_flow *f = &run->flow[i];

		f->target = run->o->mode == VG_RX ? f->received : f->tx_seq;
	}
}

/* Gives up what was sent before the backend forwarded anything. */
static bool
probe_again(struct vg_run *run)
{
	bool again = false;

	for (uint32_t i = 0; i < run->o->pairs; i++) {
		struct vg_flow *f = &run->flow[i];

		if (run->o->mode < VG_LOOP || f->warm || f->txq->ring.nbusy > 0 ||
		    f->floor == f->tx_seq)
			continue;
		f->floor = f->tx_seq;
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
	if (run->o->mode != VG_PINGPONG && run->st.idle_polls % SPIN == 0)
		sched_yield();
	_mm_pause();
	return 0;
}

static int
loop(struct vg_run *run)
{
	uint64_t began = vg_now_ms(), still = began, rounds = 0;
	bool moving = true;

	while (!all_done(run) || run->faulty) {
		int moved = 0;

		for (uint32_t i = 0; i < run->o->pairs; i++) {
			int n = round_of(run, &run->flow[i]);

			if (n < 0)
				return -1;
			moved += n;
		}
		run->st.bursts += moved > 0;
		if (moved == 0 && moving)
			still = vg_now_ms();
		moving = moved > 0;
		if ((rounds++ % POLL_ROUNDS == 0 || moved == 0) && control(run) != 0)
			return -1;
		if (restart_if_due(run) != 0)
			return -1;
		if (!moving && idle(run, still) != 0)
			return -1;
		if (run->o->ms && !run->ending && rounds % 16 == 0 &&
		    vg_now_ms() - began >= run->o->ms)
			wind_up(run);
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

int
vg_check_run(struct vg_run *run)
{
	uint64_t from;
	int err;

	if (vg_life_begin(run) != 0)
		return -1;
	from = run->began = __rdtsc();
	err = loop(run);
	run->st.cycles = run->st.busy_cycles = __rdtsc() - from;
	run->st.seconds = (double)run->st.cycles / run->hz;
	if (err != 0 || vg_life_end(run) != 0)
		return -1;
	count_last(run);
	return 0;
}
