/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_start.c - START: every field of the rings, split and packed. */

#include <stdint.h>
#include <string.h>

#include "fixture.h"

#define BAD VIRTQ_IPC_E_MALFORMED
#define RING VIRTQ_IPC_E_RING
#define START(change, code) SPOILED(VIRTQ_IPC_START, change, code)
#define PACKED(change, code) SPOILED(VIRTQ_IPC_START, (make_packed(&m), change), code)
#define S m.u.start
#define Q(i) m.u.start.queue[i]

static void
make_packed(struct msg *m)
{
	m->u.start.features |= 1ull << 34;
	for (uint32_t i = 0; i < QUEUES; i++) {
		m->u.start.queue[i].size = 100; /* need not be a power of two */
		m->u.start.queue[i].pos.avail = 0x8000;
		m->u.start.queue[i].pos.used = 0x8000;
	}
}

static void
test_head(void)
{
	START(S.generation = 0, BAD);
	START(S.generation = UINT32_MAX, 0);
	START(S.num_queues = 0, BAD);
	START(S.num_queues = QUEUES - 1, BAD);
	START(S.num_queues = QUEUES - 2, BAD);
	START((memset(&Q(2), 0, 2 * sizeof(Q(2))), S.num_queues = 2), BAD);
	START(S.num_queues = QUEUES + 1, BAD);
	START(S.num_queues = QUEUES + 2, BAD);
	START(S.num_queues = QUEUES + 0x10000, BAD);
	START(S.num_queues = UINT32_MAX, BAD);
	START(S.state_size = VIRTQ_IPC_STATE_SIZE(QUEUES) - 1, BAD);
	START(S.state_size = 0, BAD);
	START(S.state_size = 1ull << 32, 0);
	START(S.reserved = 1, BAD);
	START(Q(QUEUES).size = 1, BAD);
	START(Q(VIRTQ_IPC_MAX_QUEUES - 1).reserved = 1, BAD);
	START(S.rx.mode = 1u << 31, BAD);
	START(S.rx.pairs = 0, BAD);
}

/* The state page is the one descriptor that comes with START. */
static void
test_fds(void)
{
	struct ipc_msg_ctx ctx = ctx_make(IPC_READY);
	struct msg m;

	msg_make(&m, VIRTQ_IPC_START);
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 0, &ctx), BAD);
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 1, &ctx), 0);
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 2, &ctx), BAD);
}

/* As many queues as the protocol allows, and one pair more. */
static void
test_all_queues(void)
{
	struct ipc_msg_ctx ctx = ctx_make(IPC_READY);
	struct msg m;

	msg_make(&m, VIRTQ_IPC_START);
	ctx.max_pairs = VIRTQ_IPC_MAX_PAIRS;
	S.num_queues = VIRTQ_IPC_MAX_QUEUES;
	S.state_size = VIRTQ_IPC_STATE_SIZE(VIRTQ_IPC_MAX_QUEUES);
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 1, &ctx), 0);
	Q(VIRTQ_IPC_MAX_QUEUES - 1).flags = VIRTQ_IPC_Q_ENABLED;
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 1, &ctx), RING);
	ctx.max_pairs++;
	S.num_queues += 2;
	S.state_size *= 2;
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 1, &ctx), BAD);
}

static void
test_generation(void)
{
	struct ipc_msg_ctx ctx = ctx_make(IPC_READY);
	struct msg m;

	msg_make(&m, VIRTQ_IPC_START);
	ctx.generation = S.generation;
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 1, &ctx), BAD);
	ctx.generation++;
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 1, &ctx), 0);
	S.generation = 0;
	CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 1, &ctx), BAD);
}

static void
test_flags(void)
{
	for (uint32_t i = 0; i < QUEUES; i++) {
		START(Q(i).flags |= 2, BAD);
		START(Q(i).flags |= 1u << 31, BAD);
		START(Q(i).reserved = 1, BAD);
		START(Q(i).pos.flags |= 2, BAD);
		START(Q(i).pos.flags |= 1u << 15, BAD);
		START(Q(i).pos.pending = 1, BAD);
	}
}

