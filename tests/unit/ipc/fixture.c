/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "fixture.h"

#include <string.h>

static void
make_rx(struct virtq_ipc_rxstate *rx)
{
	rx->pairs = 1;
	rx->num_uni = 1;
	memset(rx->macs[0], 2, sizeof(rx->macs[0]));
}

static void
make_start(struct virtq_ipc_start *st)
{
	st->features = 1ull << 32;
	st->generation = 7;
	st->num_queues = QUEUES;
	st->state_size = VIRTQ_IPC_STATE_SIZE(QUEUES);
	make_rx(&st->rx);
	for (uint32_t i = 0; i < QUEUES; i++) {
		st->queue[i].flags = i < 2 ? VIRTQ_IPC_Q_ENABLED : 0;
		st->queue[i].size = 256;
		st->queue[i].desc = 0x100000 + 0x10000 * i;
		st->queue[i].driver = 0x102000 + 0x10000 * i;
		st->queue[i].device = 0x103000 + 0x10000 * i;
		st->queue[i].pos.flags = VIRTQ_IPC_POS_VALID;
	}
}

static void
make_hello(struct virtq_ipc_hello *h)
{
	h->version_min = VIRTQ_IPC_VERSION;
	h->version_max = VIRTQ_IPC_VERSION;
	h->features = VIRTQ_IPC_F_ALL;
	h->max_pairs = PAIRS;
	h->pid = 1;
	strcpy(h->device, "net0");
	strcpy(h->vm_name, "a guest");
}

static void
make_mem(struct virtq_ipc_mem_table *t)
{
	t->count = 2;
	t->region[0].size = 0xa0000;
	t->region[1].guest_addr = 0x100000;
	t->region[1].size = 0x100000;
	t->region[1].fd_offset = 0x100000;
}

static void
make_answer(struct msg *m, uint16_t type)
{
	switch (type) {
	case VIRTQ_IPC_HELLO_OK:
		m->u.hello_ok.version = VIRTQ_IPC_VERSION;
		m->u.hello_ok.max_pairs = 1;
		strcpy(m->u.hello_ok.port, "eth_virtq0");
		break;
	case VIRTQ_IPC_STOPPED:
		m->u.stopped.num_queues = QUEUES;
		break;
	case VIRTQ_IPC_BROKEN:
		strcpy(m->u.broken.text, "the chain loops");
		break;
	case VIRTQ_IPC_ERROR:
		m->u.error.code = VIRTQ_IPC_E_GONE;
		strcpy(m->u.error.text, "that was it");
		break;
	default:
		break;
	}
}

const struct ipc_msg_table *
msg_table(uint16_t type)
{
	const struct ipc_msg_row *row = ipc_msg_row(TO_PMD, type);

	if (!row)
		return NULL;
	return row->states ? TO_PMD : TO_DEVICE;
}

const struct ipc_msg_row *
msg_row(uint16_t type)
{
	return msg_table(type) ? ipc_msg_row(msg_table(type), type) : NULL;
}

void
msg_make(struct msg *m, uint16_t type)
{
	const struct ipc_msg_row *row = msg_row(type);

	memset(m, 0, sizeof(*m));
	m->hdr.type = type;
	m->hdr.version = VIRTQ_IPC_VERSION;
	m->hdr.size = row ? row->size : 0;
	m->hdr.seq = 1;
	m->hdr.reply_to = row && row->answers ? 1 : 0;
	switch (type) {
	case VIRTQ_IPC_HELLO:
		make_hello(&m->u.hello);
		break;
	case VIRTQ_IPC_MEM_TABLE:
		make_mem(&m->u.mem);
		break;
	case VIRTQ_IPC_QUEUE_FDS:
		m->u.queue_fds.count = 2;
		break;
	case VIRTQ_IPC_START:
		make_start(&m->u.start);
		break;
	case VIRTQ_IPC_RXSTATE:
		make_rx(&m->u.rx);
		break;
	case VIRTQ_IPC_LOG:
		m->u.log.enable = 1;
		m->u.log.size = 4096;
		break;
	default:
		make_answer(m, type);
	}
}

unsigned int
msg_fds(const struct msg *m)
{
	switch (m->hdr.type) {
	case VIRTQ_IPC_MEM_TABLE:
		return m->u.mem.count;
	case VIRTQ_IPC_QUEUE_FDS:
		return 2 * m->u.queue_fds.count;
	case VIRTQ_IPC_START:
		return 1;
	case VIRTQ_IPC_LOG:
		return m->u.log.enable;
	default:
		return 0;
	}
}

