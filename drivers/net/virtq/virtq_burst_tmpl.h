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
#include "vring_ring.h"

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

/* Application's receive = guest's send: "deq" in the ring's words. */

/* Further mbufs behind m for `more` bytes that do not fit into it, of `room` bytes
 * each; -1 if the pool has not got as many.  All at once: 9000 bytes take 488 cycles
 * instead of 510. */
static __rte_always_inline int
virtq_deq_extend(struct rte_mbuf *m, uint32_t more, uint32_t room, struct rte_mempool *pool)
{
	struct rte_mbuf *next[VRING_BURST], *tail = m;
	uint32_t n = (more + room - 1) / room;

	while (n > 0) {
		uint32_t part = RTE_MIN(n, VRING_BURST);

		if (unlikely(rte_pktmbuf_alloc_bulk(pool, next, part) != 0))
			return -1;
		for (uint32_t i = 0; i < part; i++) {
			tail->next = next[i];
			tail = next[i];
		}
		m->nb_segs = (uint16_t)(m->nb_segs + part);
		n -= part;
	}
	return 0;
}

/* Copies len bytes from the chain, skipping the first `skip`, to the tail of m,
 * with as many further mbufs as it takes.  -1 if the pool is empty. */
static __rte_always_inline int
virtq_deq_copy(const struct vring_seg *seg, uint32_t skip, uint32_t len, struct rte_mbuf *m,
	       struct rte_mempool *pool, uint32_t room)
{
	uint32_t off = skip;

	while (off >= seg->len) {
		off -= seg->len;
		seg++;
	}
	m->pkt_len = len;
	if (len > room && unlikely(virtq_deq_extend(m, len - room, room, pool) != 0))
		return -1;
	for (;;) {
		uint32_t part = RTE_MIN(RTE_MIN(len, seg->len - off), room - m->data_len);

		virtq_copy(rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len), seg->addr + off,
			   part);
		m->data_len = (uint16_t)(m->data_len + part);
		off += part;
		len -= part;
		if (len == 0)
			return 0;
		if (off == seg->len) {
			off = 0;
			seg++;
		}
		if (m->data_len == room)
			m = m->next;
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
virtq_deq_alone(const struct vring_seg *seg, uint32_t skip, uint32_t len, struct rte_mempool *pool,
		uint32_t room)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (m && virtq_deq_copy(seg, skip, len, m, pool, room) != 0) {
		rte_pktmbuf_free(m);
		m = NULL;
	}
	return m;
}

static __rte_always_inline uint16_t
virtq_deq_batch(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
		const bool packed)
{
	struct rte_mbuf *spare[VRING_BURST];
	struct vring_batch b;
	uint16_t i, got = 0, left;
	uint64_t bytes = 0;

	n = RTE_MIN(n, (uint16_t)VRING_BURST);
	n = RTE_MIN(n, vring_ring_available(vr, n, packed));
	vring_batch_begin(&b);
	n = vring_ring_snapshot(vr, VRING_DEQ, &b, n, packed);
	if (n == 0)
		return 0;
	n = virtq_deq_alloc(q, spare, n);
	left = n;
	for (i = 0; i < n; i++) {
		struct vring_chain *c = &b.chain[i];
		uint64_t *wrong = virtq_deq_reject(q, vr, c);
		struct rte_mbuf *m;

		if (unlikely(!vring_is_ours(vr)))
			break;
		if (unlikely(wrong != NULL)) {
			(*wrong)++;
			c->len = 0;
			continue;
		}
		m = spare[--left];
		if (unlikely(virtq_deq_copy(&b.seg[c->first], vr->hdr_len, c->len - vr->hdr_len, m,
					    q->pool, q->mbuf_room) != 0)) {
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
					    q->pool, q->mbuf_room);
			if (!m) {
				c->len = 0;
				continue;
			}
		}
		m->port = q->port_id;
		m->packet_type = RTE_PTYPE_L2_ETHER;
		bytes += m->pkt_len;
		pkts[got++] = m;
		c->len = 0; /* nothing was written */
	}
	if (unlikely(left > 0))
		rte_pktmbuf_free_bulk(spare, left);
	if (unlikely(i == 0 || !vring_is_ours(vr))) {
		rte_pktmbuf_free_bulk(pkts, got);
		return 0;
	}
	q->stats.notified += vring_ring_return(vr, &b, i, packed);
	q->stats.packets += got;
	q->stats.bytes += bytes;
	return got;
}

/* Simple chains: one direct descriptor, one mbuf. */

/* Chains that a run of the fast path may take: no further than the end of a
 * packed ring, where its wrap counter turns. */
static __rte_always_inline uint16_t
virtq_simple_room(struct vring *vr, uint16_t n, const bool packed)
{
	if (packed)
		return RTE_MIN(n, (uint16_t)(vr->size - vr->last_avail));
	return RTE_MIN(n, vring_split_available(vr, n));
}

