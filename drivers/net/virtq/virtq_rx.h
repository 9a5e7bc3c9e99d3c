/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_RX_H
#define VIRTQ_RX_H

/* virtq_rx.h - packets that the guest sends and the application receives.  Data thread. */

#include <rte_mbuf.h>

#include "virtq_copy.h"
#include "virtq.h"
#include "virtq_mbuf.h"
#include "vring_log.h"

/* Appends to m as many mbufs of `room` bytes as `more` bytes take, allocated in bulk; -1 if
 * the pool has too few. */
static __rte_always_inline int
virtq_rx_extend(struct rte_mbuf *m, uint32_t more, uint32_t room, struct rte_mempool *pool)
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

/* Copies len bytes from the chain, after its first `skip`, to the empty mbuf m and as many
 * more mbufs of `room` bytes as it takes; -1 if the pool has too few. */
static __rte_always_inline int
virtq_rx_copy(const struct vring_seg *seg, uint32_t skip, uint32_t len, struct rte_mbuf *m,
	      struct rte_mempool *pool, uint32_t room)
{
	uint32_t off = skip;

	while (off >= seg->len) {
		off -= seg->len;
		seg++;
	}
	m->pkt_len = len;
	if (len > room && unlikely(virtq_rx_extend(m, len - room, room, pool) != 0))
		return -1;
	for (;;) {
		uint32_t part = RTE_MIN(RTE_MIN(len, seg->len - off), room - m->data_len);

		isa_copy(rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len), seg->addr + off, part);
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

/* The counter to increment if the chain is no valid packet, else NULL. */
static __rte_always_inline uint64_t *
virtq_rx_reject(struct virtq_queue *q, const struct vring *vr, const struct vring_chain *c)
{
	if (unlikely(c->len < (uint32_t)vr->hdr_len + RTE_ETHER_HDR_LEN))
		return &q->stats.runt;
	if (unlikely(c->len - vr->hdr_len > q->max_frame)) {
		order_write32(&q->oversize_len, c->len - vr->hdr_len);
		return &q->stats.oversize;
	}
	return NULL;
}

/* As many mbufs as the pool has, up to n. */
static __rte_always_inline uint16_t
virtq_rx_alloc(struct virtq_queue *q, struct rte_mbuf **m, uint16_t n)
{
	while (n > 0 && unlikely(rte_pktmbuf_alloc_bulk(q->pool, m, n) != 0)) {
		q->stats.nombuf++;
		n /= 2;
	}
	return n;
}

/* Tries a packet again for which the pool was empty; NULL if it still is. */
static __rte_noinline struct rte_mbuf *
virtq_rx_alone(const struct vring_seg *seg, uint32_t skip, uint32_t len, struct rte_mempool *pool,
	       uint32_t room)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (m && virtq_rx_copy(seg, skip, len, m, pool, room) != 0) {
		rte_pktmbuf_free(m);
		m = NULL;
	}
	return m;
}

/* Packets of any chains.  Returns how many were received, and takes the descriptors that it
 * read from *descs. */
