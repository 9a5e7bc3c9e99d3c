/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_KERN_AVX512_H
#define VIRTQ_KERN_AVX512_H

/*
 * virtq_kern_avx512.h - the leaves of the burst loops with AVX-512 (F, BW, DQ,
 * VL): eight descriptors at a time.  What they check is what the scalar leaves
 * check.
 */

#include <immintrin.h>
#include <string.h>

#include <rte_mbuf.h>

#include "virtq_simple.h"
#include "vring_packed.h"

#define VIRTQ_KEEP_TO_LINES 1 /* virtq_copy_long() */

/* A mask only where there is no vector to overlap with: IMIX, enq, takes 23 cycles
 * instead of 28 (Zen 4). */
static inline void
virtq_copy(void *dst, const void *src, uint32_t len)
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

/* Translates eight buffers; the mask tells which of them lie in one region. */
static inline __mmask8
virtq_translate8(const struct guest_mem *mem, __m512i addr, __m512i len, __m512i *host)
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

/* Which of eight descriptors (address, and length with flags above it) are
 * simple; their host addresses and lengths go to s. */
static inline __mmask8
virtq_check8(const struct vring *vr, __mmask8 take, __m512i addr, __m512i len, __m512i flags,
	     const enum vring_dir dir, uint32_t min, uint32_t max, struct virtq_simple *s,
	     uint16_t i)
{
	__m512i host = _mm512_setzero_si512();

	take = _mm512_mask_cmpeq_epu64_mask(
		take, _mm512_and_epi64(flags, _mm512_set1_epi64(VIRTQ_SIMPLE_FLAGS)),
		_mm512_set1_epi64(virtq_simple_want(dir)));
	take = _mm512_mask_cmpge_epu64_mask(take, len, _mm512_set1_epi64(min));
	take = _mm512_mask_cmple_epu64_mask(take, len, _mm512_set1_epi64(max));
	take &= virtq_translate8(vr->mem, addr, len, &host);
	_mm512_store_si512(&s->host[i], host);
	_mm256_store_si256((__m256i *)&s->len[i], _mm512_cvtepi64_epi32(len));
	return take;
}

/* The first `left` of eight. */
static inline __mmask8
virtq_first8(uint16_t left)
{
	return left >= 8 ? 0xff : (__mmask8)((1u << left) - 1);
}

/* Entries that are good from the first on. */
static inline uint16_t
virtq_prefix8(__mmask8 good)
{
	return (uint16_t)__builtin_ctz(~(uint32_t)good);
}

/* The heads of the next n chains, one load where they do not wrap. */
static inline void
virtq_heads(const struct vring *vr, uint16_t n, uint16_t *id)
{
	uint16_t slot = vr->last_avail & vr->mask;
	uint16_t part = vr->size - slot;
	__mmask32 k = n < 32 ? (1u << n) - 1 : ~0u;
	__m512i v;

	if (part >= n) {
		v = _mm512_maskz_loadu_epi16(k, &vr->avail->ring[slot]);
	} else {
		/* the part behind the end of the ring comes from its start */
		__mmask32 front = (1u << part) - 1;

		v = _mm512_maskz_loadu_epi16(front, &vr->avail->ring[slot]);
		v = _mm512_mask_loadu_epi16(v, k & ~front, &vr->avail->ring[0] - part);
	}
	_mm512_store_si512(id, v);
	order_keep_copy(id, VRING_BURST * sizeof(*id));
}

static inline uint16_t
virtq_gather_split(const struct vring *vr, const enum vring_dir dir, uint16_t n, uint32_t min,
		   uint32_t max, struct virtq_simple *s)
{
	const long long *table = (const long long *)vr->desc;
	uint16_t i;

	if (n < VIRTQ_FEW)
		return virtq_gather_split_each(vr, dir, n, min, max, s);
	virtq_heads(vr, n, s->id);
	for (i = 0; i < n; i += 8) {
		__mmask8 ask = virtq_first8(n - i), good;
		__m512i id = _mm512_cvtepu16_epi64(_mm_load_si128((const __m128i *)&s->id[i]));
		__m512i addr, rest;

		good = _mm512_mask_cmplt_epu64_mask(ask, id, _mm512_set1_epi64(vr->size));
		id = _mm512_slli_epi64(id, 4);
		addr = _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), good, id, table, 1);
		rest = _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), good, id, table + 1, 1);
		good = virtq_check8(vr, good, addr,
				    _mm512_and_epi64(rest, _mm512_set1_epi64(0xffffffff)),
				    _mm512_srli_epi64(rest, 32), dir, min, max, s, i);
		if (good != 0xff)
			return (uint16_t)(i + virtq_prefix8(good));
	}
	return n;
}

static inline __m512i
virtq_odd(void)
{
	return _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
}

/* Length, id and flags of eight packed descriptors. */
static inline __m512i
virtq_second_words(const struct vring_packed_desc *at, __mmask16 words)
{
	return _mm512_permutex2var_epi64(_mm512_maskz_loadu_epi64((__mmask8)words, at), virtq_odd(),
					 _mm512_maskz_loadu_epi64((__mmask8)(words >> 8), at + 4));
}

