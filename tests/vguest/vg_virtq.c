/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The device's end of doc/protocol.md: the client of eth_virtq. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc_sock.h"

#include "vg_log.h"
#include "vg_msg.h"
#include "vg_port.h"
#include "vg_recover.h"
#include "vg_sock.h"

#define ANSWER_MS 10000u

struct virtq {
	int sock;
	uint32_t seq;           /* of the latest message sent */
	struct ipc_msg_ctx ctx; /* what the next message received is checked against */
	uint32_t generation;
	struct virtq_ipc_state *state;
	uint64_t state_size;
	struct {
		struct virtq_ipc_hdr hdr;
		uint8_t payload[sizeof(struct virtq_ipc_start)];
	} out;
	union {
		struct virtq_ipc_hdr hdr;
		uint64_t align; /* ipc_sock_recv() wants it */
		uint8_t bytes[VIRTQ_IPC_MAX_MSG];
	} in;
};

static struct virtq *
virtq_of(struct vg_port *p)
{
	return p->priv;
}

static int
virtq_send(struct virtq *v, uint16_t type, const void *payload, const int *fds, uint32_t nfd)
{
	uint32_t size = ipc_msg_row(&vg_msgs, type)->size;

	v->out.hdr = (struct virtq_ipc_hdr){type, VIRTQ_IPC_VERSION, size, ++v->seq, 0};
	if (payload)
		memcpy(v->out.payload, payload, size);
	return vg_sock_send(v->sock, &v->out, sizeof(v->out.hdr) + size, fds, nfd);
}

static int
cannot_send(struct vg_port *p, const char *name)
{
	p->event = VG_EV_DEAD;
	return vg_err("virtq: %s could not be sent: %s", name, strerror(errno));
}

static int
take_broken(struct vg_port *p, const struct virtq_ipc_broken *b)
{
	if (p->event == VG_EV_BROKEN)
		return vg_err("virtq: BROKEN for queue %u after one for queue %u", b->queue,
			      p->broken_queue);
	p->event = VG_EV_BROKEN;
	p->broken_queue = b->queue;
	snprintf(p->broken_text, sizeof(p->broken_text), "%s", b->text);
	return 0;
}

static int
take_error(struct vg_port *p, const struct virtq_ipc_error *e, uint32_t reply_to)
{
	p->again = e->code == VIRTQ_IPC_E_NID || e->code == VIRTQ_IPC_E_GONE;
	return vg_err("virtq: the backend ends the connection: %s (error %u, message %u)", e->text,
		      e->code, reply_to);
}

static const void *
payload(const struct virtq *v)
{
	return v->in.bytes + sizeof(struct virtq_ipc_hdr);
}

/* Handles a checked message that answers nothing; 1 if it is another one. */
static int
unasked(struct vg_port *p, struct virtq *v)
{
	const struct virtq_ipc_link *link = payload(v);

	switch (v->in.hdr.type) {
	case VIRTQ_IPC_LINK:
		p->link_up = link->up;
		return 0;
	case VIRTQ_IPC_BROKEN:
		return take_broken(p, payload(v));
	case VIRTQ_IPC_ANNOUNCE:
		return 0;
	case VIRTQ_IPC_ERROR:
		return take_error(p, payload(v), v->in.hdr.reply_to);
	default:
		return 1;
	}
}

/* One message if there is one within wait_ms: 1 an answer, 0 none or unasked, -1
 * an error or the end.  Every message is checked here before anybody looks into it. */
static int
receive(struct vg_port *p, uint32_t wait_ms)
{
	struct virtq *v = virtq_of(p);
	struct ipc_msg_in in = {0};
	int fds[VIRTQ_IPC_MAX_FDS], ret;
	enum ipc_recv got;
	struct ipc_err err;

	if (wait_ms > 0 && !vg_sock_readable(v->sock, wait_ms))
		return 0;
	got = ipc_sock_recv(v->sock, v->in.bytes, sizeof(v->in), &in, fds);
	if (got == IPC_RECV_NONE)
		return 0;
	if (got != IPC_RECV_MSG) {
		p->event = VG_EV_DEAD;
		return -1;
	}
	ret = ipc_msg_check(&vg_msgs, &in, &v->ctx, &err);
	ipc_fds_close(fds, in.nfds);
	if (ret != 0)
		return vg_err("virtq: %s", err.text);
	v->ctx.seq = v->in.hdr.seq;
	return unasked(p, v);
}

/* Waits for the answer to the latest message. */
static const void *
answer(struct vg_port *p, uint16_t type)
{
	const char *name = ipc_msg_name(&vg_msgs, type);
	uint64_t until = vg_now_ms() + ANSWER_MS, now;
	struct virtq *v = virtq_of(p);
	int got = 0;

	while (got == 0 && (now = vg_now_ms()) < until)
		got = receive(p, (uint32_t)(until - now));
	if (got < 0) {
		vg_err("virtq: the backend went away where %s was due", name);
		return NULL;
	}
	if (got == 0) {
		vg_err("virtq: no %s within %u ms", name, ANSWER_MS);
		return NULL;
	}
	if (v->in.hdr.type != type || v->in.hdr.reply_to != v->seq) {
		vg_err("virtq: %s was due for message %u; %s came for %u", name, v->seq,
		       ipc_msg_name(&vg_msgs, v->in.hdr.type), v->in.hdr.reply_to);
		return NULL;
	}
	return payload(v);
}

