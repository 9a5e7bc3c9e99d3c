/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The split virtqueue (virtio 1.1, 2.6). */

#include "vdriver_impl.h"

static uint16_t
slot(const struct vdriver *vd, uint16_t idx)
{
	return idx & (uint16_t)(vd->size - 1u);
}

/* Chained descriptors, the first of them being `id` (2.6.5). */
static void
split_put(struct vdriver *vd, const struct vd_new *c, uint16_t id)
{
	uint16_t at = id;

	for (uint32_t k = 0; k < c->slots; k++) {
		struct vd_piece p = vd_piece(c, k);
		uint16_t next = 0;

		if (k + 1 < c->slots) {
			p.flags |= VRING_DESC_F_NEXT;
			next = vd_take_free(vd);
		}
		vd->desc[at] = (struct vring_desc){p.addr, p.len, p.flags, next};
		vd->link[at] = next;
		at = next;
	}
	vd_write16(&vd->avail->ring[slot(vd, vd->next_avail++)], id);
}

/* 2.6.13.3 and 2.6.13.4. */
static bool
split_publish(struct vdriver *vd)
{
	/* B */
	vd_release16(&vd->avail->idx, vd->next_avail);
	/* D */
	vd_fence();
	if (vd->event_idx)
		return vd_need_event(vd_read16(vdriver_avail_event(vd)), vd->next_avail,
				     vd->published);
	return !(vd_read16(&vd->used->flags) & VRING_USED_F_NO_NOTIFY);
}

static int
split_look(struct vdriver *vd, struct vdriver_used *u)
{
	/* A */
	uint16_t n = (uint16_t)(vd_acquire16(&vd->used->idx) - vd->next_used);
	const struct vring_used_elem *e = &vd->used->ring[slot(vd, vd->next_used)];

	if (n == 0)
		return 0;
	if (n > vd->nbusy)
		return vd_fault(vd, VDRIVER_FAULT_INDEX,
				"the used index moved by %u, and %u chains are available", n,
				vd->nbusy);
	*u = (struct vdriver_used){vd_read32(&e->id), vd_read32(&e->len), 0};
	return n;
}

static void
split_release(struct vdriver *vd, uint16_t id, uint16_t slots)
{
	vd->next_used++;
	for (; slots > 0; slots--) {
		vd_put_free(vd, id);
		id = vd->link[id];
	}
}

static bool
split_used_at(const struct vdriver *vd, uint16_t position, struct vdriver_used *u)
{
	const struct vring_used_elem *e = &vd->used->ring[slot(vd, position)];
	/* A */
	uint16_t n = (uint16_t)(vd_acquire16(&vd->used->idx) - vd->next_used);

	if ((uint16_t)(position - vd->next_used) >= n)
		return false;
	*u = (struct vdriver_used){vd_read32(&e->id), vd_read32(&e->len), 0};
	return true;
}

static void
split_ask_interrupt(struct vdriver *vd)
{
	if (vd->event_idx)
		vd_write16(vdriver_used_event(vd), vd->next_used);
	else
		vd_write16(&vd->avail->flags, 0);
}

/* With EVENT_IDX there is no word for it: the index that comes last (2.6.7.1). */
static void
split_disable_interrupts(struct vdriver *vd)
{
	if (vd->event_idx)
		vd_write16(vdriver_used_event(vd), (uint16_t)(vd->next_used - 1));
	else
		vd_write16(&vd->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
}

static void
split_reset(struct vdriver *vd)
{
	vd->avail->flags = 0;
	vd->avail->idx = vd->next_avail;
	vd->used->flags = 0;
	vd->used->idx = vd->next_used;
	if (!vd->event_idx)
		return;
	*vdriver_used_event(vd) = vd->next_used;
	*vdriver_avail_event(vd) = 0;
}

const struct vd_format vd_split = {
	.reset = split_reset,
	.put = split_put,
	.publish = split_publish,
	.look = split_look,
	.release = split_release,
	.used_at = split_used_at,
	.ask_interrupt = split_ask_interrupt,
	.disable_interrupts = split_disable_interrupts,
};
