/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_envelope.c - header, size, descriptor counts and truncation, all types. */

#include <stdint.h>
#include <stdlib.h>

#include "fixture.h"

/* Types of version 1; both tables have a row for each. */
#define TYPES 18

/* Every row of both tables: a valid message of its type, at the end that receives it.
 * The sender's row says the same of it. */
static void
test_valid(void)
{
	const struct ipc_msg_table *tables[] = {TO_PMD, TO_DEVICE};

	for (size_t t = 0; t < 2; t++) {
		const struct ipc_msg_table *other = tables[1 - t];

		CU_ASSERT_EQUAL(tables[t]->count, TYPES);
		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct ipc_msg_row *row = &tables[t]->row[i];
			const struct ipc_msg_row *same = ipc_msg_row(other, row->type);

			SPOILED(row->type, (void)0, 0);
			CU_ASSERT_PTR_EQUAL(ipc_msg_row(tables[t], row->type), row);
			CU_ASSERT_PTR_NOT_NULL_FATAL(same);
			CU_ASSERT_STRING_EQUAL(row->name, same->name);
			CU_ASSERT_EQUAL(row->size, same->size);
			CU_ASSERT(row->states || same->states);
		}
	}
}

/* The overview of doc/protocol.md, written down a second time. */
#define AFTER_HELLO (IPC_IDLE | IPC_READY | IPC_RUNNING)
#define ALL (IPC_NEW | AFTER_HELLO)
static const struct {
	const struct ipc_msg_table *to;
	uint16_t type;
	uint32_t size;
	unsigned int min_fds, max_fds, states;
	uint64_t feature;
	bool answers;
} overview[] = {
	{TO_PMD, VIRTQ_IPC_HELLO, 208, 0, 0, IPC_NEW, 0, false},
	{TO_PMD, VIRTQ_IPC_MEM_TABLE, 2056, 1, 64, AFTER_HELLO, 0, false},
	{TO_PMD, VIRTQ_IPC_QUEUE_FDS, 8, 2, 128, IPC_IDLE | IPC_READY, 0, false},
	{TO_PMD, VIRTQ_IPC_START, 13248, 1, 1, IPC_READY, 0, false},
	{TO_PMD, VIRTQ_IPC_STOP, 0, 0, 0, IPC_RUNNING, 0, false},
	{TO_PMD, VIRTQ_IPC_RXSTATE, 928, 0, 0, AFTER_HELLO, 0, false},
	{TO_PMD, VIRTQ_IPC_LOG, 24, 0, 1, AFTER_HELLO, VIRTQ_IPC_F_LOG, false},
	{TO_PMD, VIRTQ_IPC_GET_COUNTERS, 0, 0, 0, AFTER_HELLO, VIRTQ_IPC_F_COUNTERS, false},
	{TO_DEVICE, VIRTQ_IPC_HELLO_OK, 136, 0, 0, IPC_NEW, 0, true},
	{TO_DEVICE, VIRTQ_IPC_MEM_OK, 0, 0, 0, AFTER_HELLO, 0, true},
	{TO_DEVICE, VIRTQ_IPC_START_OK, 0, 0, 0, IPC_READY, 0, true},
	{TO_DEVICE, VIRTQ_IPC_STOPPED, 2056, 0, 0, IPC_RUNNING, 0, true},
	{TO_DEVICE, VIRTQ_IPC_LOG_OK, 0, 0, 0, AFTER_HELLO, VIRTQ_IPC_F_LOG, true},
	{TO_DEVICE, VIRTQ_IPC_COUNTERS, 64, 0, 0, AFTER_HELLO, VIRTQ_IPC_F_COUNTERS, true},
	{TO_DEVICE, VIRTQ_IPC_LINK, 16, 0, 0, AFTER_HELLO, 0, false},
	{TO_DEVICE, VIRTQ_IPC_ANNOUNCE, 0, 0, 0, AFTER_HELLO, VIRTQ_IPC_F_ANNOUNCE, false},
	{TO_DEVICE, VIRTQ_IPC_BROKEN, 248, 0, 0, IPC_RUNNING, 0, false},
	{TO_PMD, VIRTQ_IPC_ERROR, 248, 0, 0, ALL, 0, false},
	{TO_DEVICE, VIRTQ_IPC_ERROR, 248, 0, 0, ALL, 0, false},
};

