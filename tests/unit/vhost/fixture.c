/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ipc_fd.h"

/* ---- messages ---- */

static void
make_region(struct vhost_user_region *r, uint64_t at)
{
	r->guest_addr = at;
	r->size = 0x100000;
	r->user_addr = 0x7f0000000000 + at;
	r->fd_offset = at;
}

static void
make_mem(struct msg *m)
{
	m->u.mem.count = m->nfds = 2;
	m->hdr.size = 8 + 2 * sizeof(m->u.mem.region[0]);
	make_region(&m->u.mem.region[0], 0);
	make_region(&m->u.mem.region[1], 0x100000);
}

static void
make_reg(struct msg *m)
{
	m->hdr.size = sizeof(m->u.reg);
	make_region(&m->u.reg.region, 0x200000);
}

static void
make_state(struct msg *m, uint32_t num)
{
	m->hdr.size = sizeof(m->u.state);
	m->u.state.index = 1;
	m->u.state.num = num;
}

static void
make_u64(struct msg *m, uint64_t value)
{
	m->hdr.size = sizeof(m->u.u64);
	m->u.u64 = value;
}

static void
make_fd(struct msg *m)
{
	make_u64(m, 1);
	m->nfds = 1;
}

static void
make_addr(struct msg *m)
{
	m->hdr.size = sizeof(m->u.addr);
	m->u.addr.index = 1;
	m->u.addr.desc = 0x7f0000001000;
	m->u.addr.avail = 0x7f0000002000;
	m->u.addr.used = 0x7f0000003000;
}

static void
make_inflight(struct msg *m, uint64_t size)
{
	m->hdr.size = sizeof(m->u.inflight);
	m->u.inflight.size = size;
	m->u.inflight.num_queues = 2;
	m->u.inflight.queue_size = 256;
	m->nfds = size ? 1 : 0;
}

static void
make_log(struct msg *m)
{
	m->hdr.size = sizeof(m->u.log);
	m->u.log.size = 4096;
	m->nfds = 1;
}

static void
make_config(struct msg *m)
{
	m->hdr.size = 12 + 8;
	m->u.config.size = 8;
	m->u.config.offset = 2;
}

static void
make_rarp(struct msg *m)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0, 1, 2, 3};

	make_u64(m, 0);
	memcpy(&m->u.u64, mac, sizeof(mac));
}

static void
make_more(struct msg *m)
{
	switch (m->hdr.request) {
	case VHOST_USER_SET_VRING_KICK:
	case VHOST_USER_SET_VRING_CALL:
	case VHOST_USER_SET_VRING_ERR:
		make_fd(m);
		break;
	case VHOST_USER_SET_LOG_FD:
		m->nfds = 1;
		break;
	case VHOST_USER_SET_LOG_BASE:
		make_log(m);
		break;
	case VHOST_USER_GET_INFLIGHT_FD:
	case VHOST_USER_SET_INFLIGHT_FD:
		make_inflight(m, m->hdr.request == VHOST_USER_SET_INFLIGHT_FD ? 4096 : 0);
		break;
	case VHOST_USER_GET_CONFIG:
	case VHOST_USER_SET_CONFIG:
		make_config(m);
		break;
	case VHOST_USER_NET_SET_MTU:
		make_u64(m, 1500);
		break;
	case VHOST_USER_SEND_RARP:
		make_rarp(m);
		break;
	case VHOST_USER_SET_STATUS:
		make_u64(m, 15);
		break;
	}
}

void
msg_make(struct msg *m, uint32_t request)
{
	memset(m, 0, sizeof(*m));
	m->hdr.request = request;
	m->hdr.flags = VHOST_USER_VERSION;
	switch (request) {
	case VHOST_USER_SET_FEATURES:
		make_u64(m, FEATURES | F_PROTOCOL);
		break;
	case VHOST_USER_SET_PROTOCOL_FEATURES:
		make_u64(m, PROTOCOL);
		break;
	case VHOST_USER_SET_MEM_TABLE:
		make_mem(m);
		break;
	case VHOST_USER_ADD_MEM_REG:
	case VHOST_USER_REM_MEM_REG:
		make_reg(m);
		m->nfds = request == VHOST_USER_ADD_MEM_REG;
		break;
	case VHOST_USER_SET_VRING_NUM:
		make_state(m, 256);
		break;
	case VHOST_USER_SET_VRING_BASE:
	case VHOST_USER_GET_VRING_BASE:
		make_state(m, 7);
		break;
	case VHOST_USER_SET_VRING_ENABLE:
		make_state(m, 1);
		break;
	case VHOST_USER_SET_VRING_ADDR:
		make_addr(m);
		break;
	default:
		make_more(m);
	}
}