static void
test_size(void)
{
	static const uint32_t bad[] = {3,     255,     257,     0xffff,     32767,
				       32769, 0x10000, 0x10100, 0x80000000, UINT32_MAX};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		START(Q(0).size = bad[i], RING);
		START(Q(3).size = bad[i], RING); /* enabled or not */
	}
	for (uint32_t size = 1; size <= VIRTQ_IPC_MAX_QUEUE_SIZE; size *= 2)
		START(Q(0).size = size, 0);
	START(Q(0).size = 0, RING);
	START(Q(3).size = 0, 0);
	START((memset(&Q(3), 0, sizeof(Q(3)))), 0);
}

static void
test_align(void)
{
	for (uint64_t bit = 1; bit < 16; bit *= 2) {
		START(Q(0).desc += bit, RING);
		START(Q(0).driver += bit, bit < 2 ? RING : 0);
		START(Q(0).device += bit, bit < 4 ? RING : 0);
		PACKED(Q(0).desc += bit, RING);
		PACKED(Q(0).driver += bit, bit < 4 ? RING : 0);
		PACKED(Q(0).device += bit, bit < 4 ? RING : 0);
	}
}

/* The last address at which each area fits, and the next aligned one. */
static void
test_wrap(void)
{
	START(Q(1).desc = 0 - 16ull * 256 - 16, 0);
	START(Q(1).desc = 0 - 16ull * 256, RING);
	START(Q(1).desc = 0 - 16ull, RING);
	START(Q(1).driver = 0 - (6 + 2 * 256ull) - 2, 0);
	START(Q(1).driver = 0 - (6 + 2 * 256ull), RING);
	START(Q(1).driver = 0 - 2ull, RING);
	START(Q(1).device = 0 - (8 + 8 * 256ull), 0);
	START(Q(1).device = 0 - (4 + 8 * 256ull), RING);
	START(Q(1).device = 0 - 4ull, RING);
	PACKED(Q(1).desc = 0 - 16ull * 100 - 16, 0);
	PACKED(Q(1).desc = 0 - 16ull * 100, RING);
	PACKED(Q(1).driver = 0 - 8ull, 0);
	PACKED(Q(1).driver = 0 - 4ull, RING);
	PACKED(Q(1).device = 0 - 8ull, 0);
	PACKED(Q(1).device = 0 - 4ull, RING);
}

static void
test_split_position(void)
{
	START((Q(0).pos.avail = 0, Q(0).pos.used = 0), 0);
	START((Q(0).pos.avail = 65535, Q(0).pos.used = 65535), 0);
	START((Q(0).pos.avail = 1, Q(0).pos.used = 0), RING);
	START((Q(0).pos.avail = 256, Q(0).pos.used = 0), RING);
	START((Q(0).pos.avail = 257, Q(0).pos.used = 0), RING);
	START((Q(0).pos.avail = 0, Q(0).pos.used = 1), RING);
	START((Q(0).pos.avail = 5, Q(0).pos.used = 65530), RING);
	START((Q(0).pos.avail = 65535, Q(0).pos.used = 0), RING);
	/* nor where it is not enabled, and begins later */
	START((Q(3).flags = 0, Q(3).pos.avail = 1, Q(3).pos.used = 0), RING);
	START((Q(0).pos.avail = 0, Q(0).pos.used = 1, Q(0).pos.flags = 0), 0);
}

static void
test_packed(void)
{
	PACKED((void)0, 0);
	PACKED(Q(0).size = 0, RING);
	PACKED(Q(0).size = 32768, 0);
	PACKED(Q(0).size = 32769, RING);
	PACKED(Q(0).size = UINT32_MAX, RING);
	PACKED((Q(0).pos.avail = 99, Q(0).pos.used = 99), 0);
	PACKED((Q(0).pos.avail = 0x8000 + 99, Q(0).pos.used = 0x8000 + 99), 0);
	PACKED((Q(0).pos.avail = 99, Q(0).pos.used = 0x8000 + 99), RING);
	PACKED((Q(0).pos.avail = 99, Q(0).pos.used = 98), RING);
	PACKED((Q(0).pos.avail = 100, Q(0).pos.used = 100), RING);
	PACKED((Q(0).pos.avail = 0x8000 + 100, Q(0).pos.used = 0x8000 + 100), RING);
	PACKED(Q(0).pos.avail = 100, RING);
	PACKED(Q(0).pos.used = 100, RING);
	PACKED(Q(0).pos.used = 0xffff, RING);
	PACKED(Q(0).pos.flags = 0, RING);
	PACKED(Q(3).pos.flags = 0, 0); /* not enabled */
}

