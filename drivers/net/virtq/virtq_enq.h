/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_ENQ_H
#define VIRTQ_ENQ_H

/*
 * virtq_enq.h - what the application sends, and the guest receives.  Needs a
 * virtq_kern_*.h in front.
 */

#include <rte_mbuf.h>

#include "virtq_enq_runs.h"
#include "virtq_ethdev.h"
#include "virtq_filter.h"

/* Chains of one packet: [first, first + count) of the batch. */
struct virtq_enq_plan {
	struct rte_mbuf *m;
	uint16_t first;
	uint16_t count;
};

enum virtq_fit {
	VIRTQ_FITS,
	VIRTQ_NEVER_FITS, /* longer than the guest's buffers allow */
	VIRTQ_NOT_NOW,    /* no more buffers, no more room in the batch, or a fault */
};

/* Takes the chains that a packet of `need` bytes with its header fills. */
static __rte_always_inline enum virtq_fit
virtq_enq_reserve(struct vring *vr, struct vring_batch *b, uint16_t avail, uint32_t need,
		  const bool mergeable, const bool packed)
{
	const bool alone = b->ndesc == 0; /* has all the room of the batch */
	uint16_t from = b->slots;
	uint32_t room = 0;

	do {
		const struct vring_chain *c = &b->chain[b->nchain];

		/* with the whole ring in its hands and no end: it never gets more */
		if (b->slots - from == vr->size)
			return VIRTQ_NEVER_FITS;
		if (b->nchain == avail)
			return VIRTQ_NOT_NOW;
		if (vring_any_snapshot(vr, VRING_ENQ, b, 1, packed) == 0)
			return b->full && alone ? VIRTQ_NEVER_FITS : VIRTQ_NOT_NOW;
		/* each buffer holds at least a header (5.1.6.3.1) */
		if (unlikely(c->len < vr->hdr_len)) {
			vr->fault = VRING_FAULT_SHORT_BUFFER;
			return VIRTQ_NOT_NOW;
		}
		room = room > UINT32_MAX - c->len ? UINT32_MAX : room + c->len;
	} while (mergeable && room < need);
	return room < need ? VIRTQ_NEVER_FITS : VIRTQ_FITS;
}

/* Writes the header, which may lie across pieces. */
static __rte_always_inline void
virtq_enq_header(const struct vring_seg *seg, uint8_t hdr_len, uint16_t num_buffers)
{
	const struct virtio_net_hdr hdr = {.num_buffers = num_buffers};
	uint32_t done = 0;

	if (likely(seg->len >= hdr_len)) {
		virtq_put_header(seg->addr, hdr_len, num_buffers);
		return;
	}
	for (; done < hdr_len; seg++) {
		uint32_t part = RTE_MIN(seg->len, hdr_len - done);

		memcpy(seg->addr, (const uint8_t *)&hdr + done, part);
		done += part;
	}
}

/* Copies a packet behind its header into its chains, and leaves in their len how
 * much each got. */
static __rte_always_inline void
virtq_enq_copy(const struct vring *vr, struct vring_batch *b, const struct virtq_enq_plan *p)
{
	const struct rte_mbuf *m = p->m;
	uint32_t left = m->pkt_len, moff = 0;

	virtq_enq_header(&b->seg[b->chain[p->first].first], vr->hdr_len, p->count);
	for (uint16_t k = p->first; k < p->first + p->count; k++) {
		struct vring_chain *c = &b->chain[k];
		const struct vring_seg *seg = &b->seg[c->first];
		uint32_t off = k == p->first ? vr->hdr_len : 0;
		uint32_t used = RTE_MIN(c->len, left + off), todo = used - off;

		left -= todo;
		while (todo > 0) {
			uint32_t part;

			if (off >= seg->len) {
				off -= seg->len;
				seg++;
				continue;
			}
			if (moff == m->data_len) {
				m = m->next;
				moff = 0;
				continue;
			}
			part = RTE_MIN(todo, RTE_MIN(seg->len - off, m->data_len - moff));
			virtq_copy(seg->addr + off,
				   rte_pktmbuf_mtod_offset(m, const uint8_t *, moff), part);
			off += part;
			moff += part;
			todo -= part;
		}
		c->len = used;
	}
}

