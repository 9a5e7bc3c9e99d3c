/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vring_recover.h"

#include <stdio.h>

#include "vring_log.h"

/* What the last owner was about to return: the journal, read once. */
struct burst {
	uint16_t n;     /* entries */
	uint16_t slots; /* of the ring */
	uint16_t ahead[RING_JOURNAL];
	uint64_t half[RING_JOURNAL]; /* length, id and flags of the used descriptor */
};

/* Slots from the next one of vr to a place (slot and wrap counter); more than the ring has
 * if the place is not in the ring, or lies before. */
static uint32_t
ahead_of(const struct vring *vr, uint16_t place)
{
	uint32_t slot = place & ~(uint32_t)VRING_PACKED_WRAP;

	if (slot >= vr->size)
		return UINT32_MAX;
	if (!!(place & VRING_PACKED_WRAP) != vr->wrap)
		slot += vr->size;
	return slot - vr->last_avail;
}

/* Where the used descriptor's length, id and flags are. */
static uint64_t *
half_of(const struct vring *vr, uint32_t ahead)
{
	bool wrap;

	return (uint64_t *)&vr->slot[vring_packed_slot(vr, ahead, &wrap)] + 1;
}

static bool
wrap_of(const struct vring *vr, uint32_t ahead)
{
	bool wrap;

	(void)vring_packed_slot(vr, ahead, &wrap);
	return wrap;
}

/* Whether a descriptor with this half is available to the device. */
static bool
is_avail(const struct vring *vr, uint32_t ahead, uint64_t half)
{
	return vring_packed_is_avail((uint16_t)(half >> 48), wrap_of(vr, ahead));
}

/* Reads entry k of the journal.  Returns 0, or -1 if it is out of the ring's order or
 * outside of the burst. */
static int
read_entry(const struct vring *vr, struct burst *b, uint16_t k)
{
	const uint64_t e = order_read64(&vr->state.journal[k]);
	const uint32_t ahead = ahead_of(vr, (uint16_t)e);

	if (ahead >= b->slots || (k == 0 ? ahead != 0 : ahead <= b->ahead[k - 1]))
		return -1;
	b->ahead[k] = (uint16_t)ahead;
	b->half[k] = vring_packed_used_word(wrap_of(vr, ahead), (uint16_t)(e >> 16),
					    (uint32_t)(e >> 32));
	return 0;
}

/* Reads the journal of n entries for `slots` slots from the next one of vr on. */
static int
read_journal(const struct vring *vr, struct burst *b, uint16_t n, uint16_t slots, char *err,
	     size_t err_size)
{
	b->n = n;
	b->slots = slots;
	for (uint16_t k = 0; k < n; k++) {
		if (read_entry(vr, b, k) == 0)
			continue;
		snprintf(err, err_size,
			 "entry %u in the journal of its last owner is not of that burst", k);
		return -1;
	}
	return 0;
}

/* Whether each descriptor is still available or is what the journal has. */
static int
check_ring(const struct vring *vr, const struct burst *b, char *err, size_t err_size)
{
	for (uint16_t k = 0; k < b->n; k++) {
		uint64_t half = order_read64(half_of(vr, b->ahead[k]));

		if (half == b->half[k] || is_avail(vr, b->ahead[k], half))
			continue;
		snprintf(err, err_size,
			 "the descriptor of entry %u in the journal of its last owner is neither "
			 "available nor as the journal has it",
			 k);
		return -1;
	}
	return 0;
}

/* Returns the used buffers of the journal; the first one last, because the guest polls it. */
static void
finish(const struct vring *vr, const struct burst *b, const struct guest_log *log)
{
	for (uint16_t k = b->n; k-- > 0;) {
		uint64_t *half = half_of(vr, b->ahead[k]);

		order_release64(half, b->half[k]);
		if (log)
			vring_log_bytes(vr, log, half, sizeof(*half));
	}
}

/* vr is at the position before the burst that `pos` describes. */
static int
recover_burst(struct vring *vr, uint64_t pos, const struct guest_log *log, char *err,
	      size_t err_size)
{
	const uint16_t n = (uint16_t)(pos >> 48);
	const uint32_t slots = ahead_of(vr, (uint16_t)pos);
	struct burst b;

	if (n == 0 && slots == 0)
		return 0;
	if (n == 0 || n > RING_JOURNAL || slots == 0 || slots > vr->size) {
		snprintf(err, err_size,
			 "its last owner left the positions 0x%x and 0x%x, and a journal of %u "
			 "entries",
			 (uint16_t)pos, (uint16_t)(pos >> 16), n);
		return -1;
	}
	if (read_journal(vr, &b, n, (uint16_t)slots, err, err_size) != 0)
		return -1;
	/* the first one is written last: if it is there, all are, and the guest may already
	 * have made others available in their place */
	if (!is_avail(vr, 0, order_read64(half_of(vr, 0))))
		return 0;
	if (check_ring(vr, &b, err, err_size) != 0)
		return -1;
	finish(vr, &b, log);
	return 0;
}

static int
recover_packed(struct vring_config *cfg, char *err, size_t err_size)
{
	struct vring_config before = *cfg;
	struct vring vr;
	uint64_t pos;

	if (!cfg->state.pos)
		return 0;
	/* H */
	pos = order_read64(cfg->state.pos);
	order_loads();
	if (!ring_state_is_valid(pos))
		return 0;
	before.avail = before.used = (uint16_t)(pos >> 16);
	if (vring_init(&vr, &before, err, err_size) != 0 ||
	    recover_burst(&vr, pos, cfg->log, err, err_size) != 0)
		return -1;
	cfg->avail = cfg->used = (uint16_t)pos;
	ring_state_publish(&cfg->state, cfg->avail);
	return 0;
}

static int
recover_split(struct vring_config *cfg, char *err, size_t err_size)
{
	struct vring vr;

	cfg->at_used_idx = true;
	if (vring_init(&vr, cfg, err, err_size) != 0)
		return -1;
	cfg->at_used_idx = false;
	cfg->avail = cfg->used = vr.last_used;
	return 0;
}

int
vring_recover(struct vring_config *cfg, char *err, size_t err_size)
{
	if (cfg->features & 1ull << VIRTIO_F_RING_PACKED)
		return recover_packed(cfg, err, err_size);
	return recover_split(cfg, err, err_size);
}
