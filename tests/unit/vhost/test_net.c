/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_net.c - configuration, MTU and announcements. */

#include <string.h>

#include "fixture.h"

static void
test_get_config(void)
{
	uint8_t want[VHOST_USER_MAX_CONFIG];
	struct msg m, got;
	struct fix f;

	fix_open(&f);
	memset(want, 0xc0, sizeof(want));
	msg_make(&m, VHOST_USER_GET_CONFIG);
	memset(m.u.config.data, 0xee, sizeof(m.u.config.data));
	for (uint32_t size = 0; size <= VHOST_USER_MAX_CONFIG; size++) {
		m.u.config.offset = VHOST_USER_MAX_CONFIG - size;
		m.u.config.size = size;
		m.hdr.size = 12 + size;
		fix_input(&f, &m);
		CU_ASSERT_FATAL(fix_recv(&f, &got, NULL));
		CU_ASSERT_EQUAL(got.hdr.size, 12 + size);
		CU_ASSERT_EQUAL(got.u.config.offset, m.u.config.offset);
		CU_ASSERT_EQUAL(got.u.config.size, size);
		CU_ASSERT_EQUAL(memcmp(got.u.config.data, want, size), 0);
		CU_ASSERT_EQUAL(f.index, m.u.config.offset);
		CU_ASSERT_EQUAL(f.num, size);
	}
	/* an error is a reply without payload */
	f.result = 1;
	fix_input(&f, &m);
	CU_ASSERT_FATAL(fix_recv(&f, &got, NULL));
	CU_ASSERT_EQUAL(got.hdr.size, 0);
	fix_close(&f);
}

static void
test_config_bounds(void)
{
	static const uint32_t far[] = {249,     256,        257,        0xffff,
				       0x10000, 0x7fffffff, 0xfffffff8, 0xffffffff};

	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		ENDS(GET_CONFIG, m.u.config.offset = far[i]);
		ENDS(GET_CONFIG, m.u.config.size = far[i]);
		ENDS(SET_CONFIG, m.u.config.offset = far[i]);
		ENDS(SET_CONFIG, m.u.config.size = far[i]);
	}
	ACCEPTED(GET_CONFIG, m.u.config.offset = 248);
	ENDS(GET_CONFIG, m.u.config.size = 7);
	ENDS(GET_CONFIG, m.u.config.size = 9);
	/* nothing in it can be written */
	REFUSED(SET_CONFIG, m.u.config.offset = 248);
	REFUSED(SET_CONFIG, m.u.config.flags = 1);
}

static void
test_mtu(void)
{
	static const uint64_t wrong[] = {
		0, 67, 65536, 65536 + 1500, 1ull << 32, (1ull << 32) + 1500, UINT64_MAX};
	static const uint64_t right[] = {68, 1500, 9000, 65535};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		REFUSED(NET_SET_MTU, m.u.u64 = wrong[i]);
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		struct fix f;
		struct msg m;

		fix_open(&f);
		msg_make(&m, VHOST_USER_NET_SET_MTU);
		m.u.u64 = right[i];
		fix_input(&f, &m);
		CU_ASSERT_EQUAL(f.num, right[i]);
		fix_close(&f);
	}
}

/* A guest may give itself any address: the session goes on. */
static void
test_rarp(void)
{
	static const uint8_t macs[][6] = {
		{0}, {1, 0, 0x5e, 0, 0, 1}, {255, 255, 255, 255, 255, 255}};
	static const uint8_t good[6] = {0x52, 0x54, 0, 1, 2, 3};
	struct fix f;
	struct msg m;

	for (size_t i = 0; i < sizeof(macs) / sizeof(macs[0]); i++)
		REFUSED(SEND_RARP, memcpy(&m.u.u64, macs[i], 6));
	fix_open(&f);
	msg_make(&m, VHOST_USER_SEND_RARP);
	fix_input(&f, &m);
	CU_ASSERT_EQUAL(memcmp(f.mac, good, sizeof(good)), 0);
	fix_close(&f);
}

CU_TestInfo net_tests[] = {
	{"GET_CONFIG", test_get_config},
	{"bounds of the configuration", test_config_bounds},
	{"NET_SET_MTU", test_mtu},
	{"SEND_RARP", test_rarp},
	CU_TEST_INFO_NULL,
};
