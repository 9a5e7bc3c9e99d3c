/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* As much of the vhost-user protocol's front end as net_vhost needs. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vg_log.h"
#include "vg_port.h"
#include "vg_sock.h"

#define ANSWER_MS 10000u

enum vhost_request {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	SET_VRING_ENABLE = 18,
};

#define F_PROTOCOL VG_BIT(30)
#define PROTO_F_MQ VG_BIT(0)
#define PROTO_F_REPLY_ACK VG_BIT(3)

#define MSG_VERSION 1u
#define MSG_REPLY 4u
#define MSG_NEED_REPLY 8u

struct vhost_region {
	uint64_t gpa, size, user_addr, mmap_offset;
};

struct vhost_msg {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct {
			uint32_t index, num;
		} state;
		struct {
			uint32_t index, flags;
			uint64_t desc, used, avail, log;
		} addr;
		struct {
			uint32_t count, padding;
			struct vhost_region region[VG_MEM_MAX_REGIONS];
		} mem;
	} u;
} __attribute__((packed));
#define HDR_SIZE 12u

struct vhost {
	struct vg_port *p;
	int sock;
	int listener;
	bool reply_ack;
};

static struct vhost *
vhost_of(struct vg_port *p)
{
	return p->priv;
}

static int
vhost_send(struct vhost *v, struct vhost_msg *m, uint32_t request, uint32_t size, int fd)
{
	m->request = request;
	m->flags = (m->flags & MSG_NEED_REPLY) | MSG_VERSION;
	m->size = size;
	if (vg_sock_send(v->sock, m, HDR_SIZE + size, &fd, fd >= 0 ? 1 : 0) == 0)
		return 0;
	v->p->event = VG_EV_DEAD;
	return vg_err("vhost: request %u could not be sent: %s", request, strerror(errno));
}

static int
vhost_reply(struct vhost *v, struct vhost_msg *m, uint32_t request, uint32_t size)
{
	ssize_t n = vg_sock_recv(v->sock, m, HDR_SIZE + size, ANSWER_MS);

	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		v->p->event = VG_EV_DEAD;
		return vg_err("vhost: the backend went away during request %u", request);
	}
	if (n != (ssize_t)(HDR_SIZE + size) || m->request != request || m->size != size ||
	    !(m->flags & MSG_REPLY))
		return vg_err("vhost: no proper reply to request %u within %u ms", request,
			      ANSWER_MS);
	return 0;
}

static int
get_u64(struct vhost *v, uint32_t request, uint64_t *to)
{
	struct vhost_msg m = {0};

	if (vhost_send(v, &m, request, 0, -1) != 0 || vhost_reply(v, &m, request, 8) != 0)
		return -1;
	*to = m.u.u64;
	return 0;
}

static int
set_u64(struct vhost *v, uint32_t request, uint64_t value, int fd)
{
	struct vhost_msg m = {.u.u64 = value};

	return vhost_send(v, &m, request, 8, fd);
}

static int
set_state(struct vhost *v, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_msg m = {.u.state = {index, num}};

	return vhost_send(v, &m, request, 8, -1);
}

static int
protocol_features(struct vg_port *p, struct vhost *v)
{
	uint64_t have, want = PROTO_F_REPLY_ACK | (p->o->pairs > 1 ? PROTO_F_MQ : 0), queues = 0;

	if (get_u64(v, GET_PROTOCOL_FEATURES, &have) != 0)
		return -1;
	if ((want & ~have & PROTO_F_MQ))
		return vg_err("vhost: the backend has one queue pair, --queues=%u were asked for",
			      p->o->pairs);
	v->reply_ack = have & PROTO_F_REPLY_ACK;
	if (set_u64(v, SET_PROTOCOL_FEATURES, want & have, -1) != 0)
		return -1;
	if (p->o->pairs == 1)
		return 0;
	if (get_u64(v, GET_QUEUE_NUM, &queues) != 0)
		return -1;
	if (queues < p->o->pairs)
		return vg_err("vhost: the backend has %llu queue pairs, --queues=%u were asked for",
			      (unsigned long long)queues, p->o->pairs);
	return 0;
}

static int
features(struct vg_port *p, struct vhost *v)
{
	struct vhost_msg m = {0};
	uint64_t have;

	if (vhost_send(v, &m, SET_OWNER, 0, -1) != 0 || get_u64(v, GET_FEATURES, &have) != 0)
		return -1;
	if (p->features & ~have)
		return vg_err("vhost: the backend does not offer the features 0x%llx",
			      (unsigned long long)(p->features & ~have));
	if (!(have & F_PROTOCOL))
		return vg_err("vhost: the backend has no protocol features");
	return protocol_features(p, v) != 0
		       ? -1
		       : set_u64(v, SET_FEATURES, p->features | F_PROTOCOL, -1);
}

