/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "dev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
area(uint64_t bytes)
{
	void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);

	if (!p)
		abort();
	memset(p, 0, bytes);
	return p;
}

void
dev_up(struct dev *d, uint64_t features, uint32_t size, uint16_t position)
{
	struct vdriver_bytes b;
	char err[128];

	memset(d, 0, sizeof(*d));
	d->cfg = (struct vdriver_config){
		.features = features,
		.size = size,
		.position = position,
		.max_table = DEV_TABLE,
		.offset = DEV_OFFSET,
	};
	b = vdriver_bytes(&d->cfg);
	d->cfg.desc = d->mem[0] = area(b.desc);
	d->cfg.driver = d->mem[1] = area(b.driver);
	d->cfg.device = d->mem[2] = area(b.device);
	d->cfg.tables = d->mem[3] = area(b.tables);
	d->avail = d->used = position;
	if (vdriver_init(&d->vd, &d->cfg, err, sizeof(err)) == 0)
		return;
	fprintf(stderr, "vdriver_init: %s\n", err);
	abort();
}

void
dev_down(struct dev *d)
{
	vdriver_free(&d->vd);
	for (int i = 0; i < 4; i++)
		free(d->mem[i]);
}

uint16_t
dev_ahead(const struct dev *d, uint16_t position, uint32_t n)
{
	uint32_t slot = (position & ~WRAP) + n, wrap = position & WRAP;

	if (!d->vd.packed)
		return (uint16_t)(position + n);
	return slot < d->cfg.size ? (uint16_t)(slot | wrap)
				  : (uint16_t)((slot - d->cfg.size) | (wrap ^ WRAP));
}

static void
add_seg(struct dev_chain *c, uint64_t addr, uint32_t len, uint16_t flags)
{
	if (c->n == DEV_MAX_SEGS)
		abort();
	c->seg[c->n++] = (struct vdriver_seg){addr, len, flags & VRING_DESC_F_WRITE};
}

static void
read_table(struct dev_chain *c, uint64_t addr, uint32_t len, bool packed)
{
	const void *table = (const void *)(uintptr_t)(addr - DEV_OFFSET);
	const struct vring_packed_desc *p = table;
	const struct vring_desc *s = table;

	for (uint32_t i = 0; i < len / 16; i++) {
		if (packed) {
			add_seg(c, p[i].addr, p[i].len, p[i].flags);
			continue;
		}
		add_seg(c, s[i].addr, s[i].len, s[i].flags);
		/* chained in order, to the end */
		CU_ASSERT_EQUAL(!!(s[i].flags & VRING_DESC_F_NEXT), i + 1 < len / 16);
		CU_ASSERT(i + 1 == len / 16 || s[i].next == i + 1);
	}
}

static bool
take_split(struct dev *d, struct dev_chain *c)
{
	const struct vdriver *vd = &d->vd;
	const struct vring_desc *at;

	if (__atomic_load_n(&vd->avail->idx, __ATOMIC_ACQUIRE) == d->avail)
		return false;
	c->id = vd->avail->ring[d->avail++ % vd->size];
	for (at = &vd->desc[c->id];; at = &vd->desc[at->next]) {
		c->slots++;
		if (at->flags & VRING_DESC_F_INDIRECT)
			read_table(c, at->addr, at->len, false);
		else
			add_seg(c, at->addr, at->len, at->flags);
		if (!(at->flags & VRING_DESC_F_NEXT))
			return true;
	}
}

static bool
is_avail(const struct dev *d)
{
	uint16_t flags = __atomic_load_n(&d->vd.slot[d->avail & ~WRAP].flags, __ATOMIC_ACQUIRE);
	bool wrap = d->avail & WRAP;

	return !!(flags & VRING_PACKED_F_AVAIL) == wrap && !!(flags & VRING_PACKED_F_USED) != wrap;
}

static bool
take_packed(struct dev *d, struct dev_chain *c)
{
	const struct vring_packed_desc *at;

	if (!is_avail(d))
		return false;
	do {
		/* the rest of a chain is there with its first descriptor (2.7.16) */
		CU_ASSERT_TRUE(is_avail(d));
		at = &d->vd.slot[d->avail & ~WRAP];
		c->slots++;
		if (at->flags & VRING_DESC_F_INDIRECT)
			read_table(c, at->addr, at->len, true);
		else
			add_seg(c, at->addr, at->len, at->flags);
		d->avail = dev_ahead(d, d->avail, 1);
	} while (at->flags & VRING_DESC_F_NEXT);
	c->id = at->id;
	return true;
}

bool
dev_take(struct dev *d, struct dev_chain *c)
{
	memset(c, 0, sizeof(*c));
	return (d->vd.packed ? take_packed : take_split)(d, c);
}

void
dev_use(struct dev *d, uint32_t id, uint32_t len, uint32_t slots)
{
	struct vring_packed_desc *at = &d->vd.slot[d->used & ~WRAP];
	uint16_t flags = len ? VRING_DESC_F_WRITE : 0;

	if (!d->vd.packed) {
		d->vd.used->ring[d->used % d->vd.size] = (struct vring_used_elem){id, len};
		d->used++;
		__atomic_store_n(&d->vd.used->idx, d->used, __ATOMIC_RELEASE);
		return;
	}
	if (d->used & WRAP)
		flags |= VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED;
	at->id = (uint16_t)id;
	at->len = len;
	__atomic_store_n(&at->flags, flags, __ATOMIC_RELEASE);
	d->used = dev_ahead(d, d->used, slots);
}
