/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_RUN_H
#define VG_RUN_H

/*
 * vg_run.h - one run of vguest: flows of packets through a port, and what came of
 * them.  vg_check.c verifies everything, vg_fast.c nothing.
 */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <x86intrin.h>

#include "vg_port.h"

/* Packets of one queue pair. */
struct vg_flow {
	uint32_t stream;
	struct vg_queue *rxq, *txq;
	uint64_t target; /* numbers below it are sent */
	uint64_t tx_seq; /* next to send */
	uint64_t rx_seq; /* next to arrive */
	uint64_t floor;  /* what is below may have been lost with a session */
	uint64_t ahead;  /* of that, the last so many may still be in the transmit ring */
	uint64_t sent;   /* packets whose buffers came back */
	uint64_t received;
	uint64_t lost;     /* of those that may be */
	uint64_t taken;    /* numbers below it were in the backend's hands at the last stop */
	uint64_t probes;   /* sent before the backend forwarded anything */
	bool warm;         /* it has forwarded something since it was connected */
	uint64_t at_fault; /* packets when another queue broke */
	uint64_t *stamp;   /* when packet seq % VG_STAMPS was sent; NULL: no latency */
};
#define VG_STAMPS 65536u

struct vg_stats {
	uint64_t tx_packets, tx_bytes;
	uint64_t rx_packets, rx_bytes, rx_buffers;
	uint64_t tail_writes; /* receive buffers written behind their used length: allowed */
	uint64_t busy_cycles, cycles;
	uint64_t bursts, idle_polls;
	uint64_t disturbed; /* perf: rounds that took so long that this thread did not run */
	uint64_t waits, calls;
	uint64_t restarts, reconnects, faults;
	uint64_t moved;     /* packets that came by another queue pair around a stop */
	uint64_t attempts;  /* to kill the backend at a certain moment */
	uint64_t meanwhile; /* packets of the slowest other queue pair beside a broken one */
	double seconds;
};

struct vg_run {
	struct vg_port *p;
	const struct vg_opts *o;
	struct vg_flow *flow;
	struct vg_stats st;
	double hz;      /* of the TSC */
	uint64_t began; /* TSC */
	uint32_t window;
	uint8_t *scratch;  /* one packet with its header */
	uint32_t *samples; /* latencies, TSC cycles */
	uint32_t nsample;
	uint64_t next_restart;
	struct vg_queue *faulty; /* where the fault was put in */
	bool fault_done;
	bool ending;
	uint64_t naps;
	bool late; /* --notify: vg_wait() sends */
	uint32_t kills;
	uint64_t next_kill;
	bool killed; /* and not yet noticed */
	/* vg_check.c: since when nothing moves; all runs side by side, this one too */
	uint64_t still;
	bool moving;
	struct vg_run *all;
	uint32_t nall;
};
#define VG_MAX_SAMPLES (1u << 22)

int vg_run_init(struct vg_run *run, struct vg_port *p);
void vg_run_free(struct vg_run *run);
void vg_run_print(const struct vg_run *run, int status);

/* Set by a signal: what is under way still arrives, and nothing more is sent. */
extern volatile sig_atomic_t vg_run_asked_to_end;

/* Connects, runs, stops: 0, or -1 after vg_err().  Any number of runs in one. */
int vg_check_run(struct vg_run *runs, uint32_t n);
int vg_fast_run(struct vg_run *run);

/* vg_flow.c: how many packets, or -1 after vg_err(). */
int vg_flow_post(struct vg_run *run, struct vg_flow *f); /* all receive buffers */
int vg_flow_send(struct vg_run *run, struct vg_flow *f);
int vg_flow_reap(struct vg_run *run, struct vg_flow *f);
int vg_flow_receive(struct vg_run *run, struct vg_flow *f, uint32_t max);
bool vg_flow_done(const struct vg_run *run, const struct vg_flow *f);

/* vg_life.c */
int vg_life_begin(struct vg_run *run);   /* buffers, and a session */
int vg_life_connect(struct vg_run *run); /* a session */
int vg_life_end(struct vg_run *run);     /* stops, and checks where */
int vg_life_restart(struct vg_run *run);
int vg_life_reconnect(struct vg_run *run);
int vg_life_heal(struct vg_run *run); /* after a fault: resets the device */

/* vg_kill.c */
int vg_kill_if_due(struct vg_run *run);

/* vg_wait.c: waits for interrupts; 1 if one came, 0 if not, -1: a wake-up was lost */
int vg_wait(struct vg_run *run, uint32_t ms);

#endif /* VG_RUN_H */
