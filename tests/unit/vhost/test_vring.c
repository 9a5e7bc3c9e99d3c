/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_vring.c - the messages of one ring. */

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

static const uint32_t far_indices[] = {
	VRINGS,     VRINGS + 1, 0x7f,       0x80,       0xff,       0x100,
	0x101,      0x7fff,     0x8000,     0xffff,     0x10000,    0x10001,
	0x7fffffff, 0x80000000, 0x80000001, 0xffffff00, 0xffffffff,
};
#define FAR (sizeof(far_indices) / sizeof(far_indices[0]))

static void
test_index(void)
{
	for (uint32_t i = 0; i < VRINGS; i++) {
		ACCEPTED(SET_VRING_NUM, m.u.state.index = i);
		ACCEPTED(SET_VRING_BASE, m.u.state.index = i);
		ACCEPTED(GET_VRING_BASE, m.u.state.index = i);
		ACCEPTED(SET_VRING_ENABLE, m.u.state.index = i);
		ACCEPTED(SET_VRING_ADDR, m.u.addr.index = i);
		ACCEPTED(SET_VRING_KICK, m.u.u64 = i);
		ACCEPTED(SET_VRING_CALL, m.u.u64 = i);
		ACCEPTED(SET_VRING_ERR, m.u.u64 = i);
	}
	for (size_t k = 0; k < FAR; k++) {
		ENDS(SET_VRING_NUM, m.u.state.index = far_indices[k]);
		ENDS(SET_VRING_BASE, m.u.state.index = far_indices[k]);
		ENDS(GET_VRING_BASE, m.u.state.index = far_indices[k]);
		ENDS(SET_VRING_ENABLE, m.u.state.index = far_indices[k]);
		ENDS(SET_VRING_ADDR, m.u.addr.index = far_indices[k]);
	}
}

static void
test_num(void)
{
	static const uint32_t wrong[] = {0,       32769,      0xffff,     0x10000,
					 0x10100, 0x80000000, 0x80000100, 0xffffffff};
	static const uint32_t right[] = {1, 2, 3, 255, 256, 32767, 32768};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ENDS(SET_VRING_NUM, m.u.state.num = wrong[i]);
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		struct fix f;
		struct msg m;

		fix_open(&f);
		msg_make(&m, VHOST_USER_SET_VRING_NUM);
		m.u.state.num = right[i];
		fix_input(&f, &m);
		CU_ASSERT_EQUAL(f.num, right[i]);
		CU_ASSERT_EQUAL(f.index, 1);
		fix_close(&f);
	}
}

/* 16 bits of a split ring, 32 of a packed one. */
static void
test_base(void)
{
	static const uint32_t bases[] = {0,      7,       0x7fff,     0x8000,
					 0xffff, 0x10000, 0x80008000, 0xffffffff};

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		for (unsigned int packed = 0; packed < 2; packed++) {
			struct fix f;
			struct msg m;

			fix_open(&f);
			msg_make(&m, VHOST_USER_SET_FEATURES);
			m.u.u64 = BIT(32) | (packed ? BIT(34) : 0) | F_PROTOCOL;
			fix_input(&f, &m);
			msg_make(&m, VHOST_USER_SET_VRING_BASE);
			m.u.state.num = bases[i];
			if (packed || bases[i] <= 0xffff) {
				fix_input(&f, &m);
				CU_ASSERT_EQUAL(f.num, bases[i]);
			} else {
				fix_ends(&f, &m, "16 bits");
			}
			fix_close(&f);
		}
	}
}

static void
test_stop(void)
{
	struct msg m, got;
	struct fix f;

	fix_open(&f);
	msg_make(&m, VHOST_USER_GET_VRING_BASE);
	m.u.state.num = 0xffffffff; /* means nothing */
	fix_input(&f, &m);
	CU_ASSERT_FATAL(fix_recv(&f, &got, NULL));
	CU_ASSERT_EQUAL(got.hdr.request, VHOST_USER_GET_VRING_BASE);
	CU_ASSERT_EQUAL(got.hdr.size, 8);
	CU_ASSERT_EQUAL(got.u.state.index, 1);
	CU_ASSERT_EQUAL(got.u.state.num, 0x80008007);
	/* one that cannot say where it stopped answers with nothing */
	f.result = 1;
	fix_input(&f, &m);
	CU_ASSERT_FATAL(fix_recv(&f, &got, NULL));
	CU_ASSERT_EQUAL(got.hdr.size, 0);
	fix_close(&f);
}

static void
test_addr(void)
{
	struct fix f;
	struct msg m;

	fix_open(&f);
	msg_make(&m, VHOST_USER_SET_VRING_ADDR);
	m.u.addr.flags = VHOST_USER_VRING_F_LOG;
	m.u.addr.log = 0x12345;
	fix_input(&f, &m);
	CU_ASSERT_EQUAL(memcmp(&f.addr, &m.u.addr, sizeof(f.addr)), 0);
	fix_close(&f);
	for (unsigned int bit = 1; bit < 32; bit++)
		ENDS(SET_VRING_ADDR, m.u.addr.flags = 1u << bit);
}

