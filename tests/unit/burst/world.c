/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "virtq_limits.h"

struct world worlds[WORLDS];

/* Up to the end of the last region. */
static struct guest_log *
log_new(void)
{
	const uint64_t size = (RAM_D_ADDR + RAM_SIZE) / GUEST_LOG_PAGE / 8;
	int fd = ram_memfd(size, 0);
	char err[256];
	struct guest_log *log = guest_log_new(fd, 0, size, err, sizeof(err));

	if (!log) {
		fprintf(stderr, "%s\n", err);
		exit(2);
	}
	close(fd);
	return log;
}

void
worlds_init(void)
{
	static const uint16_t room[POOLS] = {2048, 192, 9728};

	for (unsigned int i = 0; i < nvariants; i++) {
		struct world *w = &worlds[i];

		memset(w, 0, sizeof(*w));
		ram_init_guarded(&w->ram, RAM_SIZE, i);
		for (unsigned int k = 0; k < POOLS; k++)
			pool_init(&w->pool[k], "test", room[k]);
		w->call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		w->call = vring_call_get(w->wake_fd);
		w->log = log_new();
	}
}

void
worlds_free(void)
{
	for (unsigned int i = 0; i < nvariants; i++) {
		struct world *w = &worlds[i];

		ram_free_guarded(&w->ram);
		for (unsigned int k = 0; k < POOLS; k++)
			pool_free(&w->pool[k]);
		close(w->call_fd);
		close(w->wake_fd);
		vring_call_put(w->call);
		guest_log_free(w->log);
	}
}

void
worlds_copy_memory(void)
{
	for (unsigned int i = 1; i < nvariants; i++)
		for (unsigned int r = 0; r < RAM_REGIONS; r++)
			memcpy(worlds[i].ram.view[r], worlds[0].ram.view[r], RAM_SIZE);
}

/* As the port sets a queue up: what a fresh mbuf of this port says of itself. */
static void
queue_init(struct world *w, const struct vring_config *where, unsigned int pool)
{
	unsigned int bits = where->avail + (unsigned int)(w - worlds);
	struct rte_mbuf m = {
		.data_off = RTE_PKTMBUF_HEADROOM, .refcnt = 1, .nb_segs = 1, .port = PORT_ID};

	memset(&w->port, 0, sizeof(w->port));
	memset(&w->q, 0, sizeof(w->q));
	w->q.port_id = PORT_ID;
	/* each decision either way in each variant, and not the same in all of them */
	w->q.copy = (struct virtq_copy_policy){
		.rep_movsb_enq = bits & 1,
		.prefetch_enq = bits & 2,
		.prefetch_deq = bits & 4,
		.align = bits & 8,
		.memcpy_scalar = bits & 16,
	};
	w->q.port = &w->port;
	if (where->log) {
		w->vq = (struct virtq_vq){.vring = &w->vr, .next = &w->vq};
		w->q.many = w->q.turn = &w->vq;
	} else {
		w->q.view = &w->vr;
	}
	w->q.pool = w->pool[pool].mp;
	w->q.mbuf_room = w->pool[pool].room;
	virtq_limits_set(&w->q, VIRTQ_MAX_MTU, true);
	memcpy(&w->q.rearm, &m.rearm_data, sizeof(w->q.rearm));
	w->q.wake_fd = w->wake_fd;
}

void
world_start(struct world *w, const struct vring_config *where, unsigned int pool, bool with_pos)
{
	struct vring_config cfg = *where;
	char err[256];

	w->run = GENERATION;
	memset(&w->state, 0xdd, sizeof(w->state));
	cfg.mem = w->ram.mem;
	cfg.state.run = &w->run;
	cfg.state.generation = GENERATION;
	cfg.state.pos = with_pos ? (uint64_t *)&w->state.pos : NULL;
	cfg.state.journal = with_pos ? (uint64_t *)w->state.journal : NULL;
	cfg.call_fd = w->call_fd;
	cfg.call = w->call;
	cfg.log = where->log ? w->log : NULL;
	if (vring_init(&w->vr, &cfg, err, sizeof(err)) != 0) {
		fprintf(stderr, "vring_init: %s\n", err);
		exit(2);
	}
	queue_init(w, where, pool);
	world_listen(w);
	w->calls = 0;
	w->wakes = 0;
}

void
world_listen(struct world *w)
{
	eventfd_t n;

	w->calls = eventfd_read(w->call_fd, &n) == 0 ? n : 0;
	w->wakes = eventfd_read(w->wake_fd, &n) == 0 ? n : 0;
}

static const char *
vring_differs(const struct vring *a, const struct vring *b)
{
	if (a->last_avail != b->last_avail || a->last_used != b->last_used || a->wrap != b->wrap)
		return "position of the ring";
	if (a->event_used != b->event_used)
		return "vr->event_used";
	if (a->fault != b->fault)
		return "vr->fault";
	return NULL;
}

const char *
world_differs(const struct world *w)
{
	static const char *const name[RAM_REGIONS] = {"memory, region A", "memory, region B",
						      "memory, region C", "memory, region D"};
	const struct world *ref = &worlds[0];
	const char *what = vring_differs(&ref->vr, &w->vr);

	if (ref->got != w->got)
		return "return value";
	if (what)
		return what;
	for (unsigned int r = 0; r < RAM_REGIONS; r++)
		if (memcmp(ref->ram.view[r], w->ram.view[r], RAM_SIZE) != 0)
			return name[r];
	if (memcmp(&ref->state, &w->state, sizeof(ref->state)) != 0)
		return "state page";
	if (memcmp(&ref->q.stats, &w->q.stats, sizeof(ref->q.stats)) != 0 ||
	    ref->q.oversize_len != w->q.oversize_len)
		return "statistics";
	if (ref->calls != w->calls || ref->wakes != w->wakes)
		return "interrupts";
	if (ref->q.active || w->q.active)
		return "queue still marked as in use";
	for (unsigned int k = 0; k < POOLS; k++)
		if (ref->pool[k].top != w->pool[k].top)
			return "mbufs left in the pool";
	return NULL;
}

static bool
mbuf_same(const struct rte_mbuf *a, const struct rte_mbuf *b)
{
	return a->data_off == b->data_off && a->data_len == b->data_len &&
	       a->nb_segs == b->nb_segs && a->port == b->port && a->ol_flags == b->ol_flags &&
	       a->packet_type == b->packet_type && a->pkt_len == b->pkt_len &&
	       a->vlan_tci == b->vlan_tci && a->hash.rss == b->hash.rss &&
	       rte_mbuf_refcnt_read(a) == rte_mbuf_refcnt_read(b) && !a->next == !b->next;
}

const char *
mbuf_differs(const struct rte_mbuf *a, const struct rte_mbuf *b)
{
	for (; a && b; a = a->next, b = b->next) {
		if (!mbuf_same(a, b))
			return "fields of an mbuf";
		if (memcmp(rte_pktmbuf_mtod(a, const void *), rte_pktmbuf_mtod(b, const void *),
			   a->data_len) != 0)
			return "content of an mbuf";
	}
	return a || b ? "segments of an mbuf" : NULL;
}

uint32_t
rnd(struct rnd *r)
{
	uint64_t z = r->s += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (uint32_t)(z >> 32);
}

uint32_t
rnd_below(struct rnd *r, uint32_t n)
{
	return rnd(r) % n;
}

uint32_t
rnd_from(struct rnd *r, uint32_t from, uint32_t to)
{
	return from + rnd_below(r, to - from + 1);
}

bool
one_in(struct rnd *r, uint32_t n)
{
	return rnd_below(r, n) == 0;
}
