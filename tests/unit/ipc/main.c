/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Unit tests of lib/ipc: messages, sessions and their sockets. */

#include "connector.h"
#include "fixture.h"
#include "suites.h"

int
main(void)
{
	CU_SuiteInfo suites[] = {
		{"envelope", NULL, NULL, NULL, NULL, envelope_tests},
		{"budget", NULL, NULL, NULL, NULL, budget_tests},
		{"HELLO", NULL, NULL, NULL, NULL, hello_tests},
		{"MEM_TABLE", NULL, NULL, NULL, NULL, mem_table_tests},
		{"QUEUE_FDS", NULL, NULL, NULL, NULL, queue_fds_tests},
		{"START", NULL, NULL, NULL, NULL, start_tests},
		{"STOP", NULL, NULL, NULL, NULL, stop_tests},
		{"RXSTATE", NULL, NULL, NULL, NULL, rxstate_tests},
		{"LOG", NULL, NULL, NULL, NULL, log_tests},
		{"GET_COUNTERS", NULL, NULL, NULL, NULL, counters_tests},
		{"ERROR", NULL, NULL, NULL, NULL, error_tests},
		{"unsolicited messages", NULL, NULL, NULL, NULL, unsolicited_tests},
		{"messages in states", NULL, NULL, NULL, NULL, matrix_tests},
		{"socket", NULL, NULL, NULL, NULL, sock_tests},
		{"peers", NULL, NULL, NULL, NULL, peer_tests},
		{"repeats", NULL, NULL, NULL, NULL, repeat_tests},
		{"connector", conn_seqpacket, NULL, NULL, NULL, listener_tests},
		{"connector of SOCK_STREAM", conn_stream, NULL, NULL, NULL, listener_tests},
		{"connector, several processes", conn_seqpacket, NULL, NULL, NULL,
		 listener_race_tests},
		{"connector of SOCK_STREAM, several processes", conn_stream, NULL, NULL, NULL,
		 listener_race_tests},
		{"dialer, SOCK_SEQPACKET", conn_seqpacket, NULL, NULL, NULL, dialer_tests},
		{"dialer, SOCK_STREAM", conn_stream, NULL, NULL, NULL, dialer_tests},
		CU_SUITE_INFO_NULL,
	};

	return suites_run(suites);
}
