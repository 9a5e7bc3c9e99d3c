/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VDRIVER_FAST_H
#define VIRTQ_VDRIVER_FAST_H

/*
 * vdriver_fast.h - a ring whose chains never change, for drivers that make load: it is
 * filled once, and each chain goes back as it came.  A turn then costs little more
 * than the cache misses of the ring itself.
 *
 * The chains must take all entries of a packed or IN_ORDER ring, so that each lap is
 * like the one before.
 */

#include "vdriver.h"
#include "vdriver_order.h"

#define VDRIVER_INLINE static inline __attribute__((always_inline))

struct vdriver_fast {
	struct vdriver *vd;
	bool in_order;
	uint16_t nchain;
	uint16_t next;  /* chain that is due */
	uint16_t last;  /* split: used index taken */
	uint16_t avail; /* split: available index told */
	bool used_wrap, fill_wrap;
	bool bad; /* the device broke the ring or its order */
	/* by chain */
	uint16_t *first; /* head, or first slot */
	uint16_t *id;
	uint16_t *ndesc;
	uint32_t *len; /* bytes */
	/* by id */
	uint16_t *of_id;
	/* packed: by slot, length, id and flags without wrap bits */
	uint64_t *word;
};

/* For a ring after vdriver_init() or vdriver_reset() at its beginning, which must
 * outlive f and is f's alone from then on.  Returns 0, or -1 without memory. */
int vdriver_fast_init(struct vdriver_fast *f, struct vdriver *vd);
void vdriver_fast_free(struct vdriver_fast *f);

/* Adds chain number f->nchain, as vdriver_add() and vdriver_add_indirect() do: false
 * if there is no room. */
bool vdriver_fast_add(struct vdriver_fast *f, const struct vdriver_seg *seg, uint32_t n,
		      bool indirect);

/* Publishes them all.  Returns whether the device asks to be notified. */
bool vdriver_fast_start(struct vdriver_fast *f);

/* As vdriver_ask_interrupt(), for the next chain that is due. */
void vdriver_fast_ask_interrupt(struct vdriver_fast *f);

/* What the user does with chain c that came back with len bytes, before the device may
 * have it again. */
typedef void (*vdriver_turn)(void *arg, uint32_t c, uint32_t len);

VDRIVER_INLINE uint16_t
vdriver_fast_after(const struct vdriver_fast *f, uint16_t c)
{
	return (uint16_t)(c + 1 == f->nchain ? 0 : c + 1);
}

/* How many chains a used entry with that id returns, 0 if it cannot be (2.6.9). */
VDRIVER_INLINE uint32_t
vdriver_fast_group(const struct vdriver_fast *f, uint16_t due, uint32_t id)
{
	uint32_t c;

	if (id >= f->vd->size)
		return 0;
	c = f->of_id[id];
	if (f->id[c] != id)
		return 0;
	if (c == due)
		return 1;
	if (!f->in_order)
		return 0;
	return c > due ? c - due + 1u : f->nchain - due + c + 1u;
}

/* Chain c; `write` if the device writes its buffers. */
VDRIVER_INLINE void
vdriver_fast_turn(struct vdriver_fast *f, uint16_t c, uint32_t len, const bool write,
		  vdriver_turn turn, void *arg)
{
	if (write && __builtin_expect(len > f->len[c], 0))
		f->bad = true;
	else
		turn(arg, c, len);
}

VDRIVER_INLINE void
vdriver_fast_give_split(uint16_t *at, uint16_t head)
{
	/* on most laps it is there already, and the cache line stays shared */
	if (*at != head)
		*at = head;
}

/*
 * Takes up to max chains back from a split ring, if at least min of them are used, and
 * makes them available again.  How many; 0 with f->bad set if the device broke the
 * ring, which is of no use any more.  `write` and `turn` are constants, so that each
 * caller has a loop of its own.
 */
