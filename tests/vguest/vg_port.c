/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vg_port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vg_log.h"

static bool
tables(const struct vg_opts *o, bool rx)
{
	switch (o->indirect) {
	case VG_IND_OFF:
		return false;
	case VG_IND_ALL:
		return true;
	case VG_IND_RX:
		return rx;
	case VG_IND_TX:
	case VG_IND_MIX:
		return !rx;
	}
	return false;
}

/* Cuts len bytes: the header alone if asked for, the rest in steps of seg. */
static uint32_t
cut(uint32_t hdr_len, bool own, uint32_t seg, uint32_t off, uint32_t len, struct vg_span *span)
{
	uint32_t n = 0, done = 0;

	while (done < len) {
		uint32_t part = len - done;

		if (own && done == 0 && part > hdr_len)
			part = hdr_len;
		else if (seg > 0 && part > seg)
			part = seg;
		if (n < VG_MAX_SEGS)
			span[n] = (struct vg_span){off, part};
		n++;
		off += part + VG_GAP;
		done += part;
	}
	return n;
}

static uint32_t
seg_size(const struct vg_opts *o, bool rx)
{
	return rx ? o->rx_seg : o->tx_seg;
}

/* The longest buffer of that kind. */
static int
layout(const struct vg_opts *o, bool rx, struct vg_layout *l)
{
	uint32_t hdr_len = vg_opts_hdr_len(o), entries = rx ? o->rx_ring : o->tx_ring, n;
	const struct vg_span *last;

	l->cap = rx ? o->rx_buf : o->size_max + hdr_len;
	n = cut(hdr_len, o->hdr_own, seg_size(o, rx), o->hdr_off, l->cap, l->seg);
	if (n > VG_MAX_SEGS)
		return vg_err("--%s-seg=%u: a buffer of %u bytes would be %u descriptors; use at "
			      "most %u",
			      rx ? "rx" : "tx", seg_size(o, rx), l->cap, n, VG_MAX_SEGS);
	if (n > entries && (!tables(o, rx) || o->indirect == VG_IND_MIX))
		return vg_err("--%s-ring=%u: a buffer takes %u descriptors; use a larger ring, "
			      "larger descriptors or --indirect",
			      rx ? "rx" : "tx", entries, n);
	l->nseg = (uint16_t)n;
	/* vg_fast.c lays short chains where long ones would not fit */
	l->count = tables(o, rx) || o->perf ? entries : entries / n;
	last = &l->seg[n - 1];
	l->stride = (last->off + last->len + VG_GAP + 63) / 64 * 64;
	/* buffers that stand 4096 apart fight for the same cache sets */
	if (l->stride % 4096 == 0)
		l->stride += 256;
	return 0;
}

int
vg_layout_check(const struct vg_opts *o)
{
	uint32_t room = o->rx_buf, hdr_len = vg_opts_hdr_len(o);
	struct vg_layout rx, tx;

	if (layout(o, true, &rx) != 0 || layout(o, false, &tx) != 0)
		return -1;
	if (o->mergeable)
		room = o->rx_buf * rx.count;
	if (o->mode != VG_TX && room < o->size_max + hdr_len)
		return vg_err("--size=%u: a packet and its header need %u bytes and %s %u; use a "
			      "larger --rx-buf%s",
			      o->size_max, o->size_max + hdr_len,
			      o->mergeable ? "all receive buffers have" : "--rx-buf has", room,
			      o->mergeable ? " or --rx-ring" : "");
	return 0;
}

static struct vg_ring_config
ring_config(const struct vg_port *p, const struct vg_queue *q)
{
	return (struct vg_ring_config){
		.name = q->name,
		.features = p->features,
		.size = (uint16_t)(q->rx ? p->o->rx_ring : p->o->tx_ring),
		.max_segs = tables(p->o, q->rx) ? q->lay->nseg : 0,
		.shuffle = !p->o->perf,
	};
}

static int
queue_init(struct vg_port *p, struct vg_queue *q)
{
	struct vg_ring_config c = ring_config(p, q);

	if (vg_ring_init(&q->ring, &p->mem, &c) != 0)
		return -1;
	/* one more than are in use: what a fault needs room for */
	q->bufs = vg_mem_alloc(&p->mem, (uint64_t)q->lay->stride * (q->lay->count + 1), 64);
	q->spare = calloc(q->lay->count, sizeof(*q->spare));
	return q->spare ? 0 : vg_err("out of memory");
}