static int
hello(struct vg_port *p)
{
	struct virtq_ipc_hello h = {
		.version_min = VIRTQ_IPC_VERSION,
		.version_max = VIRTQ_IPC_VERSION,
		.nid = p->nid,
		.features = VIRTQ_IPC_F_COUNTERS,
		.max_pairs = p->o->pairs,
		.pid = (uint32_t)getpid(),
		.device = "vguest",
		.mac = {0x02, 0x76, 0x67, 0, 0, 1},
	};
	const struct virtq_ipc_hello_ok *ok;
	struct virtq *v = virtq_of(p);

	if (virtq_send(v, VIRTQ_IPC_HELLO, &h, NULL, 0) != 0)
		return cannot_send(p, "HELLO");
	v->ctx.max_pairs = h.max_pairs;
	ok = answer(p, VIRTQ_IPC_HELLO_OK);
	if (!ok)
		return -1;
	if ((ok->features & ~h.features) || ok->max_pairs < p->o->pairs)
		return vg_err("virtq: HELLO_OK with features 0x%llx, %u pairs",
			      (unsigned long long)ok->features, ok->max_pairs);
	/* --kill goes by it: never to a group of processes */
	if (ok->pid < 2 || ok->pid > INT32_MAX)
		return vg_err("virtq: HELLO_OK with process id %u", ok->pid);
	p->peer_pid = (pid_t)ok->pid;
	p->link_up = ok->link.up;
	v->ctx.features = ok->features;
	v->ctx.state = IPC_IDLE;
	return 0;
}

static int
mem_table(struct vg_port *p)
{
	struct virtq_ipc_mem_table t = {.count = p->mem.nregion};
	int fds[VG_MEM_MAX_REGIONS];

	for (uint32_t i = 0; i < t.count; i++) {
		struct vg_region r = vg_mem_region(&p->mem, i);

		t.region[i] = (struct virtq_ipc_region){r.gpa, r.size, r.offset, 0};
		fds[i] = p->mem.fd;
	}
	if (virtq_send(virtq_of(p), VIRTQ_IPC_MEM_TABLE, &t, fds, t.count) != 0)
		return cannot_send(p, "MEM_TABLE");
	if (!answer(p, VIRTQ_IPC_MEM_OK))
		return -1;
	virtq_of(p)->ctx.state = IPC_READY;
	return 0;
}

static void
state_drop(struct virtq *v)
{
	if (v->state)
		munmap(v->state, v->state_size);
	v->state = NULL;
}

