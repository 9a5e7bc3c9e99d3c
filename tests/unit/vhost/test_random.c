/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_random.c - bytes that nobody chose: valid messages with some of them changed, in pieces,
 * with and without descriptors.  The same ones each time. */

#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

#define SESSIONS 4000
#define MESSAGES 30

static uint64_t seed;

static uint32_t
number(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((seed >> 33) % below);
}

/* Values at the ends of their ranges are more likely than others. */
static void
spoil(unsigned char *bytes, size_t len)
{
	static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff, 0xfe, 2, 8};

	for (uint32_t n = number(4); n > 0; n--)
		bytes[number((uint32_t)len)] = number(4) ? values[number(sizeof(values))]
							 : (unsigned char)number(256);
}

/* Not more than the socket holds is under way: what is sent is read at once. */
static void
send_pieces(struct fix *f, const unsigned char *bytes, size_t len, int fd, unsigned int nfds)
{
	size_t at = 0;

	while (at < len && !vhost_session_is_dead(f->s)) {
		size_t piece = number(3) ? len - at : 1 + number((uint32_t)(len - at));

		fds_send(f->end.sock, bytes + at, piece, fd, at == 0 || number(8) == 0 ? nfds : 0);
		at += piece;
		vhost_session_input(f->s);
	}
}

/* A front end reads: fix_recv() asserts that it finds whole replies. */
static void
read_replies(struct fix *f)
{
	struct msg got;

	while (fix_recv(f, &got, NULL))
		;
}

static void
session(int fd)
{
	unsigned char bytes[MSG_BYTES];
	struct fix f;

	fix_open_with(&f, number(2) ? PROTOCOL : seed & PROTOCOL);
	for (uint32_t n = 0; n < MESSAGES && !vhost_session_is_dead(f.s); n++) {
		struct msg m;
		size_t len;

		msg_make(&m, number(4) ? 1 + number(40) : number(REQUESTS));
		m.hdr.flags |= number(2) ? VHOST_USER_NEED_REPLY : 0;
		f.result = (int)number(40) < 2 ? 1 : 0;
		f.end.keep = number(2);
		len = msg_bytes(&m, bytes);
		if (number(3) == 0)
			spoil(bytes, len);
		send_pieces(&f, bytes, len, fd, number(12) ? m.nfds : number(12));
		end_drop(&f.end);
		read_replies(&f);
	}
	CU_ASSERT_EQUAL(f.failings, vhost_session_is_dead(f.s));
	CU_ASSERT_EQUAL(f.calls[OP_NONE], 0);
	fix_close(&f);
}

static void
test_random(void)
{
	unsigned int before = fds_count();
	int fd = fd_event();

	seed = 11;
	for (int i = 0; i < SESSIONS; i++)
		session(fd);
	close(fd);
	CU_ASSERT_EQUAL(fds_count(), before);
}

CU_TestInfo random_tests[] = {
	{"messages spoilt at random", test_random},
	CU_TEST_INFO_NULL,
};
