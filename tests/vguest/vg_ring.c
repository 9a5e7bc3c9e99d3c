/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vg_ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "vg_log.h"
#include "vg_pattern.h"

static const struct vg_ring_ops *
ops(const struct vg_ring *r)
{
	return r->packed ? &vg_packed_ops : &vg_split_ops;
}

uint64_t
vg_ring_bytes(const struct vg_ring_config *c)
{
	/* three areas, each on pages of its own, then the tables */
	return 16ull * c->size + 8ull * c->size + 2ull * c->size + 16384 +
	       16ull * c->size * c->max_segs + 4096;
}

static int
arrays_init(struct vg_ring *r)
{
	r->chain = calloc(r->size, sizeof(*r->chain));
	r->link = calloc(r->size, sizeof(*r->link));
	r->free = calloc(r->size, sizeof(*r->free));
	r->order = calloc(r->size, sizeof(*r->order));
	return r->chain && r->link && r->free && r->order ? 0 : vg_err("out of memory");
}

int
vg_ring_init(struct vg_ring *r, struct vg_mem *m, const struct vg_ring_config *c)
{
	uint64_t n = c->size;

	memset(r, 0, sizeof(*r));
	r->name = c->name;
	r->size = c->size;
	r->max_segs = c->max_segs;
	r->write = c->write;
	r->packed = c->features & VG_F_PACKED;
	r->in_order = c->features & VG_F_IN_ORDER;
	r->event_idx = c->features & VG_F_EVENT_IDX;
	r->gpa_desc = vg_mem_alloc_whole(m, 16 * n, 4096);
	r->gpa_driver = vg_mem_alloc_whole(m, r->packed ? 4 : 6 + 2 * n, 64);
	r->gpa_device = vg_mem_alloc_whole(m, r->packed ? 4 : 6 + 8 * n, 4096);
	r->desc = vg_mem_ptr(m, r->gpa_desc);
	r->avail = vg_mem_ptr(m, r->gpa_driver);
	r->used = vg_mem_ptr(m, r->gpa_device);
	if (c->max_segs > 0) {
		r->gpa_tables = vg_mem_alloc(m, 16 * n * c->max_segs, 64);
		r->tables = vg_mem_ptr(m, r->gpa_tables);
	}
	r->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->kick < 0 || r->call < 0)
		return vg_err("no eventfds: raise the limit of open files (ulimit -n)");
	if (arrays_init(r) != 0)
		return -1;
	vg_ring_reset(r, c->shuffle);
	return 0;
}

void
vg_ring_free(struct vg_ring *r)
{
	free(r->chain);
	free(r->link);
	free(r->free);
	free(r->order);
}

/* All entries on the stack, the first on top, or in no order at all. */
static void
free_all(struct vg_ring *r, bool shuffle)
{
	for (uint32_t i = 0; i < r->size; i++)
		r->free[i] = (uint16_t)(r->size - 1 - i);
	for (uint32_t i = r->size - 1; shuffle && i > 0; i--) {
		uint32_t j = (uint32_t)(vg_mix(i) % (i + 1));
		uint16_t t = r->free[i];

		r->free[i] = r->free[j];
		r->free[j] = t;
	}
	r->free_top = r->size;
	r->nfree = r->size;
}

void
vg_ring_reset(struct vg_ring *r, bool shuffle)
{
	memset(r->chain, 0, r->size * sizeof(*r->chain));
	free_all(r, shuffle && !r->in_order);
	r->nbusy = 0;
	r->next_avail = r->published = r->last_used = 0;
	r->avail_wrap = r->used_wrap = true;
	r->pending = false;
	r->added = 0;
	r->next_desc = 0;
	r->order_head = r->order_tail = 0;
	r->group = 0;
	ops(r)->reset(r);
	vg_ring_want_call(r, false);
}

bool
vg_ring_add(struct vg_ring *r, const struct vg_seg *seg, uint16_t n, bool table, uint32_t cookie)
{
	return ops(r)->add(r, seg, n, table, cookie);
}