static void
test_overview(void)
{
	for (size_t i = 0; i < sizeof(overview) / sizeof(overview[0]); i++) {
		const struct ipc_msg_row *row = ipc_msg_row(overview[i].to, overview[i].type);
		struct ipc_msg_ctx ctx = ctx_make(overview[i].states & -overview[i].states);
		struct msg m;

		CU_ASSERT_PTR_NOT_NULL_FATAL(row);
		CU_ASSERT_EQUAL(row->size, overview[i].size);
		CU_ASSERT_EQUAL(row->min_fds, overview[i].min_fds);
		CU_ASSERT_EQUAL(row->max_fds, overview[i].max_fds);
		CU_ASSERT_EQUAL(row->states, overview[i].states);
		CU_ASSERT_EQUAL(row->feature, overview[i].feature);
		CU_ASSERT_EQUAL(row->answers, overview[i].answers);
		/* a feature that is needed and not agreed */
		ctx.features = VIRTQ_IPC_F_ALL & ~overview[i].feature;
		msg_make(&m, overview[i].type);
		CU_ASSERT_EQUAL(msg_code(overview[i].to, &m, msg_fds(&m), &ctx),
				overview[i].feature ? VIRTQ_IPC_E_STATE : 0);
	}
}

/* What a session receives has a handler, what it only sends has none. */
static void
test_handlers(void)
{
	for (size_t i = 0; i < TO_PMD->count; i++)
		CU_ASSERT_EQUAL(TO_PMD->row[i].states != 0, TO_PMD->row[i].handle != NULL);
}

static void
test_type(void)
{
	for (unsigned int type = 0; type <= UINT16_MAX; type++) {
		struct ipc_msg_ctx ctx = ctx_make(IPC_NEW);
		struct msg m;

		if (msg_row((uint16_t)type))
			continue;
		msg_make(&m, (uint16_t)type);
		CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 0, &ctx), VIRTQ_IPC_E_MALFORMED);
		CU_ASSERT_EQUAL(msg_code(TO_DEVICE, &m, 0, &ctx), VIRTQ_IPC_E_MALFORMED);
	}
	CU_ASSERT_STRING_EQUAL(ipc_msg_name(TO_PMD, 0), "unknown");
	CU_ASSERT_STRING_EQUAL(ipc_msg_name(TO_PMD, VIRTQ_IPC_STOP), "STOP");
	CU_ASSERT_STRING_EQUAL(ipc_msg_name(TO_PMD, VIRTQ_IPC_STOPPED), "STOPPED");
}

/* A message that arrives at the end that sends it. */
static void
test_direction(void)
{
	for (size_t i = 0; i < TYPES; i++) {
		const struct ipc_msg_row *row = msg_row(TO_PMD->row[i].type);
		const struct ipc_msg_table *end = msg_table(row->type);
		const struct ipc_msg_table *other = end == TO_PMD ? TO_DEVICE : TO_PMD;
		struct ipc_msg_ctx ctx = ctx_make(row->states & -row->states);
		struct msg m;

		msg_make(&m, row->type);
		CU_ASSERT_EQUAL(msg_code(other, &m, msg_fds(&m), &ctx),
				row->type == VIRTQ_IPC_ERROR ? 0 : VIRTQ_IPC_E_MALFORMED);
	}
}

/* The error names the message and the end that sends it. */
static void
test_direction_text(void)
{
	struct ipc_msg_ctx ctx = ctx_make(IPC_NEW);
	struct ipc_msg_in in = {.len = sizeof(struct virtq_ipc_hdr)};
	struct ipc_err err;
	struct msg m;

	msg_make(&m, VIRTQ_IPC_MEM_OK);
	in.data = &m;
	CU_ASSERT_EQUAL(ipc_msg_check(TO_PMD, &in, &ctx, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.text, "MEM_OK is sent by the PMD only");
	msg_make(&m, VIRTQ_IPC_STOP);
	CU_ASSERT_EQUAL(ipc_msg_check(TO_DEVICE, &in, &ctx, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.text, "STOP is sent by the device only");
}

static void
test_version(void)
{
	const struct ipc_msg_row *rows = TO_PMD->row;

	for (size_t i = 0; i < TYPES; i++) {
		SPOILED(rows[i].type, m.hdr.version = 0, VIRTQ_IPC_E_VERSION);
		SPOILED(rows[i].type, m.hdr.version = 2, VIRTQ_IPC_E_VERSION);
		SPOILED(rows[i].type, m.hdr.version = UINT16_MAX, VIRTQ_IPC_E_VERSION);
	}
}

static void
test_seq(void)
{
	static const uint32_t last[] = {0, 1, 41, INT32_MAX, UINT32_MAX - 1, UINT32_MAX};

	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		struct ipc_msg_ctx ctx = ctx_make(IPC_RUNNING);
		struct msg m;

		msg_make(&m, VIRTQ_IPC_STOP);
		ctx.seq = last[i];
		m.hdr.seq = last[i] + 1;
		CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 0, &ctx), 0);
		m.hdr.seq = last[i];
		CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 0, &ctx), VIRTQ_IPC_E_MALFORMED);
		m.hdr.seq = last[i] + 2;
		CU_ASSERT_EQUAL(msg_code(TO_PMD, &m, 0, &ctx), VIRTQ_IPC_E_MALFORMED);
	}
}

