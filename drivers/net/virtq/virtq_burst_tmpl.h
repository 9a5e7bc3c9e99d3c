/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * virtq_burst_tmpl.h - the only receive and transmit loops.  A translation unit
 * includes one virtq_kern_*.h, then this, then makes its instances with constant
 * arguments.
 *
 * A batch goes through straight-line passes over local arrays: chains are
 * snapshotted and checked, mbufs taken, bytes copied, used entries written and
 * published.  After the snapshot nothing is read from the guest but payload.
 */

#include <sys/eventfd.h>

#include <rte_mbuf.h>

#include "virtq_ethdev.h"
#include "virtq_filter.h"
#include "vring_split.h"

/* Application's receive = guest's send: "deq" in the ring's words. */

/* Copies len bytes from the chain, skipping the first `skip`, to the tail of m,
 * with as many further mbufs as it takes.  -1 if the pool is empty. */
static __rte_always_inline int
virtq_deq_copy(const struct vring_seg *seg, uint32_t skip, uint32_t len, struct rte_mbuf *m,
	       struct rte_mempool *pool)
{
	struct rte_mbuf *tail = m;
	uint32_t off = skip;

	while (off >= seg->len) {
		off -= seg->len;
		seg++;
	}
	m->pkt_len = len;
	for (;;) {
		uint32_t room = rte_pktmbuf_tailroom(tail);
		uint32_t part = RTE_MIN(RTE_MIN(len, seg->len - off), room);

		virtq_copy(rte_pktmbuf_mtod_offset(tail, uint8_t *, tail->data_len),
			   seg->addr + off, part);
		tail->data_len = (uint16_t)(tail->data_len + part);
		off += part;
		len -= part;
		if (len == 0)
			return 0;
		if (off == seg->len) {
			off = 0;
			seg++;
		}
		if (part == room) {
			tail->next = rte_pktmbuf_alloc(pool);
			if (unlikely(!tail->next))
				return -1;
			tail = tail->next;
			m->nb_segs++;
		}
	}
}

/* What is wrong with a chain as a packet: NULL, or the counter to raise. */
static __rte_always_inline uint64_t *
virtq_deq_reject(struct virtq_queue *q, const struct vring *vr, const struct vring_chain *c)
{
	if (unlikely(c->len < (uint32_t)vr->hdr_len + RTE_ETHER_HDR_LEN))
		return &q->stats.runt;
	if (unlikely(c->len - vr->hdr_len > VIRTQ_MAX_FRAME))
		return &q->stats.oversize;
	return NULL;
}

/* As many mbufs as the pool has, up to n. */
static __rte_always_inline uint16_t
virtq_deq_alloc(struct virtq_queue *q, struct rte_mbuf **m, uint16_t n)
{
	while (n > 0 && unlikely(rte_pktmbuf_alloc_bulk(q->pool, m, n) != 0)) {
		q->stats.nombuf++;
		n /= 2;
	}
	return n;
}

/* A packet for which the pool ran dry, once more. */
static __rte_noinline struct rte_mbuf *
virtq_deq_alone(const struct vring_seg *seg, uint32_t skip, uint32_t len, struct rte_mempool *pool)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (m && virtq_deq_copy(seg, skip, len, m, pool) != 0) {
		rte_pktmbuf_free(m);
		m = NULL;
	}
	return m;
}

static __rte_always_inline uint16_t
virtq_deq_batch(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *spare[VRING_BURST];
	struct vring_batch b;
	uint16_t i, got = 0, left;
	uint64_t bytes = 0;

	n = RTE_MIN(RTE_MIN(n, vring_split_available(vr)), (uint16_t)VRING_BURST);
	if (n == 0)
		return 0;
	vring_batch_begin(&b);
	n = vring_split_snapshot(vr, VRING_DEQ, &b, 0, n);
	n = virtq_deq_alloc(q, spare, n);
	left = n;
	for (i = 0; i < n; i++) {
		const struct vring_chain *c = &b.chain[i];
		uint64_t *wrong = virtq_deq_reject(q, vr, c);
		struct rte_mbuf *m;

		if (unlikely(!vring_is_ours(vr)))
			break;
		vring_split_put_used(vr, i, c->head, 0);
		if (unlikely(wrong != NULL)) {
			(*wrong)++;
			continue;
		}
		m = spare[--left];
		if (unlikely(virtq_deq_copy(&b.seg[c->first], vr->hdr_len, c->len - vr->hdr_len, m,
					    q->pool) != 0)) {
			rte_pktmbuf_free(m);
			q->stats.nombuf++;
			if (i > 0)
				break;
			/* what we hold may be what it lacks; if not, it is dropped: the
			 * pool may never have as many */
			rte_pktmbuf_free_bulk(spare, left);
			left = 0;
			n = 1;
			m = virtq_deq_alone(&b.seg[c->first], vr->hdr_len, c->len - vr->hdr_len,
					    q->pool);
			if (!m)
				continue;
		}
		m->port = q->port_id;
		m->packet_type = RTE_PTYPE_L2_ETHER;
		bytes += m->pkt_len;
		pkts[got++] = m;
	}
	if (unlikely(left > 0))
		rte_pktmbuf_free_bulk(spare, left);
	if (unlikely(i == 0 || !vring_is_ours(vr))) {
		rte_pktmbuf_free_bulk(pkts, got);
		return 0;
	}
	q->stats.notified += vring_split_publish(vr, i);
	q->stats.packets += got;
	q->stats.bytes += bytes;
	return got;
}

