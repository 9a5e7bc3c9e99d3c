/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* What split and packed rings have in common: set-up, chains by their id, and the
 * order in which they come back. */

#include "vdriver_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL_IDS 0x10000u

static const struct vd_format *
format(const struct vdriver *vd)
{
	return vd->packed ? &vd_packed : &vd_split;
}

static bool
has(const struct vdriver_config *c, unsigned int bit)
{
	return c->features >> bit & 1;
}

struct vdriver_bytes
vdriver_bytes(const struct vdriver_config *c)
{
	bool event = has(c, VIRTIO_F_EVENT_IDX);
	struct vdriver_bytes b = {
		.desc = VRING_DESC_BYTES(c->size),
		.driver = VRING_AVAIL_BYTES(c->size, event),
		.device = VRING_USED_BYTES(c->size, event),
		.tables = VRING_DESC_BYTES(c->size) * c->max_table,
	};

	if (has(c, VIRTIO_F_RING_PACKED)) {
		b.driver = sizeof(struct vring_packed_event);
		b.device = sizeof(struct vring_packed_event);
	}
	return b;
}

/* Set-up */

static int
refuse(char *err, size_t err_size, const char *what)
{
	snprintf(err, err_size, "%s", what);
	return -1;
}

static bool
misaligned(const void *p, uintptr_t align)
{
	return !p || (uintptr_t)p % align != 0;
}

static int
check_areas(const struct vdriver_config *c, bool packed, char *err, size_t n)
{
	if (misaligned(c->desc, VRING_DESC_ALIGN))
		return refuse(err, n, "the descriptors are missing or not aligned");
	if (misaligned(c->driver, packed ? VRING_PACKED_EVENT_ALIGN : VRING_AVAIL_ALIGN))
		return refuse(err, n, "the driver area is missing or not aligned");
	if (misaligned(c->device, packed ? VRING_PACKED_EVENT_ALIGN : VRING_USED_ALIGN))
		return refuse(err, n, "the device area is missing or not aligned");
	if (c->max_table > 0 && misaligned(c->tables, VRING_DESC_ALIGN))
		return refuse(err, n, "the indirect tables are missing or not aligned");
	return 0;
}

static int
check(const struct vdriver_config *c, char *err, size_t n)
{
	bool packed = has(c, VIRTIO_F_RING_PACKED);

	if (c->size < 2 || c->size > VDRIVER_MAX_SIZE)
		return refuse(err, n, "the ring size is not from 2 to 32768");
	if (!packed && (c->size & (c->size - 1)) != 0)
		return refuse(err, n, "the size of a split ring is no power of two");
	if (packed && (c->position & ~VRING_PACKED_WRAP) >= c->size)
		return refuse(err, n, "the position is beyond the ring");
	if (c->id_step != 0 && (!packed || c->id_step % 2 == 0 || c->max_table > 0))
		return refuse(err, n, "id_step is not odd, or not for this kind of ring");
	return check_areas(c, packed, err, n);
}

static uint64_t
addr_of(const struct vdriver_config *c, const void *host)
{
	if (!host)
		return 0;
	return c->addr_of ? c->addr_of(host, c->arg) : (uintptr_t)host + c->offset;
}

static void
set_areas(struct vdriver *vd, const struct vdriver_config *c)
{
	vd->desc = c->desc;
	vd->avail = c->driver;
	vd->used = c->device;
	vd->tables = c->tables;
	vd->addr.desc = addr_of(c, c->desc);
	vd->addr.driver = addr_of(c, c->driver);
	vd->addr.device = addr_of(c, c->device);
	vd->addr.tables = addr_of(c, c->tables);
}

/* Nothing available, nothing used; no chain is known any more. */
static void
begin(struct vdriver *vd, uint16_t position)
{
	for (uint32_t i = 0; i < vd->nid; i++)
		vd->free[i] = (uint16_t)(vd->id_step ? vd->id_first + i * vd->id_step : i);
	vd->free_head = 0;
	vd->free_count = vd->nid;
	vd->nfree = vd->size;
	vd->nbusy = 0;
	vd->next_avail = vd->published = vd->next_used = position;
	vd->pending = false;
	vd->added = 0;
	vd->order_head = vd->order_tail = 0;
	vd->group = 0;
	vd->fault = VDRIVER_OK;
	vd->err[0] = 0;
	format(vd)->reset(vd);
}

int
vdriver_init(struct vdriver *vd, const struct vdriver_config *c, char *err, size_t err_size)
{
	memset(vd, 0, sizeof(*vd));
	if (check(c, err, err_size) != 0)
		return -1;
	vd->packed = has(c, VIRTIO_F_RING_PACKED);
	vd->in_order = has(c, VIRTIO_F_IN_ORDER);
	vd->event_idx = has(c, VIRTIO_F_EVENT_IDX);
	vd->size = (uint16_t)c->size;
	vd->max_table = c->max_table;
	vd->decoy = c->decoy_ids ? UINT16_MAX : 0;
	vd->id_first = c->id_first;
	vd->id_step = c->id_step;
	vd->nid = c->id_step ? ALL_IDS : c->size;
	set_areas(vd, c);
	vd->chain = calloc(vd->nid, sizeof(*vd->chain));
	vd->link = calloc(vd->size, sizeof(*vd->link));
	vd->free = calloc(vd->nid, sizeof(*vd->free));
	vd->order = calloc(vd->size, sizeof(*vd->order));
	if (!vd->chain || !vd->link || !vd->free || !vd->order) {
		vdriver_free(vd);
		return refuse(err, err_size, "out of memory");
	}
	begin(vd, c->position);
	return 0;
}

