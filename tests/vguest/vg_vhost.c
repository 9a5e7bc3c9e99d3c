/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The front end of the vhost-user protocol, for eth_virtq and net_vhost. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vg_log.h"
#include "vg_port.h"
#include "vg_recover.h"
#include "vg_sock.h"
#include "vg_vhost_msg.h"

#define F_PROTOCOL VG_BIT(VHOST_USER_F_PROTOCOL_FEATURES)
#define PROTOCOL(name) VG_BIT(VHOST_USER_PROTOCOL_F_##name)

/* Device status (virtio 2.1) */
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER 2u
#define STATUS_DRIVER_OK 4u
#define STATUS_FEATURES_OK 8u
#define STATUS_READY (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK)

/* Packets that a backend may have taken and not yet returned when it dies: what it says
 * of them in the inflight area, it says without sending them on. */
#define INFLIGHT_BURST 128u

struct vhost {
	struct vg_vhost_conn c;
	int listener;
	uint64_t protocol; /* agreed on */
	uint16_t *base;    /* of each queue, when it was started in an orderly way */
	int *err_fd;       /* of each queue, to be signalled when it is broken */
	/* INFLIGHT_SHMFD: how far the backend is, from one start on, its death included */
	struct vhost_user_inflight area;
	int area_fd;
	void *area_map; /* NULL: none */
	bool resumes;   /* the backend died: the area says where it was */
};

static struct vhost *
vhost_of(struct vg_port *p)
{
	return p->priv;
}

static bool
has(const struct vhost *v, uint64_t feature)
{
	return v->protocol & feature;
}

static uint64_t
wanted(const struct vg_opts *o)
{
	return PROTOCOL(REPLY_ACK) | PROTOCOL(STATUS) | (o->pairs > 1 ? PROTOCOL(MQ) : 0) |
	       (o->slots ? PROTOCOL(CONFIGURE_MEM_SLOTS) : 0) |
	       (o->inflight ? PROTOCOL(INFLIGHT_SHMFD) : 0);
}

static int
queue_num(struct vg_port *p, struct vhost *v)
{
	uint64_t queues = 1;

	if (has(v, PROTOCOL(MQ)) && vg_vhost_ask_u64(&v->c, VHOST_USER_GET_QUEUE_NUM, &queues) != 0)
		return -1;
	if (queues < p->o->pairs)
		return vg_err("vhost: the backend has %llu queue pairs, --queues=%u were asked for",
			      (unsigned long long)queues, p->o->pairs);
	return 0;
}

static int
protocol_features(struct vg_port *p, struct vhost *v)
{
	uint64_t have, want = wanted(p->o);

	if (vg_vhost_ask_u64(&v->c, VHOST_USER_GET_PROTOCOL_FEATURES, &have) != 0)
		return -1;
	if (p->o->slots && !(have & PROTOCOL(CONFIGURE_MEM_SLOTS)))
		return vg_err("vhost: --slots: the backend has no memory slots");
	if (p->o->inflight && !(have & PROTOCOL(INFLIGHT_SHMFD)))
		return vg_err("vhost: --inflight: the backend has no inflight area");
	v->protocol = want & have;
	if (vg_vhost_tell_u64(&v->c, VHOST_USER_SET_PROTOCOL_FEATURES, v->protocol) != 0)
		return -1;
	v->c.acks = has(v, PROTOCOL(REPLY_ACK));
	return 0;
}

static int
set_features(struct vg_port *p, struct vhost *v)
{
	uint64_t features = p->features | (p->o->plain ? 0 : F_PROTOCOL);

	return vg_vhost_tell_u64(&v->c, VHOST_USER_SET_FEATURES, features);
}

static int
features(struct vg_port *p, struct vhost *v)
{
	uint64_t have;

	v->protocol = 0;
	v->c.acks = false;
	if (vg_vhost_ask_u64(&v->c, VHOST_USER_GET_FEATURES, &have) != 0)
		return -1;
	if (p->features & ~have)
		return vg_err("vhost: the backend does not offer the features 0x%llx",
			      (unsigned long long)(p->features & ~have));
	if (!p->o->plain && !(have & F_PROTOCOL))
		return vg_err("vhost: the backend has no protocol features");
	if (!p->o->plain && protocol_features(p, v) != 0)
		return -1;
	if (vg_vhost_tell(&v->c, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0) != 0)
		return -1;
	return queue_num(p, v) != 0 ? -1 : set_features(p, v);
}

