/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "guest_ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
gr_init(struct guest_ring *gr, const struct guest_ram *ram, const struct gr_config *c)
{
	struct vdriver_config cfg = {
		.features = c->features,
		.size = c->size,
		.position = c->start,
		.desc = ram_ptr(ram, c->desc),
		.driver = ram_ptr(ram, c->driver),
		.device = ram_ptr(ram, c->device),
		.addr_of = ram_addr,
		.arg = ram,
		.id_first = c->id_first,
		.id_step = c->id_step,
		.decoy_ids = true,
	};
	char err[128];

	memset(gr, 0, sizeof(*gr));
	gr->ram = ram;
	gr->start = c->start;
	if (vdriver_init(&gr->vd, &cfg, err, sizeof(err)) == 0)
		return;
	fprintf(stderr, "made-up guest: %s\n", err);
	abort();
}

void
gr_free(struct guest_ring *gr)
{
	vdriver_free(&gr->vd);
}

/* Entry 0 is first, the others are chained backwards, so that order in the table and
 * order in the chain differ; or in order, as its address has it. */
static void
fill_split(struct guest_ring *gr, const struct vdriver_seg *buf, uint32_t n, uint64_t table)
{
	bool forwards = table / 16 % 2;
	uint32_t at = 0;

	for (uint32_t k = 0; k < n; k++) {
		struct vring_desc d = {buf[k].addr, buf[k].len, buf[k].write ? D_WRITE : 0, 0};
		uint32_t next = forwards ? k + 1 : n - 1 - k;

		if (k + 1 < n) {
			d.flags |= D_NEXT;
			d.next = (uint16_t)next;
		}
		gr_set_table(gr, table, at, d);
		at = next;
	}
}

/* The id in a table is reserved (2.7.7): no device may make anything of it. */
static void
fill_packed(struct guest_ring *gr, const struct vdriver_seg *buf, uint32_t n, uint64_t table)
{
	for (uint32_t k = 0; k < n; k++) {
		struct vring_packed_desc d;

		vdriver_fill_table(&d, true, &buf[k], 1);
		d.id = 0xabcd;
		gp_set_table(gr, table, k, d);
	}
}

/* The first `direct` buffers as descriptors of the ring, the rest in a table. */
static int
add(struct guest_ring *gr, const struct vdriver_seg *buf, uint32_t n, uint32_t direct,
    uint64_t table, void *cookie)
{
	struct vdriver_table t = {.addr = table, .entries = n - direct};
	int id;

	if (direct == n)
		return vdriver_add(&gr->vd, buf, n, cookie);
	for (uint32_t k = direct; k < n; k++)
		t.writable += buf[k].write ? buf[k].len : 0;
	id = vdriver_add_table(&gr->vd, buf, direct, &t, cookie);
	if (id >= 0)
		(gr->vd.packed ? fill_packed : fill_split)(gr, buf + direct, n - direct, table);
	return id;
}

int
gr_add(struct guest_ring *gr, const struct vdriver_seg *buf, uint32_t n, uint64_t table,
       void *cookie)
{
	int id = add(gr, buf, n, table ? 0 : n, table, cookie);

	if (gr->vd.packed)
		gr_publish(gr);
	return id;
}

int
gr_add_mixed(struct guest_ring *gr, const struct vdriver_seg *buf, uint32_t n, uint64_t table,
	     void *cookie)
{
	return add(gr, buf, n, 1, table, cookie);
}

void
gr_publish(struct guest_ring *gr)
{
	(void)vdriver_publish(&gr->vd);
}

/* 2.7.4: marked as written if and only if it was. */
static void
check_write(struct guest_ring *gr)
{
	struct vdriver_used u;

	if (gr->vd.packed && gr->vd.group == 0 && vdriver_used_at(&gr->vd, gr->vd.next_used, &u) &&
	    !(u.flags & D_WRITE) != (u.len == 0))
		gr->errors++;
}

bool
gr_reap(struct guest_ring *gr, uint16_t *id, uint32_t *len, void **cookie)
{
	struct vdriver_done done;
	int got;

	check_write(gr);
	got = vdriver_get(&gr->vd, &done);
	if (got <= 0) {
		gr->errors += got < 0;
		return false;
	}
	*id = done.id;
	*len = done.len;
	if (cookie)
		*cookie = done.cookie;
	return true;
}

void
gr_set_desc(struct guest_ring *gr, uint16_t i, struct vring_desc d)
{
	struct vring_desc *at = &gr->vd.desc[i];

	__atomic_store_n(&at->addr, d.addr, __ATOMIC_RELAXED);
	__atomic_store_n(&at->len, d.len, __ATOMIC_RELAXED);
	__atomic_store_n(&at->flags, d.flags, __ATOMIC_RELAXED);
	__atomic_store_n(&at->next, d.next, __ATOMIC_RELAXED);
}

void
gr_set_table(struct guest_ring *gr, uint64_t table, uint32_t i, struct vring_desc d)
{
	ram_write(gr->ram, table + 16ull * i, &d, sizeof(d));
}

void
gr_push_avail(struct guest_ring *gr, uint16_t head)
{
	uint16_t slot = gr->vd.next_avail++ & (uint16_t)(gr->vd.size - 1u);

	__atomic_store_n(&gr->vd.avail->ring[slot], head, __ATOMIC_RELAXED);
}

void
gr_set_avail_idx(struct guest_ring *gr, uint16_t idx)
{
	__atomic_store_n(&gr->vd.avail->idx, idx, __ATOMIC_RELEASE);
}

uint16_t
gr_used_idx(const struct guest_ring *gr)
{
	return __atomic_load_n(&gr->vd.used->idx, __ATOMIC_ACQUIRE);
}

void
gp_set_slot(struct guest_ring *gr, uint16_t slot, struct vring_packed_desc d)
{
	struct vring_packed_desc *at = &gr->vd.slot[slot];

	__atomic_store_n(&at->addr, d.addr, __ATOMIC_RELAXED);
	__atomic_store_n(&at->len, d.len, __ATOMIC_RELAXED);
	__atomic_store_n(&at->id, d.id, __ATOMIC_RELAXED);
	/* what is before it becomes visible with the flags */
	__atomic_store_n(&at->flags, d.flags, __ATOMIC_RELEASE);
}

void
gp_set_table(struct guest_ring *gr, uint64_t table, uint32_t i, struct vring_packed_desc d)
{
	ram_write(gr->ram, table + 16ull * i, &d, sizeof(d));
}

void
gp_push(struct guest_ring *gr, struct vring_packed_desc d, bool raw)
{
	struct vdriver *vd = &gr->vd;

	if (!raw)
		d.flags |= vdriver_avail_flags(vd->next_avail);
	gp_set_slot(gr, vd->next_avail & (uint16_t)~WRAP, d);
	vd->next_avail = vdriver_ahead(vd, vd->next_avail, 1);
}

void
gr_set_no_interrupt(struct guest_ring *gr, uint16_t flags)
{
	__atomic_store_n(&gr->vd.avail->flags, flags, __ATOMIC_RELAXED);
}

void
gr_set_used_event(struct guest_ring *gr, uint16_t event)
{
	__atomic_store_n(vdriver_used_event(&gr->vd), event, __ATOMIC_RELAXED);
}

void
gp_set_event(struct guest_ring *gr, uint16_t off_wrap, uint16_t flags)
{
	__atomic_store_n(&gr->vd.driver_event->off_wrap, off_wrap, __ATOMIC_RELAXED);
	__atomic_store_n(&gr->vd.driver_event->flags, flags, __ATOMIC_RELAXED);
}
