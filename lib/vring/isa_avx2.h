/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_ISA_AVX2_H
#define VIRTQ_ISA_AVX2_H

/* isa_avx2.h - the leaf of isa.h with AVX2: four descriptors at a time. */

#include <immintrin.h>

#include "isa_scalar.h"

#define ISA_AVX2_NAME "AVX2"
#define ISA_AVX2_VECTOR true

/* Up to 31 bytes: two pieces that may overlap. */
static inline void
isa_avx2_copy_small(uint8_t *d, const uint8_t *s, uint32_t len)
{
	if (len >= 16) {
		__m128i a = _mm_loadu_si128((const __m128i *)s);
		__m128i b = _mm_loadu_si128((const __m128i *)(s + len - 16));

		_mm_storeu_si128((__m128i *)d, a);
		_mm_storeu_si128((__m128i *)(d + len - 16), b);
	} else if (len >= 8) {
		uint64_t a, b;

		memcpy(&a, s, 8);
		memcpy(&b, s + len - 8, 8);
		memcpy(d, &a, 8);
		memcpy(d + len - 8, &b, 8);
	} else {
		while (len-- > 0)
			d[len] = s[len];
	}
}

static inline __m256i
isa_avx2_load(const uint8_t *s)
{
	return _mm256_loadu_si256((const __m256i *)s);
}

static inline void
isa_avx2_store(uint8_t *d, __m256i v)
{
	_mm256_storeu_si256((__m256i *)d, v);
}

/* Four loads, then four stores: cache misses overlap. */
static inline void
isa_avx2_copy(void *dst, const void *src, uint32_t len)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if (len < 32) {
		isa_avx2_copy_small(d, s, len);
		return;
	}
	for (; len >= 128; len -= 128, d += 128, s += 128) {
		__m256i a = isa_avx2_load(s), b = isa_avx2_load(s + 32);
		__m256i c = isa_avx2_load(s + 64), e = isa_avx2_load(s + 96);

		isa_avx2_store(d, a);
		isa_avx2_store(d + 32, b);
		isa_avx2_store(d + 64, c);
		isa_avx2_store(d + 96, e);
	}
	for (; len >= 32; len -= 32, d += 32, s += 32)
		isa_avx2_store(d, isa_avx2_load(s));
	if (len > 0)
		isa_avx2_store(d + len - 32, isa_avx2_load(s + len - 32));
}

/* a > b for unsigned 64-bit words; AVX2 compares signed ones only. */
static inline __m256i
isa_avx2_gt(__m256i a, __m256i b)
{
	const __m256i top = _mm256_set1_epi64x(INT64_MIN);

	return _mm256_cmpgt_epi64(_mm256_xor_si256(a, top), _mm256_xor_si256(b, top));
}

/* Translates four buffers; returns all ones for each that is in one region. */
static inline __m256i
isa_avx2_translate(const struct guest_mem *mem, __m256i addr, __m256i len, __m256i *host)
{
	__m256i found = _mm256_setzero_si256();

	for (uint32_t r = 0; r < mem->count; r++) {
		const struct guest_region *g = &mem->region[r];
		__m256i size = _mm256_set1_epi64x((long long)g->size);
		__m256i off = _mm256_sub_epi64(addr, _mm256_set1_epi64x((long long)g->guest_addr));
		/* off is huge where addr is below the region */
		__m256i out = _mm256_or_si256(isa_avx2_gt(off, size),
					      isa_avx2_gt(len, _mm256_sub_epi64(size, off)));
		__m256i in = _mm256_andnot_si256(_mm256_or_si256(out, found),
						 _mm256_set1_epi64x(-1));

		off = _mm256_add_epi64(off, _mm256_set1_epi64x((long long)(uintptr_t)g->host));
		*host = _mm256_blendv_epi8(*host, off, in);
		found = _mm256_or_si256(found, in);
		if (_mm256_movemask_epi8(found) == -1)
			break;
	}
	return found;
}

/* Checks the four descriptors in d and writes their host addresses and lengths to entries
 * i to i + 3 of the run.  Returns how many, from the first on, can be in a run and have
 * their bit set in `take`.  The flags begin at bit flags_at of a descriptor's second
 * word. */
static inline uint16_t
isa_avx2_check(const struct vring *vr, uint32_t take, const __m128i d[4], const int flags_at,
	       const enum vring_dir dir, const struct vring_limits *lim, struct vring_run *run,
	       uint16_t i)
{
	__m256i a = _mm256_set_m128i(d[2], d[0]), b = _mm256_set_m128i(d[3], d[1]);
	__m256i addr = _mm256_unpacklo_epi64(a, b), rest = _mm256_unpackhi_epi64(a, b);
	__m256i len = _mm256_and_si256(rest, _mm256_set1_epi64x(0xffffffff));
	__m256i host = _mm256_setzero_si256(), bad, good;
	uint32_t mask;

	rest = _mm256_srli_epi64(rest, flags_at);
	good = _mm256_cmpeq_epi64(_mm256_and_si256(rest, _mm256_set1_epi64x(VRING_RUN_FLAGS)),
				  _mm256_set1_epi64x(vring_run_flags(dir)));
	bad = _mm256_or_si256(_mm256_cmpgt_epi64(_mm256_set1_epi64x(lim->min), len),
			      _mm256_cmpgt_epi64(len, _mm256_set1_epi64x(lim->max)));
	good = _mm256_andnot_si256(bad, good);
	good = _mm256_and_si256(good, isa_avx2_translate(vr->mem, addr, len, &host));
	_mm256_store_si256((__m256i *)&run->host[i], host);
	len = _mm256_permutevar8x32_epi32(len, _mm256_set_epi32(0, 0, 0, 0, 6, 4, 2, 0));
	_mm_store_si128((__m128i *)&run->len[i], _mm256_castsi256_si128(len));
	mask = (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(good)) & take;
	return (uint16_t)__builtin_ctz(~mask);
}

