/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The driver's burst functions: each variant against scalar, and scalar against a
 * model of what a guest must see.  Without EAL: nothing in a burst needs it. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "case.h"
#include "model.h"
#include "suites.h"
#include "tests.h"
#include "virtq_burst.h"

#include <rte_vect.h>

uint64_t test_seed = 20260101;
struct variant variants[WORLDS];
unsigned int nvariants;

/* What the driver chooses at each width, best first; scalar is moved to the
 * front. */
static void
find_variants(void)
{
	static const uint16_t width[] = {RTE_VECT_SIMD_DISABLED, RTE_VECT_SIMD_128,
					 RTE_VECT_SIMD_256, RTE_VECT_SIMD_512};
	struct rte_eth_dev dev;

	for (unsigned int i = 0; i < RTE_DIM(width); i++) {
		bool known = false;

		memset(&dev, 0, sizeof(dev));
		rte_vect_set_max_simd_bitwidth(width[i]);
		virtq_burst_select(&dev);
		for (unsigned int k = 0; k < nvariants; k++)
			known = known || variants[k].rx == dev.rx_pkt_burst;
		if (!known && nvariants < WORLDS)
			variants[nvariants++] = (struct variant){
				virtq_burst_name(&dev), dev.rx_pkt_burst, dev.tx_pkt_burst};
		printf("%4u bits: %s%s\n", width[i], virtq_burst_name(&dev),
		       known ? " (no other for this processor)" : "");
	}
	fflush(stdout);
}

/* Says which case it was; async-signal-safe but for nothing. */
static void
tell(void)
{
	static const char head[] = "\n    it crashed in: ";
	char seed[40];
	int n = snprintf(seed, sizeof(seed), "VQ_SEED=%llu, ", (unsigned long long)test_seed);

	if (write(2, head, sizeof(head) - 1) < 0 || write(2, seed, (size_t)n) < 0 ||
	    write(2, case_label(), strlen(case_label())) < 0 || write(2, "\n", 1) < 0)
		return;
}

static void
on_crash(int sig)
{
	tell();
	signal(sig, SIG_DFL);
}

/* Of the sanitizers, where the program was built with them. */
void __sanitizer_set_death_callback(void (*call)(void)) __attribute__((weak));

static int
up(void)
{
	worlds_init();
	model_init();
	return 0;
}

static int
down(void)
{
	worlds_free();
	model_free();
	return 0;
}

int
main(void)
{
	CU_SuiteInfo suites[] = {
		{"choice of the functions", up, down, NULL, NULL, select_tests},
		{"odd descriptors", up, down, NULL, NULL, edge_tests},
		{"killed behind any instruction", up, down, NULL, NULL, kill_tests},
		{"races with the guest", up, down, NULL, NULL, race_tests},
		{"random rings and packets", up, down, NULL, NULL, random_tests},
		CU_SUITE_INFO_NULL,
	};

	const char *seed = getenv("VQ_SEED");
	if (seed)
		test_seed = strtoull(seed, NULL, 0);
	if (__sanitizer_set_death_callback) {
		__sanitizer_set_death_callback(tell);
	} else {
		signal(SIGSEGV, on_crash);
		signal(SIGBUS, on_crash);
		signal(SIGABRT, on_crash);
	}
	cases_init(test_seed);
	find_variants();
	return suites_run(suites);
}