/* Our own addresses stand for the front end's. */
static struct vhost_user_region
region(const struct vg_port *p, uint32_t i)
{
	struct vg_region r = vg_mem_region(&p->mem, i);

	return (struct vhost_user_region){r.gpa, r.size, (uintptr_t)p->mem.base + r.offset,
					  r.offset};
}

static int
mem_slots(struct vg_port *p, struct vhost *v)
{
	uint64_t slots;

	if (vg_vhost_ask_u64(&v->c, VHOST_USER_GET_MAX_MEM_SLOTS, &slots) != 0)
		return -1;
	if (slots < p->mem.nregion)
		return vg_err("vhost: the backend has %llu memory slots, %u regions are needed",
			      (unsigned long long)slots, p->mem.nregion);
	for (uint32_t i = 0; i < p->mem.nregion; i++) {
		const struct vhost_user_mem_reg m = {.region = region(p, i)};

		if (vg_vhost_tell(&v->c, VHOST_USER_ADD_MEM_REG, &m, sizeof(m), &p->mem.fd, 1) != 0)
			return -1;
	}
	return 0;
}

static int
mem_table(struct vg_port *p, struct vhost *v)
{
	struct vhost_user_mem_table t = {.count = p->mem.nregion};
	int fds[VG_MEM_MAX_REGIONS];

	for (uint32_t i = 0; i < t.count; i++) {
		t.region[i] = region(p, i);
		fds[i] = p->mem.fd;
	}
	return vg_vhost_tell(&v->c, VHOST_USER_SET_MEM_TABLE, &t,
			     (uint32_t)(offsetof(struct vhost_user_mem_table, region) +
					t.count * sizeof(t.region[0])),
			     fds, t.count);
}

static void
area_drop(struct vhost *v)
{
	if (v->area_map)
		munmap(v->area_map, v->area.size);
	if (v->area_fd >= 0)
		close(v->area_fd);
	v->area_map = NULL;
	v->area_fd = -1;
}

static int
area_take(struct vhost *v, const struct vhost_user_inflight *a)
{
	if (v->area_fd < 0 || v->area.size == 0 || v->area.num_queues != a->num_queues ||
	    v->area.queue_size != a->queue_size)
		return vg_err("vhost: an inflight area of %llu bytes for %u rings of %u",
			      (unsigned long long)v->area.size, v->area.num_queues,
			      v->area.queue_size);
	v->area_map = mmap(NULL, v->area.size, PROT_READ | PROT_WRITE, MAP_SHARED, v->area_fd,
			   (off_t)v->area.offset);
	if (v->area_map != MAP_FAILED)
		return 0;
	v->area_map = NULL;
	return vg_err("vhost: the inflight area: %s", strerror(errno));
}

/* eth_virtq has at the end of the area what the other front has on its state page. */
static const struct virtq_ipc_state_queue *
area_words(const struct vhost *v, uint32_t queue)
{
	const char *end = (const char *)v->area_map + v->area.size;

	return (const struct virtq_ipc_state_queue *)end - v->area.num_queues + queue;
}

/* A new area for a new start, the old one for a backend that died. */
static int
inflight(struct vg_port *p, struct vhost *v)
{
	struct vhost_user_inflight a = {.num_queues = (uint16_t)p->nqueue};
	const union vhost_payload *got;

	if (!has(v, PROTOCOL(INFLIGHT_SHMFD)))
		return 0;
	if (v->resumes)
		return vg_vhost_tell(&v->c, VHOST_USER_SET_INFLIGHT_FD, &v->area, sizeof(v->area),
				     &v->area_fd, 1);
	a.queue_size = (uint16_t)(p->o->rx_ring > p->o->tx_ring ? p->o->rx_ring : p->o->tx_ring);
	area_drop(v);
	got = vg_vhost_ask(&v->c, VHOST_USER_GET_INFLIGHT_FD, &a, sizeof(a), &v->area_fd);
	if (!got)
		return -1;
	v->area = got->inflight;
	if (area_take(v, &a) != 0)
		return -1;
	return vg_vhost_tell(&v->c, VHOST_USER_SET_INFLIGHT_FD, &v->area, sizeof(v->area),
			     &v->area_fd, 1);
}

static int
set_status(struct vhost *v, uint8_t status)
{
	uint64_t now;

	if (!has(v, PROTOCOL(STATUS)))
		return 0;
	if (vg_vhost_tell_u64(&v->c, VHOST_USER_SET_STATUS, status) != 0 ||
	    vg_vhost_ask_u64(&v->c, VHOST_USER_GET_STATUS, &now) != 0)
		return -1;
	return now == status ? 0
			     : vg_err("vhost: status 0x%x was set, and it is 0x%llx", status,
				      (unsigned long long)now);
}