static __rte_always_inline uint16_t
virtq_gather(const struct vring *vr, const enum vring_dir dir, uint16_t n, uint32_t min,
	     uint32_t max, struct virtq_simple *s, const bool packed)
{
	return packed ? virtq_gather_packed(vr, dir, n, min, max, s)
		      : virtq_gather_split(vr, dir, n, min, max, s);
}

/* Asks for the lines that the end of this burst touches: the guest had them last.
 * Only split rings have any that were not read before.  Worth 7 of 23 cycles a
 * packet where the processors are far apart (64 bytes, enq), nothing where they
 * are near. */
static __rte_always_inline void
virtq_look_ahead(const struct vring *vr, uint16_t n, const bool packed)
{
	if (packed)
		return;
	for (uint16_t k = 0; k < n; k += 8)
		rte_prefetch0_write(&vr->used->ring[(uint16_t)(vr->last_used + k) & vr->mask]);
	rte_prefetch0(&vr->avail->flags);
}

/* Gives n simple chains that were only read back by the last one's id: under
 * IN_ORDER the guest knows which came before it (2.6.9, 2.7.12).  Packed, 64 bytes:
 * 5.5 cycles a packet instead of 6.8, far 16 instead of 24; split, whose entries
 * are in few lines anyway: far 13 instead of 18, near no difference. */
static __rte_always_inline bool
virtq_simple_return_last(struct vring *vr, uint16_t id, uint16_t n, const bool packed)
{
	if (!packed) {
		vring_split_put_used(vr, 0, id, 0);
		return vring_split_publish(vr, n);
	}
	vring_packed_note(vr, 0, 0, id, 0);
	vring_packed_begin(vr, 1, n);
	vring_packed_put_used(vr, 0, id, 0);
	return vring_packed_publish(vr, n);
}

/* Gives n simple chains back, with the lengths that s now has. */
static __rte_always_inline bool
virtq_simple_return(struct vring *vr, const struct virtq_simple *s, uint16_t n,
		    const enum vring_dir dir, const bool packed)
{
	uint16_t slot, part;

	if (dir == VRING_DEQ && vr->in_order)
		return virtq_simple_return_last(vr, s->id[n - 1], n, packed);
	if (packed) {
		if (n < VIRTQ_FEW_PACKED)
			virtq_used_packed_each(vr, s, n);
		else
			virtq_used_packed(vr, s, n);
		return vring_packed_publish(vr, n);
	}
	slot = vr->last_used & vr->mask;
	part = vr->size - slot;
	if (likely(part >= n && n >= VIRTQ_FEW)) {
		virtq_used_split(&vr->used->ring[slot], s, n);
	} else {
		for (uint16_t k = 0; k < n; k++)
			vring_split_put_used(vr, k, s->id[k], s->len[k]);
	}
	return vring_split_publish(vr, n);
}

/* Packets longer than that are asked for while the one before them is copied: 1518
 * bytes take 83 cycles instead of 90, far in a ring of 256 145 instead of 190. */
#define VIRTQ_LONG 512u

/* All lines of a buffer but the first, which was asked for. */
static __rte_always_inline void
virtq_prefetch(const uint8_t *buf, uint32_t len)
{
	for (uint32_t at = 64; at < len; at += 64)
		rte_prefetch0(buf + at);
}

