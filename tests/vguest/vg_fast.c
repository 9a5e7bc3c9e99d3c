/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vg_log.h"
#include "vg_run.h"
int
vg_fast_run(struct vg_run *run)
{
	(void)run;
	return vg_err("--perf: later");
}
