/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The bursts of --perf, made once for each format, direction and touch. */

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

/* Chain c came back with len bytes. */
ALWAYS void
turn(struct vg_fast *f, uint32_t c, uint32_t len, const bool rx, const enum vg_touch touch)
{
	if (!rx) {
		touch_write(f, f->data[c], f->ring.len[c], touch);
		f->bytes += f->ring.len[c];
		f->packets++;
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

#define BURST(name, packed, rx, touch)                                                        \
	ALWAYS void name##_turn(void *f, uint32_t c, uint32_t len)                            \
	{                                                                                     \
		turn(f, c, len, rx, touch);                                                   \
	}                                                                                     \
	static uint32_t name(struct vg_fast *f)                                               \
	{                                                                                     \
		return (packed) ? vdriver_fast_packed(&f->ring, f->batch, rx, name##_turn, f) \
				: vdriver_fast_split(&f->ring, f->min_batch, f->batch, rx,    \
						     name##_turn, f);                         \
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
