/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The packed virtqueue (virtio 1.1, 2.7), driver side. */

#include <string.h>

#include "vg_log.h"
#include "vg_ring.h"

/* Flags of an available descriptor in the lap that has this wrap counter. */
static uint16_t
avail_flags(bool wrap)
{
	return wrap ? VG_DESC_AVAIL : VG_DESC_USED;
}

/* Ids: the first slot under IN_ORDER, else any that is free. */
static uint16_t
take_id(struct vg_ring *r)
{
	return r->in_order ? r->next_avail : r->free[--r->free_top];
}

static void
put_desc(struct vg_ring *r, struct vg_pdesc d)
{
	struct vg_pdesc *at = &r->slot[r->next_avail];
	uint16_t flags = (uint16_t)(d.flags | avail_flags(r->avail_wrap));

	at->addr = d.addr;
	at->len = d.len;
	at->id = d.id;
	if (!r->pending) {
		r->pending = true;
		r->pending_slot = r->next_avail;
		r->pending_flags = flags;
	} else {
		at->flags = flags;
	}
	if (++r->next_avail == r->size) {
		r->next_avail = 0;
		r->avail_wrap = !r->avail_wrap;
	}
	r->added++;
}

static bool
packed_add(struct vg_ring *r, const struct vg_seg *seg, uint16_t n, bool table, uint32_t cookie)
{
	uint16_t ndesc = table ? 1 : n, id;

	if (r->nfree < ndesc)
		return false;
	id = take_id(r);
	if (table) {
		put_desc(r, (struct vg_pdesc){vg_ring_fill_table(r, id, seg, n), 16u * n, id,
					      VG_DESC_INDIRECT});
	} else {
		for (uint16_t i = 0; i < n; i++) {
			bool last = i + 1 == n;
			uint16_t flags = (uint16_t)((r->write ? VG_DESC_WRITE : 0) |
						    (last ? 0 : VG_DESC_NEXT));

			/* the id counts in the last descriptor only (2.7.6) */
			put_desc(r, (struct vg_pdesc){seg[i].gpa, seg[i].len,
						      last ? id : (uint16_t)~id, flags});
		}
	}
	vg_ring_record(r, id, ndesc, cookie);
	return true;
}

static bool
wants_kick(const struct vg_ring *r)
{
	uint32_t word = __atomic_load_n((const uint32_t *)r->device_event, __ATOMIC_RELAXED);
	uint16_t off = word & 0x7fffu, flags = (uint16_t)(word >> 16) & 3u;

	if (flags != VG_EVENT_DESC || !r->event_idx)
		return flags != VG_EVENT_DISABLE;
	/* an event of the lap before this one stands that much further back */
	if (((word >> 15) & 1u) != r->avail_wrap)
		off = (uint16_t)(off - r->size);
	return vg_need_event(off, r->next_avail, (uint16_t)(r->next_avail - r->added));
}

static bool
packed_publish(struct vg_ring *r)
{
	bool kick;

	if (!r->pending)
		return false;
	__atomic_store_n(&r->slot[r->pending_slot].flags, r->pending_flags, __ATOMIC_RELEASE);
	r->pending = false;
	/* pairs with the device's: it enables notifications, then looks at the slot */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	kick = wants_kick(r);
	r->added = 0;
	return kick;
}

static bool
is_used(const struct vg_ring *r, uint16_t flags)
{
	bool avail = flags & VG_DESC_AVAIL, used = flags & VG_DESC_USED;

	return avail == used && used == r->used_wrap;
}

static bool
packed_has_used(const struct vg_ring *r)
{
	return r->nbusy > 0 &&
	       is_used(r, __atomic_load_n(&r->slot[r->last_used].flags, __ATOMIC_ACQUIRE));
}

static int
entry_get(struct vg_ring *r, uint16_t *id)
{
	const struct vg_pdesc *d = &r->slot[r->last_used];
	uint16_t flags = __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE);
	bool written = flags & VG_DESC_WRITE;

	if (!is_used(r, flags))
		return 0;
	*id = d->id;
	if (r->write && !written)
		return vg_err("%s: a used receive buffer has no WRITE flag", r->name);
	/* without WRITE the length says nothing (2.7.5) */
	return vg_ring_resolve(r, d->id, written ? d->len : 0, r->nbusy) != 0 ? -1 : 1;
}

static int
packed_get(struct vg_ring *r, struct vg_back *b)
{
	uint16_t ndesc = 0, id = 0;

	if (r->group == 0) {
		int got = r->nbusy == 0 ? 0 : entry_get(r, &id);

		if (got <= 0)
			return got;
	}
	if (vg_ring_take(r, b, &ndesc, &id) < 0)
		return -1;
	if (!r->in_order)
		r->free[r->free_top++] = id;
	r->last_used = (uint16_t)(r->last_used + ndesc);
	if (r->last_used >= r->size) {
		r->last_used = (uint16_t)(r->last_used - r->size);
		r->used_wrap = !r->used_wrap;
	}
	return 1;
}

static void
packed_want_call(struct vg_ring *r, bool want)
{
	struct vg_pevent *e = r->driver_event;

	if (want && r->event_idx) {
		__atomic_store_n(&e->off_wrap, (uint16_t)(r->last_used | r->used_wrap << 15),
				 __ATOMIC_RELAXED);
		__atomic_store_n(&e->flags, VG_EVENT_DESC, __ATOMIC_RELEASE);
	} else {
		__atomic_store_n(&e->flags, want ? VG_EVENT_ENABLE : VG_EVENT_DISABLE,
				 __ATOMIC_RELAXED);
	}
	/* pairs with the device's: it publishes, then looks whether we want a call */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void
packed_reset(struct vg_ring *r)
{
	memset(r->slot, 0, 16u * r->size);
	memset(r->driver_event, 0, sizeof(*r->driver_event));
	memset(r->device_event, 0, sizeof(*r->device_event));
}

const struct vg_ring_ops vg_packed_ops = {
	.add = packed_add,
	.publish = packed_publish,
	.get = packed_get,
	.has_used = packed_has_used,
	.want_call = packed_want_call,
	.reset = packed_reset,
};
