/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "guest_ring.h"

#include <stdlib.h>
#include <string.h>

/* Places of the 16-bit words in the two rings (2.6.6 and 2.6.8). */
#define WORD_FLAGS 0u
#define WORD_IDX 1u
#define WORD_RING 2u
#define USED_WORDS 4u /* 16-bit words in a used element */

static void
place(struct guest_ring *gr)
{
	uint64_t n = gr->layout.size;
	uint64_t event = gr->layout.event_idx ? 2 : 0;
	uint64_t avail = 4 + 2 * n + event, used = 4 + 8 * n + event;
	unsigned int r = gr->layout.region;

	if (gr->layout.legacy) {
		/* 2.6.2: the used ring on the next boundary of 4096 */
		uint64_t head = (16 * n + 4 + 2 * n + 2 + 4095) / 4096 * 4096;

		gr->desc_addr = ram_alloc(gr->ram, r, head + used, 4096);
		gr->avail_addr = gr->desc_addr + 16 * n;
		gr->used_addr = gr->desc_addr + head;
		return;
	}
	gr->desc_addr = ram_alloc(gr->ram, r, 16 * n, 16);
	gr->avail_addr = ram_alloc(gr->ram, (r + 1) % RAM_REGIONS, avail, 2);
	gr->used_addr = ram_alloc(gr->ram, (r + 2) % RAM_REGIONS, used, 4);
}

void
gr_init(struct guest_ring *gr, struct guest_ram *ram, const struct gr_layout *layout)
{
	memset(gr, 0, sizeof(*gr));
	gr->ram = ram;
	gr->layout = *layout;
	if (layout->packed) {
		gp_init(gr);
		return;
	}
	place(gr);
	gr->desc = ram_ptr(ram, gr->desc_addr);
	gr->avail = ram_ptr(ram, gr->avail_addr);
	gr->used = ram_ptr(ram, gr->used_addr);
	gr->avail_idx = layout->start;
	gr->seen_used = layout->start;
	gr->avail[WORD_IDX] = layout->start;
	gr->used[WORD_IDX] = layout->start;
	gr->free = calloc(layout->size, sizeof(*gr->free));
	gr->flight = calloc(layout->size, sizeof(*gr->flight));
	if (!gr->free || !gr->flight)
		abort();
	gr->nfree = layout->size;
	/* the top of the stack is descriptor 0, as a driver that starts has it */
	for (uint32_t i = 0; i < layout->size; i++)
		gr->free[i] = (uint16_t)(layout->size - 1 - i);
}

void
gr_free(struct guest_ring *gr)
{
	free(gr->free);
	free(gr->flight);
	gr->free = NULL;
	gr->flight = NULL;
}

void
gr_shuffle(struct guest_ring *gr, uint64_t seed)
{
	for (uint32_t i = gr->nfree; gr->free && i > 1; i--) {
		uint32_t j;
		uint16_t t;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		j = (uint32_t)((seed >> 33) % i);
		t = gr->free[i - 1];
		gr->free[i - 1] = gr->free[j];
		gr->free[j] = t;
	}
}

static void
set_desc(struct gr_desc *at, struct gr_desc d)
{
	__atomic_store_n(&at->addr, d.addr, __ATOMIC_RELAXED);
	__atomic_store_n(&at->len, d.len, __ATOMIC_RELAXED);
	__atomic_store_n(&at->flags, d.flags, __ATOMIC_RELAXED);
	__atomic_store_n(&at->next, d.next, __ATOMIC_RELAXED);
}

void
gr_set_desc(struct guest_ring *gr, uint16_t i, struct gr_desc d)
{
	set_desc(&gr->desc[i], d);
}

void
gr_set_table(struct guest_ring *gr, uint64_t table, uint32_t i, struct gr_desc d)
{
	ram_write(gr->ram, table + 16ull * i, &d, sizeof(d));
}

void
gr_push_avail(struct guest_ring *gr, uint16_t head)
{
	uint16_t slot = (uint16_t)(gr->avail_idx % gr->layout.size);

	__atomic_store_n(&gr->avail[WORD_RING + slot], head, __ATOMIC_RELAXED);
	gr->avail_idx++;
}

void
gr_set_avail_idx(struct guest_ring *gr, uint16_t idx)
{
	__atomic_store_n(&gr->avail[WORD_IDX], idx, __ATOMIC_RELEASE);
}

void
gr_publish(struct guest_ring *gr)
{
	if (!gr->layout.packed)
		gr_set_avail_idx(gr, gr->avail_idx);
}

static struct gr_desc
desc_of(const struct gr_buf *b)
{
	return (struct gr_desc){.addr = b->addr, .len = b->len, .flags = b->write ? GR_WRITE : 0};
}

