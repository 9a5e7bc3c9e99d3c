/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The leaves of lib/vring/isa.h: each against what a random ring was made to be, and
 * against scalar, byte for byte.  Without DPDK. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leaf.h"
#include "suites.h"
#include "vring_packed.h"

#define ROUNDS 20000
#define MAX_SIZE 256u
#define REGION_SIZE 0x10000u
#define LEN_MIN 12u
#define LEN_MAX 2048u

static const struct leaf *leaves[3]; /* scalar first */
static unsigned int nleaves;
static uint64_t state = 20260101;

static const uint64_t region_addr[] = {0x100000, 0x4000000, 0x140000000, UINT64_MAX - 0xffff};
#define REGIONS (sizeof(region_addr) / sizeof(region_addr[0]))

static uint8_t host[REGIONS][REGION_SIZE];
static struct guest_mem mem;
static struct vring_desc desc[MAX_SIZE];
static struct vring_packed_desc slot[MAX_SIZE];
static uint16_t avail_words[2 + MAX_SIZE];

static uint32_t
below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % n;
}

/* A descriptor of one direction, good or with one thing wrong; what it is in `good`. */
struct made {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint8_t *host; /* NULL: it cannot be in a run */
};

static struct made
make_desc(enum vring_dir dir)
{
	unsigned int r = below(REGIONS);
	uint32_t len = LEN_MIN + below(LEN_MAX - LEN_MIN + 1), off = below(REGION_SIZE - len + 1);
	struct made m = {region_addr[r] + off, len, vring_run_flags(dir), host[r] + off};

	if (below(12) != 0)
		return m;
	m.host = NULL;
	switch (below(7)) {
	case 0:
		m.addr = 0x9000000; /* in no region */
		break;
	case 1:
		m.addr = region_addr[r] + REGION_SIZE - m.len + 1; /* past the end, or wraps */
		break;
	case 2:
		m.addr = region_addr[r] - 1;
		break;
	case 3:
		m.len = below(2) ? LEN_MIN - 1 : 0;
		break;
	case 4:
		m.len = below(2) ? LEN_MAX + 1 : UINT32_MAX;
		break;
	case 5:
		m.flags ^= VRING_DESC_F_WRITE;
		break;
	default:
		m.flags |= below(2) ? VRING_DESC_F_NEXT : VRING_DESC_F_INDIRECT;
	}
	return m;
}

/* n entries are as they should be; the run of every leaf is `good` long. */
static void
check_runs(const struct vring *vr, enum vring_dir dir, uint16_t at, bool wrap, uint16_t n,
	   const struct made *made, const uint16_t *id, uint16_t good)
{
	const struct vring_limits lim = {LEN_MIN, LEN_MAX};

	for (unsigned int l = 0; l < nleaves; l++) {
		struct vring_run run;
		bool same = true;
		uint16_t got;

		memset(&run, 0xee, sizeof(run));
		got = vr->packed ? leaves[l]->gather_packed(vr, dir, at, wrap, n, &lim, &run)
				 : leaves[l]->gather_split(vr, dir, at, n, &lim, &run);
		CU_ASSERT_EQUAL(got, good);
		for (uint16_t k = 0; k < good && k < got; k++)
			same = same && run.host[k] == made[k].host && run.len[k] == made[k].len &&
			       run.id[k] == id[k];
		CU_ASSERT(same);
	}
}

static void
test_gather_split(void)
{
	for (unsigned int round = 0; round < ROUNDS; round++) {
		uint16_t size = (uint16_t)(2u << below(8)), at = (uint16_t)below(65536);
		uint16_t n = (uint16_t)below((size < VRING_BURST ? size : VRING_BURST) + 1);
		enum vring_dir dir = below(2) ? VRING_DEQ : VRING_ENQ;
		struct vring vr = {.desc = desc,
				   .avail = (struct vring_avail *)avail_words,
				   .mem = &mem,
				   .size = size,
				   .mask = (uint16_t)(size - 1)};
		uint16_t id[VRING_BURST], good = n, first = (uint16_t)below(size);
		struct made made[VRING_BURST];

		for (uint16_t k = 0; k < n; k++) {
			bool beyond = below(60) == 0;

			made[k] = make_desc(dir);
			id[k] = (uint16_t)((first + k) & (size - 1));
			desc[id[k]] = (struct vring_desc){made[k].addr, made[k].len, made[k].flags,
							  (uint16_t)below(65536)};
			/* one that is beyond the table would be a good one within it */
			if (beyond)
				id[k] = (uint16_t)(id[k] + size * (1 + below(255)));
			if ((beyond && id[k] >= size) || !made[k].host)
				good = k < good ? k : good;
			vr.avail->ring[(uint16_t)(at + k) & vr.mask] = id[k];
		}
		check_runs(&vr, dir, at, false, n, made, id, good);
	}
}

