/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_features.c - features of both kinds, and the device status. */

#include "fixture.h"

static uint64_t
ask_u64(struct fix *f, uint32_t request)
{
	struct msg m, got = {0};

	msg_make(&m, request);
	fix_input(f, &m);
	CU_ASSERT_FATAL(fix_recv(f, &got, NULL));
	CU_ASSERT_EQUAL(got.hdr.size, 8);
	return got.u.u64;
}

static void
test_offered(void)
{
	struct fix f;

	fix_open_new(&f);
	CU_ASSERT_EQUAL(ask_u64(&f, VHOST_USER_GET_FEATURES), FEATURES | F_PROTOCOL);
	CU_ASSERT_EQUAL(ask_u64(&f, VHOST_USER_GET_PROTOCOL_FEATURES), PROTOCOL);
	CU_ASSERT_EQUAL(vhost_session_protocol_features(f.s), 0);
	fix_close(&f);
}

/* Every single bit. */
static void
test_acknowledged(void)
{
	for (unsigned int bit = 0; bit < 64; bit++) {
		bool ok = (FEATURES | F_PROTOCOL) & BIT(bit);
		struct fix f;
		struct msg m;

		fix_open(&f);
		msg_make(&m, VHOST_USER_SET_FEATURES);
		m.u.u64 = BIT(bit);
		if (ok)
			fix_input(&f, &m);
		else
			fix_ends(&f, &m, "not offered");
		CU_ASSERT_EQUAL(f.calls[OP_FEATURES], ok);
		CU_ASSERT_EQUAL(f.features, ok && bit != 30 ? BIT(bit) : 0);
		CU_ASSERT_EQUAL(f.enabled, ok && bit != 30);
		fix_close(&f);
	}
	ACCEPTED(SET_FEATURES, m.u.u64 = 0);
	ACCEPTED(SET_FEATURES, m.u.u64 = FEATURES);
	ENDS(SET_FEATURES, m.u.u64 = UINT64_MAX);
}

static void
test_protocol_acknowledged(void)
{
	for (unsigned int bit = 0; bit < 64; bit++) {
		bool ok = PROTOCOL & BIT(bit);
		struct fix f;
		struct msg m;

		fix_open_new(&f);
		msg_make(&m, VHOST_USER_SET_PROTOCOL_FEATURES);
		m.u.u64 = BIT(bit);
		if (ok)
			fix_input(&f, &m);
		else
			fix_ends(&f, &m, "not offered");
		CU_ASSERT_EQUAL(vhost_session_protocol_features(f.s), ok ? BIT(bit) : 0);
		fix_close(&f);
	}
}

/* QEMU says it again for each pair of rings; what is said last holds. */
static void
test_protocol_again(void)
{
	struct fix f;
	struct msg m;

	fix_open(&f);
	msg_make(&m, VHOST_USER_SET_PROTOCOL_FEATURES);
	fix_input(&f, &m);
	m.u.u64 = F(STATUS);
	fix_input(&f, &m);
	CU_ASSERT_EQUAL(vhost_session_protocol_features(f.s), F(STATUS));
	msg_make(&m, VHOST_USER_GET_CONFIG);
	fix_ends(&f, &m, "CONFIG");
	fix_close(&f);
}

/* The message that agrees on answers may ask for one; one that ends them gets none. */
static void
test_ack_of_ack(void)
{
	struct msg m, got;
	struct fix f;

	fix_open_new(&f);
	msg_make(&m, VHOST_USER_SET_PROTOCOL_FEATURES);
	m.hdr.flags |= VHOST_USER_NEED_REPLY;
	fix_asked(&f, &m, 0);
	m.u.u64 &= ~F(REPLY_ACK);
	fix_input(&f, &m);
	CU_ASSERT(!fix_recv(&f, &got, NULL));
	fix_close(&f);
}