static void
test_reply_to(void)
{
	SPOILED(VIRTQ_IPC_STOP, m.hdr.reply_to = 1, VIRTQ_IPC_E_MALFORMED);
	SPOILED(VIRTQ_IPC_LINK, m.hdr.reply_to = 1, VIRTQ_IPC_E_MALFORMED);
	SPOILED(VIRTQ_IPC_MEM_OK, m.hdr.reply_to = 0, VIRTQ_IPC_E_MALFORMED);
	SPOILED(VIRTQ_IPC_ERROR, m.hdr.reply_to = 0, 0);
	SPOILED(VIRTQ_IPC_ERROR, m.hdr.reply_to = 9, 0);
}

/* Each type with a payload of a wrong size, and a header that says so. */
static void
test_size(void)
{
	const struct ipc_msg_row *rows = TO_PMD->row;

	for (size_t i = 0; i < TYPES; i++) {
		SPOILED(rows[i].type, m.hdr.size += 1, VIRTQ_IPC_E_MALFORMED);
		SPOILED(rows[i].type, m.hdr.size += 8, VIRTQ_IPC_E_MALFORMED);
		if (rows[i].size)
			SPOILED(rows[i].type, m.hdr.size -= 1, VIRTQ_IPC_E_MALFORMED);
	}
}

static void
test_length(void)
{
	static const uint32_t sizes[] = {1, 8, INT32_MAX, UINT32_MAX - 15, UINT32_MAX};
	struct ipc_msg_ctx ctx = ctx_make(IPC_RUNNING);
	struct ipc_msg_in in = {.len = sizeof(struct virtq_ipc_hdr)};
	struct ipc_err err;
	struct msg m;

	msg_make(&m, VIRTQ_IPC_STOP);
	in.data = &m;
	CU_ASSERT_EQUAL(ipc_msg_check(TO_PMD, &in, &ctx, &err), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		m.hdr.size = sizes[i];
		CU_ASSERT_EQUAL(ipc_msg_check(TO_PMD, &in, &ctx, &err), -1);
	}
	m.hdr.size = 0;
	in.len++;
	CU_ASSERT_EQUAL(ipc_msg_check(TO_PMD, &in, &ctx, &err), -1);
	CU_ASSERT_EQUAL(err.code, VIRTQ_IPC_E_MALFORMED);
}

/* Exactly len bytes are allocated: the address sanitizer reports a read beyond them. */
static void
test_short_header(void)
{
	for (size_t len = 0; len < sizeof(struct virtq_ipc_hdr); len++) {
		struct ipc_msg_ctx ctx = ctx_make(IPC_NEW);
		unsigned char *bytes = calloc(1, len ? len : 1);
		struct ipc_msg_in in = {.data = bytes, .len = len};
		struct ipc_err err;

		must(bytes != NULL);
		CU_ASSERT_EQUAL(ipc_msg_check(TO_PMD, &in, &ctx, &err), -1);
		CU_ASSERT_EQUAL(err.code, VIRTQ_IPC_E_MALFORMED);
		free(bytes);
	}
}

static void
test_fd_counts(void)
{
	for (size_t i = 0; i < TYPES; i++) {
		const struct ipc_msg_row *r = msg_row(TO_PMD->row[i].type);
		const struct ipc_msg_table *to = msg_table(r->type);
		struct ipc_msg_ctx ctx = ctx_make(r->states & -r->states);
		struct msg m;

		msg_make(&m, r->type);
		CU_ASSERT_EQUAL(msg_code(to, &m, r->max_fds + 1, &ctx), VIRTQ_IPC_E_MALFORMED);
		CU_ASSERT_EQUAL(msg_code(to, &m, UINT32_MAX, &ctx), VIRTQ_IPC_E_MALFORMED);
		if (r->min_fds)
			CU_ASSERT_EQUAL(msg_code(to, &m, r->min_fds - 1, &ctx),
					VIRTQ_IPC_E_MALFORMED);
	}
}