void
vg_ring_kick(struct vg_ring *r)
{
	r->kicks++;
	(void)eventfd_write(r->kick, 1);
}

void
vg_ring_publish(struct vg_ring *r)
{
	if (ops(r)->publish(r))
		vg_ring_kick(r);
}

bool
vg_ring_has_used(const struct vg_ring *r)
{
	return r->group > 0 || ops(r)->has_used(r);
}

void
vg_ring_want_call(struct vg_ring *r, bool want)
{
	ops(r)->want_call(r, want);
}

uint16_t
vg_ring_position(const struct vg_ring *r)
{
	return (uint16_t)(r->last_used | (r->packed && r->used_wrap ? 0x8000u : 0));
}

uint64_t
vg_ring_fill_table(struct vg_ring *r, uint16_t id, const struct vg_seg *seg, uint16_t n)
{
	struct vg_desc *t = r->tables + (size_t)id * r->max_segs;

	for (uint16_t i = 0; i < n; i++) {
		uint16_t flags = r->write ? VG_DESC_WRITE : 0;

		/* packed tables have no order but their own: NEXT is reserved there */
		if (!r->packed && i + 1 < n)
			flags |= VG_DESC_NEXT;
		if (r->packed) {
			struct vg_pdesc d = {seg[i].gpa, seg[i].len, 0, flags};

			memcpy(&t[i], &d, sizeof(d));
		} else {
			t[i] = (struct vg_desc){seg[i].gpa, seg[i].len, flags,
						(uint16_t)(i + 1 < n ? i + 1 : 0)};
		}
	}
	return r->gpa_tables + 16ull * id * r->max_segs;
}

void
vg_ring_record(struct vg_ring *r, uint16_t id, uint16_t ndesc, uint32_t cookie)
{
	r->chain[id] = (struct vg_chain){.cookie = cookie, .ndesc = ndesc, .busy = true};
	r->order[r->order_tail++ % r->size] = id;
	r->nfree = (uint16_t)(r->nfree - ndesc);
	r->nbusy++;
	r->last_id = id;
}

/* Drops what came back out of order from the front of the order. */
static void
order_trim(struct vg_ring *r)
{
	while (r->order_head != r->order_tail && !r->chain[r->order[r->order_head % r->size]].busy)
		r->order_head++;
}

/* A used entry names id: which chains that is, at most limit of them.  Leaves
 * them in r->group for vg_ring_take(). */
int
vg_ring_resolve(struct vg_ring *r, uint32_t id, uint32_t len, uint32_t limit)
{
	uint32_t n;

	if (id >= r->size || !r->chain[id].busy)
		return vg_err("%s: the backend returned id %u, which it does not have", r->name,
			      id);
	if (r->chain[id].bad)
		return vg_err("%s: the backend returned the malformed chain", r->name);
	r->group = 1;
	r->group_len = len;
	if (!r->in_order)
		return 0;
	for (n = 0; n < limit && r->order_head + n != r->order_tail; n++)
		if (r->order[(r->order_head + n) % r->size] == id) {
			r->group = (uint16_t)(n + 1);
			return 0;
		}
	return vg_err("%s: the backend returned id %u, and %u was to come first", r->name, id,
		      r->order[r->order_head % r->size]);
}

/* One chain of the group; without IN_ORDER *id says which one that is. */
int
vg_ring_take(struct vg_ring *r, struct vg_back *b, uint16_t *ndesc, uint16_t *id)
{
	struct vg_chain *c;

	if (r->in_order)
		*id = r->order[r->order_head % r->size];
	c = &r->chain[*id];
	if (c->bad)
		return vg_err("%s: the backend returned the malformed chain", r->name);
	r->group--;
	*b = (struct vg_back){c->cookie, r->group > 0 ? 0 : r->group_len, r->group > 0};
	*ndesc = c->ndesc;
	c->busy = false;
	r->nbusy--;
	r->nfree = (uint16_t)(r->nfree + c->ndesc);
	order_trim(r);
	return 1;
}

int
vg_ring_get(struct vg_ring *r, struct vg_back *b)
{
	return ops(r)->get(r, b);
}
