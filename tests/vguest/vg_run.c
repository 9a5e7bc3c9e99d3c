/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vg_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vg_log.h"

/* Packets under way are in the backend's mbufs: no more than it may have. */
#define DEFAULT_WINDOW 1024u

static double
ns(const struct timespec *t)
{
	return (double)t->tv_sec * 1e9 + (double)t->tv_nsec;
}

/* TSC cycles a second, against the clock over that many ms. */
static double
tsc_hz(double ms)
{
	struct timespec a, b;
	uint64_t from, to;

	clock_gettime(CLOCK_MONOTONIC_RAW, &a);
	from = __rdtsc();
	do {
		clock_gettime(CLOCK_MONOTONIC_RAW, &b);
		to = __rdtsc();
	} while (ns(&b) - ns(&a) < ms * 1e6);
	return (double)(to - from) * 1e9 / (ns(&b) - ns(&a));
}

/* As many as there are receive buffers for: then none may be dropped. */
static uint32_t
window_of(const struct vg_port *p)
{
	const struct vg_opts *o = p->o;
	uint32_t each = 1, all;

	if (o->window)
		return o->window;
	if (o->mode == VG_PINGPONG)
		return 1;
	if (o->mergeable)
		each = (o->size_max + p->hdr_len + p->rx.cap - 1) / p->rx.cap;
	all = p->rx.count / each;
	return all > DEFAULT_WINDOW ? DEFAULT_WINDOW : all;
}

static int
flows_init(struct vg_run *run)
{
	run->flow = calloc(run->o->pairs, sizeof(*run->flow));
	if (!run->flow)
		return -1;
	for (uint32_t i = 0; i < run->o->pairs; i++) {
		struct vg_flow *f = &run->flow[i];

		f->stream = (run->p->nid - run->o->nid) * run->o->pairs + i;
		f->rxq = &run->p->q[2 * i];
		f->txq = &run->p->q[2 * i + 1];
		/* until the time is over, or what was asked for has happened */
		f->target = run->o->ms || run->o->kills || run->o->fault ? UINT64_MAX / 2
									 : run->o->packets;
		if (run->o->mode != VG_PINGPONG)
			continue;
		f->stamp = calloc(VG_STAMPS, sizeof(*f->stamp));
		if (!f->stamp)
			return -1;
	}
	return 0;
}

int
vg_run_init(struct vg_run *run, struct vg_port *p)
{
	memset(run, 0, sizeof(*run));
	run->p = p;
	run->o = p->o;
	/* a test has no figures that would be worth waiting for */
	run->hz = tsc_hz(p->o->perf || p->o->mode == VG_PINGPONG ? 20 : 1);
	run->window = window_of(p);
	run->next_restart = p->o->restart_every;
	run->next_kill = p->o->kill_every;
	/* one executioner is enough */
	run->kills = p->nid == p->o->nid ? 0 : p->o->kills;
	run->scratch = malloc(VG_MAX_FRAME + 64);
	if (p->o->mode == VG_PINGPONG)
		run->samples = malloc(VG_MAX_SAMPLES * sizeof(*run->samples));
	if (!run->scratch || (p->o->mode == VG_PINGPONG && !run->samples) || flows_init(run) != 0)
		return vg_err("out of memory");
	/* in the first of several ports */
	if (p->o->fault && p->nid == p->o->nid)
		run->faulty = &p->q[p->nqueue - (p->o->fault_rx ? 2 : 1)];
	return 0;
}