struct ipc_msg_ctx
ctx_make(enum ipc_state state)
{
	struct ipc_msg_ctx ctx = {
		.state = state,
		.max_pairs = PAIRS,
		.features = VIRTQ_IPC_F_ALL,
	};

	return ctx;
}

uint32_t
msg_code(const struct ipc_msg_table *to, const struct msg *m, unsigned int nfds,
	 const struct ipc_msg_ctx *ctx)
{
	struct ipc_msg_in in = {
		.data = m,
		.len = sizeof(m->hdr) + m->hdr.size,
		.nfds = nfds,
	};
	struct ipc_err err = {.code = 0};
	int ret = ipc_msg_check(to, &in, ctx, &err);

	CU_ASSERT_EQUAL(ret, err.code ? -1 : 0);
	CU_ASSERT(ret == 0 || err.text[0] != '\0');
	return err.code;
}

uint32_t
msg_code_here(const struct msg *m)
{
	const struct ipc_msg_row *row = msg_row(m->hdr.type);
	struct ipc_msg_ctx ctx = ctx_make(row->states & -row->states);

	return msg_code(msg_table(m->hdr.type), m, msg_fds(m), &ctx);
}

static int
result(struct fix *f, const struct ipc_err *want, struct ipc_err *err)
{
	static const struct ipc_err gone = {VIRTQ_IPC_E_GONE, "the port was closed"};

	if (f->fail_inside)
		ipc_session_fail(f->s, &gone);
	if (!want->code)
		return 0;
	*err = *want;
	return -1;
}

static int
op_hello(struct ipc_session *s, const struct virtq_ipc_hello *hello, struct virtq_ipc_hello_ok *ok,
	 struct ipc_err *err)
{
	struct fix *f = ipc_session_owner(s);

	f->hellos++;
	f->hello = *hello;
	ok->max_pairs = PAIRS;
	ok->features = f->features;
	strcpy(ok->port, "eth_virtq0");
	return result(f, &f->hello_err, err);
}

static int
op_mem_table(struct ipc_session *s, const struct virtq_ipc_mem_table *table, int *fds,
	     struct ipc_err *err)
{
	struct fix *f = ipc_session_owner(s);

	f->mems++;
	f->mem = *table;
	end_keep(&f->end, fds, table->count);
	return result(f, &f->mem_err, err);
}

static int
op_start(struct ipc_session *s, const struct virtq_ipc_start *start, int *state_fd, int *kick,
	 int *call, struct ipc_err *err)
{
	struct fix *f = ipc_session_owner(s);

	f->starts++;
	f->start = *start;
	for (uint32_t i = 0; i < start->num_queues; i++)
		if (start->queue[i].flags & VIRTQ_IPC_Q_ENABLED)
			CU_ASSERT(kick[i] >= 0 && call[i] >= 0);
	CU_ASSERT(*state_fd >= 0);
	end_keep(&f->end, state_fd, 1);
	end_keep(&f->end, kick, start->num_queues);
	end_keep(&f->end, call, start->num_queues);
	return result(f, &f->start_err, err);
}

static void
op_stop(struct ipc_session *s, struct virtq_ipc_stopped *stopped)
{
	struct fix *f = ipc_session_owner(s);
	struct ipc_err none = {.code = 0};

	f->stops++;
	CU_ASSERT_EQUAL(stopped->num_queues, QUEUES);
	stopped->pos[1].avail = 11;
	stopped->pos[1].used = 10;
	stopped->pos[1].flags = VIRTQ_IPC_POS_VALID;
	result(f, &none, &none);
}

static void
op_rxstate(struct ipc_session *s, const struct virtq_ipc_rxstate *rx)
{
	struct fix *f = ipc_session_owner(s);

	f->rxs++;
	f->rx = *rx;
}

static int
op_log(struct ipc_session *s, const struct virtq_ipc_log *log, int *fd, struct ipc_err *err)
{
	struct fix *f = ipc_session_owner(s);

	f->logs++;
	f->log = *log;
	CU_ASSERT_EQUAL(*fd >= 0, log->enable == 1);
	end_keep(&f->end, fd, 1);
	return result(f, &f->log_err, err);
}

static void
op_counters(struct ipc_session *s, struct virtq_ipc_counters *counters)
{
	struct fix *f = ipc_session_owner(s);

	f->counters++;
	counters->enq_packets = 5;
}

