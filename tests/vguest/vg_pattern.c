/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vg_pattern.h"

#include <string.h>

/* An Ethernet type for local experiments: nobody parses further. */
static const uint8_t type[2] = {0x88, 0xb5};
static const uint8_t mac_a[6] = {0x02, 0x76, 0x67, 0x00, 0x00, 0x0a};
static const uint8_t mac_b[6] = {0x02, 0x76, 0x67, 0x00, 0x00, 0x0b};

uint64_t
vg_mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x7fb5d329728ea185ull;
	x ^= x >> 27;
	x *= 0x81dadef4bc2dd44dull;
	return x ^ x >> 33;
}

static uint64_t
seed_of(uint32_t stream, uint64_t seq)
{
	return vg_mix(seq * 1024 + stream + 1);
}

/* Word i: the seed makes frames differ, the odd step makes words differ. */
static uint64_t
word(uint64_t seed, uint32_t i)
{
	return seed + i * 0x9e6c63d0676a9a99ull;
}

void
vg_frame_fill(uint8_t *frame, uint32_t len, uint32_t stream, uint64_t seq)
{
	struct vg_frame_hdr h = {.stream = (uint16_t)stream, .len = len, .seq = seq};
	uint64_t seed = seed_of(stream, seq);
	uint32_t at = sizeof(h), i = 0;
	uint64_t w;

	memcpy(h.dst, mac_a, 6);
	memcpy(h.src, mac_b, 6);
	memcpy(h.type, type, 2);
	memcpy(frame, &h, sizeof(h));
	for (; len - at >= 8; at += 8) {
		w = word(seed, i++);
		memcpy(frame + at, &w, 8);
	}
	w = word(seed, i);
	memcpy(frame + at, &w, len - at);
}

static const char *
pattern_check(const uint8_t *frame, uint32_t len, uint64_t seed)
{
	uint32_t at = sizeof(struct vg_frame_hdr), i = 0;
	uint64_t w, got, diff = 0;

	for (; len - at >= 8; at += 8) {
		w = word(seed, i++);
		memcpy(&got, frame + at, 8);
		diff |= w ^ got;
	}
	w = word(seed, i);
	return diff != 0 || memcmp(frame + at, &w, len - at) != 0 ? "its bytes changed" : NULL;
}

const char *
vg_frame_check(const uint8_t *frame, uint32_t len, uint32_t stream, uint64_t *seq)
{
	struct vg_frame_hdr h;

	*seq = 0;
	if (len < VG_FRAME_MIN)
		return "it is shorter than any that was sent";
	memcpy(&h, frame, sizeof(h));
	*seq = h.seq;
	if (memcmp(h.type, type, 2) != 0)
		return "its Ethernet type is wrong";
	if ((memcmp(h.dst, mac_a, 6) != 0 || memcmp(h.src, mac_b, 6) != 0) &&
	    (memcmp(h.dst, mac_b, 6) != 0 || memcmp(h.src, mac_a, 6) != 0))
		return "its Ethernet addresses are wrong";
	if (h.stream != stream)
		return "it belongs to another queue";
	if (h.len != len)
		return "its length changed";
	return pattern_check(frame, len, seed_of(stream, h.seq));
}

uint32_t
vg_frame_len(const struct vg_opts *o, uint32_t stream, uint64_t seq)
{
	uint64_t r;

	if (!o->imix && o->size_min == o->size_max)
		return o->size_min;
	r = vg_mix(~seed_of(stream, seq)) >> 16;
	if (!o->imix)
		return o->size_min + (uint32_t)(r % (o->size_max - o->size_min + 1));
	/* the usual 7 : 4 : 1 */
	r %= 12;
	return r < 7 ? 64 : r < 11 ? 570 : 1518;
}