bool
msg_has_reply(uint32_t request)
{
	switch (request) {
	case VHOST_USER_GET_FEATURES:
	case VHOST_USER_GET_PROTOCOL_FEATURES:
	case VHOST_USER_GET_QUEUE_NUM:
	case VHOST_USER_GET_VRING_BASE:
	case VHOST_USER_GET_CONFIG:
	case VHOST_USER_GET_INFLIGHT_FD:
	case VHOST_USER_GET_MAX_MEM_SLOTS:
	case VHOST_USER_GET_STATUS:
	case VHOST_USER_SET_LOG_BASE:
		return true;
	default:
		return false;
	}
}

size_t
msg_bytes(const struct msg *m, unsigned char *bytes)
{
	uint32_t size = m->hdr.size < sizeof(m->u) ? m->hdr.size : sizeof(m->u);

	memcpy(bytes, &m->hdr, VHOST_USER_HDR_SIZE);
	memcpy(bytes + VHOST_USER_HDR_SIZE, &m->u, size);
	return VHOST_USER_HDR_SIZE + size;
}

/* ---- the owner ---- */

static void
keep(struct fix *f, int *fds, unsigned int count)
{
	f->fd = fds[count - 1];
	end_keep(&f->end, fds, count);
}

static struct fix *
called(struct vhost_session *s, enum op op)
{
	struct fix *f = vhost_session_owner(s);

	f->calls[op]++;
	f->fd = -1;
	if (f->fail_inside)
		vhost_session_fail(s, "the port was closed");
	return f;
}

static int
result(struct fix *f, struct vhost_err *err)
{
	if (f->result)
		vhost_err_set(err, "the owner does not want it");
	return f->result;
}

static uint64_t
op_get_features(void)
{
	return FEATURES;
}

static int
op_set_features(struct vhost_session *s, uint64_t features, bool enable, struct vhost_err *err)
{
	struct fix *f = called(s, OP_FEATURES);

	f->features = features;
	f->enabled = enable;
	return result(f, err);
}

static int
op_mem_table(struct vhost_session *s, const struct vhost_user_region *region, uint32_t count,
	     int *fds, struct vhost_err *err)
{
	struct fix *f = called(s, OP_MEM_TABLE);

	f->num = count;
	memcpy(f->region, region, count * sizeof(*region));
	keep(f, fds, count);
	return result(f, err);
}

static int
op_mem_add(struct vhost_session *s, const struct vhost_user_region *region, int *fd,
	   struct vhost_err *err)
{
	struct fix *f = called(s, OP_MEM_ADD);

	f->region[0] = *region;
	keep(f, fd, 1);
	return result(f, err);
}

static int
op_mem_remove(struct vhost_session *s, const struct vhost_user_region *region,
	      struct vhost_err *err)
{
	struct fix *f = called(s, OP_MEM_REMOVE);

	f->region[0] = *region;
	return result(f, err);
}

static int
ring(struct vhost_session *s, enum op op, uint32_t index, uint32_t num, struct vhost_err *err)
{
	struct fix *f = called(s, op);

	f->index = index;
	f->num = num;
	return result(f, err);
}

static int
op_num(struct vhost_session *s, uint32_t index, uint32_t num, struct vhost_err *err)
{
	return ring(s, OP_NUM, index, num, err);
}

static int
op_base(struct vhost_session *s, uint32_t index, uint32_t base, struct vhost_err *err)
{
	return ring(s, OP_BASE, index, base, err);
}

static int
op_enable(struct vhost_session *s, uint32_t index, bool enable, struct vhost_err *err)
{
	return ring(s, OP_ENABLE, index, enable, err);
}

static int
op_addr(struct vhost_session *s, const struct vhost_user_vring_addr *addr, struct vhost_err *err)
{
	struct fix *f = called(s, OP_ADDR);

	f->addr = *addr;
	return result(f, err);
}

static int
ring_fd(struct vhost_session *s, enum op op, uint32_t index, int *fd, struct vhost_err *err)
{
	struct fix *f = called(s, op);

	f->index = index;
	keep(f, fd, 1);
	return result(f, err);
}