static int
mem_table(struct vg_port *p, struct vhost *v)
{
	struct vhost_msg m = {.flags = v->reply_ack ? MSG_NEED_REPLY : 0};
	uint32_t n = p->mem.nregion, size;
	int fds[VG_MEM_MAX_REGIONS];

	m.request = SET_MEM_TABLE;
	m.flags |= MSG_VERSION;
	m.u.mem.count = n;
	for (uint32_t i = 0; i < n; i++) {
		struct vg_region r = vg_mem_region(&p->mem, i);

		/* our own addresses stand for the front end's */
		m.u.mem.region[i] = (struct vhost_region){
			r.gpa, r.size, (uintptr_t)p->mem.base + r.offset, r.offset};
		fds[i] = p->mem.fd;
	}
	m.size = size = 8 + n * (uint32_t)sizeof(struct vhost_region);
	if (vg_sock_send(v->sock, &m, HDR_SIZE + size, fds, n) != 0) {
		p->event = VG_EV_DEAD;
		return vg_err("vhost: SET_MEM_TABLE could not be sent: %s", strerror(errno));
	}
	if (!v->reply_ack)
		return 0;
	if (vhost_reply(v, &m, SET_MEM_TABLE, 8) != 0)
		return -1;
	return m.u.u64 == 0 ? 0 : vg_err("vhost: the backend refuses the memory");
}

static int
vring_setup(struct vhost *v, const struct vg_queue *q)
{
	const struct vg_ring *r = &q->ring;
	struct vhost_msg m = {.u.addr = {
				      .index = q->index,
				      .desc = (uintptr_t)r->vd.desc,
				      .used = (uintptr_t)r->vd.used,
				      .avail = (uintptr_t)r->vd.avail,
			      }};

	if (set_state(v, SET_VRING_NUM, q->index, r->vd.size) != 0 ||
	    set_state(v, SET_VRING_BASE, q->index, q->pos) != 0 ||
	    vhost_send(v, &m, SET_VRING_ADDR, sizeof(m.u.addr), -1) != 0 ||
	    set_u64(v, SET_VRING_CALL, q->index, r->call) != 0 ||
	    set_u64(v, SET_VRING_KICK, q->index, r->kick) != 0)
		return -1;
	return set_state(v, SET_VRING_ENABLE, q->index, 1);
}

static int
vhost_start(struct vg_port *p)
{
	struct vhost *v = vhost_of(p);
	uint64_t unused;

	for (uint32_t i = 0; i < p->nqueue; i++)
		if (vring_setup(v, &p->q[i]) != 0)
			return -1;
	/* an answer to anything says that all before it is done */
	if (get_u64(v, GET_FEATURES, &unused) != 0)
		return -1;
	for (uint32_t i = 0; i < p->nqueue; i++)
		vg_ring_kick(&p->q[i].ring);
	p->running = p->link_up = true;
	return 0;
}

static int
vhost_stop(struct vg_port *p)
{
	struct vhost *v = vhost_of(p);

	if (!p->running)
		return 0;
	p->running = false;
	for (uint32_t i = 0; i < p->nqueue; i++) {
		struct vhost_msg m = {.u.state = {i, 0}};

		if (vhost_send(v, &m, GET_VRING_BASE, 8, -1) != 0 ||
		    vhost_reply(v, &m, GET_VRING_BASE, 8) != 0)
			return -1;
		/* packed: slot and wrap counter as in q->pos, nothing above them */
		if (m.u.state.num > UINT16_MAX)
			return vg_err("vhost: queue %u stopped at 0x%x", i, m.u.state.num);
		p->q[i].pos = (uint16_t)m.u.state.num;
	}
	return 0;
}

static int
vhost_poll(struct vg_port *p)
{
	char byte;
	ssize_t n = recv(vhost_of(p)->sock, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		p->event = VG_EV_DEAD;
	else if (n > 0)
		return vg_err("vhost: the backend says something that was not asked");
	return 0;
}

/* Nobody but the ring knows. */
static int
vhost_lost(struct vg_port *p)
{
	p->running = false;
	p->pos_known = false;
	return 0;
}

static struct vhost *
vhost_new(struct vg_port *p)
{
	struct vhost *v = calloc(1, sizeof(*v));

	if (!v) {
		vg_err("out of memory");
		return NULL;
	}
	p->priv = v;
	v->p = p;
	v->sock = v->listener = -1;
	if (p->o->server) {
		v->listener = vg_sock_listen(p->o->path);
		if (v->listener < 0)
			return NULL;
	}
	return v;
}

static int
vhost_connect(struct vg_port *p)
{
	struct vhost *v = vhost_of(p) ? vhost_of(p) : vhost_new(p);

	if (!v)
		return -1;
	if (v->sock >= 0)
		close(v->sock);
	v->sock = p->o->server ? vg_sock_accept(v->listener, p->o->wait_ms)
			       : vg_sock_connect(p->o->path, SOCK_STREAM, p->o->wait_ms);
	return v->sock < 0 || features(p, v) != 0 ? -1 : mem_table(p, v);
}

static void
vhost_close(struct vg_port *p)
{
	struct vhost *v = vhost_of(p);

	if (!v)
		return;
	if (v->sock >= 0)
		close(v->sock);
	if (v->listener >= 0) {
		close(v->listener);
		unlink(p->o->path);
	}
	free(v);
	p->priv = NULL;
}

const struct vg_backend vg_backend_vhost = {
	.name = "vhost",
	.connect = vhost_connect,
	.start = vhost_start,
	.stop = vhost_stop,
	.poll = vhost_poll,
	.lost = vhost_lost,
	.close = vhost_close,
};