static void
op_failing(struct ipc_session *s)
{
	struct fix *f = ipc_session_owner(s);
	struct virtq_ipc_hdr hdr;

	f->failings++;
	f->told_first = recv(f->end.sock, &hdr, sizeof(hdr), MSG_PEEK | MSG_DONTWAIT) > 0;
}

static const struct ipc_session_ops ops = {
	.hello = op_hello,
	.mem_table = op_mem_table,
	.start = op_start,
	.stop = op_stop,
	.rxstate = op_rxstate,
	.log = op_log,
	.counters = op_counters,
	.failing = op_failing,
};

void
fix_open(struct fix *f)
{
	memset(f, 0, sizeof(*f));
	f->features = ~0ull;
	f->s = ipc_session_new(end_open(&f->end, SOCK_SEQPACKET), &ops, f);
	must(f->s != NULL);
}

void
fix_close(struct fix *f)
{
	ipc_session_free(f->s);
	end_close(&f->end);
}

void
fix_open_at(struct fix *f, enum ipc_state state)
{
	fix_open(f);
	if (state == IPC_NEW)
		return;
	fix_ask_type(f, VIRTQ_IPC_HELLO, VIRTQ_IPC_HELLO_OK);
	if (state == IPC_IDLE)
		return;
	fix_ask_type(f, VIRTQ_IPC_MEM_TABLE, VIRTQ_IPC_MEM_OK);
	if (state == IPC_READY)
		return;
	fix_ask_type(f, VIRTQ_IPC_QUEUE_FDS, 0);
	fix_ask_type(f, VIRTQ_IPC_START, VIRTQ_IPC_START_OK);
}

void
fix_send_raw(struct fix *f, const void *data, size_t len, int fd, unsigned int nfds)
{
	fds_send(f->end.sock, data, len, fd, nfds);
}

void
fix_send(struct fix *f, struct msg *m)
{
	m->hdr.seq = ++f->seq;
	end_send(&f->end, m, sizeof(m->hdr) + m->hdr.size, msg_fds(m));
}

void
fix_send_type(struct fix *f, uint16_t type)
{
	struct msg m;

	msg_make(&m, type);
	fix_send(f, &m);
}

bool
fix_recv(struct fix *f, struct msg *m)
{
	const struct ipc_msg_row *row;
	int fds[VIRTQ_IPC_MAX_FDS];
	struct ipc_msg_in in;
	struct ipc_msg_ctx ctx;
	struct ipc_err err = {0, ""};

	if (ipc_sock_recv(f->end.sock, m, sizeof(*m), &in, fds) != IPC_RECV_MSG)
		return false;
	row = ipc_msg_row(TO_DEVICE, m->hdr.type);
	CU_ASSERT_PTR_NOT_NULL_FATAL(row);
	/* test_matrix.c tests the states */
	ctx = ctx_make(row->states & -row->states);
	ctx.seq = f->seen++;
	CU_ASSERT_EQUAL(ipc_msg_check(TO_DEVICE, &in, &ctx, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	return true;
}

void
fix_input(struct fix *f, enum ipc_state state)
{
	CU_ASSERT_EQUAL(ipc_session_input(f->s), state == IPC_DEAD ? -1 : 0);
	CU_ASSERT_EQUAL(ipc_session_state(f->s), state);
}

void
fix_ask(struct fix *f, struct msg *m, uint16_t answer)
{
	struct msg got = {0};

	fix_send(f, m);
	CU_ASSERT_EQUAL(ipc_session_input(f->s), 0);
	if (answer) {
		CU_ASSERT(fix_recv(f, &got));
		CU_ASSERT_EQUAL(got.hdr.type, answer);
		CU_ASSERT_EQUAL(got.hdr.reply_to, f->seq);
	}
	CU_ASSERT(!fix_recv(f, &got));
}

void
fix_ask_type(struct fix *f, uint16_t type, uint16_t answer)
{
	struct msg m;

	msg_make(&m, type);
	fix_ask(f, &m, answer);
}

void
fix_refused(struct fix *f, uint32_t code)
{
	struct msg got = {0};

	fix_input(f, IPC_DEAD);
	CU_ASSERT_EQUAL(ipc_session_why(f->s)->code, code);
	CU_ASSERT(fix_recv(f, &got));
	CU_ASSERT_EQUAL(got.hdr.type, VIRTQ_IPC_ERROR);
	CU_ASSERT_EQUAL(got.u.error.code, code);
	CU_ASSERT_STRING_EQUAL(got.u.error.text, ipc_session_why(f->s)->text);
	CU_ASSERT(strlen(got.u.error.text) > 10);
	CU_ASSERT(!fix_recv(f, &got));
}