/* Returns how many of pkts are dealt with, in *sent how many of them went to the
 * guest; the others were dropped.  *more is cleared when it makes no sense to go
 * on. */
static __rte_always_inline uint16_t
virtq_enq_batch(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
		bool *more, const bool mergeable, const bool packed)
{
	struct virtq_enq_plan plan[VRING_BURST];
	struct virtq_queue_stats st = {0};
	uint16_t avail, i, np = 0;
	struct vring_batch b;

	vring_batch_begin(&b);
	/* one more than fit: what is behind a full batch is there, and not "no buffer" */
	avail = vring_any_available(vr, VRING_BATCH + 1, packed);
	n = RTE_MIN(n, (uint16_t)VRING_BURST);
	for (i = 0; i < n; i++) {
		uint16_t first = b.nchain;
		enum virtq_fit fit;

		if (unlikely(q->filter) && !virtq_filter_pass(&q->port->rx, pkts[i])) {
			st.filtered++;
			continue;
		}
		fit = pkts[i]->pkt_len > VIRTQ_MAX_FRAME
			      ? VIRTQ_NEVER_FITS
			      : virtq_enq_reserve(vr, &b, avail, pkts[i]->pkt_len + vr->hdr_len,
						  mergeable, packed);
		if (likely(fit == VIRTQ_FITS)) {
			plan[np++] = (struct virtq_enq_plan){pkts[i], first, b.nchain - first};
			continue;
		}
		vring_batch_cut(&b, first);
		if (fit == VIRTQ_NOT_NOW) {
			/* a batch that was full may go on in the next one */
			*more = b.full;
			st.no_buffer += !b.full && vr->fault == VRING_OK;
			break;
		}
		b.full = false;
		st.oversize++;
	}
	for (uint16_t k = 0; k < np; k++) {
		/* a process that was stopped here writes one packet more, not 32 */
		if (unlikely(!vring_is_ours(vr)))
			break;
		virtq_enq_copy(vr, &b, &plan[k]);
		st.bytes += plan[k].m->pkt_len;
	}
	if (b.nchain > 0) {
		if (unlikely(!vring_is_ours(vr))) {
			*more = false;
			return 0;
		}
		q->stats.notified += vring_any_return(vr, &b, b.nchain, packed);
	}
	rte_pktmbuf_free_bulk(pkts, i);
	q->stats.packets += np;
	q->stats.bytes += st.bytes;
	q->stats.filtered += st.filtered;
	q->stats.oversize += st.oversize;
	q->stats.no_buffer += st.no_buffer;
	return i;
}

/* Whatever is no run of packets of one mbuf in one buffer. */
static __rte_noinline uint16_t
virtq_enq_general(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
		  bool *more)
{
	uint16_t done = 0;

	if (likely(!q->filter))
		done = vr->packed ? virtq_enq_chained(q, vr, pkts, n, true)
				  : virtq_enq_chained(q, vr, pkts, n, false);
	if (done > 0)
		return done;
	if (vr->packed)
		return vr->mergeable ? virtq_enq_batch(q, vr, pkts, n, more, true, true)
				     : virtq_enq_batch(q, vr, pkts, n, more, false, true);
	return vr->mergeable ? virtq_enq_batch(q, vr, pkts, n, more, true, false)
			     : virtq_enq_batch(q, vr, pkts, n, more, false, false);
}

static __rte_always_inline uint16_t
virtq_enq(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n, bool *more)
{
	uint16_t done = 0;

	if (likely(!q->filter))
		done = vr->packed ? virtq_enq_simple(q, vr, pkts, n, true)
				  : virtq_enq_simple(q, vr, pkts, n, false);
	return likely(done > 0) ? done : virtq_enq_general(q, vr, pkts, n, more);
}

#endif /* VIRTQ_ENQ_H */
