/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_ENQ_RUNS_H
#define VIRTQ_ENQ_RUNS_H

/*
 * virtq_enq_runs.h - packets to the guest into runs of simple chains: one mbuf into
 * one buffer, or several into several.  Needs a virtq_kern_*.h in front.
 */

#include <rte_mbuf.h>

#include "virtq_ethdev.h"
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
	virtq_ask_ahead(&s, 0, n, VRING_ENQ, q->zen5);
	for (i = 0; i < n; i++) {
		virtq_ask_ahead(&s, i + 1, n, VRING_ENQ, q->zen5);
		virtq_put_header(s.host[i], hdr, 1);
		virtq_copy_packet(q, s.host[i] + hdr, rte_pktmbuf_mtod(pkts[i], const void *),
				  s.len[i] - hdr, VRING_ENQ);
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

/* Shares out the `have` chains of s among packets, as far as they go: count[] chains
 * each.  Asks for the line that each chain begins in: any may have been the first of a
 * packet when the guest had it last, and have had its header read.
 * Returns for how many packets they do. */
static __rte_always_inline uint16_t
virtq_chained_plan(const struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
		   const struct virtq_simple *s, uint16_t have, uint16_t *count)
{
	uint16_t i, k = 0;

	for (i = 0; i < n && pkts[i]->pkt_len <= VIRTQ_MAX_FRAME; i++) {
		count[i] = virtq_chained_fits(s, k, have, pkts[i]->pkt_len + vr->hdr_len,
					      vr->mergeable);
		if (count[i] == 0)
			break;
		rte_prefetch0_write(s->host[k] + vr->hdr_len);
		for (uint16_t end = k + count[i]; k < end; k++)
			rte_prefetch0_write(s->host[k]);
	}
	return i;
}

/* Copies packets into up to `have` simple chains, which s then has; *used of them are
 * filled.  Returns how many packets, 0 also if the ring is not ours any more. */
static __rte_always_inline uint16_t
virtq_chained_run(struct vring *vr, struct rte_mbuf **pkts, uint16_t n, struct virtq_simple *s,
		  uint16_t have, uint16_t *used, const bool packed)
{
	uint16_t count[VRING_BURST], i;

	have = virtq_gather(vr, VRING_ENQ, have, vr->hdr_len, INT32_MAX, s, packed);
	n = virtq_chained_plan(vr, pkts, n, s, have, count);
	virtq_look_ahead(vr, have, packed);
	*used = 0;
	for (i = 0; i < n; i++) {
		/* a process that was stopped here writes one packet more, not all */
		if (unlikely(!vring_is_ours(vr)))
			return 0;
		virtq_put_header(s->host[*used], vr->hdr_len, count[i]);
		virtq_chained_copy(s, *used, vr->hdr_len, pkts[i]);
		*used += count[i];
	}
	return likely(vring_is_ours(vr)) ? n : 0;
}

/* Packets of several mbufs, or that take several buffers, into simple chains: 9000
 * bytes in buffers of 2 KB take 440 cycles, on the general path 514 (Zen 5).  A split
 * ring's used index moves once for all of them, and the line that a packet begins in
 * is asked for, and that of each further buffer: 665 cycles instead of 735, far 850
 * instead of 1430, or of 1280 where only the packet's first is asked for (Zen 4). */
static __rte_always_inline uint16_t
virtq_enq_chained(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
		  const bool packed)
{
	uint16_t done = 0, passed = 0, have, got, used;
	struct virtq_simple s;

	n = RTE_MIN(n, (uint16_t)VRING_BURST);
	have = RTE_MIN(virtq_simple_room(vr, VRING_BATCH, packed), (uint16_t)VRING_BURST);
	while (done < n) {
		got = virtq_chained_run(vr, pkts + done, n - done, &s, have, &used, packed);
		done += got;
		if (packed || got == 0)
			break;
		virtq_simple_put_split(vr, &s, used);
		vring_split_advance(vr, used);
		passed += used;
		/* those that were known at first: with more, and nothing published, the
		 * guest could have more under way than its ring has entries */
		have = RTE_MIN((uint16_t)(vr->avail_idx - vr->last_avail), (uint16_t)VRING_BURST);
	}
	if (done == 0)
		return 0;
	if (unlikely(!vring_is_ours(vr))) {
		vring_split_retreat(vr, passed);
		return 0;
	}
	for (uint16_t i = 0; i < done; i++)
		q->stats.bytes += pkts[i]->pkt_len;
	q->stats.packets += done;
	q->stats.notified += packed ? virtq_simple_return(vr, &s, used, VRING_ENQ, packed)
				    : vring_split_publish(vr, 0);
	rte_pktmbuf_free_bulk(pkts, done);
	return done;
}

#endif /* VIRTQ_ENQ_RUNS_H */
