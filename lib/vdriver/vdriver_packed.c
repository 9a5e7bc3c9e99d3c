/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The packed virtqueue (virtio 1.1, 2.7). */

#include "vdriver_impl.h"

#define BOTH (VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED)

static struct vring_packed_desc *
slot(const struct vdriver *vd, uint16_t position)
{
	return &vd->slot[position & ~VRING_PACKED_WRAP];
}

/* The next descriptor; the first one since the last publish stays unavailable. */
static void
put_desc(struct vdriver *vd, struct vd_piece p, uint16_t id)
{
	struct vring_packed_desc *d = slot(vd, vd->next_avail);

	p.flags |= vdriver_avail_flags(vd->next_avail);
	d->addr = p.addr;
	d->len = p.len;
	d->id = id;
	if (vd->pending) {
		d->flags = p.flags;
	} else {
		vd->pending = true;
		vd->pending_slot = (uint16_t)(d - vd->slot);
		vd->pending_flags = p.flags;
	}
	vd->next_avail = vdriver_ahead(vd, vd->next_avail, 1);
	vd->added++;
}

static void
packed_put(struct vdriver *vd, const struct vd_new *c, uint16_t id)
{
	for (uint32_t k = 0; k < c->slots; k++) {
		struct vd_piece p = vd_piece(c, k);
		bool last = k + 1 == c->slots;

		if (!last)
			p.flags |= VRING_DESC_F_NEXT;
		put_desc(vd, p, last ? id : id ^ vd->decoy);
	}
}

/* Whether the device asks to be notified of what was added (2.7.10). */
static bool
wants_notification(const struct vdriver *vd)
{
	/* both words at once: off_wrap of another moment would name another place */
	uint32_t word = vd_read32((const uint32_t *)vd->device_event);
	uint16_t off = word & 0x7fffu, flags = (uint16_t)(word >> 16) & 3u;
	uint16_t next = vd->next_avail & (uint16_t)~VRING_PACKED_WRAP;

	if (flags != VRING_PACKED_EVENT_DESC || !vd->event_idx)
		return flags != VRING_PACKED_EVENT_DISABLE;
	/* an event of the lap before this one lies that much further back */
	if ((word ^ vd->next_avail) & VRING_PACKED_WRAP)
		off = (uint16_t)(off - vd->size);
	return vd_need_event(off, next, (uint16_t)(next - vd->added));
}

static bool
packed_publish(struct vdriver *vd)
{
	bool notify;

	/* B */
	vd_release16(&vd->slot[vd->pending_slot].flags, vd->pending_flags);
	vd->pending = false;
	/* D */
	vd_fence();
	notify = wants_notification(vd);
	vd->added = 0;
	return notify;
}

static bool
packed_used_at(const struct vdriver *vd, uint16_t position, struct vdriver_used *u)
{
	const struct vring_packed_desc *d = slot(vd, position);
	/* A */
	uint16_t flags = vd_acquire16(&d->flags);

	if ((flags & BOTH) != vdriver_used_flags(position))
		return false;
	*u = (struct vdriver_used){d->id, d->len, flags};
	return true;
}

static int
packed_look(struct vdriver *vd, struct vdriver_used *u)
{
	if (!packed_used_at(vd, vd->next_used, u))
		return 0;
	/* without WRITE the length says nothing (2.7.5) */
	if (!(u->flags & VRING_DESC_F_WRITE))
		u->len = 0;
	if (vd->nbusy == 0)
		return vd_fault(vd, VDRIVER_FAULT_ID,
				"the device returned id %u, and no chain is available", u->id);
	return vd->nbusy;
}

static void
packed_release(struct vdriver *vd, uint16_t id, uint16_t slots)
{
	vd->next_used = vdriver_ahead(vd, vd->next_used, slots);
	vd_put_free(vd, id);
}

static void
packed_ask_interrupt(struct vdriver *vd)
{
	if (!vd->event_idx) {
		vd_write16(&vd->driver_event->flags, VRING_PACKED_EVENT_ENABLE);
		return;
	}
	vd_write16(&vd->driver_event->off_wrap, vd->next_used);
	/* the place before the flags that make it count (2.7.10) */
	vd_release16(&vd->driver_event->flags, VRING_PACKED_EVENT_DESC);
}

static void
packed_disable_interrupts(struct vdriver *vd)
{
	vd_write16(&vd->driver_event->flags, VRING_PACKED_EVENT_DISABLE);
}

/* Every slot as the device left it a lap ago.  Of a descriptor that is not available
 * only AVAIL and USED count, so the rest stays. */
static void
packed_reset(struct vdriver *vd)
{
	for (uint32_t k = 0; k < vd->size; k++) {
		uint16_t at = vdriver_ahead(vd, vd->next_avail, k);
		uint16_t *flags = &slot(vd, at)->flags;

		*flags = (uint16_t)((*flags & ~BOTH) | vdriver_used_flags(at ^ VRING_PACKED_WRAP));
	}
	*vd->driver_event = (struct vring_packed_event){0, VRING_PACKED_EVENT_ENABLE};
	*vd->device_event = (struct vring_packed_event){0, VRING_PACKED_EVENT_ENABLE};
}

const struct vd_format vd_packed = {
	.reset = packed_reset,
	.put = packed_put,
	.publish = packed_publish,
	.look = packed_look,
	.release = packed_release,
	.used_at = packed_used_at,
	.ask_interrupt = packed_ask_interrupt,
	.disable_interrupts = packed_disable_interrupts,
};
