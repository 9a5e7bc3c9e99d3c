/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Fills a ring once, from end to end, so that each lap is like the one before. */

#include <stdlib.h>
#include <string.h>

#include "vg_fast.h"
#include "vg_log.h"
#include "vg_pattern.h"

void
vg_fast_free(struct vg_fast *f)
{
	vdriver_fast_free(&f->ring);
	free(f->data);
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
	vg_frame_fill(packet + p->hdr_len, f->ring.len[c] - p->hdr_len, f->q->index / 2, c);
	for (uint16_t k = 0; k < n; done += span[k++].len)
		memcpy(buf + span[k].off, packet + done, span[k].len);
}

static int
add_chain(struct vg_port *p, struct vg_fast *f, uint32_t c)
{
	const struct vdriver *vd = f->ring.vd;
	uint32_t len = chain_bytes(p, f->q, c);
	bool table = vg_queue_table(p, f->q, c), exact = vd->packed || vd->in_order;
	struct vg_span span[VG_MAX_SEGS], next[VG_MAX_SEGS];
	uint16_t n = vg_layout_cut(p, f->q->lay, len, span);
	uint16_t after = vg_layout_cut(p, f->q->lay, chain_bytes(p, f->q, c + 1), next);
	struct vdriver_seg seg[VG_MAX_SEGS];

	if (exact && !table && vd->nfree >= n && vd->nfree - n < after &&
	    stretch(f->q, span, &n, (uint16_t)(vd->nfree - n)) != 0)
		return -1;
	vg_queue_segs(f->q, c, span, n, seg);
	if (!vdriver_fast_add(&f->ring, seg, n, table))
		return 0;
	fill_data(p, f, span, n, c);
	return 1;
}

int
vg_fast_init(struct vg_fast *f, struct vg_port *p, struct vg_queue *q)
{
	int added = 1;

	memset(f, 0, sizeof(*f));
	f->q = q;
	f->count_buffers = p->o->mergeable && p->o->size_max + p->hdr_len > q->lay->cap;
	f->batch = p->o->batch;
	f->min_batch = p->o->min_batch;
	f->data = calloc(q->ring.vd.size, sizeof(*f->data));
	if (!f->data || vdriver_fast_init(&f->ring, &q->ring.vd) != 0)
		return vg_err("out of memory");
	while (added > 0 && q->ring.vd.nfree > 0 && f->ring.nchain < q->lay->count)
		added = add_chain(p, f, f->ring.nchain);
	if (added < 0)
		return -1;
	if (vdriver_fast_start(&f->ring))
		vg_ring_kick(&q->ring);
	return 0;
}
