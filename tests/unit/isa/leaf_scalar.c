/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Compiled for the instruction set of its name (config/flags.mk). */

#include "isa.h"
#include "leaf.h"

const struct leaf leaf_scalar = {
	.name = ISA_NAME,
	.copy = isa_copy,
	.gather_split = isa_gather_split,
	.gather_packed = isa_gather_packed,
	.used_split = isa_used_split,
	.used_packed = isa_used_packed,
};
