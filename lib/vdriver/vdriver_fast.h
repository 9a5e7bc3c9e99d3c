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
	bool bad; /* the device broke the ring or its order: nothing comes back any more */
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

/* Chain f->next; `write` if the device writes its buffers. */
VDRIVER_INLINE void
vdriver_fast_turn(struct vdriver_fast *f, uint32_t len, const bool write, vdriver_turn turn,
		  void *arg)
{
	if (write && __builtin_expect(len > f->len[f->next], 0))
		f->bad = true;
	else
		turn(arg, f->next, len);
}

VDRIVER_INLINE void
vdriver_fast_give_split(struct vdriver_fast *f, uint16_t head)
{
	uint16_t *at = &f->vd->avail->ring[f->avail++ & (f->vd->size - 1u)];

	/* on most laps it is there already, and the cache line stays shared */
	if (*at != head)
		*at = head;
}

/*
 * Takes up to max chains back from a split ring, if at least min of them are used, and
 * makes them available again.  How many; 0 with f->bad set if the device broke the
 * ring.  `write` and `turn` are constants, so that each caller has its own loop.
 */
VDRIVER_INLINE uint32_t
vdriver_fast_split(struct vdriver_fast *f, uint32_t min, uint32_t max, const bool write,
		   vdriver_turn turn, void *arg)
{
	const struct vring_used *used = f->vd->used;
	/* A */
	uint16_t n = (uint16_t)(vd_acquire16(&used->idx) - f->last);
	uint16_t mask = (uint16_t)(f->vd->size - 1u);
	uint32_t done = 0;

	if (n < min)
		return 0;
	while (done < n && done < max) {
		const struct vring_used_elem *e = &used->ring[(uint16_t)(f->last + done) & mask];
		uint32_t k = vdriver_fast_group(f, f->next, e->id);

		if (__builtin_expect(k == 0 || k > n - done, 0)) {
			f->bad = true;
			return 0;
		}
		for (uint32_t i = 0; i < k; i++) {
			vdriver_fast_turn(f, i + 1 < k ? f->len[f->next] : e->len, write, turn,
					  arg);
			vdriver_fast_give_split(f, f->first[f->next]);
			f->next = vdriver_fast_after(f, f->next);
		}
		done += k;
	}
	f->last = (uint16_t)(f->last + done);
	/* B */
	vd_release16(&f->vd->avail->idx, f->avail);
	return done;
}

VDRIVER_INLINE bool
vdriver_fast_slot_used(const struct vdriver_fast *f, uint16_t slot)
{
	const uint16_t both = VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED;
	/* A */
	uint16_t flags = vd_acquire16(&f->vd->slot[slot].flags);

	return (flags & both) == (f->used_wrap ? both : 0);
}

/* Puts n chains back, each with its first slot last (2.7.16). */
VDRIVER_INLINE void
vdriver_fast_give_packed(struct vdriver_fast *f, uint16_t c, uint32_t n)
{
	for (; n > 0; n--) {
		uint64_t wrap =
			(uint64_t)(f->fill_wrap ? VRING_PACKED_F_AVAIL : VRING_PACKED_F_USED) << 48;
		uint16_t s = f->first[c];

		/* B */
		for (uint16_t i = f->ndesc[c]; i-- > 0;)
			vd_release64((uint64_t *)&f->vd->slot[s + i].len, f->word[s + i] | wrap);
		c = vdriver_fast_after(f, c);
		if (c == 0)
			f->fill_wrap = !f->fill_wrap;
	}
}

/* The same of a packed ring, where the device does not say how many are used. */
VDRIVER_INLINE uint32_t
vdriver_fast_packed(struct vdriver_fast *f, uint32_t max, const bool write, vdriver_turn turn,
		    void *arg)
{
	uint16_t begin = f->next;
	uint32_t done = 0;

	while (done < max && done < f->nchain && vdriver_fast_slot_used(f, f->first[f->next])) {
		const struct vring_packed_desc *d = &f->vd->slot[f->first[f->next]];
		uint32_t k = vdriver_fast_group(f, f->next, d->id), len = d->len;

		if (__builtin_expect(k == 0, 0)) {
			f->bad = true;
			return 0;
		}
		for (uint32_t i = 0; i < k; i++) {
			vdriver_fast_turn(f, i + 1 < k ? f->len[f->next] : len, write, turn, arg);
			f->next = vdriver_fast_after(f, f->next);
			if (f->next == 0)
				f->used_wrap = !f->used_wrap;
		}
		done += k;
	}
	if (done > 0)
		vdriver_fast_give_packed(f, begin, done);
	return done;
}

#endif /* VIRTQ_VDRIVER_FAST_H */