static inline __m128i
isa_avx2_snapshot(const void *at)
{
	__m128i d = _mm_loadu_si128(at);

	order_keep_vector(d);
	return d;
}

static inline uint16_t
isa_avx2_gather_split(const struct vring *vr, const enum vring_dir dir, uint16_t at, uint16_t n,
		      const struct vring_limits *lim, struct vring_run *run)
{
	for (uint16_t i = 0; i < n; i += 4) {
		uint16_t part = n - i < 4 ? n - i : 4, k, good;
		uint32_t take = 0;
		__m128i d[4];

		for (k = 0; k < 4; k++) {
			uint16_t slot = (uint16_t)(at + i + k) & vr->mask;
			uint16_t id = order_read16(&vr->avail->ring[slot]);

			run->id[i + k] = id;
			take |= (uint32_t)(k < part && id < vr->size) << k;
			/* masked: a head beyond the table is not taken, and must not fault */
			d[k] = isa_avx2_snapshot(&vr->desc[id & vr->mask]);
		}
		good = isa_avx2_check(vr, take, d, 32, dir, lim, run, i);
		if (good != 4)
			return i + good;
	}
	return n;
}

static inline uint16_t
isa_avx2_gather_packed(const struct vring *vr, const enum vring_dir dir, uint16_t slot, bool wrap,
		       uint16_t n, const struct vring_limits *lim, struct vring_run *run)
{
	for (uint16_t i = 0; i < n; i += 4) {
		const struct vring_packed_desc *at = &vr->slot[slot + i];
		uint16_t part = n - i < 4 ? n - i : 4, k, good;
		uint32_t take = 0;
		__m128i d[4];

		/* B: the flags before the rest of a descriptor */
		for (k = 0; k < part; k++)
			take |= (uint32_t)vring_packed_is_avail(order_read16(&at[k].flags), wrap)
				<< k;
		if (take == 0)
			return i;
		order_loads();
		for (k = 0; k < 4; k++) {
			d[k] = isa_avx2_snapshot(&at[k < part ? k : 0]);
			run->id[i + k] = (uint16_t)_mm_extract_epi16(d[k], 6);
		}
		good = isa_avx2_check(vr, take, d, 48, dir, lim, run, i);
		if (good != 4)
			return i + good;
	}
	return n;
}

static inline void
isa_avx2_used_split(struct vring_used_elem *at, const struct vring_run *run, uint16_t n)
{
	uint16_t i;

	for (i = 0; i + 4 <= n; i += 4) {
		__m256i id = _mm256_cvtepu16_epi64(_mm_loadl_epi64((const __m128i *)&run->id[i]));
		__m256i len = _mm256_cvtepu32_epi64(_mm_load_si128((const __m128i *)&run->len[i]));

		_mm256_storeu_si256((__m256i *)&at[i],
				    _mm256_or_si256(id, _mm256_slli_epi64(len, 32)));
	}
	for (; i < n; i++)
		at[i] = (struct vring_used_elem){run->id[i], run->len[i]};
}

static inline void
isa_avx2_used_packed(struct vring *vr, const struct vring_run *run, uint16_t n)
{
	const __m256i flags = _mm256_set1_epi64x((long long)vring_packed_used_word(vr->wrap, 0, 0));
	const __m256i write = _mm256_set1_epi64x((long long)VRING_DESC_F_WRITE << 48);
	__m256i place = _mm256_add_epi64(_mm256_set1_epi64x(vring_packed_place(vr, 0)),
					 _mm256_set_epi64x(3, 2, 1, 0));
	uint64_t *at = (uint64_t *)&vr->slot[vr->last_avail] + 1;
	uint64_t *journal = vr->state.pos ? vr->state.journal : NULL;
	uint64_t word[VRING_BURST] __attribute__((aligned(64)));
	uint16_t i;

	for (i = 0; i + 4 <= n; i += 4) {
		__m256i id = _mm256_cvtepu16_epi64(_mm_loadl_epi64((const __m128i *)&run->id[i]));
		__m256i len = _mm256_cvtepu32_epi64(_mm_load_si128((const __m128i *)&run->len[i]));
		__m256i none = _mm256_cmpeq_epi64(len, _mm256_setzero_si256());
		__m256i note = _mm256_or_si256(_mm256_or_si256(place, _mm256_slli_epi64(id, 16)),
					       _mm256_slli_epi64(len, 32));

		place = _mm256_add_epi64(place, _mm256_set1_epi64x(4));
		if (journal)
			_mm256_storeu_si256((__m256i *)&journal[i], note);
		len = _mm256_or_si256(len, _mm256_andnot_si256(none, write));
		id = _mm256_or_si256(flags, _mm256_slli_epi64(id, 32));
		_mm256_store_si256((__m256i *)&word[i], _mm256_or_si256(id, len));
	}
	/* scalar stores are faster here than a masked one */
	for (; i < n; i++) {
		vring_packed_note(vr, i, i, run->id[i], run->len[i]);
		word[i] = vring_packed_used_word(vr->wrap, run->id[i], run->len[i]);
	}
	vring_packed_begin(vr, n, n);
	while (i-- > 0)
		order_release64(&at[2 * i], word[i]);
}

#endif /* VIRTQ_ISA_AVX2_H */
