/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ring.h"

#include <string.h>

static void
place(struct ring *g, struct rnd *r)
{
	uint64_t n = g->cfg.size, event = g->event_idx ? 2 : 0;
	uint64_t desc = 16 * n, driver = 4 + 2 * n + event, device = 4 + 8 * n + event;
	uint64_t base = one_in(r, 2) ? RAM_C_ADDR : RAM_D_ADDR, at = base + RAM_SIZE;

	if (g->packed) {
		driver = 4;
		device = 4;
	}
	/* from the end of the region downwards */
	if (one_in(r, 2))
		at -= 16ull * rnd_below(r, 100);
	g->end = at;
	for (unsigned int i = 0, first = rnd_below(r, 3); i < 3; i++) {
		switch ((first + i) % 3) {
		case 0:
			g->cfg.addr.desc = at = (at - desc) & ~15ull;
			break;
		case 1:
			g->cfg.addr.driver = at = (at - driver) & ~3ull;
			break;
		default:
			g->cfg.addr.device = at = (at - device) & ~3ull;
		}
	}
	g->begin = at;
}

void
ring_init(struct ring *g, struct rnd *r, uint32_t size, uint64_t features, uint16_t start,
	  bool write)
{
	struct gr_config c = {.size = size, .start = start, .features = features};

	memset(g, 0, sizeof(*g));
	g->packed = features & (1ull << VIRTIO_F_RING_PACKED);
	g->event_idx = features & (1ull << VIRTIO_F_EVENT_IDX);
	g->write = write;
	/* what was written to has a length, and that has to be told of each */
	g->groups = features & (1ull << VIRTIO_F_IN_ORDER) && !write;
	g->cfg.size = size;
	g->cfg.features = features;
	g->cfg.avail = start;
	g->cfg.used = start;
	place(g, r);
	c.desc = g->cfg.addr.desc;
	c.driver = g->cfg.addr.driver;
	c.device = g->cfg.addr.device;
	if (g->packed) {
		/* any number that no other chain in flight has */
		c.id_first = (uint16_t)(start * 3u);
		c.id_step = 509;
	}
	gr_init(&g->gr, &worlds[0].ram, &c);
	if (!g->packed && one_in(r, 2))
		vdriver_shuffle(&g->gr.vd, rnd(r));
}

void
ring_free(struct ring *g)
{
	gr_free(&g->gr);
}

bool
ring_post(struct ring *g, const struct buf *buf, uint32_t n, uint64_t table)
{
	struct posted *p = &g->p[g->n];
	uint16_t slot = g->gr.vd.next_avail & (uint16_t)~WRAP;
	struct vdriver_seg seg[MAX_BUFS];
	int id;

	if (g->n == MAX_POSTED)
		return false;
	p->bytes = 0;
	for (uint32_t i = 0; i < n; i++) {
		seg[i] = (struct vdriver_seg){buf[i].addr, buf[i].len, g->write};
		p->buf[i] = buf[i];
		p->bytes += buf[i].len;
	}
	id = gr_add(&g->gr, seg, n, table, NULL);
	if (id < 0)
		return false;
	p->id = (uint16_t)id;
	p->first = g->packed ? slot : p->id;
	p->n = n;
	p->slots = (uint16_t)(table ? 1 : n);
	g->n++;
	return true;
}

void
ring_publish(struct ring *g)
{
	gr_publish(&g->gr);
}

struct raw *
ring_desc(const struct ring *g, uint32_t k)
{
	return (struct raw *)g->gr.vd.desc + g->p[k].first;
}

uint16_t *
ring_flags(const struct ring *g, struct raw *d)
{
	return &d->word[g->packed ? 1 : 0];
}

uint16_t *
ring_avail_entry(const struct ring *g, uint32_t k)
{
	return &g->gr.vd.avail->ring[(uint16_t)(g->cfg.avail + k) % g->cfg.size];
}

void
ring_suppress(struct ring *g, struct rnd *r)
{
	if (g->packed) {
		uint16_t at = vdriver_ahead(&g->gr.vd, g->cfg.avail,
					    rnd_below(r, RTE_MIN(g->cfg.size, 70u)));
		uint16_t off_wrap = one_in(r, 8) ? (uint16_t)rnd(r) : at;

		gp_set_event(&g->gr, off_wrap, (uint16_t)(one_in(r, 8) ? rnd(r) : rnd_below(r, 4)));
		return;
	}
	gr_set_no_interrupt(&g->gr, (uint16_t)(one_in(r, 8) ? rnd(r) : rnd_below(r, 2)));
	if (g->event_idx)
		gr_set_used_event(&g->gr, (uint16_t)(g->cfg.used + rnd_below(r, 80) - 5));
}

uint32_t
ring_group(const struct ring *g, uint32_t k, uint32_t id)
{
	for (uint32_t n = 1; g->groups && k + n <= g->n; n++)
		if (g->p[k + n - 1].id == id)
			return n;
	return 1;
}

/* Chain k and those that its used entry speaks for; returns how many. */
static uint32_t
put_group(const struct ring *g, uint32_t k, uint32_t id, uint32_t len, struct used *to,
	  uint32_t max)
{
	uint32_t n = ring_group(g, k, id);

	to[k] = (struct used){id, len, id};
	for (uint32_t i = 0; n > 1 && i < n && k + i < max; i++)
		to[k + i] = (struct used){g->p[k + i].id, len, i == 0 ? id : NOT_WRITTEN};
	return n;
}

/* The ring in w's memory. */
static struct vdriver
view(const struct ring *g, const struct world *w)
{
	struct vdriver vd = g->gr.vd;

	vd.desc = ram_ptr(&w->ram, g->cfg.addr.desc);
	vd.avail = ram_ptr(&w->ram, g->cfg.addr.driver);
	vd.used = ram_ptr(&w->ram, g->cfg.addr.device);
	return vd;
}

static int
used_split(const struct ring *g, const struct vdriver *vd, struct used *to, uint32_t max)
{
	uint16_t n = (uint16_t)(vd->used->idx - g->cfg.used);
	struct vdriver_used u;

	if (n > g->n)
		return -1;
	for (uint32_t k = 0; k < n && k < max;) {
		if (!vdriver_used_at(vd, (uint16_t)(g->cfg.used + k), &u))
			return -1;
		k += put_group(g, k, u.id, u.len, to, max);
		if (k > n)
			return -1;
	}
	return n;
}

static int
used_packed(const struct ring *g, const struct vdriver *vd, struct used *to, uint32_t max)
{
	uint32_t k = 0, ahead = 0;
	struct vdriver_used u;

	while (k < g->n && k < max) {
		if (g->p[k].hidden ||
		    !vdriver_used_at(vd, vdriver_ahead(vd, g->cfg.used, ahead), &u))
			break;
		if (!!(u.flags & D_WRITE) != (u.len > 0) || (u.flags & (D_NEXT | D_INDIRECT)))
			return -1;
		for (uint32_t n = put_group(g, k, u.id, u.len, to, max); n > 0; n--)
			ahead += g->p[k++].slots;
	}
	return (int)k;
}

int
ring_used(const struct ring *g, const struct world *w, struct used *to, uint32_t max)
{
	const struct vdriver vd = view(g, w);

	return (g->packed ? used_packed : used_split)(g, &vd, to, max);
}
