/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Unit tests of lib/vring: guest memory, split and packed virtqueues. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "suites.h"

static int
ram_up(void)
{
	ram_init(&fix_ram, RAM_SIZE);
	return 0;
}

static int
ram_down(void)
{
	ram_free(&fix_ram);
	return 0;
}

int
main(int argc, char **argv)
{
	CU_SuiteInfo suites[] = {
		{"sigbus guard", NULL, NULL, NULL, NULL, sigbus_tests},
		{"guest memory", NULL, NULL, NULL, NULL, guest_mem_tests},
		{"guest memory, region by region", NULL, NULL, NULL, NULL, mem_slot_tests},
		{"dirty log", ram_up, ram_down, NULL, NULL, guest_log_tests},
		{"ring set-up", ram_up, ram_down, NULL, NULL, init_tests},
		{"direct chains", ram_up, ram_down, NULL, NULL, chain_tests},
		{"buffers of chains", ram_up, ram_down, NULL, NULL, buffer_tests},
		{"batches", ram_up, ram_down, NULL, NULL, batch_tests},
		{"indirect tables", ram_up, ram_down, NULL, NULL, indirect_tests},
		{"notification", ram_up, ram_down, NULL, NULL, notify_tests},
		{"barriers", NULL, NULL, NULL, NULL, order_tests},
		{"calls", NULL, NULL, NULL, NULL, call_tests},
		{"quiet guests", ram_up, ram_down, NULL, NULL, quiet_tests},
		{"packed: journal", ram_up, ram_down, NULL, NULL, packed_journal_tests},
		{"recovery", ram_up, ram_down, NULL, NULL, recover_tests},
		{"inflight area", ram_up, ram_down, NULL, NULL, inflight_tests},
		{"random rings", ram_up, ram_down, NULL, NULL, random_tests},
		{"races with the guest", ram_up, ram_down, NULL, NULL, race_tests},
		CU_SUITE_INFO_NULL,
	};

	if (argc == 3 && strcmp(argv[1], "sigbus-child") == 0)
		_exit(sigbus_child(argv[2])); /* no leak check of what is left behind */
	return suites_run(suites);
}
