/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "hostile.h"

#include <string.h>

#define RING_BYTES 0x8000u
#define DRIVER_AT 0x4000u
#define DEVICE_AT 0x6000u
#define PACKET 72u
#define BUFFER 2048u

struct split_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

struct ring rings[MAX_RINGS];
unsigned int num_rings = 3;
bool want_packed;

int
drv_reset(void)
{
	double end = now_ms() + 3000;

	hw_write8(STATUS, 0);
	while (hw_read8(STATUS)) {
		if (now_ms() > end)
			return -1;
	}
	return 0;
}

static uint64_t
offered(void)
{
	volatile uint32_t *df = (volatile uint32_t *)(hw.common + DF);
	uint64_t features;

	hw_write32(DFSELECT, 0);
	features = *df;
	hw_write32(DFSELECT, 1);
	return features | (uint64_t)*df << 32;
}

static void
accept_features(uint64_t features)
{
	hw_write32(GFSELECT, 0);
	hw_write32(GF, (uint32_t)features);
	hw_write32(GFSELECT, 1);
	hw_write32(GF, features >> 32);
}

void
drv_place(struct ring *r)
{
	hw_write16(Q_SELECT, r->index);
	hw_write64(Q_DESC, r->desc_pa);
	hw_write64(Q_DRIVER, r->driver_pa);
	hw_write64(Q_DEVICE, r->device_pa);
	hw_write16(Q_MSIX, r->index % hw.vectors);
	hw_write16(Q_ENABLE, 1);
}

static void
set_up(struct ring *r, unsigned int index)
{
	uint32_t at = index * RING_BYTES;

	memset(area[0] + at, 0, RING_BYTES);
	hw_write16(Q_SELECT, index);
	*r = (struct ring){
		.index = index,
		.size = hw_read16(Q_SIZE),
		.noff = hw_read16(Q_NOFF),
		.wrap = true,
		.desc = area[0] + at,
		.driver = area[0] + at + DRIVER_AT,
		.device = area[0] + at + DEVICE_AT,
		.desc_pa = area_pa[0] + at,
		.driver_pa = area_pa[0] + at + DRIVER_AT,
		.device_pa = area_pa[0] + at + DEVICE_AT,
	};
	drv_place(r);
}

int
drv_start(uint8_t status)
{
	uint64_t features;
	unsigned int i;

	hw_msix(false);
	hw_enable();
	if (drv_reset() != 0)
		return -1;
	hw_write8(STATUS, S_ACKNOWLEDGE | S_DRIVER);
	features = offered() & ~(F_EVENT_IDX | F_IN_ORDER | (want_packed ? 0 : F_PACKED));
	accept_features(features);
	if (status & S_FEATURES_OK)
		hw_write8(STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	num_rings = features & F_MQ ? MAX_RINGS : 3;
	for (i = 0; i < num_rings; i++)
		set_up(&rings[i], i);
	hw_write8(STATUS, status);
	return 0;
}

static void
post_split(struct ring *r, const struct seg *segs, unsigned int num)
{
	volatile struct split_desc *d = (volatile struct split_desc *)r->desc;
	volatile uint16_t *avail = (volatile uint16_t *)r->driver;
	unsigned int i, head = r->slot, at;

	for (i = 0; i < num; i++) {
		at = r->slot;
		r->slot = (r->slot + 1) % r->size;
		d[at].addr = segs[i].addr;
		d[at].len = segs[i].len;
		d[at].next = r->slot;
		d[at].flags = segs[i].flags | (i + 1 < num ? D_NEXT : 0);
	}
	avail[2 + r->avail % r->size] = head;
	avail[1] = ++r->avail;
}

static void
post_packed(struct ring *r, const struct seg *segs, unsigned int num)
{
	volatile struct packed_desc *d = (volatile struct packed_desc *)r->desc;
	unsigned int i, head = r->slot;
	uint16_t flags, first = 0;

	for (i = 0; i < num; i++) {
		d[r->slot].addr = segs[i].addr;
		d[r->slot].len = segs[i].len;
		d[r->slot].id = head;
		flags = segs[i].flags | (i + 1 < num ? D_NEXT : 0) | (r->wrap ? D_AVAIL : D_USED);
		if (i == 0)
			first = flags;
		else
			d[r->slot].flags = flags;
		if (++r->slot == r->size) {
			r->slot = 0;
			r->wrap = !r->wrap;
		}
	}
	d[head].flags = first;
}

void
drv_post(struct ring *r, const struct seg *segs, unsigned int num)
{
	if (want_packed)
		post_packed(r, segs, num);
	else
		post_split(r, segs, num);
	r->posted++;
}

void
drv_post_one(struct ring *r, uint64_t addr, uint32_t len, uint16_t flags)
{
	const struct seg seg = {addr, len, flags};

	drv_post(r, &seg, 1);
}

void
drv_kick(struct ring *r)
{
	*(volatile uint16_t *)(hw.notify + r->noff * hw.notify_mul) = r->index;
}

/* Of a packed ring: descriptors in its first round, which is as far as we go. */
unsigned int
drv_used(const struct ring *r)
{
	const volatile struct packed_desc *d = (const volatile struct packed_desc *)r->desc;
	unsigned int i;

	if (!want_packed)
		return ((volatile uint16_t *)r->device)[1];
	for (i = 0; i < r->size; i++) {
		if ((d[i].flags & (D_AVAIL | D_USED)) != (D_AVAIL | D_USED))
			break;
	}
	return i;
}

bool
drv_wait_used(const struct ring *r, unsigned int num, double ms)
{
	double end = now_ms() + ms;

	while (drv_used(r) < num) {
		if (now_ms() > end)
			return false;
	}
	return true;
}

void
drv_traffic(void)
{
	unsigned int i;

	for (i = 0; i < RX->size / 2; i++)
		drv_post_one(RX, area_pa[1] + (i + 1) * BUFFER, BUFFER, D_WRITE);
	for (i = 0; i < TX->size / 2; i++)
		drv_post_one(TX, area_pa[1], PACKET, 0);
	drv_kick(RX);
	drv_kick(TX);
}
