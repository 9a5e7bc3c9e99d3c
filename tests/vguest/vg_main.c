/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * vguest - a guest's network driver and the device under it in one process, for
 * tests and measurements of eth_virtq and net_vhost.  It shares no code with the
 * device side: lib/vring and this program read the specification separately.
 *
 * Exit status: 0 all as it should be, 1 not, 2 wrong usage.
 */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "vg_log.h"
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

int
main(int argc, char **argv)
{
	struct vg_opts opts;
	struct vg_port port;
	struct vg_run run;
	int err = vg_opts_parse(&opts, argc, argv);

	if (err != 0)
		return err;
	if (pin(opts.cpu) != 0 || vg_port_init(&port, &opts) != 0 || vg_run_init(&run, &port) != 0)
		return 1;
	err = (opts.perf ? vg_fast_run : vg_check_run)(&run);
	port.be->close(&port);
	vg_run_print(&run, err);
	vg_run_free(&run);
	vg_port_free(&port);
	return err == 0 && fflush(stdout) == 0 ? 0 : 1;
}
