/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_ISA_AVX512_H
#define VIRTQ_ISA_AVX512_H

/* isa_avx512.h - the leaf of isa.h with AVX-512 (F, BW, DQ, VL) and BMI2: eight
 * descriptors at a time. */

#include <immintrin.h>

#include "isa_scalar.h"

#define ISA_AVX512_NAME "AVX-512"
#define ISA_AVX512_VECTOR true

/* The last vector overlaps the one before it: a masked store is slower, and is left to
 * packets shorter than one vector. */
static inline void
isa_avx512_copy(void *dst, const void *src, uint32_t len)
{
	uint8_t *d = dst;
	const uint8_t *s = src;
	uint32_t i = 0;

	if (len < 64) {
		__mmask64 k = _bzhi_u64(~0ull, len);

		_mm512_mask_storeu_epi8(d, k, _mm512_maskz_loadu_epi8(k, s));
		return;
	}
	for (; i + 64 <= len; i += 64)
		_mm512_storeu_si512(d + i, _mm512_loadu_si512(s + i));
	if (i < len)
		_mm512_storeu_si512(d + len - 64, _mm512_loadu_si512(s + len - 64));
}

/* Translates eight buffers; returns the mask of those that are in one region. */
static inline __mmask8
isa_avx512_translate(const struct guest_mem *mem, __m512i addr, __m512i len, __m512i *host)
{
	__mmask8 found = 0;

	for (uint32_t r = 0; r < mem->count; r++) {
		const struct guest_region *g = &mem->region[r];
		__m512i size = _mm512_set1_epi64((long long)g->size);
		__m512i off = _mm512_sub_epi64(addr, _mm512_set1_epi64((long long)g->guest_addr));
		/* off <= size && len <= size - off; off is huge where addr is below */
		__mmask8 in = _mm512_cmple_epu64_mask(off, size);

		in = _mm512_mask_cmple_epu64_mask(in, len, _mm512_sub_epi64(size, off));
		in &= (__mmask8)~found;
		*host = _mm512_mask_add_epi64(*host, in, off,
					      _mm512_set1_epi64((long long)(uintptr_t)g->host));
		found |= in;
		if (found == 0xff)
			break;
	}
	return found;
}

/* Checks eight descriptors and writes their host addresses and lengths to entries i to
 * i + 7 of the run.  Returns the mask of those in `take` that can be in a run. */
static inline __mmask8
isa_avx512_check(const struct vring *vr, __mmask8 take, __m512i addr, __m512i len, __m512i flags,
		 const enum vring_dir dir, const struct vring_limits *lim, struct vring_run *run,
		 uint16_t i)
{
	__m512i host = _mm512_setzero_si512();

	take = _mm512_mask_cmpeq_epu64_mask(
		take, _mm512_and_epi64(flags, _mm512_set1_epi64(VRING_RUN_FLAGS)),
		_mm512_set1_epi64(vring_run_flags(dir)));
	take = _mm512_mask_cmpge_epu64_mask(take, len, _mm512_set1_epi64(lim->min));
	take = _mm512_mask_cmple_epu64_mask(take, len, _mm512_set1_epi64(lim->max));
	take &= isa_avx512_translate(vr->mem, addr, len, &host);
	_mm512_store_si512(&run->host[i], host);
	_mm256_store_si256((__m256i *)&run->len[i], _mm512_cvtepi64_epi32(len));
	return take;
}

/* Mask of the first `left` of eight. */
static inline __mmask8
isa_avx512_first(uint16_t left)
{
	return left >= 8 ? 0xff : (__mmask8)((1u << left) - 1);
}

/* How many bits are set from the first on. */
static inline uint16_t
isa_avx512_prefix(__mmask8 good)
{
	return (uint16_t)__builtin_ctz(~(uint32_t)good);
}