static int
op_kick(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err)
{
	return ring_fd(s, OP_KICK, index, fd, err);
}

static int
op_call(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err)
{
	return ring_fd(s, OP_CALL, index, fd, err);
}

static int
op_err(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err)
{
	return ring_fd(s, OP_ERR, index, fd, err);
}

static int
op_stop(struct vhost_session *s, uint32_t index, uint32_t *base, struct vhost_err *err)
{
	struct fix *f = called(s, OP_STOP);

	f->index = index;
	*base = 0x80008007;
	return result(f, err);
}

static int
op_log(struct vhost_session *s, const struct vhost_user_log *log, int *fd, struct vhost_err *err)
{
	struct fix *f = called(s, OP_LOG);

	f->log = *log;
	keep(f, fd, 1);
	return result(f, err);
}

static int
op_get_inflight(struct vhost_session *s, struct vhost_user_inflight *area, int *fd,
		struct vhost_err *err)
{
	struct fix *f = called(s, OP_GET_INFLIGHT);

	f->area = *area;
	area->size = 8192;
	area->offset = 4096;
	*fd = fd_event();
	return result(f, err);
}

static int
op_set_inflight(struct vhost_session *s, const struct vhost_user_inflight *area, int *fd,
		struct vhost_err *err)
{
	struct fix *f = called(s, OP_SET_INFLIGHT);

	f->area = *area;
	keep(f, fd, 1);
	return result(f, err);
}

static int
op_get_config(struct vhost_session *s, uint32_t offset, uint32_t size, uint8_t *data,
	      struct vhost_err *err)
{
	struct fix *f = called(s, OP_GET_CONFIG);

	f->index = offset;
	f->num = size;
	memset(data, 0xc0, size);
	return result(f, err);
}

static int
op_mtu(struct vhost_session *s, uint16_t mtu, struct vhost_err *err)
{
	struct fix *f = called(s, OP_MTU);

	f->num = mtu;
	return result(f, err);
}

static int
op_rarp(struct vhost_session *s, const uint8_t *mac, struct vhost_err *err)
{
	struct fix *f = called(s, OP_RARP);

	memcpy(f->mac, mac, sizeof(f->mac));
	return result(f, err);
}

static uint8_t
op_status(struct vhost_session *s, uint8_t status)
{
	struct fix *f = called(s, OP_STATUS);

	f->num = status;
	return status & 0x7f;
}

static void
op_reset(struct vhost_session *s)
{
	called(s, OP_RESET);
}

static void
op_refused(struct vhost_session *s, const char *why)
{
	struct fix *f = vhost_session_owner(s);

	f->refusals++;
	snprintf(f->refused, sizeof(f->refused), "%s", why);
}

static void
op_failing(struct vhost_session *s)
{
	struct fix *f = vhost_session_owner(s);
	char byte;

	f->failings++;
	f->told_first = recv(f->end.sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
	vhost_session_fail(s, "another reason"); /* without effect */
}

static const struct vhost_session_ops ops = {
	.protocol_features = PROTOCOL,
	.max_vrings = VRINGS,
	.max_regions = REGIONS,
	.get_features = op_get_features,
	.set_features = op_set_features,
	.mem_table = op_mem_table,
	.mem_add = op_mem_add,
	.mem_remove = op_mem_remove,
	.vring_num = op_num,
	.vring_base = op_base,
	.vring_addr = op_addr,
	.vring_kick = op_kick,
	.vring_call = op_call,
	.vring_err = op_err,
	.vring_enable = op_enable,
	.vring_stop = op_stop,
	.set_log = op_log,
	.get_inflight = op_get_inflight,
	.set_inflight = op_set_inflight,
	.get_config = op_get_config,
	.set_mtu = op_mtu,
	.rarp = op_rarp,
	.set_status = op_status,
	.reset = op_reset,
	.refused = op_refused,
	.failing = op_failing,
};

/* ---- a session ---- */

void
fix_open_new(struct fix *f)
{
	memset(f, 0, sizeof(*f));
	f->s = vhost_session_new(end_open(&f->end, SOCK_STREAM), &ops, f);
	must(f->s != NULL);
}

void
fix_open_with(struct fix *f, uint64_t protocol)
{
	struct msg m;

	fix_open_new(f);
	msg_make(&m, VHOST_USER_SET_PROTOCOL_FEATURES);
	m.u.u64 = protocol;
	fix_input(f, &m);
}

void
fix_open(struct fix *f)
{
	fix_open_with(f, PROTOCOL);
}

void
fix_close(struct fix *f)
{
	vhost_session_free(f->s);
	end_close(&f->end);
}

unsigned int
fix_calls(const struct fix *f)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < OPS; i++)
		n += f->calls[i];
	return n;
}