/* Where a ring begins; packed: the position of what is used next as well. */
static uint32_t
base(const struct vhost *v, const struct vg_queue *q)
{
	uint32_t at = v->resumes ? v->base[q->index] : q->pos;

	return q->ring.vd.packed ? at | at << 16 : at;
}

static int
vring_setup(struct vhost *v, const struct vg_queue *q)
{
	const struct vg_ring *r = &q->ring;
	const struct vhost_user_vring_addr a = {
		.index = q->index,
		.desc = (uintptr_t)r->vd.desc,
		.used = (uintptr_t)r->vd.used,
		.avail = (uintptr_t)r->vd.avail,
	};

	if (vg_vhost_tell_state(&v->c, VHOST_USER_SET_VRING_NUM, q->index, r->vd.size) != 0 ||
	    vg_vhost_tell_state(&v->c, VHOST_USER_SET_VRING_BASE, q->index, base(v, q)) != 0 ||
	    vg_vhost_tell(&v->c, VHOST_USER_SET_VRING_ADDR, &a, sizeof(a), NULL, 0) != 0 ||
	    vg_vhost_tell_fd(&v->c, VHOST_USER_SET_VRING_ERR, q->index, v->err_fd[q->index]) != 0 ||
	    vg_vhost_tell_fd(&v->c, VHOST_USER_SET_VRING_CALL, q->index, r->call) != 0)
		return -1;
	return vg_vhost_tell_fd(&v->c, VHOST_USER_SET_VRING_KICK, q->index, r->kick);
}

static int
vrings_enable(struct vg_port *p, struct vhost *v, bool on)
{
	for (uint32_t i = 0; !p->o->plain && i < p->nqueue; i++)
		if (vg_vhost_tell_state(&v->c, VHOST_USER_SET_VRING_ENABLE, i, on) != 0)
			return -1;
	return 0;
}

static int
vhost_start(struct vg_port *p)
{
	struct vhost *v = vhost_of(p);
	uint64_t unused;

	if (set_features(p, v) != 0 || set_status(v, STATUS_READY) != 0 || inflight(p, v) != 0)
		return -1;
	for (uint32_t i = 0; i < p->nqueue; i++)
		if (vring_setup(v, &p->q[i]) != 0)
			return -1;
	if (vrings_enable(p, v, true) != 0 || set_status(v, STATUS_READY | STATUS_DRIVER_OK) != 0)
		return -1;
	/* an answer to anything says that all before it is done */
	if (vg_vhost_ask_u64(&v->c, VHOST_USER_GET_FEATURES, &unused) != 0)
		return -1;
	for (uint32_t i = 0; i < p->nqueue; i++) {
		if (!v->resumes)
			v->base[i] = p->q[i].pos;
		vg_ring_kick(&p->q[i].ring);
	}
	v->resumes = false;
	p->running = p->link_up = true;
	return 0;
}

/* The position that the ring stopped at; packed: of the two that are equal then, some
 * backends leave the upper one out. */
static int
take_position(struct vg_queue *q, uint32_t num)
{
	uint16_t low = (uint16_t)num, high = (uint16_t)(num >> 16);

	if (high != 0 && (!q->ring.vd.packed || high != low))
		return vg_err("vhost: queue %u stopped at 0x%x", q->index, num);
	q->pos = low;
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
		const struct vhost_user_vring_state state = {i, 0};
		const union vhost_payload *got = vg_vhost_ask(&v->c, VHOST_USER_GET_VRING_BASE,
							      &state, sizeof(state), NULL);

		if (!got)
			return -1;
		if (got->state.index != i)
			return vg_err("vhost: queue %u was stopped, and the reply is for %u", i,
				      got->state.index);
		if (take_position(&p->q[i], got->state.num) != 0)
			return -1;
	}
	return vrings_enable(p, v, false) != 0 ? -1 : set_status(v, 0);
}

static void
look_for_broken(struct vg_port *p, const struct vhost *v)
{
	eventfd_t n;

	for (uint32_t i = 0; i < p->nqueue && p->event == VG_EV_NONE; i++) {
		if (eventfd_read(v->err_fd[i], &n) != 0)
			continue;
		p->event = VG_EV_BROKEN;
		p->broken_queue = i;
		snprintf(p->broken_text, sizeof(p->broken_text), "its error eventfd was signalled");
	}
}