/* Entry 0 is first, the others are chained backwards, so that order in the table
 * and order in the chain differ. */
static void
fill_table(struct guest_ring *gr, const struct gr_buf *buf, uint32_t n, uint64_t table)
{
	uint32_t at = 0;

	for (uint32_t k = 0; k < n; k++) {
		struct gr_desc d = desc_of(&buf[k]);
		uint32_t next = n - 1 - k;

		if (k + 1 < n) {
			d.flags |= GR_NEXT;
			d.next = (uint16_t)next;
		}
		gr_set_table(gr, table, at, d);
		at = next;
	}
}

/* The first `direct` buffers as descriptors of the ring, the rest in a table. */
static int
add(struct guest_ring *gr, const struct gr_buf *buf, uint32_t n, uint32_t direct, uint64_t table,
    void *cookie)
{
	uint32_t slots = direct + (direct < n ? 1 : 0);
	uint16_t head, at;
	uint32_t writable = 0;

	if (slots == 0 || slots > gr->nfree)
		return -1;
	head = gr->free[gr->nfree - 1];
	for (uint32_t k = 0; k < slots; k++) {
		struct gr_desc d = {.addr = table, .len = 16 * (n - direct), .flags = GR_INDIRECT};

		at = gr->free[--gr->nfree];
		if (k < direct)
			d = desc_of(&buf[k]);
		if (k + 1 < slots) {
			d.flags |= GR_NEXT;
			d.next = gr->free[gr->nfree - 1];
		}
		set_desc(&gr->desc[at], d);
	}
	if (direct < n)
		fill_table(gr, buf + direct, n - direct, table);
	for (uint32_t k = 0; k < n; k++)
		writable += buf[k].write ? buf[k].len : 0;
	gr->flight[head] = (struct gr_flight){true, (uint16_t)slots, writable, cookie};
	gr_push_avail(gr, head);
	return head;
}

int
gr_add(struct guest_ring *gr, const struct gr_buf *buf, uint32_t n, uint64_t table, void *cookie)
{
	if (gr->layout.packed)
		return gp_add(gr, buf, n, table, cookie);
	return add(gr, buf, n, table ? 0 : n, table, cookie);
}

int
gr_add_mixed(struct guest_ring *gr, const struct gr_buf *buf, uint32_t n, uint64_t table,
	     void *cookie)
{
	return add(gr, buf, n, 1, table, cookie);
}

static void
release(struct guest_ring *gr, uint16_t head)
{
	uint16_t at = head;

	for (uint16_t k = 0; k < gr->flight[head].slots; k++) {
		uint16_t next = gr->desc[at].next;

		gr->free[gr->nfree++] = at;
		at = next;
	}
	gr->flight[head].busy = false;
}

bool
gr_reap(struct guest_ring *gr, uint16_t *head, uint32_t *len, void **cookie)
{
	uint16_t slot = (uint16_t)(gr->seen_used % gr->layout.size);
	uint32_t elem[2];

	if (gr->layout.packed)
		return gp_reap(gr, head, len, cookie);
	if (gr_used_idx(gr) == gr->seen_used)
		return false;
	memcpy(elem, &gr->used[WORD_RING + USED_WORDS * slot], sizeof(elem));
	gr->seen_used++;
	if (elem[0] >= gr->layout.size || !gr->flight[elem[0]].busy) {
		gr->errors++;
		return false;
	}
	*head = (uint16_t)elem[0];
	*len = elem[1];
	if (*len > gr->flight[*head].writable)
		gr->errors++;
	if (cookie)
		*cookie = gr->flight[*head].cookie;
	release(gr, *head);
	return true;
}

void
gr_set_no_interrupt(struct guest_ring *gr, uint16_t flags)
{
	__atomic_store_n(&gr->avail[WORD_FLAGS], flags, __ATOMIC_RELAXED);
}

void
gr_set_used_event(struct guest_ring *gr, uint16_t event)
{
	__atomic_store_n(&gr->avail[WORD_RING + gr->layout.size], event, __ATOMIC_RELAXED);
}

uint16_t
gr_used_idx(const struct guest_ring *gr)
{
	return __atomic_load_n(&gr->used[WORD_IDX], __ATOMIC_ACQUIRE);
}

uint16_t
gr_used_flags(const struct guest_ring *gr)
{
	return __atomic_load_n(&gr->used[WORD_FLAGS], __ATOMIC_RELAXED);
}

uint16_t
gr_avail_event(const struct guest_ring *gr)
{
	return __atomic_load_n(&gr->used[WORD_RING + USED_WORDS * gr->layout.size],
			       __ATOMIC_RELAXED);
}