void
fix_send(struct fix *f, const struct msg *m)
{
	unsigned char bytes[MSG_BYTES];

	end_send(&f->end, bytes, msg_bytes(m, bytes), m->nfds);
}

bool
fix_recv(struct fix *f, struct msg *reply, int *fd)
{
	struct vhost_in in;

	vhost_in_reset(&in);
	if (vhost_sock_recv(f->end.sock, &in, VHOST_USER_HDR_SIZE) != VHOST_RECV_ALL)
		return false;
	must(in.hdr.size <= sizeof(in.payload));
	must(vhost_sock_recv(f->end.sock, &in, VHOST_USER_HDR_SIZE + in.hdr.size) ==
	     VHOST_RECV_ALL);
	CU_ASSERT_EQUAL(in.hdr.flags, VHOST_USER_VERSION | VHOST_USER_REPLY);
	CU_ASSERT(!in.cut_fds && !in.late_fds);
	*reply = (struct msg){.hdr = in.hdr, .u = in.payload, .nfds = in.nfds};
	if (fd) {
		*fd = in.fds[0];
		in.fds[0] = -1;
	}
	ipc_fds_close(in.fds, in.nfds);
	return true;
}

bool
fix_at_end(struct fix *f)
{
	char byte;
	ssize_t n = recv(f->end.sock, &byte, 1, MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

void
fix_input(struct fix *f, const struct msg *m)
{
	bool failed;

	fix_send(f, m);
	CU_ASSERT_EQUAL(vhost_session_input(f->s), 0);
	CU_ASSERT_STRING_EQUAL(vhost_session_why(f->s, &failed), "");
}

void
fix_asked(struct fix *f, const struct msg *m, uint64_t answer)
{
	struct msg got;

	fix_input(f, m);
	CU_ASSERT_FATAL(fix_recv(f, &got, NULL));
	CU_ASSERT_EQUAL(got.hdr.request, m->hdr.request);
	CU_ASSERT_EQUAL(got.hdr.size, 8);
	CU_ASSERT_EQUAL(got.u.u64, answer);
	CU_ASSERT_EQUAL(got.nfds, 0);
	CU_ASSERT(!fix_recv(f, &got, NULL));
}

void
fix_over(struct fix *f, const char *words)
{
	bool failed = false;

	CU_ASSERT_EQUAL(vhost_session_input(f->s), -1);
	CU_ASSERT(vhost_session_is_dead(f->s));
	CU_ASSERT_PTR_NOT_NULL(strstr(vhost_session_why(f->s, &failed), words));
	CU_ASSERT(failed);
	CU_ASSERT_EQUAL(f->failings, 1);
	CU_ASSERT(!f->told_first);
	CU_ASSERT(fix_at_end(f));
}

void
fix_ends(struct fix *f, const struct msg *m, const char *words)
{
	fix_send(f, m);
	fix_over(f, words);
}

int
fix_verdict(const struct msg *m)
{
	unsigned int before = fds_count();
	struct msg asking = *m, got;
	int verdict;
	struct fix f;

	fix_open(&f);
	asking.hdr.flags |= VHOST_USER_NEED_REPLY;
	fix_send(&f, &asking);
	verdict = vhost_session_input(f.s);
	CU_ASSERT(verdict < 0 || !vhost_session_is_dead(f.s));
	if (f.refusals > 0)
		verdict = 1;
	CU_ASSERT_EQUAL(f.failings, verdict < 0);
	if (!msg_has_reply(m->hdr.request)) {
		CU_ASSERT_FATAL(fix_recv(&f, &got, NULL));
		CU_ASSERT_EQUAL(got.hdr.request, m->hdr.request);
		CU_ASSERT_EQUAL(got.hdr.size, 8);
		CU_ASSERT_EQUAL(got.u.u64, verdict != 0);
	}
	fix_close(&f);
	CU_ASSERT_EQUAL(fds_count(), before);
	return verdict;
}