void
vdriver_free(struct vdriver *vd)
{
	free(vd->chain);
	free(vd->link);
	free(vd->free);
	free(vd->order);
	vd->chain = NULL;
	vd->link = vd->free = vd->order = NULL;
}

void
vdriver_reset(struct vdriver *vd, uint16_t position)
{
	memset(vd->chain, 0, vd->nid * sizeof(*vd->chain));
	begin(vd, position);
}

/* Free descriptors and ids */

uint16_t
vd_take_free(struct vdriver *vd)
{
	uint16_t id = vd->free[vd->free_head];

	vd->free_head = vd->free_head + 1 == vd->nid ? 0 : vd->free_head + 1;
	vd->free_count--;
	return id;
}

/* First in, first out where all are to be used in turn: under IN_ORDER that makes it
 * the order in the ring (2.6.9).  Otherwise the latest, whose memory is in the cache. */
void
vd_put_free(struct vdriver *vd, uint16_t id)
{
	if (vd->in_order || vd->id_step) {
		vd->free[(vd->free_head + vd->free_count) % vd->nid] = id;
	} else {
		vd->free_head = (vd->free_head == 0 ? vd->nid : vd->free_head) - 1;
		vd->free[vd->free_head] = id;
	}
	vd->free_count++;
}

void
vdriver_shuffle(struct vdriver *vd, uint64_t seed)
{
	for (uint32_t i = vd->free_count; i > 1; i--) {
		uint16_t *a = &vd->free[(vd->free_head + i - 1) % vd->nid], *b, t;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		b = &vd->free[(vd->free_head + (uint32_t)((seed >> 33) % i)) % vd->nid];
		t = *a;
		*a = *b;
		*b = t;
	}
}

/* Adding */

struct vd_piece
vd_piece(const struct vd_new *c, uint32_t k)
{
	if (k == c->n)
		return (struct vd_piece){c->table->addr, 16 * c->table->entries,
					 VRING_DESC_F_INDIRECT};
	return (struct vd_piece){c->seg[k].addr, c->seg[k].len,
				 c->seg[k].write ? VRING_DESC_F_WRITE : 0};
}

static uint32_t
writable(const struct vdriver_seg *seg, uint32_t n)
{
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < n; i++)
		bytes += seg[i].write ? seg[i].len : 0;
	return bytes;
}

/* The chain with an id that was taken for it. */
static int
put(struct vdriver *vd, const struct vd_new *c, uint16_t id, void *cookie)
{
	uint32_t bytes = writable(c->seg, c->n) + (c->table ? c->table->writable : 0);

	format(vd)->put(vd, c, id);
	vd->chain[id] = (struct vdriver_chain){cookie, bytes, c->slots, true};
	if (vd->in_order)
		vd->order[vd->order_tail++ % vd->size] = id;
	vd->nfree = (uint16_t)(vd->nfree - c->slots);
	vd->nbusy++;
	return id;
}

int
vdriver_add_table(struct vdriver *vd, const struct vdriver_seg *seg, uint32_t n,
		  const struct vdriver_table *table, void *cookie)
{
	uint32_t slots = n + (table ? 1 : 0);
	struct vd_new c = {seg, n, table, (uint16_t)slots};

	if (slots == 0 || slots > vd->nfree || (vd->packed && table && n > 0))
		return -1;
	return put(vd, &c, vd_take_free(vd), cookie);
}

int
vdriver_add(struct vdriver *vd, const struct vdriver_seg *seg, uint32_t n, void *cookie)
{
	return vdriver_add_table(vd, seg, n, NULL, cookie);
}

int
vdriver_add_indirect(struct vdriver *vd, const struct vdriver_seg *seg, uint32_t n, void *cookie)
{
	struct vdriver_table table = {.entries = n, .writable = writable(seg, n)};
	struct vd_new c = {NULL, 0, &table, 1};
	size_t first;
	uint16_t id;

	if (n == 0 || n > vd->max_table || vd->nfree == 0)
		return -1;
	id = vd_take_free(vd);
	first = (size_t)id * vd->max_table;
	vdriver_fill_table(&vd->tables[first], vd->packed, seg, n);
	table.addr = vd->addr.tables + sizeof(*vd->tables) * first;
	return put(vd, &c, id, cookie);
}

