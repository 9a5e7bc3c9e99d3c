/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_rxstate.c - RXSTATE. */

#include <stdint.h>
#include <string.h>

#include "fixture.h"

#define BAD VIRTQ_IPC_E_MALFORMED
#define RX(change, code) SPOILED(VIRTQ_IPC_RXSTATE, change, code)
#define R m.u.rx

static void
test_fields(void)
{
	RX(R.mode = VIRTQ_IPC_RX_ALL, 0);
	RX(R.mode = VIRTQ_IPC_RX_ALL + 1, BAD);
	RX(R.mode = 1u << 31, BAD);
	RX(R.pairs = 0, BAD);
	RX(R.pairs = PAIRS, 0);
	RX(R.pairs = PAIRS + 1, BAD);
	RX(R.pairs = 0x10001, BAD);
	RX(R.pairs = UINT32_MAX, BAD);
	RX(R.reserved0 = 1, BAD);
	RX(R.reserved1 = 1, BAD);
	RX(memset(R.vlans, 0xff, sizeof(R.vlans)), 0);
}

static void
test_offloads(void)
{
	static const unsigned int known[] = {1, 7, 8, 9, 10, 41, 42, 54, 55};

	for (unsigned int bit = 0; bit < 64; bit++) {
		uint32_t want = BAD;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (bit == known[i])
				want = 0;
		RX(R.guest_offloads = 1ull << bit, want);
	}
}

static void
test_macs(void)
{
	RX((R.num_uni = 64, R.num_multi = 0, memset(R.macs, 2, sizeof(R.macs))), 0);
	RX((R.num_uni = 0, R.num_multi = 64, memset(R.macs, 2, sizeof(R.macs))), 0);
	RX((R.num_uni = 1, R.num_multi = 64), BAD);
	RX((R.num_uni = 65, R.num_multi = 0), BAD);
	RX((R.num_uni = 32768, R.num_multi = 32768), BAD); /* would be 0 if cut to 16 bits */
	RX((R.num_uni = UINT16_MAX, R.num_multi = 1), BAD);
	RX((R.num_uni = UINT16_MAX, R.num_multi = UINT16_MAX), BAD);
	RX(R.num_uni = 0, BAD); /* the address is still in the table */
	RX(R.macs[1][0] = 1, BAD);
	RX(R.macs[63][5] = 1, BAD);
}

static void
test_session(void)
{
	static const enum ipc_state states[] = {IPC_IDLE, IPC_READY, IPC_RUNNING};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct fix f;
		struct msg m;

		fix_open_at(&f, states[i]);
		msg_make(&m, VIRTQ_IPC_RXSTATE);
		R.mode = VIRTQ_IPC_RX_PROMISC;
		fix_ask(&f, &m, 0);
		CU_ASSERT_EQUAL(f.rxs, 1);
		CU_ASSERT_EQUAL(f.rx.mode, VIRTQ_IPC_RX_PROMISC);
		CU_ASSERT_EQUAL(ipc_session_state(f.s), states[i]);
		fix_close(&f);
	}
}

CU_TestInfo rxstate_tests[] = {
	{"fields", test_fields},        {"offloads", test_offloads}, {"address table", test_macs},
	{"is handed on", test_session}, CU_TEST_INFO_NULL,
};
