/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_GUEST_RING_H
#define TEST_GUEST_RING_H

/*
 * guest_ring.h - a virtqueue of a made-up guest: lib/vdriver with its areas anywhere in
 * a guest_ram, and raw access for guests that lie.
 */

#include "guest_ram.h"
#include "vdriver.h"

/* Flags of a descriptor (2.6.5 and 2.7.13), and the wrap counter beside a slot. */
#define D_NEXT VRING_DESC_F_NEXT
#define D_WRITE VRING_DESC_F_WRITE
#define D_INDIRECT VRING_DESC_F_INDIRECT
#define D_AVAIL VRING_PACKED_F_AVAIL
#define D_USED VRING_PACKED_F_USED
#define WRAP VRING_PACKED_WRAP

struct gr_config {
	uint64_t desc, driver, device; /* guest-physical */
	uint32_t size;
	uint16_t start; /* both indices: of a ring that has been in use; packed: slot and
			 * wrap counter */
	uint64_t features;
	uint16_t id_first, id_step; /* as in struct vdriver_config */
};

struct guest_ring {
	const struct guest_ram *ram;
	struct vdriver vd;
	uint16_t start;
	unsigned int errors; /* what the device did wrong; see gr_reap() */
};

/* Exits the program if there is no such ring. */
void gr_init(struct guest_ring *gr, const struct guest_ram *ram, const struct gr_config *c);
void gr_free(struct guest_ring *gr);

/* A chain of n buffers: direct ones, or with table != 0 an indirect table of n
 * entries there, in any two regions.  Becomes visible with gr_publish(), in a packed
 * ring at once.  Returns its head or id, or -1 when too few descriptors are free. */
int gr_add(struct guest_ring *gr, const struct vdriver_seg *buf, uint32_t n, uint64_t table,
	   void *cookie);

/* Split: an indirect table behind a direct buffer, the first of buf. */
int gr_add_mixed(struct guest_ring *gr, const struct vdriver_seg *buf, uint32_t n, uint64_t table,
		 void *cookie);

void gr_publish(struct guest_ring *gr);

/* The next used entry, if there is one.  Counts an error when lib/vdriver finds a
 * fault, or a packed descriptor's WRITE and length do not agree. */
bool gr_reap(struct guest_ring *gr, uint16_t *id, uint32_t *len, void **cookie);

/* Raw access to a split ring. */
void gr_set_desc(struct guest_ring *gr, uint16_t i, struct vring_desc d);
void gr_set_table(struct guest_ring *gr, uint64_t table, uint32_t i, struct vring_desc d);
void gr_push_avail(struct guest_ring *gr, uint16_t head);
void gr_set_avail_idx(struct guest_ring *gr, uint16_t idx);
uint16_t gr_used_idx(const struct guest_ring *gr);

/* Raw access to a packed ring.  gp_push() makes d the next descriptor, and it
 * available; as it is, with none of its flags changed, if raw. */
void gp_set_slot(struct guest_ring *gr, uint16_t slot, struct vring_packed_desc d);
void gp_set_table(struct guest_ring *gr, uint64_t table, uint32_t i, struct vring_packed_desc d);
void gp_push(struct guest_ring *gr, struct vring_packed_desc d, bool raw);

/* Suppression, the driver's half. */
void gr_set_no_interrupt(struct guest_ring *gr, uint16_t flags);
void gr_set_used_event(struct guest_ring *gr, uint16_t event);
void gp_set_event(struct guest_ring *gr, uint16_t off_wrap, uint16_t flags);

#endif /* TEST_GUEST_RING_H */
