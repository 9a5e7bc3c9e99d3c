/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vg_ring.h"

#include <string.h>
#include <sys/eventfd.h>

#include "vg_log.h"

/* Areas stand on pages of their own. */
#define PAGE 4096u

static struct vdriver_config
config(const struct vg_ring_config *c)
{
	return (struct vdriver_config){
		.features = c->features,
		.size = c->size,
		.position = c->features >> VIRTIO_F_RING_PACKED & 1 ? VRING_PACKED_WRAP : 0,
		.max_table = c->max_segs,
		.decoy_ids = true,
	};
}

uint64_t
vg_ring_bytes(const struct vg_ring_config *c)
{
	const struct vdriver_config v = config(c);
	struct vdriver_bytes b = vdriver_bytes(&v);

	return b.desc + b.driver + b.device + b.tables + 5ull * PAGE;
}

int
vg_ring_init(struct vg_ring *r, struct vg_mem *m, const struct vg_ring_config *c)
{
	struct vdriver_config v = config(c);
	struct vdriver_bytes b = vdriver_bytes(&v);
	char err[128];

	memset(r, 0, sizeof(*r));
	r->name = c->name;
	v.desc = vg_mem_ptr(m, vg_mem_alloc_whole(m, b.desc, PAGE));
	v.driver = vg_mem_ptr(m, vg_mem_alloc_whole(m, b.driver, 64));
	v.device = vg_mem_ptr(m, vg_mem_alloc_whole(m, b.device, PAGE));
	if (c->max_segs > 0)
		v.tables = vg_mem_ptr(m, vg_mem_alloc(m, b.tables, 64));
	v.offset = VG_MEM_GPA - (uintptr_t)m->base;
	r->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->kick < 0 || r->call < 0)
		return vg_err("no eventfds: raise the limit of open files (ulimit -n)");
	if (vdriver_init(&r->vd, &v, err, sizeof(err)) != 0)
		return vg_err("%s: %s", r->name, err);
	vg_ring_reset(r, c->shuffle);
	return 0;
}

void
vg_ring_free(struct vg_ring *r)
{
	vdriver_free(&r->vd);
}

void
vg_ring_reset(struct vg_ring *r, bool shuffle)
{
	vdriver_reset(&r->vd, r->vd.packed ? VRING_PACKED_WRAP : 0);
	if (shuffle && !r->vd.in_order)
		vdriver_shuffle(&r->vd, 1);
	vdriver_disable_interrupts(&r->vd);
}

int
vg_ring_add(struct vg_ring *r, const struct vdriver_seg *seg, uint16_t n, bool table,
	    uint32_t cookie)
{
	return (table ? vdriver_add_indirect : vdriver_add)(&r->vd, seg, n,
							    (void *)(uintptr_t)cookie);
}

void
vg_ring_kick(struct vg_ring *r)
{
	r->kicks++;
	(void)eventfd_write(r->kick, 1);
}

void
vg_ring_publish(struct vg_ring *r)
{
	if (vdriver_publish(&r->vd))
		vg_ring_kick(r);
}

int
vg_ring_get(struct vg_ring *r, struct vg_back *b)
{
	struct vdriver_done done;
	int got = vdriver_get(&r->vd, &done);

	if (got < 0)
		return vg_err("%s: %s", r->name, r->vd.err);
	if (got == 0)
		return 0;
	*b = (struct vg_back){(uint32_t)(uintptr_t)done.cookie, done.len, done.skipped};
	if (b->cookie == VG_RING_BAD)
		return vg_err("%s: the backend returned the malformed chain", r->name);
	return 1;
}
