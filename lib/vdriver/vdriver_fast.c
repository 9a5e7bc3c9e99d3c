/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Fills a ring once, and remembers what has to be written again on each lap. */

#include "vdriver_fast.h"

#include <stdlib.h>
#include <string.h>

int
vdriver_fast_init(struct vdriver_fast *f, struct vdriver *vd)
{
	uint32_t n = vd->size;

	memset(f, 0, sizeof(*f));
	f->vd = vd;
	f->in_order = vd->in_order;
	f->used_wrap = true;
	f->fill_wrap = false; /* the first lap is in the ring already */
	f->first = calloc(n, sizeof(*f->first));
	f->id = calloc(n, sizeof(*f->id));
	f->ndesc = calloc(n, sizeof(*f->ndesc));
	f->len = calloc(n, sizeof(*f->len));
	f->of_id = calloc(n, sizeof(*f->of_id));
	f->word = calloc(n, sizeof(*f->word));
	if (f->first && f->id && f->ndesc && f->len && f->of_id && f->word)
		return 0;
	vdriver_fast_free(f);
	return -1;
}

void
vdriver_fast_free(struct vdriver_fast *f)
{
	free(f->first);
	free(f->id);
	free(f->ndesc);
	free(f->len);
	free(f->of_id);
	free(f->word);
	memset(f, 0, sizeof(*f));
}

/* Second halves of a chain's descriptors, without AVAIL and USED. */
static void
remember(struct vdriver_fast *f, uint16_t first, uint16_t n)
{
	const struct vdriver *vd = f->vd;

	for (uint16_t i = first; i < first + n; i++) {
		const struct vring_packed_desc *d = &vd->slot[i];
		uint16_t flags = vd->pending && i == vd->pending_slot ? vd->pending_flags
								      : d->flags;

		flags &= (uint16_t) ~(VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED);
		f->word[i] = d->len | (uint64_t)d->id << 32 | (uint64_t)flags << 48;
	}
}

bool
vdriver_fast_add(struct vdriver_fast *f, const struct vdriver_seg *seg, uint32_t n, bool indirect)
{
	struct vdriver *vd = f->vd;
	uint16_t slot = vd->next_avail & (uint16_t)~VRING_PACKED_WRAP, c = f->nchain;
	int id = (indirect ? vdriver_add_indirect : vdriver_add)(vd, seg, n, NULL);

	if (id < 0)
		return false;
	f->id[c] = (uint16_t)id;
	f->first[c] = vd->packed ? slot : f->id[c];
	f->ndesc[c] = vd->chain[id].slots;
	f->of_id[id] = c;
	for (uint32_t i = 0; i < n; i++)
		f->len[c] += seg[i].len;
	if (vd->packed)
		remember(f, slot, f->ndesc[c]);
	f->nchain++;
	return true;
}

bool
vdriver_fast_start(struct vdriver_fast *f)
{
	f->avail = f->vd->next_avail;
	f->last = f->vd->next_used;
	return vdriver_publish(f->vd);
}

void
vdriver_fast_ask_interrupt(struct vdriver_fast *f)
{
	struct vdriver *vd = f->vd;

	vd->next_used = f->last;
	if (vd->packed)
		vd->next_used = (uint16_t)(f->first[f->next] |
					   (f->used_wrap ? VRING_PACKED_WRAP : 0));
	vdriver_ask_interrupt(vd);
}
