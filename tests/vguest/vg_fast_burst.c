/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The bursts of --perf: one body, made once for each format, direction and touch. */

#include <string.h>

#include "vg_fast.h"

#define ALWAYS static inline __attribute__((always_inline))

/* What a guest that looks at its packets would read. */
ALWAYS void
touch_read(struct vg_fast *f, const uint8_t *data, uint32_t len, const enum vg_touch touch)
{
	uint64_t w;

	if (touch == VG_TOUCH_NONE)
		return;
	memcpy(&w, data, sizeof(w));
	f->read += w;
	memcpy(&w, data + 12, sizeof(w));
	f->read += w;
	for (uint32_t i = 64; touch == VG_TOUCH_ALL && i < len; i += 64) {
		memcpy(&w, data + i, sizeof(w));
		f->read += w;
	}
}

/* What a guest that makes its packets would write: the header, and a word in each
 * line; the addresses in front stay as they are. */
ALWAYS void
touch_write(struct vg_fast *f, uint8_t *data, uint32_t len, const enum vg_touch touch)
{
	if (touch == VG_TOUCH_NONE)
		return;
	memset(data, 0, 10);
	memcpy(data + 34, &f->packets, 8);
	for (uint32_t i = 98; touch == VG_TOUCH_ALL && i + 8 <= len; i += 64)
		memcpy(data + i, &f->packets, 8);
}

ALWAYS void
turn(struct vg_fast *f, uint32_t c, uint32_t len, const bool rx, const enum vg_touch touch)
{
	if (!rx) {
		touch_write(f, f->data[c], f->len[c], touch);
		f->bytes += f->len[c];
		f->packets++;
		return;
	}
	if (__builtin_expect(len > f->len[c], 0)) {
		f->bad = true;
		return;
	}
	touch_read(f, f->data[c], len, touch);
	f->bytes += len;
	f->buffers++;
	if (!f->count_buffers) {
		f->packets++;
		return;
	}
	if (f->left == 0) {
		memcpy(&f->left, f->data[c] + 10, 2);
		f->packets++;
	}
	f->left--;
}

ALWAYS uint16_t
after(const struct vg_fast *f, uint16_t c)
{
	return (uint16_t)(c + 1 == f->nchain ? 0 : c + 1);
}

/* How many chains a used entry with that id returns, 0 if it cannot be. */
ALWAYS uint32_t
group(const struct vg_fast *f, uint16_t due, uint32_t id)
{
	uint32_t c;

	if (id >= f->ring->size)
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

ALWAYS void
give_split(struct vg_fast *f, uint16_t head)
{
	uint16_t *at = &f->ring->avail->ring[f->avail++ & (f->ring->size - 1u)];

	/* on most laps it stands there already, and the line stays shared */
	if (*at != head)
		*at = head;
}

ALWAYS uint32_t
split_burst(struct vg_fast *f, const bool rx, const enum vg_touch touch)
{
	const struct vg_used *used = f->ring->used;
	uint16_t n = (uint16_t)(__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) - f->last);
	uint16_t mask = (uint16_t)(f->ring->size - 1u);
	uint32_t done = 0;

	if (n < f->min_batch)
		return 0;
	while (done < n && done < f->batch) {
		const struct vg_used_elem *e = &used->ring[(uint16_t)(f->last + done) & mask];
		uint32_t k = group(f, f->next, e->id);

		if (__builtin_expect(k == 0 || k > n - done, 0)) {
			f->bad = true;
			return 0;
		}
		for (uint32_t i = 0; i < k; i++) {
			turn(f, f->next, i + 1 < k ? f->len[f->next] : e->len, rx, touch);
			give_split(f, f->first[f->next]);
			f->next = after(f, f->next);
		}
		done += k;
	}
	f->last = (uint16_t)(f->last + done);
	__atomic_store_n(&f->ring->avail->idx, f->avail, __ATOMIC_RELEASE);
	return done;
}

ALWAYS bool
slot_used(const struct vg_fast *f, uint16_t slot)
{
	uint16_t flags = __atomic_load_n(&f->ring->slot[slot].flags, __ATOMIC_ACQUIRE);

	return (flags & (VG_DESC_AVAIL | VG_DESC_USED)) ==
	       (f->used_wrap ? VG_DESC_AVAIL | VG_DESC_USED : 0);
}

/* Puts n chains back, each with its first slot last. */
ALWAYS void
give_packed(struct vg_fast *f, uint16_t c, uint32_t n)
{
	for (; n > 0; n--) {
		uint64_t wrap = (uint64_t)(f->fill_wrap ? VG_DESC_AVAIL : VG_DESC_USED) << 48;
		uint16_t s = f->first[c];

		for (uint16_t i = f->ndesc[c]; i-- > 0;)
			__atomic_store_n((uint64_t *)&f->ring->slot[s + i].len,
					 f->word[s + i] | wrap, __ATOMIC_RELEASE);
		c = after(f, c);
		if (c == 0)
			f->fill_wrap = !f->fill_wrap;
	}
}

ALWAYS uint32_t
packed_burst(struct vg_fast *f, const bool rx, const enum vg_touch touch)
{
	uint16_t begin = f->next;
	uint32_t done = 0;

	while (done < f->batch && done < f->nchain && slot_used(f, f->first[f->next])) {
		const struct vg_pdesc *d = &f->ring->slot[f->first[f->next]];
		uint32_t k = group(f, f->next, d->id), len = d->len;

		if (__builtin_expect(k == 0, 0)) {
			f->bad = true;
			return 0;
		}
		for (uint32_t i = 0; i < k; i++) {
			turn(f, f->next, i + 1 < k ? f->len[f->next] : len, rx, touch);
			f->next = after(f, f->next);
			if (f->next == 0)
				f->used_wrap = !f->used_wrap;
		}
		done += k;
	}
	if (done > 0)
		give_packed(f, begin, done);
	return done;
}

#define BURST(name, packed, rx, touch)                                                    \
	static uint32_t name(struct vg_fast *f)                                           \
	{                                                                                 \
		return (packed) ? packed_burst(f, rx, touch) : split_burst(f, rx, touch); \
	}
#define BURSTS(name, packed, rx)                        \
	BURST(name##_none, packed, rx, VG_TOUCH_NONE)   \
	BURST(name##_first, packed, rx, VG_TOUCH_FIRST) \
	BURST(name##_all, packed, rx, VG_TOUCH_ALL)
BURSTS(split_tx, false, false)
BURSTS(split_rx, false, true)
BURSTS(packed_tx, true, false)
BURSTS(packed_rx, true, true)

vg_burst_fn
vg_fast_burst(bool packed, bool rx, enum vg_touch touch)
{
	static const vg_burst_fn table[2][2][3] = {
		{{split_tx_none, split_tx_first, split_tx_all},
		 {split_rx_none, split_rx_first, split_rx_all}},
		{{packed_tx_none, packed_tx_first, packed_tx_all},
		 {packed_rx_none, packed_rx_first, packed_rx_all}},
	};

	return table[packed][rx][touch];
}
