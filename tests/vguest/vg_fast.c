/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The run of --perf: polls its rings, counts, and keeps out of the way. */

#include <stdlib.h>
#include <unistd.h>

#include "vg_fast.h"
#include "vg_log.h"
#include "vg_run.h"

/* Rounds between two looks at the backend's socket. */
#define POLL_ROUNDS (1u << 16)
/* A round that takes longer was interrupted: its cycles are not ours. */
#define DISTURBED_US 50

struct fast_run {
	struct vg_run *run;
	struct vg_fast *f; /* one a queue, in the device's order */
	vg_burst_fn rx, tx;
	uint64_t began; /* TSC at the first packet, 0 before */
};

static bool
uses(const struct vg_run *run, uint32_t i)
{
	return i % 2 == 0 ? run->o->mode != VG_TX : run->o->mode != VG_RX;
}

static int
make_rings(struct fast_run *fr)
{
	struct vg_run *run = fr->run;

	fr->f = calloc(run->p->nqueue, sizeof(*fr->f));
	if (!fr->f)
		return vg_err("out of memory");
	for (uint32_t i = 0; i < run->p->nqueue; i++)
		if (uses(run, i) && vg_fast_init(&fr->f[i], run->p, &run->p->q[i]) != 0)
			return -1;
	return 0;
}

static void
free_rings(struct fast_run *fr)
{
	for (uint32_t i = 0; fr->f && i < fr->run->p->nqueue; i++)
		vg_fast_free(&fr->f[i]);
	free(fr->f);
}

/* Once around all queues; how many chains. */
static inline uint32_t
turn_all(struct fast_run *fr)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < fr->run->p->nqueue; i++) {
		if (!fr->f[i].q)
			continue;
		n += (i % 2 == 0 ? fr->rx : fr->tx)(&fr->f[i]);
		/* one that nobody waits for: what it costs the backend */
		if (fr->run->o->notify)
			vdriver_fast_ask_interrupt(&fr->f[i].ring);
	}
	return n;
}

static void
count(struct fast_run *fr)
{
	struct vg_stats *s = &fr->run->st;

	s->tx_packets = s->tx_bytes = s->rx_packets = s->rx_bytes = s->rx_buffers = 0;
	for (uint32_t i = 0; i < fr->run->p->nqueue; i++) {
		const struct vg_fast *f = &fr->f[i];
		uint64_t bytes = f->bytes - f->packets * fr->run->p->hdr_len;

		*(i % 2 ? &s->tx_packets : &s->rx_packets) += f->packets;
		*(i % 2 ? &s->tx_bytes : &s->rx_bytes) += bytes;
		s->rx_buffers += f->buffers;
	}
}

static int
check_backend(struct fast_run *fr)
{
	struct vg_port *p = fr->run->p;

	for (uint32_t i = 0; i < p->nqueue; i++)
		if (fr->f[i].ring.bad)
			return vg_err("%s: the backend returned what was not due", p->q[i].name);
	if (p->be->poll(p) != 0)
		return -1;
	if (p->event == VG_EV_DEAD)
		return vg_err("the backend went away");
	if (p->event == VG_EV_BROKEN)
		return vg_err("the backend calls queue %u broken: %s", p->broken_queue,
			      p->broken_text);
	return 0;
}

/* Whether the run has had its time or its packets. */
static bool
over(struct fast_run *fr, uint64_t now)
{
	const struct vg_opts *o = fr->run->o;
	const struct vg_stats *s = &fr->run->st;

	if (fr->began == 0)
		return false;
	if (o->ms)
		return (double)(now - fr->began) >= o->ms * fr->run->hz / 1000;
	count(fr);
	return (o->mode == VG_TX ? s->tx_packets : s->rx_packets) >= o->packets * o->pairs;
}

static int
loop(struct fast_run *fr)
{
	struct vg_stats *s = &fr->run->st;
	uint64_t patience = (uint64_t)(fr->run->o->timeout_ms * fr->run->hz / 1e3);
	uint64_t limit = (uint64_t)(DISTURBED_US * fr->run->hz / 1e6);
	uint64_t moved = __rdtsc();

	for (uint32_t rounds = 1;; rounds++) {
		uint64_t before = __rdtsc(), now;

		if (turn_all(fr) > 0) {
			now = moved = __rdtsc();
			fr->began = fr->began ? fr->began : before;
			s->busy_cycles += now - before < limit ? now - before : 0;
			s->disturbed += now - before >= limit;
			s->bursts++;
		} else {
			now = before;
			s->idle_polls++;
			if (now - moved > patience)
				return vg_err("nothing moved for %u ms; link %s",
					      fr->run->o->timeout_ms,
					      fr->run->p->link_up ? "up" : "down");
		}
		if (rounds % 64 == 0 && over(fr, now)) {
			s->cycles = now - fr->began;
			return check_backend(fr);
		}
		if (rounds % POLL_ROUNDS == 0 && check_backend(fr) != 0)
			return -1;
	}
}

int
vg_fast_run(struct vg_run *run)
{
	struct fast_run fr = {.run = run};
	struct vg_port *p = run->p;
	int err = -1;

	fr.rx = vg_fast_burst(run->o->packed, true, run->o->touch);
	fr.tx = vg_fast_burst(run->o->packed, false, run->o->touch);
	if (make_rings(&fr) == 0 && vg_life_connect(run) == 0)
		err = loop(&fr);
	if (fr.f)
		count(&fr);
	run->st.seconds = (double)run->st.cycles / run->hz;
	if (err == 0)
		err = p->be->stop(p);
	free_rings(&fr);
	return err;
}
