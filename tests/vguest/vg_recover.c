/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * What a device does with the rings of a PMD that is gone ("The journal" and
 * "Recovery" of doc/protocol.md), and whether that PMD kept the rules until then.
 */

#include "vg_recover.h"

#include <stddef.h>
#include <string.h>

#include "vg_log.h"

typedef uint64_t __attribute__((may_alias)) word;

#define WRAP VRING_PACKED_WRAP

static struct virtq_ipc_ring_pos
load_pos(const struct virtq_ipc_state_queue *s)
{
	uint64_t w = __atomic_load_n((const word *)&s->pos, __ATOMIC_ACQUIRE);
	struct virtq_ipc_ring_pos pos;

	memcpy(&pos, &w, sizeof(pos));
	return pos;
}

/* Length, id and flags of a descriptor. */
static word *
half(const struct vdriver *r, uint16_t at)
{
	return (word *)&r->slot[at & ~WRAP].len;
}

static uint64_t
used_half(const struct virtq_ipc_used *e)
{
	uint64_t flags = e->slot & WRAP ? VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED : 0;

	if (e->len > 0)
		flags |= VRING_DESC_F_WRITE;
	return e->len | (uint64_t)e->id << 32 | flags << 48;
}

static bool
is_used(const struct vdriver *r, const struct virtq_ipc_used *e)
{
	return __atomic_load_n(half(r, e->slot), __ATOMIC_ACQUIRE) == used_half(e);
}

/* Whether nobody has touched the descriptor since the guest gave it. */
static bool
is_available(const struct vdriver *r, uint16_t at)
{
	uint16_t flags = (uint16_t)(__atomic_load_n(half(r, at), __ATOMIC_ACQUIRE) >> 48);
	bool wrap = at & WRAP;

	return !!(flags & VRING_PACKED_F_AVAIL) == wrap && !!(flags & VRING_PACKED_F_USED) != wrap;
}

/* Slots from one place to another that lies at most a ring behind it. */
static uint32_t
distance(const struct vdriver *r, uint16_t from, uint16_t to)
{
	uint32_t lap = (from ^ to) & WRAP ? r->size : 0;

	return (to & ~WRAP) + lap - (from & ~WRAP);
}

static bool
in_ring(const struct vdriver *r, uint16_t at)
{
	return (at & ~WRAP) < r->size;
}

/* The first descriptor is used: the others must be, as long as the guest has not
 * taken it and given new ones. */
static enum vg_moment
behind_first(const struct vdriver *r, const struct virtq_ipc_state_queue *s,
	     struct virtq_ipc_ring_pos pos)
{
	if (vdriver_position(r) != pos.used)
		return VG_AT_MADE;
	for (uint16_t k = 0; k < pos.pending; k++)
		if (!in_ring(r, s->journal[k].slot) || !is_used(r, &s->journal[k]))
			return VG_AT_WRONG;
	return VG_AT_MADE;
}

enum vg_moment
vg_recover_moment(const struct vdriver *r, const struct virtq_ipc_state_queue *s)
{
	struct virtq_ipc_ring_pos pos = load_pos(s);
	uint16_t n = pos.pending;

	if (!r->packed || n == 0 || n > VIRTQ_IPC_JOURNAL || !in_ring(r, pos.used))
		return VG_AT_ANY;
	if (!is_available(r, pos.used))
		return behind_first(r, s, pos);
	if (n > 1 && in_ring(r, s->journal[n - 1].slot) && is_used(r, &s->journal[n - 1]))
		return VG_AT_TORN;
	return VG_AT_NOTED;
}

/* The journal has to be in the ring's order and within the burst. */
static int
check_journal(const struct vg_queue *q, const struct virtq_ipc_state_queue *s,
	      struct virtq_ipc_ring_pos pos)
{
	const struct vdriver *r = &q->ring.vd;
	uint32_t slots = distance(r, pos.used, pos.avail), next = 0;