/* A new page for each START; its descriptor, or -1. */
static int
state_make(struct vg_port *p, struct virtq *v)
{
	int fd = memfd_create("vguest-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	state_drop(v);
	v->state_size = VIRTQ_IPC_STATE_SIZE(p->nqueue);
	if (fd < 0 || ftruncate(fd, (off_t)v->state_size) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) != 0)
		return vg_err("the state page: %s", strerror(errno));
	v->state = mmap(NULL, v->state_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (v->state == MAP_FAILED) {
		v->state = NULL;
		return vg_err("the state page: %s", strerror(errno));
	}
	v->state->hdr.magic = VIRTQ_IPC_STATE_MAGIC;
	v->state->hdr.version = VIRTQ_IPC_VERSION;
	v->state->hdr.num_queues = p->nqueue;
	v->state->run.run = v->generation;
	return fd;
}

static int
queue_fds(struct vg_port *p)
{
	struct virtq_ipc_queue_fds m;
	int fds[VIRTQ_IPC_MAX_FDS];

	for (m.first = 0; m.first < p->nqueue; m.first += m.count) {
		m.count = p->nqueue - m.first;
		if (m.count > VIRTQ_IPC_FDS_QUEUES)
			m.count = VIRTQ_IPC_FDS_QUEUES;
		for (uint32_t i = 0; i < m.count; i++) {
			fds[2 * i] = p->q[m.first + i].ring.kick;
			fds[2 * i + 1] = p->q[m.first + i].ring.call;
		}
		if (virtq_send(virtq_of(p), VIRTQ_IPC_QUEUE_FDS, &m, fds, 2 * m.count) != 0)
			return cannot_send(p, "QUEUE_FDS");
	}
	return 0;
}

static void
fill_start(struct vg_port *p, struct virtq *v, struct virtq_ipc_start *s)
{
	memset(s, 0, sizeof(*s));
	s->features = p->features;
	s->generation = v->generation;
	s->num_queues = p->nqueue;
	s->state_size = v->state_size;
	s->rx.mode = VIRTQ_IPC_RX_PROMISC;
	s->rx.pairs = p->o->pairs;
	for (uint32_t i = 0; i < p->nqueue; i++) {
		const struct vdriver *r = &p->q[i].ring.vd;

		s->queue[i] = (struct virtq_ipc_queue){
			.flags = VIRTQ_IPC_Q_ENABLED,
			.size = r->size,
			.desc = r->addr.desc,
			.driver = r->addr.driver,
			.device = r->addr.device,
			.pos = {p->q[i].pos, p->q[i].pos, VIRTQ_IPC_POS_VALID, 0},
		};
	}
}

static int
virtq_start(struct vg_port *p)
{
	struct virtq *v = virtq_of(p);
	struct virtq_ipc_start s;
	int fd;

	v->generation++;
	fd = state_make(p, v);
	if (fd < 0)
		return -1;
	fill_start(p, v, &s);
	if (queue_fds(p) != 0 || virtq_send(v, VIRTQ_IPC_START, &s, &fd, 1) != 0) {
		close(fd);
		return cannot_send(p, "START");
	}
	close(fd);
	if (!answer(p, VIRTQ_IPC_START_OK))
		return -1;
	v->ctx.state = IPC_RUNNING;
	p->running = true;
	return 0;
}

static int
take_positions(struct vg_port *p, const struct virtq_ipc_stopped *s)
{
	const struct virtq_ipc_state *page = virtq_of(p)->state;

	for (uint32_t i = 0; i < p->nqueue; i++) {
		struct virtq_ipc_ring_pos pos = s->pos[i], last = page->queue[i].pos;

		if (pos.flags != VIRTQ_IPC_POS_VALID || pos.avail != pos.used)
			return vg_err("virtq: STOPPED: queue %u at %u/%u, flags %u", i, pos.avail,
				      pos.used, pos.flags);
		if ((last.flags & VIRTQ_IPC_POS_VALID) && last.used != pos.used)
			return vg_err("virtq: STOPPED: queue %u at %u, and the state page says %u",
				      i, pos.used, last.used);
		p->q[i].pos = pos.used;
	}
	return 0;
}

static int
virtq_stop(struct vg_port *p)
{
	const struct virtq_ipc_stopped *s;

	if (!p->running)
		return 0;
	p->running = false;
	if (virtq_send(virtq_of(p), VIRTQ_IPC_STOP, NULL, NULL, 0) != 0)
		return cannot_send(p, "STOP");
	s = answer(p, VIRTQ_IPC_STOPPED);
	if (!s)
		return -1;
	virtq_of(p)->ctx.state = IPC_READY;
	return take_positions(p, s);
}

static int
virtq_poll(struct vg_port *p)
{
	int got = receive(p, 0);

	if (got > 0)
		return vg_err("virtq: %s answers nothing",
			      ipc_msg_name(&vg_msgs, virtq_of(p)->in.hdr.type));
	return got < 0 && p->event != VG_EV_DEAD ? -1 : 0;
}

/* The page has served when its positions are read: a session that comes to nothing
 * leaves them as they are. */
static int
virtq_lost(struct vg_port *p)
{
	struct virtq *v = virtq_of(p);
	int err;

	p->running = false;
	p->pos_known = true;
	if (!v || !v->state)
		return 0;
	__atomic_store_n(&v->state->run.run, 0, __ATOMIC_SEQ_CST);
	err = vg_recover(p, v->state);
	state_drop(v);
	return err;
}

/* Of the queue that is furthest from the beginning of a burst. */
static enum vg_moment
virtq_moment(struct vg_port *p)
{
	const struct virtq *v = virtq_of(p);
	enum vg_moment m = VG_AT_ANY;

	for (uint32_t i = 0; v && v->state && i < p->nqueue; i++) {
		m = vg_recover_moment(&p->q[i].ring.vd, &v->state->queue[i]);
		if (m != VG_AT_ANY)
			break;
	}
	return m;
}

static int
virtq_connect(struct vg_port *p)
{
	struct virtq *v = virtq_of(p);

	if (!v) {
		v = p->priv = calloc(1, sizeof(*v));
		if (!v)
			return vg_err("out of memory");
		v->sock = -1;
	}
	if (v->sock >= 0)
		close(v->sock);
	v->seq = 0;
	v->ctx = (struct ipc_msg_ctx){.state = IPC_NEW};
	v->sock = vg_sock_connect(p->path, SOCK_SEQPACKET, p->o->wait_ms);
	if (v->sock < 0 || vg_sock_trusted(v->sock) != 0 || hello(p) != 0)
		return -1;
	return mem_table(p);
}

static void
virtq_close(struct vg_port *p)
{
	struct virtq *v = virtq_of(p);

	if (!v)
		return;
	state_drop(v);
	if (v->sock >= 0)
		close(v->sock);
	free(v);
	p->priv = NULL;
}

const struct vg_backend vg_backend_virtq = {
	.name = "virtq",
	.connect = virtq_connect,
	.start = virtq_start,
	.stop = virtq_stop,
	.poll = virtq_poll,
	.lost = virtq_lost,
	.moment = virtq_moment,
	.close = virtq_close,
};
