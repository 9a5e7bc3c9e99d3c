/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The one place that knows processors. */

#include "virtq_copy.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

#include <rte_cpuflags.h>

/* AMD's family 1Ah, of which a Zen 5 was measured. */
static bool
is_amd_1ah(void)
{
#ifdef __x86_64__
	unsigned int eax, ebx, ecx, edx;

	if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx) || ebx != signature_AMD_ebx)
		return false;
	__cpuid(1, eax, ebx, ecx, edx);
	/* family, of which only the greatest has an extension, and that extension */
	return (eax >> 8 & 0xf) == 0xf && (eax >> 20 & 0xff) == 0x1a - 0xf;
#else
	return false;
#endif
}

/* memcpy() of the C library is slower than the scalar leaf where it uses AVX-512. */
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