static int
queues_init(struct vg_port *p)
{
	uint64_t bytes = 0;

	p->q = calloc(p->nqueue, sizeof(*p->q));
	if (!p->q)
		return vg_err("out of memory");
	for (uint32_t i = 0; i < p->nqueue; i++) {
		struct vg_queue *q = &p->q[i];
		struct vg_ring_config c;

		q->rx = i % 2 == 0;
		q->index = i;
		q->lay = q->rx ? &p->rx : &p->tx;
		snprintf(q->name, sizeof(q->name), "nid %u, %s queue %u", p->nid,
			 q->rx ? "rx" : "tx", i / 2);
		c = ring_config(p, q);
		bytes += vg_ring_bytes(&c) + (uint64_t)q->lay->stride * (q->lay->count + 1) + 64;
	}
	/* what is left free in front of the borders */
	bytes += 16ull * p->o->regions *
		 (p->o->rx_ring > p->o->tx_ring ? p->o->rx_ring : p->o->tx_ring);
	if (vg_mem_open(&p->mem, bytes, p->o->hugetlb, p->o->regions) != 0)
		return -1;
	for (uint32_t i = 0; i < p->nqueue; i++)
		if (queue_init(p, &p->q[i]) != 0)
			return -1;
	vg_port_reset(p);
	return 0;
}

int
vg_port_init(struct vg_port *p, const struct vg_opts *o, uint32_t nid)
{
	memset(p, 0, sizeof(*p));
	p->o = o;
	p->nid = nid;
	p->be = o->vhost ? &vg_backend_vhost : &vg_backend_virtq;
	p->mem.fd = -1;
	/* one connector for all ports, and a vhost-user socket for each */
	if (o->vhost && o->nid_given)
		snprintf(p->path, sizeof(p->path), "%s%u", o->path, nid);
	else
		snprintf(p->path, sizeof(p->path), "%s", o->path);
	p->features = vg_opts_features(o);
	p->hdr_len = vg_opts_hdr_len(o);
	p->nqueue = 2 * o->pairs;
	if (layout(o, true, &p->rx) != 0 || layout(o, false, &p->tx) != 0)
		return -1;
	return queues_init(p);
}

void
vg_port_reset(struct vg_port *p)
{
	for (uint32_t i = 0; i < p->nqueue; i++) {
		struct vg_queue *q = &p->q[i];

		vg_ring_reset(&q->ring, !p->o->perf);
		q->pos = vdriver_position(&q->ring.vd);
		q->frozen = false;
		q->nspare = q->lay->count;
		for (uint32_t k = 0; k < q->nspare; k++)
			q->spare[k] = q->nspare - 1 - k;
	}
}

void
vg_port_free(struct vg_port *p)
{
	for (uint32_t i = 0; p->q && i < p->nqueue; i++) {
		vg_ring_free(&p->q[i].ring);
		free(p->q[i].spare);
	}
	free(p->q);
	vg_mem_close(&p->mem);
}

uint16_t
vg_layout_cut(const struct vg_port *p, const struct vg_layout *lay, uint32_t len,
	      struct vg_span *span)
{
	return (uint16_t)cut(p->hdr_len, p->o->hdr_own, seg_size(p->o, lay == &p->rx),
			     p->o->hdr_off, len, span);
}

void
vg_queue_segs(const struct vg_queue *q, uint32_t i, const struct vg_span *span, uint16_t n,
	      struct vdriver_seg *seg)
{
	uint64_t at = q->bufs + (uint64_t)i * q->lay->stride;

	for (uint16_t k = 0; k < n; k++)
		seg[k] = (struct vdriver_seg){at + span[k].off, span[k].len, q->rx};
}

bool
vg_queue_table(const struct vg_port *p, const struct vg_queue *q, uint64_t nth)
{
	/* three of five: tables and descriptors meet in every batch */
	return tables(p->o, q->rx) && (p->o->indirect != VG_IND_MIX || nth % 5 < 3);
}