/* Loads the heads of the next n chains, with one load if they do not wrap. */
static inline void
isa_avx512_heads(const struct vring *vr, uint16_t at, uint16_t n, uint16_t *id)
{
	uint16_t slot = at & vr->mask;
	uint16_t part = vr->size - slot;
	__mmask32 k = n < 32 ? (1u << n) - 1 : ~0u;
	__m512i v;

	if (part >= n) {
		v = _mm512_maskz_loadu_epi16(k, &vr->avail->ring[slot]);
	} else {
		/* the rest comes from the start of the ring */
		__mmask32 front = (1u << part) - 1;

		v = _mm512_maskz_loadu_epi16(front, &vr->avail->ring[slot]);
		v = _mm512_mask_loadu_epi16(v, k & ~front, &vr->avail->ring[0] - part);
	}
	_mm512_store_si512(id, v);
	order_keep_copy(id, VRING_BURST * sizeof(*id));
}

static inline __attribute__((always_inline)) uint16_t
isa_avx512_gather_split(const struct vring *vr, const enum vring_dir dir, uint16_t at, uint16_t n,
			const struct vring_limits *lim, struct vring_run *run)
{
	const long long *table = (const long long *)vr->desc;
	uint16_t i;

	isa_avx512_heads(vr, at, n, run->id);
	for (i = 0; i < n; i += 8) {
		__mmask8 part = isa_avx512_first(n - i), good;
		__m512i id = _mm512_cvtepu16_epi64(_mm_load_si128((const __m128i *)&run->id[i]));
		__m512i addr, rest;

		good = _mm512_mask_cmplt_epu64_mask(part, id, _mm512_set1_epi64(vr->size));
		id = _mm512_slli_epi64(id, 4);
		addr = _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), good, id, table, 1);
		rest = _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), good, id, table + 1, 1);
		good = isa_avx512_check(vr, good, addr,
					_mm512_and_epi64(rest, _mm512_set1_epi64(0xffffffff)),
					_mm512_srli_epi64(rest, 32), dir, lim, run, i);
		if (good != 0xff)
			return (uint16_t)(i + isa_avx512_prefix(good));
	}
	return n;
}

static inline __m512i
isa_avx512_odd(void)
{
	return _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
}

/* Length, id and flags of eight packed descriptors. */
static inline __m512i
isa_avx512_second_words(const struct vring_packed_desc *at, __mmask16 words)
{
	return _mm512_permutex2var_epi64(_mm512_maskz_loadu_epi64((__mmask8)words, at),
					 isa_avx512_odd(),
					 _mm512_maskz_loadu_epi64((__mmask8)(words >> 8), at + 4));
}

static inline __attribute__((always_inline)) uint16_t
isa_avx512_gather_packed(const struct vring *vr, const enum vring_dir dir, uint16_t slot, bool wrap,
			 uint16_t n, const struct vring_limits *lim, struct vring_run *run)
{
	const __m512i even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
	/* AVAIL and USED of an available descriptor */
	const __m512i both = _mm512_set1_epi64(VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED);
	const __m512i mine = _mm512_set1_epi64(wrap ? VRING_PACKED_F_AVAIL : VRING_PACKED_F_USED);
	uint16_t i;

	for (i = 0; i < n; i += 8) {
		__mmask8 part = isa_avx512_first(n - i), good;
		const struct vring_packed_desc *at = &vr->slot[slot + i];
		/* two words a descriptor */
		__mmask16 words = (__mmask16)_pdep_u32(part, 0x5555) * 3;
		__m512i lo, hi, w1;

		/* B: the flags before the rest of a descriptor */
		w1 = isa_avx512_second_words(at, words);
		order_loads();
		good = _mm512_mask_cmpeq_epu64_mask(
			part, _mm512_and_epi64(_mm512_srli_epi64(w1, 48), both), mine);
		if (good == 0)
			return i;
		lo = _mm512_maskz_loadu_epi64((__mmask8)words, at);
		hi = _mm512_maskz_loadu_epi64((__mmask8)(words >> 8), at + 4);
		w1 = _mm512_permutex2var_epi64(lo, isa_avx512_odd(), hi);
		_mm_store_si128((__m128i *)&run->id[i],
				_mm512_cvtepi64_epi16(_mm512_srli_epi64(w1, 32)));
		good = isa_avx512_check(vr, good, _mm512_permutex2var_epi64(lo, even, hi),
					_mm512_and_epi64(w1, _mm512_set1_epi64(0xffffffff)),
					_mm512_srli_epi64(w1, 48), dir, lim, run, i);
		if (good != 0xff)
			return (uint16_t)(i + isa_avx512_prefix(good));
	}
	return n;
}

