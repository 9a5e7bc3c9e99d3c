/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Fills a ring once, from end to end, so that each lap is like the one before. */

#include <stdlib.h>
#include <string.h>

#include "vg_fast.h"
#include "vg_log.h"
#include "vg_pattern.h"

static int
arrays(struct vg_fast *f, uint32_t n)
{
	f->first = calloc(n, sizeof(*f->first));
	f->id = calloc(n, sizeof(*f->id));
	f->ndesc = calloc(n, sizeof(*f->ndesc));
	f->data = calloc(n, sizeof(*f->data));
	f->len = calloc(n, sizeof(*f->len));
	f->of_id = calloc(n, sizeof(*f->of_id));
	f->word = calloc(n, sizeof(*f->word));
	return f->first && f->id && f->ndesc && f->data && f->len && f->of_id && f->word
		       ? 0
		       : vg_err("out of memory");
}

void
vg_fast_free(struct vg_fast *f)
{
	free(f->first);
	free(f->id);
	free(f->ndesc);
	free(f->data);
	free(f->len);
	free(f->of_id);
	free(f->word);
}

/* Bytes of chain c, header included. */
static uint32_t
chain_bytes(const struct vg_port *p, const struct vg_queue *q, uint32_t c)
{
	return q->rx ? q->lay->cap : vg_frame_len(p->o, q->index / 2, c) + p->hdr_len;
}

/* Gives the last piece of a chain `more` descriptors, so that the ring is full. */
static int
stretch(const struct vg_queue *q, struct vg_span *span, uint16_t *n, uint16_t more)
{
	struct vg_span *s = &span[*n - 1];

	if (more == 0)
		return 0;
	if (s->len <= more || *n + more > (int)VG_MAX_SEGS)
		return vg_err("%s: chains of this kind leave %u of its entries over, and --perf "
			      "needs them all; use another ring size or segment size",
			      q->name, more);
	s->len -= more;
	for (uint16_t i = 0; i < more; i++)
		span[(*n)++] = (struct vg_span){s->off + s->len + i, 1};
	return 0;
}

static void
fill_data(const struct vg_port *p, struct vg_fast *f, const struct vg_span *span, uint16_t n,
	  uint32_t c)
{
	uint8_t packet[VG_MAX_FRAME + 16], *buf = vg_buf(p, f->q, c);
	uint32_t done = 0;

	f->data[c] = buf + span[0].off;
	if (f->q->rx)
		return;
	memset(packet, 0, p->hdr_len);
	vg_frame_fill(packet + p->hdr_len, f->len[c] - p->hdr_len, f->q->index / 2, c);
	for (uint16_t k = 0; k < n; done += span[k++].len)
		memcpy(buf + span[k].off, packet + done, span[k].len);
}

/* Packed: what stands in its slots, to be written again each lap. */
static void
remember_words(struct vg_fast *f, uint16_t first, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		const struct vg_pdesc *d = &f->ring->slot[first + i];
		uint16_t flags = first + i == f->ring->pending_slot && f->ring->pending
					 ? f->ring->pending_flags
					 : d->flags;

		flags &= (uint16_t) ~(VG_DESC_AVAIL | VG_DESC_USED);
		f->word[first + i] = d->len | (uint64_t)d->id << 32 | (uint64_t)flags << 48;
	}
}

static int
add_chain(struct vg_port *p, struct vg_fast *f, uint32_t c)
{
	struct vg_ring *r = f->ring;
	uint32_t len = chain_bytes(p, f->q, c);
	bool table = vg_queue_table(p, f->q, c), exact = r->packed || r->in_order;
	struct vg_span span[VG_MAX_SEGS], next[VG_MAX_SEGS];
	uint16_t n = vg_layout_cut(p, f->q->lay, len, span), slot = r->next_avail;
	uint16_t after = vg_layout_cut(p, f->q->lay, chain_bytes(p, f->q, c + 1), next);
	struct vg_seg seg[VG_MAX_SEGS];

	if (exact && !table && r->nfree >= n && r->nfree - n < after &&
	    stretch(f->q, span, &n, (uint16_t)(r->nfree - n)) != 0)
		return -1;
	vg_queue_segs(f->q, c, span, n, seg);
	if (!vg_ring_add(r, seg, n, table, c))
		return 0;
	f->len[c] = len;
	f->id[c] = r->last_id;
	f->first[c] = r->packed ? slot : r->last_id;
	f->ndesc[c] = table ? 1 : n;
	f->of_id[r->last_id] = (uint16_t)c;
	fill_data(p, f, span, n, c);
	if (r->packed)
		remember_words(f, slot, f->ndesc[c]);
	f->nchain++;
	return 1;
}

int
vg_fast_init(struct vg_fast *f, struct vg_port *p, struct vg_queue *q)
{
	int added = 1;

	memset(f, 0, sizeof(*f));
	f->q = q;
	f->ring = &q->ring;
	f->in_order = q->ring.in_order;
	f->count_buffers = p->o->mergeable && p->o->size_max + p->hdr_len > q->lay->cap;
	f->batch = p->o->batch;
	f->min_batch = p->o->min_batch;
	if (arrays(f, q->ring.size) != 0)
		return -1;
	while (added > 0 && q->ring.nfree > 0 && f->nchain < q->lay->count)
		added = add_chain(p, f, f->nchain);
	if (added < 0)
		return -1;
	f->avail = q->ring.next_avail;
	f->used_wrap = true;
	f->fill_wrap = false; /* the first lap is in the ring already */
	vg_ring_publish(&q->ring);
	return 0;
}
