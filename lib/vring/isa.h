/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_ISA_H
#define VIRTQ_ISA_H

/*
 * isa.h - what a leaf provides: the inner loops of a run, for one instruction set.
 * A translation unit gets the leaf that its compiler flag -DVRING_ISA=... names
 * (config/flags.mk), the scalar one without it.  All leaves make the same checks and
 * write the same bytes (isa_scalar.h is the reference).  Data thread only.
 */

#define VRING_ISA_SCALAR 0
#define VRING_ISA_AVX2 2
#define VRING_ISA_AVX512 512

#ifndef VRING_ISA
#define VRING_ISA VRING_ISA_SCALAR
#endif

#if VRING_ISA == VRING_ISA_SCALAR
#include "isa_scalar.h"
#define ISA_LEAF(name) isa_scalar_##name
#define ISA_CONST(name) ISA_SCALAR_##name
#elif VRING_ISA == VRING_ISA_AVX2
#include "isa_avx2.h"
#define ISA_LEAF(name) isa_avx2_##name
#define ISA_CONST(name) ISA_AVX2_##name
#elif VRING_ISA == VRING_ISA_AVX512
#include "isa_avx512.h"
#define ISA_LEAF(name) isa_avx512_##name
#define ISA_CONST(name) ISA_AVX512_##name
#else
#error "VRING_ISA has to be one of VRING_ISA_*"
#endif

#define ISA_NAME ISA_CONST(NAME)

/* Whether isa_copy() uses vectors, so that aligning them can pay. */
#define ISA_VECTOR ISA_CONST(VECTOR)

/* Copies len bytes, which may be 0; dst and src do not overlap. */
static inline __attribute__((always_inline)) void
isa_copy(void *dst, const void *src, uint32_t len)
{
	ISA_LEAF(copy)(dst, src, len);
}

/*
 * Reads n (at most VRING_BURST) available entries of a split ring, from free-running index
 * `at` on, and their descriptors, each once; checks and translates them into entries 0 to
 * n - 1 of the run.  Returns how many are valid before the first that is not; the run's
 * entries after those have no meaning.  Writes neither the ring nor vr.
 */
static inline __attribute__((always_inline)) uint16_t
isa_gather_split(const struct vring *vr, const enum vring_dir dir, uint16_t at, uint16_t n,
		 const struct vring_limits *lim, struct vring_run *run)
{
	return ISA_LEAF(gather_split)(vr, dir, at, n, lim, run);
}

/* The same for n slots of a packed ring from `slot` on, none beyond the ring's end, whose
 * wrap counter is `wrap`.  A slot that is not available ends the run. */
static inline __attribute__((always_inline)) uint16_t
isa_gather_packed(const struct vring *vr, const enum vring_dir dir, uint16_t slot, bool wrap,
		  uint16_t n, const struct vring_limits *lim, struct vring_run *run)
{
	return ISA_LEAF(gather_packed)(vr, dir, slot, wrap, n, lim, run);
}

/* Writes n used entries from `at` on, in any order: the guest reads none of them before
 * the used index is published. */
static inline __attribute__((always_inline)) void
isa_used_split(struct vring_used_elem *at, const struct vring_run *run, uint16_t n)
{
	ISA_LEAF(used_split)(at, run, n);
}

/* Writes the journal, then n used descriptors from the next slot on, none beyond the
 * ring's end.  The first one is written last and with release: the guest polls it, and
 * the others are then there (A, H). */
static inline __attribute__((always_inline)) void
isa_used_packed(struct vring *vr, const struct vring_run *run, uint16_t n)
{
	ISA_LEAF(used_packed)(vr, run, n);
}

#endif /* VIRTQ_ISA_H */
