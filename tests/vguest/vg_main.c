/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * vguest - a guest's network driver and the device under it in one process, for
 * tests and measurements of eth_virtq and net_vhost.  It shares no code with the
 * device side: lib/vdriver and lib/vring read the specification separately.
 *
 * Exit status: 0 all as it should be, 1 not, 2 wrong usage.
 */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vg_log.h"
#include "vg_parse.h"
#include "vg_run.h"

static int
pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		return vg_err("--cpu=%d: %s", cpu, strerror(errno));
	return 0;
}

volatile sig_atomic_t vg_run_asked_to_end;

static void
on_signal(int sig)
{
	(void)sig;
	vg_run_asked_to_end = 1;
}

static int
run_all(const struct vg_opts *o, struct vg_port *ports, struct vg_run *runs)
{
	int err = 0;

	for (uint32_t i = 0; i < o->ports; i++)
		if (vg_port_init(&ports[i], o, o->nid + i) != 0 ||
		    vg_run_init(&runs[i], &ports[i]) != 0)
			return -1;
	err = o->perf ? vg_fast_run(runs) : vg_check_run(runs, o->ports);
	for (uint32_t i = 0; i < o->ports; i++) {
		ports[i].be->close(&ports[i]);
		vg_run_print(&runs[i], err);
		vg_run_free(&runs[i]);
		vg_port_free(&ports[i]);
	}
	return err;
}

int
main(int argc, char **argv)
{
	struct vg_port *ports;
	struct vg_opts opts;
	struct vg_run *runs;
	int err = vg_opts_parse(&opts, argc, argv);

	if (err != 0)
		return err;
	if (!opts.perf)
		signal(SIGTERM, on_signal);
	ports = calloc(opts.ports, sizeof(*ports));
	runs = calloc(opts.ports, sizeof(*runs));
	if (!ports || !runs || pin(opts.cpu) != 0)
		return 1;
	err = run_all(&opts, ports, runs);
	free(ports);
	free(runs);
	return err == 0 && fflush(stdout) == 0 ? 0 : 1;
}
