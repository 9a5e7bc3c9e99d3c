# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# Compiler and linker flags.  CFLAGS, CPPFLAGS and LDFLAGS are the user's: what the
# command line or the environment sets follows these.

CC = gcc
AR = ar
CLANG_FORMAT = clang-format
PYTHON = /usr/bin/python3

OPT = -O3 -g
WARN = -Wall -Wextra -Werror -Wformat -Werror=format-security
HARDEN = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fstack-clash-protection
HARDEN_LD = -Wl,-z,relro -Wl,-z,now
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

# Only x86 has control-flow enforcement.
ifneq ($(filter x86_64 i%86,$(shell uname -m)),)
HARDEN += -fcf-protection
endif

VQ_CPPFLAGS = -D_GNU_SOURCE
VQ_CFLAGS = -std=gnu11 $(OPT) $(WARN) $(HARDEN)
VQ_LDFLAGS = $(HARDEN_LD)

# CFLAGS_x is for the source file x.c alone: the variant is chosen when the program runs,
# so no other file may use these instruction sets.  VRING_ISA names the leaf
# (lib/vring/isa.h).  A processor without prefetchw ignores it.
ifeq ($(shell uname -m),x86_64)
# Where a loop happens to begin moves bursts of one packet by more than a tenth (cells
# *-b1).
ALIGN = -falign-functions=64 -falign-loops=32 -falign-jumps=32 -falign-labels=8
CFLAGS_virtq_burst_scalar = -mprfchw $(ALIGN)
CFLAGS_avx2 = -DVRING_ISA=VRING_ISA_AVX2 -mavx2 -mprfchw
CFLAGS_avx512 = -DVRING_ISA=VRING_ISA_AVX512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mbmi2 -mprfchw
CFLAGS_virtq_burst_avx2 = $(CFLAGS_avx2) $(ALIGN)
CFLAGS_virtq_burst_avx512 = $(CFLAGS_avx512) $(ALIGN)
CFLAGS_leaf_avx2 = $(CFLAGS_avx2)
CFLAGS_leaf_avx512 = $(CFLAGS_avx512)
endif