static inline uint16_t
virtq_gather_packed(const struct vring *vr, const enum vring_dir dir, uint16_t n, uint32_t min,
		    uint32_t max, struct virtq_simple *s)
{
	const __m512i even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
	/* AVAIL and USED as they are in descriptors of this round */
	const __m512i both = _mm512_set1_epi64(VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED);
	const __m512i mine = _mm512_set1_epi64(vr->wrap ? VRING_PACKED_F_AVAIL
							: VRING_PACKED_F_USED);
	uint16_t i;

	if (n < VIRTQ_FEW)
		return virtq_gather_packed_each(vr, dir, n, min, max, s);
	for (i = 0; i < n; i += 8) {
		__mmask8 ask = virtq_first8(n - i), good;
		const struct vring_packed_desc *at = &vr->slot[vr->last_avail + i];
		/* two words a descriptor */
		__mmask16 words = (__mmask16)_pdep_u32(ask, 0x5555) * 3;
		__m512i lo, hi, w1;

		/* the flags first, then what they vouch for: B */
		w1 = virtq_second_words(at, words);
		order_loads();
		good = _mm512_mask_cmpeq_epu64_mask(
			ask, _mm512_and_epi64(_mm512_srli_epi64(w1, 48), both), mine);
		if (good == 0)
			return i;
		lo = _mm512_maskz_loadu_epi64((__mmask8)words, at);
		hi = _mm512_maskz_loadu_epi64((__mmask8)(words >> 8), at + 4);
		w1 = _mm512_permutex2var_epi64(lo, virtq_odd(), hi);
		_mm_store_si128((__m128i *)&s->id[i],
				_mm512_cvtepi64_epi16(_mm512_srli_epi64(w1, 32)));
		good = virtq_check8(vr, good, _mm512_permutex2var_epi64(lo, even, hi),
				    _mm512_and_epi64(w1, _mm512_set1_epi64(0xffffffff)),
				    _mm512_srli_epi64(w1, 48), dir, min, max, s, i);
		if (good != 0xff)
			return (uint16_t)(i + virtq_prefix8(good));
	}
	return n;
}

static inline void
virtq_used_split(struct vring_used_elem *at, const struct virtq_simple *s, uint16_t n)
{
	for (uint16_t i = 0; i < n; i += 8) {
		__mmask8 k = virtq_first8(n - i);
		__m512i id = _mm512_cvtepu16_epi64(_mm_load_si128((const __m128i *)&s->id[i]));
		__m512i len = _mm512_cvtepu32_epi64(_mm256_load_si256((const __m256i *)&s->len[i]));

		_mm512_mask_storeu_epi64(&at[i], k,
					 _mm512_or_epi64(id, _mm512_slli_epi64(len, 32)));
	}
}

/* Stores the second words of those of eight packed descriptors that k names. */
static inline void
virtq_put_words8(uint64_t *at, __mmask8 k, __m512i word)
{
	const __m512i lo = _mm512_set_epi64(3, 3, 2, 2, 1, 1, 0, 0);
	const __m512i hi = _mm512_set_epi64(7, 7, 6, 6, 5, 5, 4, 4);
	uint32_t odd = _pdep_u32(k, 0xaaaa);

	_mm512_mask_storeu_epi64(at + 8, (__mmask8)(odd >> 8), _mm512_permutexvar_epi64(hi, word));
	_mm512_mask_storeu_epi64(at, (__mmask8)odd, _mm512_permutexvar_epi64(lo, word));
}

static inline void
virtq_used_packed(struct vring *vr, const struct virtq_simple *s, uint16_t n)
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

			id = _mm512_cvtepu16_epi64(_mm_load_si128((const __m128i *)&s->id[i]));
			len = _mm512_cvtepu32_epi64(_mm256_load_si256((const __m256i *)&s->len[i]));
			_mm512_mask_storeu_epi64(
				&vr->state.journal[i], virtq_first8(n - i),
				_mm512_or_epi64(_mm512_or_epi64(place, _mm512_slli_epi64(id, 16)),
						_mm512_slli_epi64(len, 32)));
			place = _mm512_add_epi64(place, _mm512_set1_epi64(8));
		}
		vring_packed_begin(vr, n, n);
	}
	for (i = (uint16_t)((n - 1u) & ~7u);; i -= 8) {
		__mmask8 k = virtq_first8(n - i);
		__m512i id, len, word;

		id = _mm512_cvtepu16_epi64(_mm_load_si128((const __m128i *)&s->id[i]));
		len = _mm512_cvtepu32_epi64(_mm256_load_si256((const __m256i *)&s->len[i]));
		word = _mm512_or_epi64(_mm512_or_epi64(len, _mm512_slli_epi64(id, 32)), flags);
		word = _mm512_mask_or_epi64(word, _mm512_test_epi64_mask(len, len), word, write);
		order_stores();
		if (i > 0) {
			virtq_put_words8(at + 2 * i, k, word);
			continue;
		}
		/* the guest looks at the first, so that one is the last */
		virtq_put_words8(at, k & 0xfe, word);
		order_release64(at + 1, (uint64_t)_mm_cvtsi128_si64(_mm512_castsi512_si128(word)));
		return;
	}
}

static inline void
virtq_rearm(struct rte_mbuf *m, uint64_t initializer, uint32_t len)
{
	virtq_rearm_vector(m, initializer, len);
}

#endif /* VIRTQ_KERN_AVX512_H */