VDRIVER_INLINE uint32_t
vdriver_fast_split(struct vdriver_fast *f, uint32_t min, uint32_t max, const bool write,
		   vdriver_turn turn, void *arg)
{
	const struct vring_used *used = f->vd->used;
	struct vring_avail *ring = f->vd->avail;
	/* A */
	uint16_t n = (uint16_t)(vd_acquire16(&used->idx) - f->last);
	uint16_t mask = (uint16_t)(f->vd->size - 1u);
	/* not in memory: what turn() writes could be anything in it */
	uint16_t next = f->next, avail = f->avail;
	uint32_t done = 0;

	if (n < min)
		return 0;
	while (done < n && done < max) {
		const struct vring_used_elem *e = &used->ring[(uint16_t)(f->last + done) & mask];
		uint32_t k = vdriver_fast_group(f, next, e->id);

		if (__builtin_expect(k == 0 || k > n - done, 0)) {
			f->bad = true;
			return 0;
		}
		for (uint32_t i = 0; i < k; i++) {
			vdriver_fast_turn(f, next, i + 1 < k ? f->len[next] : e->len, write, turn,
					  arg);
			vdriver_fast_give_split(&ring->ring[avail++ & mask], f->first[next]);
			next = vdriver_fast_after(f, next);
		}
		done += k;
	}
	f->next = next;
	f->avail = avail;
	f->last = (uint16_t)(f->last + done);
	/* B */
	vd_release16(&ring->idx, avail);
	return done;
}

VDRIVER_INLINE bool
vdriver_fast_is_used(const struct vring_packed_desc *d, bool wrap)
{
	const uint16_t both = VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED;

	/* A */
	return (vd_acquire16(&d->flags) & both) == (wrap ? both : 0);
}

/* Puts n chains back, each with its first slot last (2.7.16). */
VDRIVER_INLINE void
vdriver_fast_give_packed(struct vdriver_fast *f, uint16_t c, uint32_t n)
{
	struct vring_packed_desc *slot = f->vd->slot;
	bool wrap = f->fill_wrap;

	for (; n > 0; n--) {
		uint64_t flags = (uint64_t)(wrap ? VRING_PACKED_F_AVAIL : VRING_PACKED_F_USED);
		uint16_t s = f->first[c];

		/* B */
		for (uint16_t i = f->ndesc[c]; i-- > 0;)
			vd_release64((uint64_t *)&slot[s + i].len, f->word[s + i] | flags << 48);
		c = vdriver_fast_after(f, c);
		if (c == 0)
			wrap = !wrap;
	}
	f->fill_wrap = wrap;
}

/* The same of a packed ring, where the device does not say how many are used. */
VDRIVER_INLINE uint32_t
vdriver_fast_packed(struct vdriver_fast *f, uint32_t max, const bool write, vdriver_turn turn,
		    void *arg)
{
	const struct vring_packed_desc *slot = f->vd->slot;
	uint16_t next = f->next;
	bool wrap = f->used_wrap;
	uint32_t done = 0;

	while (done < max && done < f->nchain &&
	       vdriver_fast_is_used(&slot[f->first[next]], wrap)) {
		const struct vring_packed_desc *d = &slot[f->first[next]];
		uint32_t k = vdriver_fast_group(f, next, d->id), len = d->len;

		if (__builtin_expect(k == 0, 0)) {
			f->bad = true;
			return 0;
		}
		for (uint32_t i = 0; i < k; i++) {
			vdriver_fast_turn(f, next, i + 1 < k ? f->len[next] : len, write, turn,
					  arg);
			next = vdriver_fast_after(f, next);
			if (next == 0)
				wrap = !wrap;
		}
		done += k;
	}
	if (done == 0)
		return 0;
	vdriver_fast_give_packed(f, f->next, done);
	f->next = next;
	f->used_wrap = wrap;
	return done;
}

#endif /* VIRTQ_VDRIVER_FAST_H */
