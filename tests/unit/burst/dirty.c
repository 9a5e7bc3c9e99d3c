/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "dirty.h"

#include <string.h>

#include "guest_log.h"

#define PAGE GUEST_LOG_PAGE
#define PAGES (RAM_SIZE / PAGE) /* of a region */

static const struct ring *ring;
static uint8_t before[RAM_REGIONS][RAM_SIZE];
static struct used used[MAX_POSTED];

/* By region and page. */
typedef bool pages[RAM_REGIONS][PAGES];

void
dirty_start(const struct ring *g)
{
	ring = g;
	for (unsigned int r = 0; r < RAM_REGIONS; r++)
		memcpy(before[r], worlds[0].ram.view[r], RAM_SIZE);
	for (unsigned int i = 0; i < nvariants; i++)
		memset(worlds[i].log->bits, 0, worlds[i].log->pages / 8);
}

static void
add(const struct world *w, pages p, uint64_t addr, uint64_t len)
{
	for (uint64_t end = addr + len; addr < end; addr = (addr / PAGE + 1) * PAGE)
		for (unsigned int r = 0; r < RAM_REGIONS; r++)
			if (addr >= w->ram.base[r] && addr - w->ram.base[r] < RAM_SIZE)
				p[r][(addr - w->ram.base[r]) / PAGE] = true;
}

/* What the used entries say was written to buffers, whether or not it differs from what
 * was there. */
static void
add_buffers(const struct world *w, pages p)
{
	int n = ring_used(ring, w, used, MAX_POSTED);

	for (int k = 0; k < n; k++) {
		uint32_t left = used[k].len;

		for (uint32_t i = 0; i < ring->p[k].n && left > 0; i++) {
			const struct buf *b = &ring->p[k].buf[i];
			uint32_t part = RTE_MIN(left, b->len);

			add(w, p, b->addr, part);
			left -= part;
		}
	}
}

static void
add_differences(const struct world *w, pages p)
{
	for (unsigned int r = 0; r < RAM_REGIONS; r++)
		for (unsigned int i = 0; i < PAGES; i++)
			p[r][i] |= memcmp(w->ram.view[r] + (size_t)i * PAGE,
					  before[r] + (size_t)i * PAGE, PAGE) != 0;
}

static uint64_t
count_bits(const struct guest_log *log)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < log->pages / 8; i++)
		n += (uint64_t)__builtin_popcount(log->bits[i]);
	return n;
}

const char *
dirty_check(const struct world *w)
{
	pages must = {0}, may = {0};
	uint64_t set = 0;

	add_buffers(w, must);
	memcpy(may, must, sizeof(may));
	add_differences(w, must);
	add(w, may, ring->begin, ring->end - ring->begin);
	for (unsigned int r = 0; r < RAM_REGIONS; r++)
		for (unsigned int i = 0; i < PAGES; i++) {
			uint64_t page = w->ram.base[r] / PAGE + i;
			bool bit = w->log->bits[page / 8] >> page % 8 & 1;

			if (must[r][i] && !bit)
				return "a page that was written is not in the dirty log";
			if (bit && !may[r][i])
				return "a page that was not written is in the dirty log";
			set += bit;
		}
	return set == count_bits(w->log) ? NULL : "the dirty log has pages that are no memory";
}
