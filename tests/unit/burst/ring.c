/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ring.h"

#include <stdlib.h>
#include <string.h>

#define WRAP 0x8000u

/* Slot k of a packed ring, counted from where it began, and its wrap counter. */
static uint32_t
slot_of(const struct ring *g, uint32_t k, bool *wrap)
{
	uint32_t at = (g->cfg.avail & ~WRAP) + k;

	*wrap = g->cfg.avail & WRAP;
	if (at >= g->cfg.size) {
		at -= g->cfg.size;
		*wrap = !*wrap;
	}
	return at;
}

static struct raw *
raw_at(const struct ring *g, uint32_t i)
{
	return world_ptr(&worlds[0], g->cfg.addr.desc + 16ull * i);
}

/* Every slot as the device left it one round ago. */
static void
make_all_used(struct ring *g)
{
	for (uint32_t k = 0; k < g->cfg.size; k++) {
		bool wrap;
		uint16_t *flags = &raw_at(g, slot_of(g, k, &wrap))->word[1];

		*flags &= (uint16_t) ~(D_AVAIL | D_USED);
		if (!wrap)
			*flags |= D_AVAIL | D_USED;
	}
}

static void
shuffle(struct ring *g, struct rnd *r)
{
	bool straight = one_in(r, 2);

	g->order = calloc(g->cfg.size, sizeof(*g->order));
	if (!g->order)
		abort();
	for (uint32_t i = 0; i < g->cfg.size; i++)
		g->order[i] = (uint16_t)i;
	for (uint32_t i = g->cfg.size; i > 1 && !straight; i--) {
		uint32_t j = rnd_below(r, i);
		uint16_t t = g->order[i - 1];

		g->order[i - 1] = g->order[j];
		g->order[j] = t;
	}
}

static void
place(struct ring *g, struct rnd *r)
{
	uint64_t n = g->cfg.size, event = g->event_idx ? 2 : 0;
	uint64_t desc = 16 * n, driver = 4 + 2 * n + event, device = 4 + 8 * n + event;
	uint64_t base = one_in(r, 2) ? REG_C_ADDR : REG_D_ADDR, at = base + REG_SIZE;

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
	if (g->packed) {
		make_all_used(g);
		return;
	}
	shuffle(g, r);
	((uint16_t *)world_ptr(&worlds[0], g->cfg.addr.driver))[1] = start;
	((uint16_t *)world_ptr(&worlds[0], g->cfg.addr.device))[1] = start;
}

void
ring_free(struct ring *g)
{
	free(g->order);
	g->order = NULL;
}

static uint16_t
direction(const struct ring *g)
{
	return g->write ? D_WRITE : 0;
}

static void
post_split(struct ring *g, const struct raw *d, uint32_t n, struct posted *p)
{
	p->first = g->order[g->taken];
	p->id = (uint16_t)p->first;
	for (uint32_t i = 0; i < n; i++) {
		struct raw *to = raw_at(g, g->order[g->taken + i]);

		*to = d[i];
		if (i + 1 < n) {
			to->word[0] |= D_NEXT;
			to->word[1] = g->order[g->taken + i + 1];
		}
	}
	*ring_avail_entry(g, g->n) = p->id;
}

static void
post_packed(struct ring *g, const struct raw *d, uint32_t n, struct posted *p)
{
	bool wrap;

	p->first = slot_of(g, g->taken, &wrap);
	/* any number that no other chain in flight has */
	p->id = (uint16_t)(g->n * 509u + g->cfg.avail * 3u);
	for (uint32_t i = 0; i < n; i++) {
		struct raw *to = raw_at(g, slot_of(g, g->taken + i, &wrap));
		uint16_t flags = d[i].word[0];

		*to = d[i];
		flags |= wrap ? D_AVAIL : D_USED;
		if (i + 1 < n)
			flags |= D_NEXT;
		/* the last one's is what counts (2.7.6) */
		to->word[0] = p->id;
		to->word[1] = flags;
	}
}

/* Entries of an indirect table; a split one is chained, a packed one is not. */
static void
fill_table(struct ring *g, const struct buf *buf, uint32_t n, uint64_t table)
{
	for (uint32_t i = 0; i < n; i++) {
		struct raw d = {buf[i].addr, buf[i].len, {direction(g), (uint16_t)(i + 1)}};

		if (g->packed) {
			d.word[0] = 0x7777; /* reserved: ignored */
			d.word[1] = direction(g);
		} else if (i + 1 < n) {
			d.word[0] |= D_NEXT;
		}
		world_write(&worlds[0], table + 16ull * i, &d, sizeof(d));
	}
}