static __rte_always_inline uint16_t
virtq_rx_batch(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
	       uint32_t *descs, const bool packed)
{
	struct rte_mbuf *spare[VRING_BURST];
	struct vring_batch b;
	uint16_t i, got = 0, left;
	uint64_t bytes = 0;

	n = RTE_MIN(n, (uint16_t)VRING_BURST);
	n = RTE_MIN(n, vring_any_available(vr, n, packed));
	vring_batch_begin(&b);
	n = vring_any_snapshot(vr, VRING_DEQ, &b, n, packed);
	*descs -= RTE_MIN(*descs, (uint32_t)b.ndesc);
	if (n == 0)
		return 0;
	n = virtq_rx_alloc(q, spare, n);
	left = n;
	for (i = 0; i < n; i++) {
		struct vring_chain *c = &b.chain[i];
		uint64_t *wrong = virtq_rx_reject(q, vr, c);
		struct rte_mbuf *m;

		if (unlikely(!vring_is_ours(vr)))
			break;
		if (unlikely(wrong != NULL)) {
			(*wrong)++;
			c->len = 0;
			continue;
		}
		m = spare[--left];
		if (unlikely(virtq_rx_copy(&b.seg[c->first], vr->hdr_len, c->len - vr->hdr_len, m,
					   q->pool, q->mbuf_room) != 0)) {
			rte_pktmbuf_free(m);
			q->stats.nombuf += n > 1; /* the others stay with the guest */
			if (i > 0)
				break;
			/* The spare mbufs may be enough for it.  If not, it is dropped: the
			 * pool may never have as many. */
			rte_pktmbuf_free_bulk(spare, left);
			left = 0;
			n = 1;
			m = virtq_rx_alone(&b.seg[c->first], vr->hdr_len, c->len - vr->hdr_len,
					   q->pool, q->mbuf_room);
			if (!m) {
				q->stats.missed++;
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
	q->stats.notified += vring_any_return(vr, &b, i, packed);
	q->stats.packets += got;
	q->stats.bytes += bytes;
	return got;
}

/* Packets that are one chain of a run and fit into one mbuf each.  Returns how many were
 * received; 0: virtq_rx_batch() has to try. */
static __rte_always_inline uint16_t
virtq_rx_run(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
	     const bool packed)
{
	const uint32_t hdr = vr->hdr_len;
	const struct vring_limits lim = {hdr + RTE_ETHER_HDR_LEN, hdr + q->max_single};
	struct vring_run run;
	uint64_t bytes = 0;
	uint16_t i;

	n = vring_run_room(vr, RTE_MIN(n, (uint16_t)VRING_BURST), packed);
	n = vring_run_gather(vr, VRING_DEQ, n, &lim, &run, packed);
	if (n == 0)
		return 0;
	for (i = 0; i < n; i++) {
		vring_prefetch(run.host[i] + hdr);
		vring_prefetch(run.host[i] + hdr + 63);
	}
	vring_run_prefetch_used(vr, n, packed);
	if (unlikely(rte_mempool_get_bulk(q->pool, (void **)pkts, n) != 0))
		return 0; /* the general path counts it */
	for (i = 0; i < n; i++) {
		uint32_t len = run.len[i] - hdr;

		virtq_copy_prefetch(&q->copy, &run, i + 1, n, VRING_DEQ);
		virtq_rearm(pkts[i], q->rearm, len);
		virtq_copy_packet(&q->copy, (uint8_t *)pkts[i]->buf_addr + RTE_PKTMBUF_HEADROOM,
				  run.host[i] + hdr, len, VRING_DEQ);
		run.len[i] = 0;
		bytes += len;
	}
	if (unlikely(!vring_is_ours(vr))) {
		rte_mempool_put_bulk(q->pool, (void **)pkts, n);
		return 0;
	}
	q->stats.notified += vring_run_return(vr, &run, n, VRING_DEQ, packed);
	q->stats.packets += n;
	q->stats.bytes += bytes;
	return n;
}

/* All that is no run.  Out of line: a batch needs a large stack frame, which a burst of one
 * packet must not pay for. */
static __rte_noinline uint16_t
virtq_rx_general(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
		 uint32_t *descs)
{
	return vr->packed ? virtq_rx_batch(q, vr, pkts, n, descs, true)
			  : virtq_rx_batch(q, vr, pkts, n, descs, false);
}

/* Packets of any chains, while what is written to guest memory is logged. */
static __rte_noinline uint16_t
virtq_rx_logged(struct virtq_queue *q, struct vring *vr, const struct guest_log *log,
		struct rte_mbuf **pkts, uint16_t n, uint32_t *descs)
{
	const uint32_t from = vring_log_position(vr);
	uint16_t got = virtq_rx_batch(q, vr, pkts, n, descs, vr->packed);

	vring_log_used(vr, log, from);
	return got;
}

/* Whether there is a chain to receive from. */
static __rte_always_inline bool
virtq_rx_waiting(struct vring *vr)
{
	return vr->packed ? vring_any_waiting(vr, true) : vring_any_waiting(vr, false);
}

/* *descs: descriptors that the burst may still read one by one; a run needs none of them. */
static __rte_always_inline uint16_t
virtq_rx(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
	 uint32_t *descs)
{
	uint16_t got = vr->packed ? virtq_rx_run(q, vr, pkts, n, true)
				  : virtq_rx_run(q, vr, pkts, n, false);

	return likely(got > 0) ? got : virtq_rx_general(q, vr, pkts, n, descs);
}

#endif /* VIRTQ_RX_H */
