/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_ENQ_H
#define VIRTQ_ENQ_H

/*
 * virtq_enq.h - what the application sends, and the guest receives.  Needs a
 * virtq_kern_*.h in front.
 */

#include <rte_mbuf.h>

#include "virtq_ethdev.h"
#include "virtq_filter.h"
#include "virtq_runs.h"

/* Writes the header of a received packet: no offload, num_buffers buffers.  It
 * is most often there already, and a line that is not written to stays shared
 * between the two processors. */
static __rte_always_inline void
virtq_put_header(uint8_t *dst, uint32_t hdr_len, uint16_t num_buffers)
{
	uint64_t head;
	uint16_t rest;

	memcpy(&head, dst, sizeof(head));
	memcpy(&rest, dst + 8, sizeof(rest));
	if (unlikely((head | rest) != 0)) {
		memset(dst, 0, VIRTIO_NET_HDR_LEGACY);
	}
	if (hdr_len == VIRTIO_NET_HDR_LEGACY)
		return;
	memcpy(&rest, dst + 10, sizeof(rest));
	if (unlikely(rest != num_buffers))
		memcpy(dst + 10, &num_buffers, sizeof(num_buffers));
}

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
	uint16_t first = b->nchain, from = b->slots;
	uint32_t room = 0;

	do {
		const struct vring_chain *c = &b->chain[b->nchain];

		/* with the whole ring in its hands and no end: it never gets more */
		if (b->slots - from == vr->size)
			return VIRTQ_NEVER_FITS;
		if (b->nchain == avail)
			return VIRTQ_NOT_NOW;
		if (vring_ring_snapshot(vr, VRING_ENQ, b, 1, packed) == 0)
			return b->full && first == 0 ? VIRTQ_NEVER_FITS : VIRTQ_NOT_NOW;
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
	avail = vring_ring_available(vr, VRING_BATCH + 1, packed);
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
		q->stats.notified += vring_ring_return(vr, &b, b.nchain, packed);
	}
	rte_pktmbuf_free_bulk(pkts, i);
	q->stats.packets += np;
	q->stats.bytes += st.bytes;
	q->stats.filtered += st.filtered;
	q->stats.oversize += st.oversize;
	q->stats.no_buffer += st.no_buffer;
	return i;
}

/* Frees n mbufs of one segment; most often they are all of one pool and ours. */
static __rte_always_inline void
virtq_free_simple(struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mempool *pool = pkts[0]->pool;

	for (uint16_t i = 0; i < n; i++) {
		const struct rte_mbuf *m = pkts[i];

		if (unlikely(m->pool != pool || !RTE_MBUF_DIRECT(m) ||
			     rte_mbuf_refcnt_read(m) != 1)) {
			rte_pktmbuf_free_bulk(pkts, n);
			return;
		}
	}
	rte_mempool_put_bulk(pool, (void **)pkts, n);
}

/* The packets from the first on that are one segment and fit their buffers. */
static __rte_always_inline uint16_t
virtq_enq_fits(struct rte_mbuf **pkts, uint16_t n, uint32_t hdr, struct virtq_simple *s)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		uint32_t need = pkts[i]->pkt_len + hdr;

		if (unlikely(pkts[i]->nb_segs != 1 || need > s->len[i]))
			break;
		s->len[i] = need;
		rte_prefetch0_write(s->host[i]);
		rte_prefetch0_write(s->host[i] + hdr + 63);
	}
	return i;
}

static __rte_always_inline void
virtq_copy_out(void *dst, const void *src, uint32_t len, bool zen5)
{
	if (zen5 && len >= VIRTQ_REP_MOVSB)
		order_copy_string(dst, src, len);
	else if (!zen5 && len > VIRTQ_LONG)
		virtq_copy_long(dst, src, len, dst);
	else
		virtq_copy(dst, src, len);
}

/* Asks for the lines of a long packet's buffer, which the guest had last, to write
 * to them; the first and the last were asked for. */
static __rte_always_inline void
virtq_enq_ahead(const struct virtq_simple *s, uint16_t i, uint16_t n, bool zen5)
{
	if (zen5 || i >= n || s->len[i] <= VIRTQ_LONG)
		return;
	for (uint32_t at = RTE_CACHE_LINE_SIZE; at < s->len[i]; at += RTE_CACHE_LINE_SIZE)
		rte_prefetch0_write(s->host[i] + at);
}