bool
ring_post(struct ring *g, const struct buf *buf, uint32_t n, uint64_t table)
{
	struct posted *p = &g->p[g->n];
	uint32_t slots = table ? 1 : n;
	struct raw d[MAX_BUFS];

	if (g->n == MAX_POSTED || g->taken + slots > g->cfg.size)
		return false;
	memcpy(p->buf, buf, n * sizeof(*buf));
	p->n = n;
	p->slots = (uint16_t)slots;
	p->bytes = 0;
	for (uint32_t i = 0; i < n; i++)
		p->bytes += buf[i].len;
	for (uint32_t i = 0; i < slots; i++)
		d[i] = (struct raw){buf[i].addr, buf[i].len, {direction(g), 0}};
	if (table) {
		fill_table(g, buf, n, table);
		d[0] = (struct raw){table, 16 * n, {D_INDIRECT, 0}};
	}
	if (g->packed)
		post_packed(g, d, slots, p);
	else
		post_split(g, d, slots, p);
	g->taken += slots;
	g->n++;
	return true;
}

void
ring_publish(struct ring *g)
{
	if (!g->packed)
		((uint16_t *)world_ptr(&worlds[0], g->cfg.addr.driver))[1] =
			(uint16_t)(g->cfg.avail + g->n);
}

struct raw *
ring_desc(const struct ring *g, uint32_t k)
{
	return raw_at(g, g->p[k].first);
}

uint16_t *
ring_flags(const struct ring *g, struct raw *d)
{
	return &d->word[g->packed ? 1 : 0];
}

uint16_t *
ring_avail_entry(const struct ring *g, uint32_t k)
{
	uint16_t at = (uint16_t)(g->cfg.avail + k) % g->cfg.size;

	return (uint16_t *)world_ptr(&worlds[0], g->cfg.addr.driver) + 2 + at;
}

void
ring_suppress(struct ring *g, struct rnd *r)
{
	uint16_t *area = world_ptr(&worlds[0], g->cfg.addr.driver);

	if (g->packed) {
		bool wrap;
		uint32_t slot = slot_of(g, rnd_below(r, RTE_MIN(g->cfg.size, 70u)), &wrap);

		area[0] = one_in(r, 8) ? (uint16_t)rnd(r) : (uint16_t)(slot | (wrap ? WRAP : 0));
		area[1] = one_in(r, 8) ? (uint16_t)rnd(r) : (uint16_t)rnd_below(r, 4);
		return;
	}
	area[0] = one_in(r, 8) ? (uint16_t)rnd(r) : (uint16_t)rnd_below(r, 2);
	if (g->event_idx)
		area[2 + g->cfg.size] = (uint16_t)(g->cfg.used + rnd_below(r, 80) - 5);
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

static int
used_split(const struct ring *g, const struct world *w, struct used *to, uint32_t max)
{
	const uint16_t *area = world_ptr(w, g->cfg.addr.device);
	uint16_t n = (uint16_t)(area[1] - g->cfg.used);

	if (n > g->n)
		return -1;
	for (uint32_t k = 0; k < n && k < max;) {
		uint32_t at = (uint16_t)(g->cfg.used + k) % g->cfg.size, e[2];

		memcpy(e, area + 2 + 4 * at, sizeof(e));
		k += put_group(g, k, e[0], e[1], to, max);
		if (k > n)
			return -1;
	}
	return n;
}

static int
used_packed(const struct ring *g, const struct world *w, struct used *to, uint32_t max)
{
	uint32_t k = 0, ahead = 0;

	while (k < g->n && k < max) {
		bool wrap;
		uint32_t slot = slot_of(g, ahead, &wrap), n;
		const struct raw *d = world_ptr(w, g->cfg.addr.desc + 16ull * slot);
		uint16_t flags = d->word[1];

		if (g->p[k].hidden || !!(flags & D_USED) != wrap || !!(flags & D_AVAIL) != wrap)
			break;
		if (!!(flags & D_WRITE) != (d->len > 0) || (flags & (D_NEXT | D_INDIRECT)))
			return -1;
		for (n = put_group(g, k, d->word[0], d->len, to, max); n > 0; n--)
			ahead += g->p[k++].slots;
	}
	return (int)k;
}

int
ring_used(const struct ring *g, const struct world *w, struct used *to, uint32_t max)
{
	return g->packed ? used_packed(g, w, to, max) : used_split(g, w, to, max);
}