/* A ring may be enabled once protocol features were agreed on, by either message. */
static void
test_enable(void)
{
	struct fix f;
	struct msg m, set;

	msg_make(&m, VHOST_USER_SET_VRING_ENABLE);
	msg_make(&set, VHOST_USER_SET_FEATURES);

	fix_open_new(&f);
	fix_ends(&f, &m, "needs protocol features");
	fix_close(&f);

	fix_open_new(&f);
	set.u.u64 = FEATURES;
	fix_input(&f, &set);
	fix_ends(&f, &m, "needs protocol features");
	fix_close(&f);

	fix_open_new(&f);
	set.u.u64 = F_PROTOCOL;
	fix_input(&f, &set);
	fix_input(&f, &m);
	fix_close(&f);

	fix_open_with(&f, 0);
	fix_input(&f, &m);
	CU_ASSERT_EQUAL(f.calls[OP_ENABLE], 1);
	fix_close(&f);
}

/* Features that the owner does not want are not in force: a position of a packed ring has no
 * meaning yet. */
static void
test_refused_features(void)
{
	struct fix f;
	struct msg m;

	fix_open(&f);
	f.result = 1;
	msg_make(&m, VHOST_USER_SET_FEATURES);
	fix_input(&f, &m);
	CU_ASSERT_EQUAL(f.refusals, 1);
	f.result = 0;
	msg_make(&m, VHOST_USER_SET_VRING_BASE);
	m.u.state.num = 0x10000;
	fix_ends(&f, &m, "16 bits");
	fix_close(&f);
}

static void
test_status(void)
{
	static const uint64_t wrong[] = {0x100, 0x10f, 0x10000, 0x100000000, UINT64_MAX};
	struct fix f;
	struct msg m;

	fix_open(&f);
	CU_ASSERT_EQUAL(ask_u64(&f, VHOST_USER_GET_STATUS), 0);
	msg_make(&m, VHOST_USER_SET_STATUS);
	for (m.u.u64 = 0; m.u.u64 <= 0xff; m.u.u64++) {
		fix_input(&f, &m);
		CU_ASSERT_EQUAL(f.num, m.u.u64);
		/* what the owner says */
		CU_ASSERT_EQUAL(ask_u64(&f, VHOST_USER_GET_STATUS), m.u.u64 & 0x7f);
	}
	fix_close(&f);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ENDS(SET_STATUS, m.u.u64 = wrong[i]);
}

/* Status and features are forgotten, protocol features are not. */
static void
reset(uint32_t request)
{
	struct fix f;
	struct msg m;

	fix_open(&f);
	msg_make(&m, VHOST_USER_SET_FEATURES);
	fix_input(&f, &m);
	msg_make(&m, VHOST_USER_SET_STATUS);
	fix_input(&f, &m);
	msg_make(&m, VHOST_USER_SET_VRING_BASE);
	m.u.state.num = 0x80008000;
	fix_input(&f, &m);

	msg_make(&m, request);
	fix_input(&f, &m);
	CU_ASSERT_EQUAL(f.calls[OP_RESET], 1);
	CU_ASSERT_EQUAL(ask_u64(&f, VHOST_USER_GET_STATUS), 0);
	CU_ASSERT_EQUAL(vhost_session_protocol_features(f.s), PROTOCOL);
	msg_make(&m, VHOST_USER_SET_VRING_BASE);
	m.u.state.num = 0x80008000;
	fix_ends(&f, &m, "16 bits");
	fix_close(&f);
}

static void
test_reset(void)
{
	reset(VHOST_USER_RESET_DEVICE);
	reset(VHOST_USER_RESET_OWNER);
}

CU_TestInfo features_tests[] = {
	{"what is offered", test_offered},
	{"every bit", test_acknowledged},
	{"every bit of the protocol's", test_protocol_acknowledged},
	{"protocol features again", test_protocol_again},
	{"an answer about answers", test_ack_of_ack},
	{"SET_VRING_ENABLE", test_enable},
	{"features that the owner refuses", test_refused_features},
	{"device status", test_status},
	{"reset", test_reset},
	CU_TEST_INFO_NULL,
};
