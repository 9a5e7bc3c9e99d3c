/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The one file whose decisions depend on the model of the processor. */

#include "virtq_copy.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

#include <rte_cpuflags.h>

/* AMD's family 1Ah, of which one model was measured (doc/benchmarks.md). */
static bool
is_amd_1ah(void)
{
#ifdef __x86_64__
	unsigned int eax, ebx, ecx, edx;

	if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx) || ebx != signature_AMD_ebx)
		return false;
	__cpuid(1, eax, ebx, ecx, edx);
	/* base family; only if it is 0xf is the extended family added to it */
	return (eax >> 8 & 0xf) == 0xf && (eax >> 20 & 0xff) == 0x1a - 0xf;
#else
	return false;
#endif
}

/* Where the C library's memcpy() uses AVX-512, the scalar leaf is faster (cells
 * *-1518-simd64). */
static bool
memcpy_is_faster(void)
{
#ifdef __x86_64__
	return rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512F) != 1;
#else
	return true;
#endif
}

struct virtq_copy_policy
virtq_copy_policy_get(void)
{
	if (is_amd_1ah())
		return (struct virtq_copy_policy){.rep_movsb_enq = true, .prefetch_deq = true};
	return (struct virtq_copy_policy){
		.prefetch_enq = true,
		.align = true,
		.memcpy_scalar = memcpy_is_faster(),
	};
}
