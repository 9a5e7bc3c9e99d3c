/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The split virtqueue (virtio 1.1, 2.6), driver side. */

#include "vg_log.h"
#include "vg_ring.h"

static uint16_t *
used_event(const struct vg_ring *r)
{
	return &r->avail->ring[r->size];
}

static uint16_t *
avail_event(const struct vg_ring *r)
{
	return (uint16_t *)&r->used->ring[r->size];
}

static uint16_t
used_idx(const struct vg_ring *r)
{
	return __atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE);
}

/* The next free descriptor: under IN_ORDER they are used as they stand. */
static uint16_t
take_desc(struct vg_ring *r)
{
	uint16_t d;

	if (!r->in_order)
		return r->free[--r->free_top];
	d = r->next_desc;
	r->next_desc = (uint16_t)((d + 1u) & (r->size - 1u));
	return d;
}

static uint16_t
add_direct(struct vg_ring *r, const struct vg_seg *seg, uint16_t n)
{
	uint16_t head = take_desc(r), d = head;

	for (uint16_t i = 0; i < n; i++) {
		uint16_t flags = r->write ? VG_DESC_WRITE : 0, next = 0;

		if (i + 1 < n) {
			next = take_desc(r);
			flags |= VG_DESC_NEXT;
		}
		r->desc[d] = (struct vg_desc){seg[i].gpa, seg[i].len, flags, next};
		r->link[d] = next;
		d = next;
	}
	return head;
}

static bool
split_add(struct vg_ring *r, const struct vg_seg *seg, uint16_t n, bool table, uint32_t cookie)
{
	uint16_t ndesc = table ? 1 : n, head;

	if (r->nfree < ndesc)
		return false;
	if (table) {
		head = take_desc(r);
		r->desc[head] = (struct vg_desc){vg_ring_fill_table(r, head, seg, n), 16u * n,
						 VG_DESC_INDIRECT, 0};
	} else {
		head = add_direct(r, seg, n);
	}
	r->avail->ring[r->next_avail++ & (r->size - 1u)] = head;
	vg_ring_record(r, head, ndesc, cookie);
	return true;
}

static bool
split_publish(struct vg_ring *r)
{
	uint16_t old = r->published;

	if (old == r->next_avail)
		return false;
	__atomic_store_n(&r->avail->idx, r->next_avail, __ATOMIC_RELEASE);
	r->published = r->next_avail;
	/* pairs with the device's: it enables notifications, then looks at idx */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (r->event_idx)
		return vg_need_event(__atomic_load_n(avail_event(r), __ATOMIC_RELAXED),
				     r->published, old);
	return !(__atomic_load_n(&r->used->flags, __ATOMIC_RELAXED) & 1u);
}

static void
free_chain(struct vg_ring *r, uint16_t head, uint16_t ndesc)
{
	if (r->in_order)
		return;
	for (uint16_t i = 0; i < ndesc; i++) {
		r->free[r->free_top++] = head;
		head = r->link[head];
	}
}

static int
split_get(struct vg_ring *r, struct vg_back *b)
{
	uint16_t n = (uint16_t)(used_idx(r) - r->last_used), ndesc = 0, id = 0;

	if (n == 0)
		return 0;
	if (n > r->nbusy)
		return vg_err("%s: the used index moved by %u, and only %u chains were available",
			      r->name, n, r->nbusy);
	if (r->group == 0) {
		const struct vg_used_elem *e = &r->used->ring[r->last_used & (r->size - 1u)];

		id = (uint16_t)e->id;
		if (vg_ring_resolve(r, e->id, e->len, n) != 0)
			return -1;
	}
	if (vg_ring_take(r, b, &ndesc, &id) < 0)
		return -1;
	r->last_used++;
	free_chain(r, id, ndesc);
	return 1;
}

static bool
split_has_used(const struct vg_ring *r)
{
	return used_idx(r) != r->last_used;
}

static void
split_want_call(struct vg_ring *r, bool want)
{
	if (r->event_idx)
		__atomic_store_n(used_event(r), (uint16_t)(r->last_used - !want), __ATOMIC_RELAXED);
	else
		__atomic_store_n(&r->avail->flags, want ? 0 : 1, __ATOMIC_RELAXED);
	/* pairs with the device's: it publishes, then looks whether we want a call */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void
split_reset(struct vg_ring *r)
{
	r->avail->idx = 0;
	r->avail->flags = 0;
	r->used->idx = 0;
	r->used->flags = 0;
	*avail_event(r) = 0;
}

const struct vg_ring_ops vg_split_ops = {
	.add = split_add,
	.publish = split_publish,
	.get = split_get,
	.has_used = split_has_used,
	.want_call = split_want_call,
	.reset = split_reset,
};