void
vdriver_fill_table(void *table, bool packed, const struct vdriver_seg *seg, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint16_t flags = seg[i].write ? VRING_DESC_F_WRITE : 0;
		struct vring_desc split = {seg[i].addr, seg[i].len, flags, 0};
		/* all entries in their order: NEXT and id are reserved (2.7.7) */
		struct vring_packed_desc d = {seg[i].addr, seg[i].len, 0, flags};

		if (i + 1 < n) {
			split.flags |= VRING_DESC_F_NEXT;
			split.next = (uint16_t)(i + 1);
		}
		memcpy((uint8_t *)table + sizeof(d) * i,
		       packed ? (const void *)&d : (const void *)&split, sizeof(d));
	}
}

bool
vdriver_publish(struct vdriver *vd)
{
	bool notify;

	if (vd->packed ? !vd->pending : vd->published == vd->next_avail)
		return false;
	notify = format(vd)->publish(vd);
	vd->published = vd->next_avail;
	return notify;
}

/* Taking back */

int
vd_fault(struct vdriver *vd, enum vdriver_fault fault, const char *fmt, ...)
{
	va_list ap;

	vd->fault = fault;
	va_start(ap, fmt);
	vsnprintf(vd->err, sizeof(vd->err), fmt, ap);
	va_end(ap);
	return -1;
}

/* How many chains a used entry with this id returns: at most limit, 0 if it cannot
 * be (2.6.9). */
static uint32_t
group_of(const struct vdriver *vd, uint16_t id, uint32_t limit)
{
	if (!vd->in_order)
		return 1;
	for (uint32_t n = 0; n < limit && vd->order_head + n != vd->order_tail; n++)
		if (vd->order[(vd->order_head + n) % vd->size] == id)
			return n + 1;
	return 0;
}

/* The next used entry: 1 with vd->group chains to be taken, else as vdriver_get(). */
static int
begin_group(struct vdriver *vd, struct vdriver_used *u)
{
	int left = format(vd)->look(vd, u);
	const struct vdriver_chain *c;

	if (left <= 0)
		return left;
	if (u->id >= vd->nid || !vd->chain[u->id].busy)
		return vd_fault(vd, VDRIVER_FAULT_ID,
				"the device returned id %u, which is not available", u->id);
	c = &vd->chain[u->id];
	if (u->len > c->writable)
		return vd_fault(vd, VDRIVER_FAULT_LENGTH,
				"the device says it wrote %u bytes to id %u, which has %u", u->len,
				u->id, c->writable);
	if ((u->flags & VRING_DESC_F_WRITE) && c->writable == 0)
		return vd_fault(vd, VDRIVER_FAULT_WRITE,
				"the device says it wrote to id %u, which is only read", u->id);
	vd->group = (uint16_t)group_of(vd, (uint16_t)u->id, (uint32_t)left);
	vd->group_len = u->len;
	if (vd->group == 0)
		return vd_fault(vd, VDRIVER_FAULT_ORDER,
				"the device returned id %u, and %u was due", u->id,
				vd->order[vd->order_head % vd->size]);
	return 1;
}

/* One chain of the group. */
static void
take(struct vdriver *vd, uint16_t id, struct vdriver_done *done)
{
	struct vdriver_chain *c = &vd->chain[id];

	vd->group--;
	*done = (struct vdriver_done){c->cookie, vd->group > 0 ? 0 : vd->group_len, id,
				      vd->group > 0};
	c->busy = false;
	vd->nbusy--;
	vd->nfree = (uint16_t)(vd->nfree + c->slots);
	format(vd)->release(vd, id, c->slots);
}

int
vdriver_get(struct vdriver *vd, struct vdriver_done *done)
{
	struct vdriver_used u = {0};
	uint16_t id;

	if (vd->fault)
		return -1;
	if (vd->group == 0) {
		int got = begin_group(vd, &u);

		if (got <= 0)
			return got;
	}
	id = vd->in_order ? vd->order[vd->order_head++ % vd->size] : (uint16_t)u.id;
	take(vd, id, done);
	return 1;
}

int
vdriver_get_burst(struct vdriver *vd, struct vdriver_done *done, uint32_t max)
{
	uint32_t n = 0;
	int got = 0;

	while (n < max && (got = vdriver_get(vd, &done[n])) > 0)
		n++;
	return n == 0 && got < 0 ? -1 : (int)n;
}

bool
vdriver_used_at(const struct vdriver *vd, uint16_t position, struct vdriver_used *u)
{
	return format(vd)->used_at(vd, position, u);
}

bool
vdriver_has_used(const struct vdriver *vd)
{
	struct vdriver_used u;

	return vd->fault || vd->group > 0 || vdriver_used_at(vd, vd->next_used, &u);
}

/* Interrupts */

void
vdriver_disable_interrupts(struct vdriver *vd)
{
	format(vd)->disable_interrupts(vd);
}

void
vdriver_ask_interrupt(struct vdriver *vd)
{
	format(vd)->ask_interrupt(vd);
	/* C */
	vd_fence();
}

bool
vdriver_enable_interrupts(struct vdriver *vd)
{
	vdriver_ask_interrupt(vd);
	return !vdriver_has_used(vd);
}