static void
test_truncated(void)
{
	struct ipc_msg_ctx ctx = ctx_make(IPC_NEW);
	struct ipc_msg_in in = {0};
	struct ipc_err err;
	struct msg m;

	msg_make(&m, VIRTQ_IPC_HELLO);
	in.data = &m;
	in.len = sizeof(m.hdr) + m.hdr.size;
	CU_ASSERT_EQUAL(ipc_msg_check(TO_PMD, &in, &ctx, &err), 0);
	in.cut_data = true;
	CU_ASSERT_EQUAL(ipc_msg_check(TO_PMD, &in, &ctx, &err), -1);
	CU_ASSERT_EQUAL(err.code, VIRTQ_IPC_E_MALFORMED);
	in.cut_data = false;
	/* the process had no free slot for them */
	in.cut_fds = true;
	CU_ASSERT_EQUAL(ipc_msg_check(TO_PMD, &in, &ctx, &err), -1);
	CU_ASSERT_EQUAL(err.code, VIRTQ_IPC_E_RESOURCES);
	/* more than any message has */
	in.nfds = VIRTQ_IPC_MAX_FDS;
	CU_ASSERT_EQUAL(ipc_msg_check(TO_PMD, &in, &ctx, &err), -1);
	CU_ASSERT_EQUAL(err.code, VIRTQ_IPC_E_MALFORMED);
}

/* A message with as many descriptors as there is room for, and one that was dropped. */
static void
test_truncated_full(void)
{
	struct ipc_msg_ctx ctx = ctx_make(IPC_READY);
	struct ipc_msg_in in = {.nfds = VIRTQ_IPC_MAX_FDS};
	struct ipc_err err;
	struct msg m;

	msg_make(&m, VIRTQ_IPC_QUEUE_FDS);
	m.u.queue_fds.count = VIRTQ_IPC_FDS_QUEUES;
	ctx.max_pairs = VIRTQ_IPC_MAX_PAIRS;
	in.data = &m;
	in.len = sizeof(m.hdr) + m.hdr.size;
	CU_ASSERT_EQUAL(ipc_msg_check(TO_PMD, &in, &ctx, &err), 0);
	in.cut_fds = true;
	CU_ASSERT_EQUAL(ipc_msg_check(TO_PMD, &in, &ctx, &err), -1);
	CU_ASSERT_EQUAL(err.code, VIRTQ_IPC_E_MALFORMED);
}

static void
test_text_copy(void)
{
	char dst[6];

	ipc_text_copy(dst, sizeof(dst), "abc", 3);
	CU_ASSERT_STRING_EQUAL(dst, "abc");
	ipc_text_copy(dst, sizeof(dst), "abcdefgh", 8);
	CU_ASSERT_STRING_EQUAL(dst, "abcde");
	ipc_text_copy(dst, sizeof(dst), "a\x1b[\xff\n", 5);
	CU_ASSERT_STRING_EQUAL(dst, "a?[??");
	ipc_text_copy(dst, sizeof(dst), "ab\0cd", 5);
	CU_ASSERT_STRING_EQUAL(dst, "ab");
	ipc_text_copy(dst, sizeof(dst), "\x1f ~\x7f", 4);
	CU_ASSERT_STRING_EQUAL(dst, "? ~?");
	ipc_text_copy(dst, sizeof(dst), "abc", 2);
	CU_ASSERT_STRING_EQUAL(dst, "ab");
	ipc_text_copy(dst, 1, "ab", 2);
	CU_ASSERT_STRING_EQUAL(dst, "");
}

CU_TestInfo envelope_tests[] = {
	{"valid messages", test_valid},
	{"overview of the protocol", test_overview},
	{"handlers", test_handlers},
	{"unknown types", test_type},
	{"direction", test_direction},
	{"text about a wrong direction", test_direction_text},
	{"version", test_version},
	{"sequence number", test_seq},
	{"reply_to", test_reply_to},
	{"size", test_size},
	{"length against size", test_length},
	{"short header", test_short_header},
	{"descriptor counts", test_fd_counts},
	{"truncated", test_truncated},
	{"truncated after the last descriptor", test_truncated_full},
	{"text is made printable", test_text_copy},
	CU_TEST_INFO_NULL,
};