static void
test_gather_packed(void)
{
	for (unsigned int round = 0; round < ROUNDS; round++) {
		uint16_t size = (uint16_t)(2 + below(MAX_SIZE - 1)), at = (uint16_t)below(size);
		uint16_t most = size - at < (int)VRING_BURST ? size - at : (uint16_t)VRING_BURST;
		uint16_t n = (uint16_t)below(most + 1u), id[VRING_BURST], good = n;
		enum vring_dir dir = below(2) ? VRING_DEQ : VRING_ENQ;
		bool wrap = below(2);
		struct vring vr = {.slot = slot, .mem = &mem, .size = size, .packed = true};
		struct made made[VRING_BURST];

		for (uint16_t k = 0; k < n; k++) {
			/* either bit or both are those of another round */
			uint16_t mine = wrap ? VRING_PACKED_F_AVAIL : VRING_PACKED_F_USED, odd = 0;

			if (below(30) == 0)
				odd = (uint16_t[]){VRING_PACKED_F_AVAIL, VRING_PACKED_F_USED,
						   VRING_PACKED_F_AVAIL |
							   VRING_PACKED_F_USED}[below(3)];
			made[k] = make_desc(dir);
			id[k] = (uint16_t)below(65536);
			slot[at + k] = (struct vring_packed_desc){
				made[k].addr, made[k].len, id[k],
				(uint16_t)(made[k].flags | (mine ^ odd))};
			if (odd || !made[k].host)
				good = k < good ? k : good;
		}
		check_runs(&vr, dir, at, wrap, n, made, id, good);
	}
}

static void
make_run(struct vring_run *run)
{
	for (unsigned int k = 0; k < VRING_BURST; k++) {
		run->id[k] = (uint16_t)below(65536);
		run->len[k] = below(3) ? LEN_MIN + below(LEN_MAX) : 0;
	}
}

static void
test_used_split(void)
{
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct vring_used_elem out[3][VRING_BURST + 8];
		uint16_t n = (uint16_t)below(VRING_BURST + 1);
		struct vring_run run;

		make_run(&run);
		memset(out, 0xdd, sizeof(out));
		for (unsigned int l = 0; l < nleaves; l++) {
			bool right = true;

			leaves[l]->used_split(&out[l][4], &run, n);
			for (uint16_t k = 0; k < n; k++)
				right = right && out[l][4 + k].id == run.id[k] &&
					out[l][4 + k].len == run.len[k];
			CU_ASSERT(right);
			CU_ASSERT_EQUAL(memcmp(out[l], out[0], sizeof(out[0])), 0);
		}
	}
}

/* A packed ring with its state page, for one leaf. */
struct packed_out {
	struct vring_packed_desc ring[MAX_SIZE];
	uint64_t pos;
	uint64_t journal[RING_JOURNAL];
};

static void
test_used_packed(void)
{
	static struct packed_out out[3];

	for (unsigned int round = 0; round < ROUNDS; round++) {
		uint16_t size = (uint16_t)(2 + below(MAX_SIZE - 1)), at = (uint16_t)below(size);
		uint16_t most = size - at < (int)VRING_BURST ? size - at : (uint16_t)VRING_BURST;
		uint16_t n = (uint16_t)(1 + below(most));
		bool wrap = below(2), with_pos = below(4);
		struct vring_run run;

		make_run(&run);
		memset(out, 0xdd, sizeof(out));
		for (unsigned int l = 0; l < nleaves; l++) {
			struct packed_out *o = &out[l];
			struct vring vr = {.slot = o->ring,
					   .size = size,
					   .last_avail = at,
					   .last_used = at,
					   .packed = true,
					   .wrap = wrap};

			if (with_pos) {
				vr.state.pos = &o->pos;
				vr.state.journal = o->journal;
			}
			leaves[l]->used_packed(&vr, &run, n);
			CU_ASSERT_EQUAL(o->ring[at].id, run.id[0]);
			CU_ASSERT_EQUAL(o->ring[at + n - 1].len, run.len[n - 1]);
			CU_ASSERT_EQUAL(memcmp(o, &out[0], sizeof(*o)), 0);
		}
	}
}

static void
test_copy(void)
{
	static uint8_t src[9100], dst[9100], want[9100];

	for (unsigned int i = 0; i < sizeof(src); i++)
		src[i] = (uint8_t)below(256);
	for (uint32_t len = 0; len <= 9000; len += len < 400 ? 1 : 97) {
		uint32_t from = below(64), to = below(64);

		memset(want, 0xdd, sizeof(want));
		memcpy(want + to, src + from, len);
		for (unsigned int l = 0; l < nleaves; l++) {
			memset(dst, 0xdd, sizeof(dst));
			leaves[l]->copy(dst + to, src + from, len);
			CU_ASSERT_EQUAL(memcmp(dst, want, sizeof(dst)), 0);
		}
	}
}

static void
find_leaves(void)
{
	leaves[nleaves++] = &leaf_scalar;
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		leaves[nleaves++] = &leaf_avx2;
	if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
	    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2"))
		leaves[nleaves++] = &leaf_avx512;
#endif
	for (unsigned int l = 0; l < nleaves; l++)
		printf("%s\n", leaves[l]->name);
	fflush(stdout);
	for (unsigned int r = 0; r < REGIONS; r++)
		mem.region[mem.count++] = (struct guest_region){
			.guest_addr = region_addr[r], .size = REGION_SIZE, .host = host[r]};
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{"gather, split", test_gather_split},
		{"gather, packed", test_gather_packed},
		{"used entries, split", test_used_split},
		{"used descriptors", test_used_packed},
		{"copy", test_copy},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"leaves", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	const char *seed = getenv("VRING_SEED");
	if (seed)
		state = strtoull(seed, NULL, 0) | 1;
	find_leaves();
	return suites_run(suites);
}
