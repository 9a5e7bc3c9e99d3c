/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_unsolicited.c - LINK, ANNOUNCE and BROKEN. */

#include <stdint.h>
#include <string.h>

#include "fixture.h"

#define BAD VIRTQ_IPC_E_MALFORMED
#define LINK(change, code) SPOILED(VIRTQ_IPC_LINK, change, code)
#define BROKEN(change, code) SPOILED(VIRTQ_IPC_BROKEN, change, code)

static void
test_link_fields(void)
{
	LINK(m.u.link.up = 1, 0);
	LINK(m.u.link.up = 2, BAD);
	LINK(m.u.link.up = UINT32_MAX, BAD);
	LINK(m.u.link.duplex = 1, 0);
	LINK(m.u.link.duplex = 2, BAD);
	for (int i = 0; i < 3; i++)
		LINK(m.u.link.reserved0[i] = 1, BAD);
}

static void
test_broken_fields(void)
{
	BROKEN(m.u.broken.queue = QUEUES - 1, 0);
	BROKEN(m.u.broken.queue = QUEUES, BAD);
	BROKEN(m.u.broken.queue = UINT32_MAX, BAD);
	BROKEN(m.u.broken.reserved = 1, BAD);
	BROKEN(memset(m.u.broken.text, 'x', VIRTQ_IPC_TEXT_LEN), BAD);
}

static void
test_link(void)
{
	struct virtq_ipc_link link = {.up = 1, .speed_mbps = 10000, .duplex = 1, .mtu = 9000};
	struct msg got;
	struct fix f;

	fix_open(&f);
	/* before HELLO nothing is sent: HELLO_OK will carry it */
	CU_ASSERT_EQUAL(ipc_session_send_link(f.s, &link), 0);
	CU_ASSERT(!fix_recv(&f, &got));
	fix_ask_type(&f, VIRTQ_IPC_HELLO, VIRTQ_IPC_HELLO_OK);
	CU_ASSERT_EQUAL(ipc_session_send_link(f.s, &link), 0);
	CU_ASSERT(fix_recv(&f, &got));
	CU_ASSERT_EQUAL(got.hdr.type, VIRTQ_IPC_LINK);
	CU_ASSERT_EQUAL(got.u.link.mtu, 9000);
	fix_close(&f);
}

static void
test_announce(void)
{
	struct msg got;
	struct fix f;

	fix_open(&f);
	CU_ASSERT_EQUAL(ipc_session_send_announce(f.s), 0);
	CU_ASSERT(!fix_recv(&f, &got));
	fix_ask_type(&f, VIRTQ_IPC_HELLO, VIRTQ_IPC_HELLO_OK);
	CU_ASSERT_EQUAL(ipc_session_send_announce(f.s), 0);
	CU_ASSERT(fix_recv(&f, &got));
	CU_ASSERT_EQUAL(got.hdr.type, VIRTQ_IPC_ANNOUNCE);
	fix_close(&f);

	/* not agreed: the device does not expect it */
	fix_open(&f);
	f.features = 0;
	fix_ask_type(&f, VIRTQ_IPC_HELLO, VIRTQ_IPC_HELLO_OK);
	CU_ASSERT_EQUAL(ipc_session_send_announce(f.s), 0);
	CU_ASSERT(!fix_recv(&f, &got));
	fix_close(&f);
}

static void
test_broken(void)
{
	char longer[2 * VIRTQ_IPC_TEXT_LEN];
	struct msg got;
	struct fix f;

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	fix_open_at(&f, IPC_RUNNING);
	CU_ASSERT_EQUAL(ipc_session_send_broken(f.s, 1, "a chain\tloops"), 0);
	CU_ASSERT(fix_recv(&f, &got));
	CU_ASSERT_EQUAL(got.hdr.type, VIRTQ_IPC_BROKEN);
	CU_ASSERT_EQUAL(got.u.broken.queue, 1);
	CU_ASSERT_STRING_EQUAL(got.u.broken.text, "a chain?loops");
	CU_ASSERT_EQUAL(ipc_session_send_broken(f.s, 1, longer), 0);
	CU_ASSERT(fix_recv(&f, &got));
	CU_ASSERT_EQUAL(strlen(got.u.broken.text), VIRTQ_IPC_TEXT_LEN - 1);
	CU_ASSERT_EQUAL(ipc_session_send_broken(f.s, QUEUES, "x"), 0);
	fix_ask_type(&f, VIRTQ_IPC_STOP, VIRTQ_IPC_STOPPED);
	/* after STOPPED the device has its rings back: nothing is sent */
	CU_ASSERT_EQUAL(ipc_session_send_broken(f.s, 1, "too late"), 0);
	CU_ASSERT(!fix_recv(&f, &got));
	fix_close(&f);
}

CU_TestInfo unsolicited_tests[] = {
	{"fields of LINK", test_link_fields},
	{"fields of BROKEN", test_broken_fields},
	{"LINK", test_link},
	{"ANNOUNCE", test_announce},
	{"BROKEN", test_broken},
	CU_TEST_INFO_NULL,
};