static __rte_always_inline uint16_t
virtq_deq_simple(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
		 const bool packed)
{
	const uint32_t hdr = vr->hdr_len;
	struct virtq_simple s;
	uint64_t bytes = 0;
	uint16_t i;

	n = virtq_simple_room(vr, RTE_MIN(n, (uint16_t)VRING_BURST), packed);
	n = virtq_gather(vr, VRING_DEQ, n, hdr + RTE_ETHER_HDR_LEN, hdr + q->mbuf_room, &s, packed);
	if (n == 0)
		return 0;
	for (i = 0; i < n; i++) {
		rte_prefetch0(s.host[i] + hdr);
		rte_prefetch0(s.host[i] + hdr + 63);
	}
	virtq_look_ahead(vr, n, packed);
	if (unlikely(rte_mempool_get_bulk(q->pool, (void **)pkts, n) != 0))
		return 0; /* the general path counts it */
	for (i = 0; i < n; i++) {
		uint32_t len = s.len[i] - hdr;

		if (i + 1 < n && s.len[i + 1] > VIRTQ_LONG)
			virtq_prefetch(s.host[i + 1], s.len[i + 1]);
		virtq_rearm(pkts[i], q->rearm, len);
		virtq_copy((uint8_t *)pkts[i]->buf_addr + RTE_PKTMBUF_HEADROOM, s.host[i] + hdr,
			   len);
		s.len[i] = 0;
		bytes += len;
	}
	if (unlikely(!vring_is_ours(vr))) {
		rte_mempool_put_bulk(q->pool, (void **)pkts, n);
		return 0;
	}
	q->stats.notified += virtq_simple_return(vr, &s, n, VRING_DEQ, packed);
	q->stats.packets += n;
	q->stats.bytes += bytes;
	return n;
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
virtq_copy_out(void *dst, const void *src, uint32_t len)
{
	if (len >= VIRTQ_REP_MOVSB)
		order_copy_string(dst, src, len);
	else
		virtq_copy(dst, src, len);
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
	for (i = 0; i < n; i++) {
		virtq_put_header(s.host[i], hdr, 1);
		virtq_copy_out(s.host[i] + hdr, rte_pktmbuf_mtod(pkts[i], const void *),
			       s.len[i] - hdr);
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

/* Packets of several mbufs, or that take several buffers, into simple chains: 9000
 * bytes in buffers of 1.5 KB take 440 cycles, on the general path 514. */
static __rte_always_inline uint16_t
virtq_enq_chained(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
		  const bool packed)
{
	const uint32_t hdr = vr->hdr_len;
	uint16_t i, have, count, used = 0;
	struct virtq_simple s;
	uint64_t bytes = 0;

	have = virtq_simple_room(vr, VRING_BURST, packed);
	have = virtq_gather(vr, VRING_ENQ, RTE_MIN(have, (uint16_t)VRING_BURST), hdr, INT32_MAX, &s,
			    packed);
	for (i = 0; i < n && pkts[i]->pkt_len <= VIRTQ_MAX_FRAME; i++, used += count) {
		count = virtq_chained_fits(&s, used, have, pkts[i]->pkt_len + hdr, vr->mergeable);
		if (count == 0)
			break;
		/* a process that was stopped here writes one packet more, not all */
		if (unlikely(!vring_is_ours(vr)))
			return 0;
		virtq_put_header(s.host[used], hdr, count);
		virtq_chained_copy(&s, used, hdr, pkts[i]);
		bytes += pkts[i]->pkt_len;
	}
	if (used == 0 || unlikely(!vring_is_ours(vr)))
		return 0;
	q->stats.notified += virtq_simple_return(vr, &s, used, VRING_ENQ, packed);
	rte_pktmbuf_free_bulk(pkts, i);
	q->stats.packets += i;
	q->stats.bytes += bytes;
	return i;
}

/* The ring, if it is there and ours; a burst that gets it must leave again. */
static __rte_always_inline struct vring *
virtq_enter(struct virtq_queue *q)
{
	struct vring *vr;

	/* nobody there: what a port without a guest costs */
	if (order_acquire_ptr(&q->view) == NULL)
		return NULL;
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

/* Whatever is no run of simple chains.  Apart, as all general paths are: they need
 * 20 kB of stack, and a burst of one packet would pay for it. */
static __rte_noinline uint16_t
virtq_deq_general(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n)
{
	return vr->packed ? virtq_deq_batch(q, vr, pkts, n, true)
			  : virtq_deq_batch(q, vr, pkts, n, false);
}

/* Whether there is a chain to receive from. */
static __rte_always_inline bool
virtq_waiting(struct vring *vr)
{
	return vr->packed ? vring_ring_waiting(vr, true) : vring_ring_waiting(vr, false);
}

static __rte_always_inline uint16_t
virtq_deq(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t got = vr->packed ? virtq_deq_simple(q, vr, pkts, n, true)
				  : virtq_deq_simple(q, vr, pkts, n, false);

	return likely(got > 0) ? got : virtq_deq_general(q, vr, pkts, n);
}

/* A ring that has something for us, or a fault.  Apart, because its batches need
 * a frame on the stack that a poll that finds nothing does not. */
static __rte_noinline uint16_t
virtq_rx_ring(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t done = 0, got;

	do {
		got = virtq_deq(q, vr, pkts + done, n - done);
		done += got;
	} while (got > 0 && done < n && virtq_waiting(vr));
	virtq_leave(q, vr);
	return done;
}

/* Most polls find nothing: they get no further than this. */
static __rte_always_inline uint16_t
virtq_rx_burst(struct virtq_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
	struct vring *vr = virtq_enter(q);

	if (unlikely(vr == NULL))
		return 0;
	if (!virtq_waiting(vr) && likely(vr->fault == VRING_OK)) {
		order_leave(&q->active);
		return 0;
	}
	return virtq_rx_ring(q, vr, pkts, n);
}

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

/* Apart for the same reason as virtq_rx_ring(). */
static __rte_noinline uint16_t
virtq_tx_ring(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n)
{
	bool more = true;
	uint16_t done = 0;

	while (more && done < n)
		done += virtq_enq(q, vr, pkts + done, n - done, &more);
	virtq_leave(q, vr);
	return done;
}

static __rte_always_inline uint16_t
virtq_tx_burst(struct virtq_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
	struct vring *vr = virtq_enter(q);

	return likely(vr != NULL) ? virtq_tx_ring(q, vr, pkts, n) : 0;
}