static void
test_session(void)
{
	struct fix f;

	fix_open_at(&f, IPC_READY);
	fix_ask_type(&f, VIRTQ_IPC_QUEUE_FDS, 0);
	fix_ask_type(&f, VIRTQ_IPC_START, VIRTQ_IPC_START_OK);
	CU_ASSERT_EQUAL(ipc_session_state(f.s), IPC_RUNNING);
	CU_ASSERT_EQUAL(f.start.generation, 7);
	CU_ASSERT_EQUAL(f.start.queue[1].device, 0x113000);
	fix_close(&f);
}

/* An enabled queue without eventfds, whichever of them it is. */
static void
test_no_eventfds(void)
{
	for (uint32_t first = 0; first < 3; first++) {
		struct fix f;
		struct msg m;

		fix_open_at(&f, IPC_READY);
		msg_make(&m, VIRTQ_IPC_QUEUE_FDS);
		m.u.queue_fds.first = first;
		m.u.queue_fds.count = 1;
		fix_ask(&f, &m, 0);
		fix_send_type(&f, VIRTQ_IPC_START);
		fix_refused(&f, BAD);
		CU_ASSERT_EQUAL(f.starts, 0);
		fix_close(&f);
	}
}

/* Staged eventfds serve one START: the next one needs new ones, and another generation. */
static void
test_again(void)
{
	struct fix f;
	struct msg m;

	fix_open_at(&f, IPC_RUNNING);
	fix_ask_type(&f, VIRTQ_IPC_STOP, VIRTQ_IPC_STOPPED);
	fix_ask_type(&f, VIRTQ_IPC_QUEUE_FDS, 0);
	msg_make(&m, VIRTQ_IPC_START);
	S.generation++;
	fix_ask(&f, &m, VIRTQ_IPC_START_OK);
	fix_ask_type(&f, VIRTQ_IPC_STOP, VIRTQ_IPC_STOPPED);
	/* that of the START before the last may come again */
	S.generation--;
	fix_ask_type(&f, VIRTQ_IPC_QUEUE_FDS, 0);
	fix_ask(&f, &m, VIRTQ_IPC_START_OK);
	fix_ask_type(&f, VIRTQ_IPC_STOP, VIRTQ_IPC_STOPPED);
	S.generation++;
	fix_send(&f, &m);
	fix_refused(&f, BAD);
	CU_ASSERT_EQUAL(f.starts, 3);
	fix_close(&f);

	fix_open_at(&f, IPC_RUNNING);
	fix_ask_type(&f, VIRTQ_IPC_STOP, VIRTQ_IPC_STOPPED);
	fix_ask_type(&f, VIRTQ_IPC_QUEUE_FDS, 0);
	fix_send_type(&f, VIRTQ_IPC_START);
	fix_refused(&f, BAD);
	CU_ASSERT_EQUAL(f.starts, 1);
	fix_close(&f);
}

static void
test_refused(void)
{
	unsigned int before = fds_count();

	for (int keeps = 0; keeps < 2; keeps++) {
		struct fix f;

		fix_open_at(&f, IPC_READY);
		fix_ask_type(&f, VIRTQ_IPC_QUEUE_FDS, 0);
		f.end.keep = keeps;
		ipc_err_set(&f.start_err, VIRTQ_IPC_E_FEATURES, "virtio feature 63 is not known");
		fix_send_type(&f, VIRTQ_IPC_START);
		fix_refused(&f, VIRTQ_IPC_E_FEATURES);
		fix_close(&f);
		CU_ASSERT_EQUAL(fds_count(), before);
	}
}

CU_TestInfo start_tests[] = {
	{"fields before the queues", test_head},
	{"number of descriptors", test_fds},
	{"all queues of the wire", test_all_queues},
	{"generation", test_generation},
	{"flags and reserved fields of a queue", test_flags},
	{"ring size", test_size},
	{"alignment", test_align},
	{"areas that wrap", test_wrap},
	{"position of a split ring", test_split_position},
	{"packed ring", test_packed},
	{"is answered", test_session},
	{"enabled queue without eventfds", test_no_eventfds},
	{"started again", test_again},
	{"the owner refuses", test_refused},
	CU_TEST_INFO_NULL,
};
