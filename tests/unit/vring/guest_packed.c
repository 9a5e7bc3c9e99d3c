/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The driver's half of a packed virtqueue (virtio 1.1, 2.7). */

#include "guest_ring.h"

#include <stdlib.h>
#include <string.h>

#define IDS 0x10000u

uint16_t
gp_ahead(const struct guest_ring *gr, uint16_t at, uint32_t ahead)
{
	uint32_t slot = (at & ~GP_WRAP) + ahead;
	bool around = slot >= gr->layout.size;

	if (around)
		slot -= gr->layout.size;
	return (uint16_t)(slot | ((!!(at & GP_WRAP) != around) ? GP_WRAP : 0));
}

uint16_t
gp_avail_flags(uint16_t at)
{
	return at & GP_WRAP ? GP_AVAIL : GP_USED;
}

uint16_t
gp_used_flags(uint16_t at)
{
	return at & GP_WRAP ? GP_AVAIL | GP_USED : 0;
}

void
gp_init(struct guest_ring *gr)
{
	unsigned int r = gr->layout.region;

	gr->desc_addr = ram_alloc(gr->ram, r, 16ull * gr->layout.size, 16);
	gr->avail_addr = ram_alloc(gr->ram, (r + 1) % RAM_REGIONS, 4, 4);
	gr->used_addr = ram_alloc(gr->ram, (r + 2) % RAM_REGIONS, 4, 4);
	gr->slot = ram_ptr(gr->ram, gr->desc_addr);
	gr->avail = ram_ptr(gr->ram, gr->avail_addr);
	gr->used = ram_ptr(gr->ram, gr->used_addr);
	gr->avail_idx = gr->layout.start;
	gr->seen_used = gr->layout.start;
	gr->nfree = gr->layout.size;
	gr->next_id = 0xfff0;
	gr->flight = calloc(IDS, sizeof(*gr->flight));
	if (!gr->flight)
		abort();
	/* as the device left them a round ago: with the other counter */
	for (uint32_t k = 0; k < gr->layout.size; k++) {
		uint16_t at = gp_ahead(gr, gr->layout.start, k);

		gr->slot[at & ~GP_WRAP].flags = gp_used_flags(at ^ GP_WRAP);
	}
}

void
gp_set_slot(struct guest_ring *gr, uint16_t slot, struct gp_desc d)
{
	struct gp_desc *at = &gr->slot[slot];

	__atomic_store_n(&at->addr, d.addr, __ATOMIC_RELAXED);
	__atomic_store_n(&at->len, d.len, __ATOMIC_RELAXED);
	__atomic_store_n(&at->id, d.id, __ATOMIC_RELAXED);
	/* what is behind it becomes visible with the flags */
	__atomic_store_n(&at->flags, d.flags, __ATOMIC_RELEASE);
}

void
gp_push(struct guest_ring *gr, struct gp_desc d, bool raw)
{
	if (!raw)
		d.flags |= gp_avail_flags(gr->avail_idx);
	gp_set_slot(gr, gr->avail_idx & (uint16_t)~GP_WRAP, d);
	gr->avail_idx = gp_ahead(gr, gr->avail_idx, 1);
}

/* The next id that no chain in flight has: all 65536 in turn. */
static uint16_t
free_id(struct guest_ring *gr)
{
	while (gr->flight[gr->next_id].busy)
		gr->next_id++;
	return gr->next_id++;
}

int
gp_add(struct guest_ring *gr, const struct gr_buf *buf, uint32_t n, uint64_t table, void *cookie)
{
	uint32_t slots = table ? 1 : n, writable = 0;
	uint16_t id;

	if (slots == 0 || slots > gr->nfree)
		return -1;
	id = free_id(gr);
	for (uint32_t k = 0; k < n; k++) {
		uint16_t flags = buf[k].write ? GR_WRITE : 0;
		struct gp_desc d = {buf[k].addr, buf[k].len, 0xabcd, flags};

		/* the id in a table is reserved (2.7.7) */
		if (table)
			ram_write(gr->ram, table + 16ull * k, &d, sizeof(d));
		writable += buf[k].write ? buf[k].len : 0;
	}
	/* the first one last: it makes the chain available (2.7.6) */
	for (uint32_t k = slots; k-- > 0;) {
		uint16_t at = gp_ahead(gr, gr->avail_idx, k);
		struct gp_desc d = {table, 16 * n, id, GR_INDIRECT};

		if (!table)
			d = (struct gp_desc){buf[k].addr, buf[k].len, id,
					     buf[k].write ? GR_WRITE : 0};
		/* only the last descriptor's id counts */
		if (k + 1 < slots) {
			d.flags |= GR_NEXT;
			d.id = (uint16_t)(id + 0x1234);
		}
		d.flags |= gp_avail_flags(at);
		gp_set_slot(gr, at & (uint16_t)~GP_WRAP, d);
	}
	gr->avail_idx = gp_ahead(gr, gr->avail_idx, slots);
	gr->nfree -= slots;
	gr->flight[id] = (struct gr_flight){true, (uint16_t)slots, writable, cookie};
	return id;
}

bool
gp_reap(struct guest_ring *gr, uint16_t *id, uint32_t *len, void **cookie)
{
	const struct gp_desc *at = &gr->slot[gr->seen_used & ~GP_WRAP];
	uint16_t flags = __atomic_load_n(&at->flags, __ATOMIC_ACQUIRE);
	struct gr_flight *f = &gr->flight[at->id];

	if ((flags & (GP_AVAIL | GP_USED)) != gp_used_flags(gr->seen_used))
		return false;
	if (!f->busy) {
		gr->errors++;
		return false;
	}
	*id = at->id;
	*len = at->len;
	/* 2.7.4: marked as written if and only if it was */
	if (*len > f->writable || !!(flags & GR_WRITE) != (*len > 0))
		gr->errors++;
	if (cookie)
		*cookie = f->cookie;
	f->busy = false;
	gr->nfree += f->slots;
	gr->seen_used = gp_ahead(gr, gr->seen_used, f->slots);
	return true;
}

void
gp_set_event(struct guest_ring *gr, uint16_t off_wrap, uint16_t flags)
{
	__atomic_store_n(&gr->avail[0], off_wrap, __ATOMIC_RELAXED);
	__atomic_store_n(&gr->avail[1], flags, __ATOMIC_RELAXED);
}
