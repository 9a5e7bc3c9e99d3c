/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_shared.c - the dirty log and the inflight area. */

#include <string.h>
#include <unistd.h>

#include "fixture.h"

static void
test_log(void)
{
	struct fix f;
	struct msg m;

	fix_open(&f);
	f.end.keep = true;
	msg_make(&m, VHOST_USER_SET_LOG_BASE);
	m.u.log.offset = 0x2000;
	fix_asked(&f, &m, 0);
	CU_ASSERT_EQUAL(memcmp(&f.log, &m.u.log, sizeof(f.log)), 0);
	CU_ASSERT_EQUAL(f.end.num_kept, 1);
	/* the reply is its own: one that is asked for as well is not sent twice */
	m.hdr.flags |= VHOST_USER_NEED_REPLY;
	fix_asked(&f, &m, 0);
	f.result = 1;
	fix_asked(&f, &m, 1);
	fix_close(&f);
}

static void
test_log_wraps(void)
{
	ENDS(SET_LOG_BASE, m.u.log.size = 0);
	ENDS(SET_LOG_BASE, m.u.log.size = 1ull << 63);
	ENDS(SET_LOG_BASE, m.u.log.size = UINT64_MAX);
	ENDS(SET_LOG_BASE, m.u.log.offset = UINT64_MAX);
	ENDS(SET_LOG_BASE, m.u.log.offset = UINT64_MAX - m.u.log.size + 1);
	ENDS(SET_LOG_BASE, m.u.log.offset = INT64_MAX - m.u.log.size + 1);
	ACCEPTED(SET_LOG_BASE, m.u.log.offset = INT64_MAX - m.u.log.size);
	ACCEPTED(SET_LOG_BASE, m.u.log.size = INT64_MAX);
}

/* With and without the padding, as the front end asked. */
static void
test_get_inflight(void)
{
	unsigned int before = fds_count();
	struct msg m, got;
	struct fix f;
	int fd;

	fix_open(&f);
	msg_make(&m, VHOST_USER_GET_INFLIGHT_FD);
	m.u.inflight.size = m.u.inflight.offset = 77; /* mean nothing */
	for (m.hdr.size = 20; m.hdr.size <= 24; m.hdr.size += 4) {
		fix_input(&f, &m);
		CU_ASSERT_EQUAL(f.area.num_queues, 2);
		CU_ASSERT_EQUAL(f.area.queue_size, 256);
		CU_ASSERT_EQUAL(f.area.size, 0);
		CU_ASSERT_FATAL(fix_recv(&f, &got, &fd));
		CU_ASSERT_EQUAL(got.hdr.size, m.hdr.size);
		CU_ASSERT_EQUAL(got.nfds, 1);
		CU_ASSERT_EQUAL(got.u.inflight.size, 8192);
		CU_ASSERT_EQUAL(got.u.inflight.offset, 4096);
		CU_ASSERT_EQUAL(got.u.inflight.num_queues, 2);
		CU_ASSERT_EQUAL(got.u.inflight.queue_size, 256);
		close(fd);
	}
	/* there is none */
	f.result = 1;
	m.hdr.size = 24;
	fix_input(&f, &m);
	CU_ASSERT_FATAL(fix_recv(&f, &got, NULL));
	CU_ASSERT_EQUAL(got.nfds, 0);
	CU_ASSERT_EQUAL(got.u.inflight.size, 0);
	CU_ASSERT_EQUAL(got.u.inflight.offset, 0);
	fix_close(&f);
	CU_ASSERT_EQUAL(fds_count(), before);
}

static void
test_set_inflight(void)
{
	struct fix f;
	struct msg m;

	fix_open(&f);
	f.end.keep = true;
	msg_make(&m, VHOST_USER_SET_INFLIGHT_FD);
	m.u.inflight.offset = 0x3000;
	fix_input(&f, &m);
	CU_ASSERT_EQUAL(memcmp(&f.area, &m.u.inflight, sizeof(f.area)), 0);
	CU_ASSERT_EQUAL(f.end.num_kept, 1);
	/* the padding that is not sent is not what an earlier message left */
	m.u.inflight.padding = 0x5555;
	fix_input(&f, &m);
	CU_ASSERT_EQUAL(f.area.padding, 0x5555);
	m.hdr.size = 20;
	fix_input(&f, &m);
	CU_ASSERT_EQUAL(f.area.padding, 0);
	fix_close(&f);
}

#define BOTH_ENDS(change)                      \
	do {                                   \
		ENDS(GET_INFLIGHT_FD, change); \
		ENDS(SET_INFLIGHT_FD, change); \
	} while (0)

static void
test_inflight_bounds(void)
{
	BOTH_ENDS(m.u.inflight.num_queues = 0);
	BOTH_ENDS(m.u.inflight.num_queues = VRINGS + 1);
	BOTH_ENDS(m.u.inflight.num_queues = 0xffff);
	BOTH_ENDS(m.u.inflight.queue_size = 0);
	BOTH_ENDS(m.u.inflight.queue_size = 32769);
	BOTH_ENDS(m.u.inflight.queue_size = 0xffff);
	ACCEPTED(GET_INFLIGHT_FD, m.u.inflight.num_queues = VRINGS);
	ACCEPTED(GET_INFLIGHT_FD, m.u.inflight.queue_size = 32768);
	ACCEPTED(SET_INFLIGHT_FD, m.u.inflight.num_queues = 1);
	ENDS(SET_INFLIGHT_FD, m.u.inflight.size = 0);
	ENDS(SET_INFLIGHT_FD, m.u.inflight.size = UINT64_MAX);
	ENDS(SET_INFLIGHT_FD, m.u.inflight.offset = UINT64_MAX);
	ENDS(SET_INFLIGHT_FD, m.u.inflight.offset = UINT64_MAX - m.u.inflight.size + 1);
	ENDS(SET_INFLIGHT_FD, m.u.inflight.offset = INT64_MAX - m.u.inflight.size + 1);
	ACCEPTED(SET_INFLIGHT_FD, m.u.inflight.offset = INT64_MAX - m.u.inflight.size);
}

CU_TestInfo shared_tests[] = {
	{"SET_LOG_BASE", test_log},
	{"bounds of the log", test_log_wraps},
	{"GET_INFLIGHT_FD", test_get_inflight},
	{"SET_INFLIGHT_FD", test_set_inflight},
	{"bounds of the inflight area", test_inflight_bounds},
	CU_TEST_INFO_NULL,
};