static int
vhost_poll(struct vg_port *p)
{
	struct vhost *v = vhost_of(p);
	char byte;
	ssize_t n = recv(v->c.sock, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		p->event = VG_EV_DEAD;
	else if (n > 0)
		return vg_err("vhost: the backend says something that was not asked");
	look_for_broken(p, v);
	return 0;
}

/* How the backend left its rings. */
static int
count_moments(struct vg_port *p, const struct vhost *v)
{
	for (uint32_t i = 0; i < p->nqueue; i++) {
		enum vg_moment m = vg_recover_moment(&p->q[i].ring.vd, area_words(v, i));

		if (m == VG_AT_WRONG)
			return vg_err("%s: the first used descriptor of a burst was written before "
				      "others",
				      p->q[i].name);
		p->recovered[m]++;
	}
	return 0;
}

/* Nobody but the ring knows, or the backend that comes after it. */
static int
vhost_lost(struct vg_port *p)
{
	struct vhost *v = vhost_of(p);

	p->running = false;
	p->pos_known = false;
	p->taken = 0;
	if (!v || !v->area_map)
		return 0;
	p->taken = INFLIGHT_BURST;
	if (!v->resumes && count_moments(p, v) != 0)
		return -1;
	v->resumes = true;
	return 0;
}

/* Of the queue that is furthest from the beginning of a burst. */
static enum vg_moment
vhost_moment(struct vg_port *p)
{
	const struct vhost *v = vhost_of(p);
	enum vg_moment m = VG_AT_ANY;

	for (uint32_t i = 0; v && v->area_map && i < p->nqueue && m == VG_AT_ANY; i++)
		m = vg_recover_moment(&p->q[i].ring.vd, area_words(v, i));
	return m;
}

static int
errs_new(struct vg_port *p, struct vhost *v)
{
	for (uint32_t i = 0; i < p->nqueue; i++) {
		v->err_fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (v->err_fd[i] < 0)
			return vg_err("eventfd: %s", strerror(errno));
	}
	return 0;
}

static int
vhost_new(struct vg_port *p)
{
	struct vhost *v = calloc(1, sizeof(*v));

	if (!v)
		return vg_err("out of memory");
	p->priv = v;
	v->c.p = p;
	v->c.sock = v->listener = v->area_fd = -1;
	v->base = calloc(p->nqueue, sizeof(*v->base));
	v->err_fd = calloc(p->nqueue, sizeof(*v->err_fd));
	if (!v->base || !v->err_fd)
		return vg_err("out of memory");
	if (errs_new(p, v) != 0)
		return -1;
	if (p->o->server)
		v->listener = vg_sock_listen(p->path);
	return p->o->server && v->listener < 0 ? -1 : 0;
}

/* The other end serves the guest's memory, and --kill kills it. */
static int
check_peer(struct vg_port *p, int sock)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.pid < 2)
		return vg_err("vhost: nobody knows which process the backend is");
	p->peer_pid = peer.pid;
	return vg_sock_trusted(sock);
}

static int
vhost_connect(struct vg_port *p)
{
	struct vhost *v;

	if (!vhost_of(p) && vhost_new(p) != 0)
		return -1;
	v = vhost_of(p);
	if (v->c.sock >= 0)
		close(v->c.sock);
	v->c.sock = p->o->server ? vg_sock_accept(v->listener, p->o->wait_ms)
				 : vg_sock_connect(p->path, SOCK_STREAM, p->o->wait_ms);
	if (v->c.sock < 0 || check_peer(p, v->c.sock) != 0 || features(p, v) != 0)
		return -1;
	return p->o->slots ? mem_slots(p, v) : mem_table(p, v);
}

static void
vhost_close(struct vg_port *p)
{
	struct vhost *v = vhost_of(p);

	if (!v)
		return;
	if (v->c.sock >= 0)
		close(v->c.sock);
	if (v->listener >= 0) {
		close(v->listener);
		unlink(p->path);
	}
	area_drop(v);
	for (uint32_t i = 0; v->err_fd && i < p->nqueue; i++)
		close(v->err_fd[i]);
	free(v->err_fd);
	free(v->base);
	free(v);
	p->priv = NULL;
}

const struct vg_backend vg_backend_vhost = {
	.name = "vhost",
	.one_by_one = true,
	.connect = vhost_connect,
	.start = vhost_start,
	.stop = vhost_stop,
	.poll = vhost_poll,
	.lost = vhost_lost,
	.moment = vhost_moment,
	.close = vhost_close,
};