void
vg_run_free(struct vg_run *run)
{
	for (uint32_t i = 0; run->flow && i < run->o->pairs; i++)
		free(run->flow[i].stamp);
	free(run->flow);
	free(run->samples);
	free(run->scratch);
}

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
print_latency(const struct vg_run *run)
{
	static const struct {
		const char *name;
		double at;
	} points[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
	uint32_t n = run->nsample;

	if (n == 0)
		return;
	qsort(run->samples, n, sizeof(*run->samples), by_value);
	printf(",\"latency_us\":{\"samples\":%u", n);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		printf(",\"%s\":%.3f", points[i].name,
		       run->samples[(uint32_t)(points[i].at * (n - 1))] * 1e6 / run->hz);
	printf("}");
}

static void
print_speed(const struct vg_run *run)
{
	const struct vg_stats *s = &run->st;
	uint64_t packets = s->tx_packets + s->rx_packets;
	double sec = s->seconds > 0 ? s->seconds : 1;

	printf(",\"seconds\":%.4f,\"tx_mpps\":%.4f,\"rx_mpps\":%.4f", s->seconds,
	       (double)s->tx_packets / sec / 1e6, (double)s->rx_packets / sec / 1e6);
	if (!run->o->perf || packets == 0 || s->cycles == 0)
		return;
	printf(",\"cycles_per_packet\":%.2f,\"idle\":%.4f,\"packets_per_burst\":%.2f,"
	       "\"disturbed\":%" PRIu64 ",\"tsc_mhz\":%.3f",
	       (double)s->busy_cycles / (double)packets,
	       1 - (double)s->busy_cycles / (double)s->cycles,
	       (double)packets / (double)(s->bursts ? s->bursts : 1), s->disturbed, run->hz / 1e6);
}

static uint64_t
sum_lost(const struct vg_run *run, uint64_t *probes)
{
	uint64_t n = 0;

	*probes = 0;
	for (uint32_t i = 0; run->flow && i < run->o->pairs; i++) {
		n += run->flow[i].lost;
		*probes += run->flow[i].probes;
	}
	return n;
}

static uint64_t
sum_kicks(const struct vg_run *run)
{
	uint64_t n = 0;

	for (uint32_t i = 0; run->p->q && i < run->p->nqueue; i++)
		n += run->p->q[i].ring.kicks;
	return n;
}

void
vg_run_print(const struct vg_run *run, int status)
{
	static const char *const modes[] = {"rx", "tx", "loop", "pingpong"};
	const struct vg_stats *s = &run->st;
	const struct vg_opts *o = run->o;
	uint64_t probes, lost = sum_lost(run, &probes);

	printf("{\"result\":\"%s\",\"backend\":\"%s\",\"nid\":%u,\"mode\":\"%s\",\"verified\":%s,"
	       "\"queues\":%u",
	       status == 0 ? "ok" : "failed", o->vhost ? "vhost" : "virtq", run->p->nid,
	       modes[o->mode], o->perf ? "false" : "true", o->pairs);
	printf(",\"rx_ring\":%u,\"tx_ring\":%u,\"features\":\"0x%" PRIx64 "\"", o->rx_ring,
	       o->tx_ring, run->p->features);
	printf(",\"sent\":%" PRIu64 ",\"sent_bytes\":%" PRIu64 ",\"received\":%" PRIu64
	       ",\"received_bytes\":%" PRIu64 ",\"received_buffers\":%" PRIu64,
	       s->tx_packets, s->tx_bytes, s->rx_packets, s->rx_bytes, s->rx_buffers);
	print_speed(run);
	print_latency(run);
	printf(",\"probes\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"tail_writes\":%" PRIu64
	       ",\"kicks\":%" PRIu64 ",\"waits\":%" PRIu64 ",\"calls\":%" PRIu64,
	       probes, lost, s->tail_writes, sum_kicks(run), s->waits, s->calls);
	printf(",\"moved\":%" PRIu64 ",\"restarts\":%" PRIu64 ",\"reconnects\":%" PRIu64
	       ",\"noted\":%" PRIu64 ",\"torn\":%" PRIu64 ",\"made\":%" PRIu64
	       ",\"attempts\":%" PRIu64,
	       s->moved, s->restarts, s->reconnects, run->p->recovered[VG_AT_NOTED],
	       run->p->recovered[VG_AT_TORN], run->p->recovered[VG_AT_MADE], s->attempts);
	if (o->fault) {
		printf(",\"fault\":\"%s\",\"meanwhile\":%" PRIu64 ",\"broken\":", o->fault,
		       s->meanwhile);
		vg_json_string(run->p->broken_text);
	}
	if (status != 0) {
		printf(",\"error\":");
		vg_json_string(vg_err_text());
	}
	printf("}\n");
}
