/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_PARSE_H
#define VG_PARSE_H

/* vg_parse.h - the command line. */

#include "vg_opts.h"

/* Parses the command line: 0, or the exit status with the reason on stderr. */
int vg_opts_parse(struct vg_opts *o, int argc, char **argv);

#endif /* VG_PARSE_H */