static void
test_enable(void)
{
	static const uint32_t wrong[] = {2, 0x100, 0x101, 0x10000, 0x10001, 0x80000001, 0xffffffff};
	struct fix f;
	struct msg m;

	fix_open(&f);
	msg_make(&m, VHOST_USER_SET_VRING_ENABLE);
	for (m.u.state.num = 0; m.u.state.num < 2; m.u.state.num++) {
		fix_input(&f, &m);
		CU_ASSERT_EQUAL(f.num, m.u.state.num);
	}
	fix_close(&f);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ENDS(SET_VRING_ENABLE, m.u.state.num = wrong[i]);
}

static const uint32_t fd_requests[] = {
	VHOST_USER_SET_VRING_KICK,
	VHOST_USER_SET_VRING_CALL,
	VHOST_USER_SET_VRING_ERR,
};
static const enum op fd_ops[] = {OP_KICK, OP_CALL, OP_ERR};

/* Bits 0-7 the ring, bit 8: no descriptor. */
static void
test_word(void)
{
	for (size_t r = 0; r < 3; r++) {
		for (unsigned int bit = 0; bit < 64; bit++) {
			struct msg m;

			msg_make(&m, fd_requests[r]);
			m.u.u64 = BIT(bit);
			CU_ASSERT_EQUAL(fix_verdict(&m), BIT(bit) < VRINGS ? 0 : -1);
			m.nfds = 0;
			CU_ASSERT_EQUAL(fix_verdict(&m), bit == 8 ? 0 : -1);
		}
		for (uint32_t i = 0; i < 256; i++) {
			struct msg m;

			msg_make(&m, fd_requests[r]);
			m.u.u64 = i | VHOST_USER_VRING_NOFD;
			m.nfds = 0;
			CU_ASSERT_EQUAL(fix_verdict(&m), i < VRINGS ? 0 : -1);
		}
	}
}

static void
test_no_fd(void)
{
	for (size_t r = 0; r < 3; r++) {
		struct fix f;
		struct msg m;

		fix_open(&f);
		f.fd = 99;
		msg_make(&m, fd_requests[r]);
		m.u.u64 = 3 | VHOST_USER_VRING_NOFD;
		m.nfds = 0;
		fix_input(&f, &m);
		CU_ASSERT_EQUAL(f.calls[fd_ops[r]], 1);
		CU_ASSERT_EQUAL(f.index, 3);
		CU_ASSERT_EQUAL(f.fd, -1);
		fix_close(&f);
	}
}

static void
send_fd(struct fix *f, uint32_t request, int fd)
{
	unsigned char bytes[MSG_BYTES];
	struct msg m;

	msg_make(&m, request);
	fds_send(f->end.sock, bytes, msg_bytes(&m, bytes), fd, 1);
}

/* A blocking eventfd is made non-blocking; anything else is refused, and left as it is. */
static void
test_eventfd(void)
{
	for (size_t r = 0; r < 3; r++) {
		int others[4], p[2], sv[2], event = fd_event();
		struct fix f;

		must(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
		others[0] = p[1];
		others[1] = sv[0];
		others[2] = open("/dev/null", O_RDWR);
		others[3] = open("/proc/self/exe", O_RDONLY);
		for (size_t i = 0; i < 4; i++) {
			int flags = fcntl(others[i], F_GETFL);

			fix_open(&f);
			send_fd(&f, fd_requests[r], others[i]);
			fix_over(&f, "not an eventfd");
			CU_ASSERT_EQUAL(fix_calls(&f), 0);
			CU_ASSERT_EQUAL(fcntl(others[i], F_GETFL), flags);
			fix_close(&f);
			close(others[i]);
		}
		close(p[0]);
		close(sv[1]);
		must(fcntl(event, F_SETFL, O_RDWR) == 0);
		fix_open(&f);
		f.end.keep = true;
		send_fd(&f, fd_requests[r], event);
		CU_ASSERT_EQUAL(vhost_session_input(f.s), 0);
		CU_ASSERT_EQUAL_FATAL(f.end.num_kept, 1);
		CU_ASSERT(fcntl(event, F_GETFL) & O_NONBLOCK);
		CU_ASSERT(fcntl(f.end.kept[0], F_GETFD) & FD_CLOEXEC);
		fix_close(&f);
		close(event);
	}
}

/* Half of the rings: pairs for QEMU, and not 1 for a front end that reads rings. */
static void
test_queue_num(void)
{
	struct fix f;
	struct msg m;

	fix_open(&f);
	msg_make(&m, VHOST_USER_GET_QUEUE_NUM);
	fix_asked(&f, &m, VRINGS / 2);
	fix_close(&f);
}

CU_TestInfo vring_tests[] = {
	{"indices", test_index},
	{"entries", test_num},
	{"positions", test_base},
	{"GET_VRING_BASE", test_stop},
	{"addresses", test_addr},
	{"SET_VRING_ENABLE", test_enable},
	{"bits of eventfds' messages", test_word},
	{"no eventfd", test_no_fd},
	{"eventfds that are none", test_eventfd},
	{"GET_QUEUE_NUM", test_queue_num},
	CU_TEST_INFO_NULL,
};