static __rte_always_inline uint16_t
virtq_enq_simple(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
		 const bool packed)
{
	const uint32_t hdr = vr->hdr_len;
	struct virtq_simple s;
	uint64_t bytes = 0;
	uint16_t i;

	n = RTE_MIN(n, (uint16_t)VRING_BURST);
	for (i = 0; i < n; i++)
		rte_prefetch0(pkts[i]);
	n = virtq_simple_room(vr, n, packed);
	n = virtq_gather(vr, VRING_ENQ, n, hdr, INT32_MAX, &s, packed);
	n = virtq_enq_fits(pkts, n, hdr, &s);
	if (n == 0)
		return 0;
	virtq_look_ahead(vr, n, packed);
	virtq_enq_ahead(&s, 0, n, q->zen5);
	for (i = 0; i < n; i++) {
		virtq_enq_ahead(&s, i + 1, n, q->zen5);
		virtq_put_header(s.host[i], hdr, 1);
		virtq_copy_out(s.host[i] + hdr, rte_pktmbuf_mtod(pkts[i], const void *),
			       s.len[i] - hdr, q->zen5);
		bytes += s.len[i] - hdr;
	}
	if (unlikely(!vring_is_ours(vr)))
		return 0;
	q->stats.notified += virtq_simple_return(vr, &s, n, VRING_ENQ, packed);
	virtq_free_simple(pkts, n);
	q->stats.packets += n;
	q->stats.bytes += bytes;
	return n;
}

/* Simple chains from `first` on that `need` bytes fill, 0: those there are do not
 * do; how many bytes each holds is in s. */
static __rte_always_inline uint16_t
virtq_chained_fits(const struct virtq_simple *s, uint16_t first, uint16_t have, uint32_t need,
		   bool mergeable)
{
	uint64_t room = 0;

	for (uint16_t k = first; k < have; k++) {
		room += s->len[k];
		if (room >= need)
			return k - first + 1;
		if (!mergeable)
			return 0;
	}
	return 0;
}

/* Copies a packet into simple chains from k on, the first `off` bytes of which are
 * the header's, and leaves in their len how much each got. */
static __rte_always_inline void
virtq_chained_copy(struct virtq_simple *s, uint16_t k, uint32_t off, const struct rte_mbuf *m)
{
	uint32_t left = m->pkt_len, moff = 0;

	for (;; k++, off = 0) {
		uint32_t end = RTE_MIN(s->len[k], left + off);

		s->len[k] = end;
		left -= end - off;
		while (off < end) {
			uint32_t part = RTE_MIN(end - off, m->data_len - moff);

			virtq_copy(s->host[k] + off, rte_pktmbuf_mtod_offset(m, const void *, moff),
				   part);
			off += part;
			moff += part;
			if (moff == m->data_len) {
				m = m->next;
				moff = 0;
			}
		}
		if (left == 0)
			return;
	}
}

/* Copies packets into one run of simple chains, which s then has; *used of them are
 * filled.  Returns how many packets, 0 also if the ring is not ours any more. */
static __rte_always_inline uint16_t
virtq_chained_run(struct vring *vr, struct rte_mbuf **pkts, uint16_t n, struct virtq_simple *s,
		  uint16_t *used, uint64_t *bytes, const bool packed)
{
	const uint32_t hdr = vr->hdr_len;
	uint16_t i, have, count;

	have = virtq_simple_room(vr, VRING_BURST, packed);
	have = virtq_gather(vr, VRING_ENQ, have, hdr, INT32_MAX, s, packed);
	virtq_look_ahead(vr, have, packed);
	for (i = 0; i < have; i++)
		rte_prefetch0_write(s->host[i] + hdr);
	*used = 0;
	for (i = 0; i < n && pkts[i]->pkt_len <= VIRTQ_MAX_FRAME; i++, *used += count) {
		count = virtq_chained_fits(s, *used, have, pkts[i]->pkt_len + hdr, vr->mergeable);
		if (count == 0)
			break;
		/* a process that was stopped here writes one packet more, not all */
		if (unlikely(!vring_is_ours(vr)))
			return 0;
		virtq_put_header(s->host[*used], hdr, count);
		virtq_chained_copy(s, *used, hdr, pkts[i]);
		*bytes += pkts[i]->pkt_len;
	}
	return likely(vring_is_ours(vr)) ? i : 0;
}

/* Packets of several mbufs, or that take several buffers, into simple chains: 9000
 * bytes in buffers of 2 KB take 440 cycles, on the general path 514.  A split ring's
 * used index moves once for all of them, and the line that a packet begins in is
 * asked for: 640 cycles instead of 735, far 850 instead of 1430 (Zen 4). */
static __rte_always_inline uint16_t
virtq_enq_chained(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
		  const bool packed)
{
	uint16_t done = 0, got, used;
	struct virtq_simple s;
	uint64_t bytes = 0;

	n = RTE_MIN(n, (uint16_t)VRING_BURST);
	do {
		got = virtq_chained_run(vr, pkts + done, n - done, &s, &used, &bytes, packed);
		done += got;
		if (!packed && got > 0) {
			virtq_simple_put_split(vr, &s, used);
			vring_split_advance(vr, used);
		}
	} while (!packed && got > 0 && done < n);
	if (done == 0 || unlikely(!vring_is_ours(vr)))
		return 0;
	q->stats.notified += packed ? virtq_simple_return(vr, &s, used, VRING_ENQ, packed)
				    : vring_split_publish(vr, 0);
	rte_pktmbuf_free_bulk(pkts, done);
	q->stats.packets += done;
	q->stats.bytes += bytes;
	return done;
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
