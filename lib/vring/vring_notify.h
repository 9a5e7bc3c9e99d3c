/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VRING_NOTIFY_H
#define VIRTQ_VRING_NOTIFY_H

/*
 * vring_notify.h - notifications of both directions (virtio 2.6.7, 2.6.8, 2.7.10),
 * and the whole protocol by which a burst leaves out the fence that guards them.
 * doc/models/notify.pml is the model of this file; `make models` searches it.
 *
 * C: a driver enables interrupts, then reads the used ring once more, and sleeps if it
 * finds nothing.  So the used index has to be visible before the driver's event area is
 * read, which takes a full fence: the longest wait of a short burst.
 *
 * After VRING_ELIDE_AFTER bursts with interrupts disabled the fence is skipped, except
 * in every VRING_ELIDE_AFTER-th burst.  A driver that enables interrupts in exactly
 * that moment can be missed.  If another burst follows, it finds them enabled.  If
 * none does, the watchdog (vring_watch_overdue(), called from the control thread)
 * finds a ring that moved and then paused, and interrupts the guest once.
 *
 * With EVENT_IDX a split ring has no "disabled": a distant used_event looks the same,
 * so there the fence is never skipped.
 */

#include "vring_types.h"
#include "vring_batch.h"
#include "vring_call.h"

#define VRING_ELIDE_AFTER 64u

static inline uint16_t *
vring_split_avail_event(const struct vring *vr)
{
	return (uint16_t *)&vr->used->ring[vr->size];
}

static inline const uint16_t *
vring_split_used_event(const struct vring *vr)
{
	return &vr->avail->ring[vr->size];
}

/* The data thread polls: a kick would only cost the guest an exit.  With EVENT_IDX the
 * guest still kicks when its available index passes ours, once in 65536 chains. */
static inline void
vring_suppress_kicks(struct vring *vr)
{
	if (vr->packed)
		order_write16(&vr->device_event->flags, VRING_PACKED_EVENT_DISABLE);
	else if (vr->event_idx)
		order_write16(vring_split_avail_event(vr), (uint16_t)(vr->last_avail - 1));
	else
		order_write16(&vr->used->flags, VRING_USED_F_NO_NOTIFY);
}

/* Interrupts the guest, whatever its event area says.  Data thread. */
static inline void
vring_call_guest(const struct vring *vr)
{
	if (vr->call_fd >= 0)
		vring_call_send(vr->call, vr->call_fd);
}

/* Bursts since interrupts were last found enabled. */
static inline uint32_t
vring_disabled_for(const struct vring *vr)
{
	return vr->bursts - vr->enabled_at;
}

/* C: whether this burst needs its fence. */
static inline __attribute__((always_inline)) bool
vring_needs_fence(const struct vring *vr)
{
	uint32_t disabled = vring_disabled_for(vr);

	return disabled < VRING_ELIDE_AFTER || disabled % VRING_ELIDE_AFTER == 0;
}

/* Counts a burst, which found interrupts disabled or enabled. */
static inline __attribute__((always_inline)) void
vring_note_interrupts(struct vring *vr, bool disabled)
{
	vr->bursts++;
	if (!disabled)
		vr->enabled_at = vr->bursts;
}

/* Whether the used index passed the driver's event on its way from old_idx to new_idx
 * (2.6.7.2). */
static inline bool
vring_need_event(uint16_t event, uint16_t new_idx, uint16_t old_idx)
{
	return (uint16_t)(new_idx - event - 1) < (uint16_t)(new_idx - old_idx);
}

/* Split: whether the driver wants an interrupt for the used entries from `old` on, which
 * are published (2.6.7). */
static inline __attribute__((always_inline)) bool
vring_split_wants_interrupt(struct vring *vr, uint16_t old)
{
	bool want;

	if (vr->event_idx) {
		vring_note_interrupts(vr, false);
		return vring_need_event(order_read16(vring_split_used_event(vr)), vr->last_used,
					old);
	}
	want = !(order_read16(&vr->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
	vring_note_interrupts(vr, !want);
	return want;
}

/* The same for a packed ring (2.7.10). */
static inline __attribute__((always_inline)) bool
vring_packed_wants_interrupt(struct vring *vr, uint16_t old)
{
	uint16_t flags = order_read16(&vr->driver_event->flags), off_wrap, event;
	bool disabled = flags == VRING_PACKED_EVENT_DISABLE;
	bool unseen = vring_disabled_for(vr) >= VRING_ELIDE_AFTER;

	vring_note_interrupts(vr, disabled);
	if (disabled)
		return false;
	/* they may have been enabled some bursts ago, and the event passed since */
	if (unseen || flags != VRING_PACKED_EVENT_DESC || !vr->event_idx)
		return true;
	off_wrap = order_read16(&vr->driver_event->off_wrap);
	event = off_wrap & (uint16_t)~VRING_PACKED_WRAP;
	if (!!(off_wrap & VRING_PACKED_WRAP) != vr->wrap)
		event -= vr->size;
	if (vr->last_used <= old)
		old -= vr->size;
	return vring_need_event(event, vr->last_used, old);
}

/* The end of every burst, after its used entries are published: interrupts the guest if
 * its driver wants that.  Returns whether it did. */
static inline __attribute__((always_inline)) bool
vring_notify(struct vring *vr, const bool packed)
{
	uint16_t old = vr->event_used;
	bool want;

	if (vring_needs_fence(vr))
		order_fence();
	want = packed ? vring_packed_wants_interrupt(vr, old)
		      : vring_split_wants_interrupt(vr, old);
	vr->event_used = vr->last_used;
	if (want) {
		/* C: a guest that runs before the used index is visible would sleep again */
		order_fence();
		vring_call_guest(vr);
	}
	return want;
}

/* What the watchdog remembers of a ring from one call to the next. */
struct vring_watch {
	uint32_t bursts;
	bool moved;
};

/*
 * The watchdog: whether to interrupt the guest now, because used buffers were
 * returned since the last call but one, none since the last call, and the fence may
 * have been skipped.  Control thread, every 10 ms; reads the ring while a data thread
 * uses it.
 */
static inline bool
vring_watch_overdue(const struct vring *vr, struct vring_watch *w)
{
	uint32_t bursts = order_read32(&vr->bursts);
	bool moved = bursts != w->bursts, due = w->moved && !moved;

	w->bursts = bursts;
	w->moved = moved;
	return due && bursts - order_read32(&vr->enabled_at) >= VRING_ELIDE_AFTER;
}

#endif /* VIRTQ_VRING_NOTIFY_H */