/* Application's transmit = guest's receive: "enq". */

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

static __rte_always_inline void
virtq_batch_cut(struct vring_batch *b, uint16_t nchain)
{
	b->nseg = nchain < b->nchain ? b->chain[nchain].first : b->nseg;
	b->nchain = nchain;
}

/* Takes the chains that a packet of `need` bytes with its header fills. */
static __rte_always_inline enum virtq_fit
virtq_enq_reserve(struct vring *vr, struct vring_batch *b, uint16_t avail, uint32_t need,
		  const bool mergeable)
{
	uint16_t first = b->nchain;
	uint32_t room = 0;

	do {
		const struct vring_chain *c = &b->chain[b->nchain];

		if (b->nchain == avail)
			return b->nchain - first == vr->size ? VIRTQ_NEVER_FITS : VIRTQ_NOT_NOW;
		if (vring_split_snapshot(vr, VRING_ENQ, b, b->nchain, 1) == 0)
			return vr->fault == VRING_OK && first == 0 ? VIRTQ_NEVER_FITS
								   : VIRTQ_NOT_NOW;
		/* each buffer holds at least a header (5.1.6.3.1) */
		if (unlikely(c->len < vr->hdr_len)) {
			vr->fault = VRING_F_SHORT_BUFFER;
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

/* Copies a packet behind its header into its chains, and writes their used
 * entries. */
static __rte_always_inline void
virtq_enq_copy(struct vring *vr, const struct vring_batch *b, const struct virtq_enq_plan *p)
{
	const struct rte_mbuf *m = p->m;
	uint32_t left = m->pkt_len, moff = 0;

	virtq_enq_header(&b->seg[b->chain[p->first].first], vr->hdr_len, p->count);
	for (uint16_t k = p->first; k < p->first + p->count; k++) {
		const struct vring_chain *c = &b->chain[k];
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
		vring_split_put_used(vr, k, c->head, used);
	}
}

/* Returns how many of pkts are dealt with, in *sent how many of them went to the
 * guest; the others were dropped.  *more is cleared when it makes no sense to go
 * on. */
static __rte_always_inline uint16_t
virtq_enq_batch(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
		bool *more, const bool mergeable)
{
	struct virtq_enq_plan plan[VRING_BURST];
	struct virtq_queue_stats st = {0};
	uint16_t avail, i, np = 0;
	struct vring_batch b;

	vring_batch_begin(&b);
	avail = vring_split_available(vr);
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
						  mergeable);
		if (likely(fit == VIRTQ_FITS)) {
			plan[np++] = (struct virtq_enq_plan){pkts[i], first, b.nchain - first};
			continue;
		}
		virtq_batch_cut(&b, first);
		if (fit == VIRTQ_NOT_NOW) {
			/* what this batch took may have made room for a new one */
			*more = first > 0 && first < avail && vr->fault == VRING_OK;
			st.no_buffer += !*more && vr->fault == VRING_OK;
			break;
		}
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
		q->stats.notified += vring_split_publish(vr, b.nchain);
	}
	rte_pktmbuf_free_bulk(pkts, i);
	q->stats.packets += np;
	q->stats.bytes += st.bytes;
	q->stats.filtered += st.filtered;
	q->stats.oversize += st.oversize;
	q->stats.no_buffer += st.no_buffer;
	return i;
}

/* The ring, if it is there and ours; a burst that gets it must leave again. */
static __rte_always_inline struct vring *
virtq_enter(struct virtq_queue *q)
{
	struct vring *vr;

	order_enter(&q->active, q->cheap_barrier);
	vr = order_acquire_ptr(&q->view);
	if (likely(vr != NULL && vring_is_ours(vr) && vr->fault == VRING_OK))
		return vr;
	order_leave(&q->active);
	return NULL;
}

static __rte_always_inline void
virtq_leave(struct virtq_queue *q, const struct vring *vr)
{
	bool broken = vr->fault != VRING_OK;

	order_leave(&q->active);
	/* once a ring: virtq_enter() turns every later burst away */
	if (unlikely(broken))
		(void)eventfd_write(q->wake_fd, 1);
}

static __rte_always_inline uint16_t
virtq_rx_burst(struct virtq_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
	struct vring *vr = virtq_enter(q);
	uint16_t done = 0, got;

	if (unlikely(vr == NULL))
		return 0;
	do {
		got = virtq_deq_batch(q, vr, pkts + done, n - done);
		done += got;
	} while (got == VRING_BURST && done < n);
	virtq_leave(q, vr);
	return done;
}

static __rte_always_inline uint16_t
virtq_tx_burst(struct virtq_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
	struct vring *vr = virtq_enter(q);
	bool more = true;
	uint16_t done = 0;

	if (unlikely(vr == NULL))
		return 0;
	while (more && done < n) {
		if (vr->mergeable)
			done += virtq_enq_batch(q, vr, pkts + done, n - done, &more, true);
		else
			done += virtq_enq_batch(q, vr, pkts + done, n - done, &more, false);
	}
	virtq_leave(q, vr);
	return done;
}