	if (pos.pending > VIRTQ_IPC_JOURNAL || slots > r->size || s->journal[0].slot != pos.used)
		return vg_err("%s: a journal of %u entries for 0x%x to 0x%x that begins at 0x%x",
			      q->name, pos.pending, pos.used, pos.avail, s->journal[0].slot);
	for (uint16_t k = 0; k < pos.pending; k++) {
		const struct virtq_ipc_used *e = &s->journal[k];
		uint32_t at = distance(r, pos.used, e->slot);

		if (!in_ring(r, e->slot) || at < next || at >= slots || e->id >= r->size)
			return vg_err("%s: entry %u of the journal is for slot 0x%x, id %u, in a "
				      "burst from 0x%x to 0x%x",
				      q->name, k, e->slot, e->id, pos.used, pos.avail);
		next = at + 1;
	}
	return 0;
}

/* Writes the used descriptors that are not there yet, the first one last. */
static int
finish(const struct vg_queue *q, const struct virtq_ipc_state_queue *s, uint16_t n)
{
	const struct vdriver *r = &q->ring.vd;
	bool made = true;

	for (uint16_t k = n; k-- > 0;) {
		const struct virtq_ipc_used *e = &s->journal[k];

		if (is_used(r, e) && made)
			continue;
		made = false;
		if (!is_available(r, e->slot))
			return vg_err("%s: slot 0x%x, entry %u of %u in the journal, is neither "
				      "available nor what the journal says",
				      q->name, e->slot, k, n);
		__atomic_store_n(half(r, e->slot), used_half(e), __ATOMIC_RELEASE);
	}
	return 0;
}

static int
recover_packed(struct vg_port *p, struct vg_queue *q, const struct virtq_ipc_state_queue *s)
{
	struct virtq_ipc_ring_pos pos = load_pos(s);
	enum vg_moment moment;

	/* not valid: nothing was done, and where it was to begin still holds */
	if (!(pos.flags & VIRTQ_IPC_POS_VALID))
		return 0;
	if (!in_ring(&q->ring.vd, pos.avail) || !in_ring(&q->ring.vd, pos.used))
		return vg_err("%s: the state page says 0x%x/0x%x in a ring of %u", q->name,
			      pos.avail, pos.used, q->ring.vd.size);
	if (pos.pending > 0 && check_journal(q, s, pos) != 0)
		return -1;
	moment = vg_recover_moment(&q->ring.vd, s);
	/* --kill=made: one store later than it died, for which it would hardly be met */
	if (p->o->kills && p->o->kill_at == VG_AT_MADE && moment == VG_AT_TORN) {
		if (finish(q, s, pos.pending) != 0)
			return -1;
		moment = vg_recover_moment(&q->ring.vd, s);
	}
	if (moment == VG_AT_WRONG)
		return vg_err("%s: the first used descriptor of a burst was written before others",
			      q->name);
	p->recovered[moment]++;
	if ((moment == VG_AT_NOTED || moment == VG_AT_TORN) && finish(q, s, pos.pending) != 0)
		return -1;
	q->pos = pos.avail;
	return 0;
}

/* A split ring tells by itself, and the page may be a burst behind. */
static int
recover_split(struct vg_queue *q, const struct virtq_ipc_state_queue *s)
{
	uint16_t truth = __atomic_load_n(&q->ring.vd.used->idx, __ATOMIC_ACQUIRE);
	struct virtq_ipc_ring_pos pos = load_pos(s);

	if ((pos.flags & VIRTQ_IPC_POS_VALID) &&
	    (pos.pending || (uint16_t)(truth - pos.used) > q->ring.vd.size))
		return vg_err("%s: the used index is %u, and the state page says %u, %u pending",
			      q->name, truth, pos.used, pos.pending);
	q->pos = truth;
	return 0;
}

int
vg_recover(struct vg_port *p, const struct virtq_ipc_state *state)
{
	for (uint32_t i = 0; i < p->nqueue; i++) {
		struct vg_queue *q = &p->q[i];
		const struct virtq_ipc_state_queue *s = &state->queue[i];

		if ((q->ring.vd.packed ? recover_packed(p, q, s) : recover_split(q, s)) != 0)
			return -1;
	}
	return 0;
}
