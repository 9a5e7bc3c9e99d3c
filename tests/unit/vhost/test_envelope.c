/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_envelope.c - headers that no front end sends. */

#include <unistd.h>

#include "fixture.h"

static void
test_flags(void)
{
	for (unsigned int bit = 0; bit < 32; bit++) {
		uint32_t flags = VHOST_USER_VERSION ^ (1u << bit);
		unsigned char bytes[MSG_BYTES];
		struct msg m;
		struct fix f;

		fix_open(&f);
		msg_make(&m, VHOST_USER_SET_OWNER);
		m.hdr.flags = flags;
		fds_send(f.end.sock, bytes, msg_bytes(&m, bytes), -1, 0);
		if (flags == (VHOST_USER_VERSION | VHOST_USER_NEED_REPLY))
			CU_ASSERT_EQUAL(vhost_session_input(f.s), 0)
		else
			fix_over(&f, bit < 2 ? "version" : bit == 2 ? "a reply" : "unknown flags");
		fix_close(&f);
	}
}

/* The session ends at its header: nothing more is read. */
static void
refuse_header(uint32_t request, uint32_t size, const char *words)
{
	struct vhost_user_hdr hdr = {request, VHOST_USER_VERSION, size};
	struct fix f;

	fix_open(&f);
	fds_send(f.end.sock, &hdr, VHOST_USER_HDR_SIZE, -1, 0);
	fix_over(&f, words);
	CU_ASSERT_EQUAL(fix_calls(&f), 0);
	fix_close(&f);
}

static void
test_unknown(void)
{
	static const uint32_t unknown[] = {
		0,       26,      27,         33,         35,         41,    42,
		43,      44,      63,         0x80,       0x100,      0x101, 0xffff,
		0x10000, 0x10001, 0x7fffffff, 0x80000001, 0xffffffff,
	};

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		refuse_header(unknown[i], 0, "not known");
		refuse_header(unknown[i], 8, "not known");
		refuse_header(unknown[i], 0xffffffff, "not known");
	}
}

/* What a front end sends only after features were agreed on that are never offered. */
static void
test_never(void)
{
	static const struct {
		uint32_t request;
		const char *words;
	} never[] = {
		{VHOST_USER_SET_BACKEND_REQ_FD, "requests"},
		{VHOST_USER_IOTLB_MSG, "ACCESS_PLATFORM"},
		{VHOST_USER_SET_VRING_ENDIAN, "byte order"},
		{VHOST_USER_POSTCOPY_ADVISE, "postcopy"},
		{VHOST_USER_POSTCOPY_LISTEN, "postcopy"},
		{VHOST_USER_POSTCOPY_END, "postcopy"},
	};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		for (uint32_t size = 0; size < 40; size++)
			refuse_header(never[i].request, size, never[i].words);
}

/* A size that is too large is refused without a byte of payload. */
static void
test_large(void)
{
	static const uint32_t large[] = {
		0x110,      0x1000,     0xffff,     0x10000,    0x10008,
		0x7fffffff, 0x80000000, 0xfffffff4, 0xffffffff,
	};

	for (uint32_t request = 1; request < REQUESTS; request++)
		for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
			refuse_header(request, large[i], "");
	refuse_header(VHOST_USER_SET_MEM_TABLE, sizeof(struct vhost_user_mem_table) + 1,
		      "carries 265 bytes, expected 8 to 264");
	refuse_header(VHOST_USER_GET_CONFIG, sizeof(struct vhost_user_config) + 1,
		      "carries 269 bytes, expected 12 to 268");
}

/* Descriptors that come later than the first byte belong to nobody. */
static void
test_late_fds(void)
{
	unsigned int before = fds_count();
	struct msg m;
	unsigned char bytes[MSG_BYTES];
	size_t len;
	int fd = fd_event();

	msg_make(&m, VHOST_USER_SET_VRING_KICK);
	len = msg_bytes(&m, bytes);
	for (size_t at = 1; at < len; at++) {
		for (unsigned int nfds = 1; nfds <= FDS_MOST; nfds += 126) {
			struct fix f;

			fix_open(&f);
			fds_send(f.end.sock, bytes, at, -1, 0);
			CU_ASSERT_EQUAL(vhost_session_input(f.s), 0);
			fds_send(f.end.sock, bytes + at, len - at, fd, nfds);
			fix_over(&f, "did not come with its first byte");
			CU_ASSERT_EQUAL(fix_calls(&f), 0);
			fix_close(&f);
		}
	}
	close(fd);
	CU_ASSERT_EQUAL(fds_count(), before);
}

CU_TestInfo envelope_tests[] = {
	{"flags", test_flags},
	{"unknown requests", test_unknown},
	{"requests of features that are never offered", test_never},
	{"sizes beyond every message", test_large},
	{"late descriptors", test_late_fds},
	CU_TEST_INFO_NULL,
};