static inline __attribute__((always_inline)) void
isa_avx512_used_split(struct vring_used_elem *at, const struct vring_run *run, uint16_t n)
{
	for (uint16_t i = 0; i < n; i += 8) {
		__mmask8 k = isa_avx512_first(n - i);
		__m512i id = _mm512_cvtepu16_epi64(_mm_load_si128((const __m128i *)&run->id[i]));
		__m512i len =
			_mm512_cvtepu32_epi64(_mm256_load_si256((const __m256i *)&run->len[i]));

		_mm512_mask_storeu_epi64(&at[i], k,
					 _mm512_or_epi64(id, _mm512_slli_epi64(len, 32)));
	}
}

/* Stores the second words of eight packed descriptors, of those in mask k. */
static inline void
isa_avx512_put_words(uint64_t *at, __mmask8 k, __m512i word)
{
	const __m512i lo = _mm512_set_epi64(3, 3, 2, 2, 1, 1, 0, 0);
	const __m512i hi = _mm512_set_epi64(7, 7, 6, 6, 5, 5, 4, 4);
	uint32_t odd = _pdep_u32(k, 0xaaaa);

	_mm512_mask_storeu_epi64(at + 8, (__mmask8)(odd >> 8), _mm512_permutexvar_epi64(hi, word));
	_mm512_mask_storeu_epi64(at, (__mmask8)odd, _mm512_permutexvar_epi64(lo, word));
}

static inline __attribute__((always_inline)) void
isa_avx512_used_packed(struct vring *vr, const struct vring_run *run, uint16_t n)
{
	const __m512i order = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
	const __m512i flags = _mm512_set1_epi64((long long)vring_packed_used_word(vr->wrap, 0, 0));
	const __m512i write = _mm512_set1_epi64((long long)VRING_DESC_F_WRITE << 48);
	uint64_t *at = (uint64_t *)&vr->slot[vr->last_avail];
	uint16_t i;

	if (vr->state.pos) {
		__m512i place = _mm512_add_epi64(_mm512_set1_epi64(vring_packed_place(vr, 0)),
						 order);

		for (i = 0; i < n; i += 8) {
			__m512i id, len;

			id = _mm512_cvtepu16_epi64(_mm_load_si128((const __m128i *)&run->id[i]));
			len = _mm512_cvtepu32_epi64(
				_mm256_load_si256((const __m256i *)&run->len[i]));
			_mm512_mask_storeu_epi64(
				&vr->state.journal[i], isa_avx512_first(n - i),
				_mm512_or_epi64(_mm512_or_epi64(place, _mm512_slli_epi64(id, 16)),
						_mm512_slli_epi64(len, 32)));
			place = _mm512_add_epi64(place, _mm512_set1_epi64(8));
		}
		vring_packed_begin(vr, n, n);
	}
	for (i = (uint16_t)((n - 1u) & ~7u);; i -= 8) {
		__mmask8 k = isa_avx512_first(n - i);
		__m512i id, len, word;

		id = _mm512_cvtepu16_epi64(_mm_load_si128((const __m128i *)&run->id[i]));
		len = _mm512_cvtepu32_epi64(_mm256_load_si256((const __m256i *)&run->len[i]));
		word = _mm512_or_epi64(_mm512_or_epi64(len, _mm512_slli_epi64(id, 32)), flags);
		word = _mm512_mask_or_epi64(word, _mm512_test_epi64_mask(len, len), word, write);
		order_stores();
		if (i > 0) {
			isa_avx512_put_words(at + 2 * i, k, word);
			continue;
		}
		/* A: the guest polls the first, so it is written last */
		isa_avx512_put_words(at, k & 0xfe, word);
		order_release64(at + 1, (uint64_t)_mm_cvtsi128_si64(_mm512_castsi512_si128(word)));
		return;
	}
}

#endif /* VIRTQ_ISA_AVX512_H */
