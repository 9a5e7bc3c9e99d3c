/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vring.h"

#include <stdio.h>
#include <string.h>

#include "vring_log.h"
#include "order.h"

#define BIT(n) (1ull << (n))

uint64_t
vring_features(void)
{
	return BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_F_INDIRECT_DESC) | BIT(VIRTIO_F_EVENT_IDX) |
	       BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ANY_LAYOUT) | BIT(VIRTIO_F_RING_PACKED) |
	       BIT(VIRTIO_F_IN_ORDER);
}

static void *
area(const struct vring_config *cfg, const char *name, uint64_t addr, uint64_t len, uint64_t align,
     char *err, size_t err_size)
{
	void *p;

	if (addr & (align - 1)) {
		snprintf(err, err_size, "%s at 0x%llx is not aligned to %llu bytes", name,
			 (unsigned long long)addr, (unsigned long long)align);
		return NULL;
	}
	p = cfg->space == GUEST_USER ? guest_mem_user(cfg->mem, addr, len)
				     : guest_mem_host(cfg->mem, addr, len);
	if (!p)
		snprintf(err, err_size, "%s at 0x%llx, %llu bytes, is outside the guest's memory",
			 name, (unsigned long long)addr, (unsigned long long)len);
	return p;
}

static int
split_init(struct vring *vr, const struct vring_config *cfg, char *err, size_t err_size)
{
	bool event = cfg->features & BIT(VIRTIO_F_EVENT_IDX);

	if (cfg->size < 2 || cfg->size > VRING_MAX_SIZE || (cfg->size & (cfg->size - 1)) != 0) {
		snprintf(err, err_size, "ring size %u is not a power of two from 2 to %u",
			 cfg->size, VRING_MAX_SIZE);
		return -1;
	}
	vr->desc = area(cfg, "descriptor table", cfg->addr.desc, VRING_DESC_BYTES(cfg->size),
			VRING_DESC_ALIGN, err, err_size);
	vr->avail = vr->desc ? area(cfg, "available ring", cfg->addr.driver,
				    VRING_AVAIL_BYTES(cfg->size, event), VRING_AVAIL_ALIGN, err,
				    err_size)
			     : NULL;
	vr->used = vr->avail ? area(cfg, "used ring", cfg->addr.device,
				    VRING_USED_BYTES(cfg->size, event), VRING_USED_ALIGN, err,
				    err_size)
			     : NULL;
	vr->mask = (uint16_t)(cfg->size - 1);
	if (!vr->used)
		return -1;
	vr->last_used = cfg->at_used_idx ? order_read16(&vr->used->idx) : cfg->used;
	vr->last_avail = vr->last_used;
	vr->avail_idx = vr->last_avail;
	return 0;
}

static int
packed_init(struct vring *vr, const struct vring_config *cfg, char *err, size_t err_size)
{
	uint16_t slot = cfg->avail & (uint16_t)~VRING_PACKED_WRAP;

	if (cfg->size < 2 || cfg->size > VRING_MAX_SIZE) {
		snprintf(err, err_size, "ring size %u is not from 2 to %u", cfg->size,
			 VRING_MAX_SIZE);
		return -1;
	}
	if (slot >= cfg->size) {
		snprintf(err, err_size, "position %u is beyond the ring of %u", slot, cfg->size);
		return -1;
	}
	vr->slot = area(cfg, "descriptor ring", cfg->addr.desc, VRING_DESC_BYTES(cfg->size),
			VRING_DESC_ALIGN, err, err_size);
	vr->driver_event = vr->slot ? area(cfg, "driver event area", cfg->addr.driver,
					   sizeof(struct vring_packed_event),
					   VRING_PACKED_EVENT_ALIGN, err, err_size)
				    : NULL;
	vr->device_event = vr->driver_event ? area(cfg, "device event area", cfg->addr.device,
						   sizeof(struct vring_packed_event),
						   VRING_PACKED_EVENT_ALIGN, err, err_size)
					    : NULL;
	vr->last_avail = slot;
	vr->last_used = slot;
	vr->wrap = cfg->avail & VRING_PACKED_WRAP;
	return vr->device_event ? 0 : -1;
}

int
vring_init(struct vring *vr, const struct vring_config *cfg, char *err, size_t err_size)
{
	memset(vr, 0, sizeof(*vr));
	/* a ring changes owner with every chain returned, so both positions are equal */
	if (!cfg->at_used_idx && cfg->avail != cfg->used) {
		snprintf(err, err_size, "position %u/%u: the two indices of a ring differ",
			 cfg->avail, cfg->used);
		return -1;
	}
	vr->packed = cfg->features & BIT(VIRTIO_F_RING_PACKED);
	if ((vr->packed ? packed_init : split_init)(vr, cfg, err, err_size) != 0)
		return -1;
	vr->mem = cfg->mem;
	vr->state = cfg->state;
	vr->size = (uint16_t)cfg->size;
	vr->event_used = vr->last_used;
	vr->in_order = cfg->features & BIT(VIRTIO_F_IN_ORDER);
	vr->event_idx = cfg->features & BIT(VIRTIO_F_EVENT_IDX);
	vr->indirect = cfg->features & BIT(VIRTIO_F_INDIRECT_DESC);
	vr->mergeable = cfg->features & BIT(VIRTIO_NET_F_MRG_RXBUF);
	vr->hdr_len = cfg->features & (BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_F_VERSION_1))
			      ? VIRTIO_NET_HDR_MODERN
			      : VIRTIO_NET_HDR_LEGACY;
	vr->call_fd = cfg->call_fd;
	vr->call = cfg->call;
	vr->log = cfg->log;
	vring_suppress_kicks(vr);
	if (cfg->log)
		vring_log_suppressed(vr, cfg->log);
	return 0;
}

uint16_t
vring_position(const struct vring *vr)
{
	return (uint16_t)(vr->last_avail | (vr->packed && vr->wrap ? VRING_PACKED_WRAP : 0u));
}

const char *
vring_fault_text(enum vring_fault fault)
{
	switch (fault) {
	case VRING_OK:
		return "no fault";
	case VRING_FAULT_AVAIL_JUMP:
		return "the available index is ahead by more than the ring's size";
	case VRING_FAULT_HEAD:
		return "an available entry is not the number of a descriptor";
	case VRING_FAULT_NEXT:
		return "a descriptor's next field is not the number of a descriptor";
	case VRING_FAULT_LOOP:
		return "a descriptor chain is a loop or too long";
	case VRING_FAULT_ADDRESS:
		return "a buffer is outside the guest's memory";
	case VRING_FAULT_DIRECTION:
		return "a descriptor has the wrong direction for its queue";
	case VRING_FAULT_INDIRECT:
		return "an indirect descriptor is malformed";
	case VRING_FAULT_SHORT_BUFFER:
		return "a receive buffer is shorter than the network header";
	}
	return "unknown fault";
}
