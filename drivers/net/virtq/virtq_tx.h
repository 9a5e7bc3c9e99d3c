/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_TX_H
#define VIRTQ_TX_H

/*
 * virtq_tx.h - packets that the application sends and the guest receives.  Three paths:
 * runs, for packets of one mbuf that fit into one chain; runs again, for longer packets
 * (virtq_tx_long.h); and a batch, for all that these do not take.  Data thread.
 */

#include <rte_mbuf.h>

#include "virtq_copy.h"
#include "virtq.h"
#include "virtq_filter.h"
#include "virtq_mbuf.h"
#include "virtq_tx_long.h"
#include "vring_hdr.h"
#include "vring_log.h"

/* Returns how many packets, from the first on, are one segment and fit into their chains.
 * Prefetches the first cache lines of those chains and sets run->len to the bytes that
 * each packet takes. */
static __rte_always_inline uint16_t
virtq_tx_fits(struct rte_mbuf **pkts, uint16_t n, uint32_t hdr, struct vring_run *run)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		uint32_t need = pkts[i]->pkt_len + hdr;

		if (unlikely(pkts[i]->nb_segs != 1 || need > run->len[i]))
			break;
		run->len[i] = need;
		vring_hdr_prefetch(run->host[i], hdr);
		vring_prefetch_write(run->host[i] + hdr + 63);
	}
	return i;
}

/* Returns how many packets were sent; 0: virtq_tx_batch() has to try. */
static __rte_always_inline uint16_t
virtq_tx_run(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
	     const bool packed)
{
	const uint32_t hdr = vr->hdr_len;
	const struct vring_limits lim = {hdr, INT32_MAX};
	const struct ring_state state = vr->state; /* in registers, whatever the copies write */
	struct vring_run run;
	uint64_t bytes = 0;
	uint16_t i;

	n = RTE_MIN(n, (uint16_t)VRING_BURST);
	for (i = 0; i < n; i++)
		vring_prefetch(pkts[i]);
	n = vring_run_room(vr, n, packed);
	n = vring_run_gather(vr, VRING_ENQ, n, &lim, &run, packed);
	n = virtq_tx_fits(pkts, n, hdr, &run);
	if (n == 0)
		return 0;
	vring_run_prefetch_used(vr, n, packed);
	virtq_copy_prefetch(&q->copy, &run, 0, n, VRING_ENQ);
	for (i = 0; i < n; i++) {
		virtq_copy_prefetch(&q->copy, &run, i + 1, n, VRING_ENQ);
		vring_hdr_put(run.host[i], hdr, 1);
		virtq_copy_packet(&q->copy, run.host[i] + hdr,
				  rte_pktmbuf_mtod(pkts[i], const void *), run.len[i] - hdr,
				  VRING_ENQ);
		bytes += run.len[i] - hdr;
		/* If the device took the ring while this process was stopped, at most one
		 * packet more is written, not the whole run.  After a packet, because the
		 * burst has just looked before the first one. */
		if (unlikely(!ring_state_is_ours(&state)))
			return 0;
	}
	q->stats.notified += vring_run_return(vr, &run, n, VRING_ENQ, packed);
	virtq_free_single(pkts, n);
	q->stats.packets += n;
	q->stats.bytes += bytes;
	return n;
}

/* Chains of one packet: [first, first + count) of the batch. */
struct virtq_tx_plan {
	struct rte_mbuf *m;
	uint16_t first;
	uint16_t count;
};

enum virtq_fit {
	VIRTQ_FITS,
	VIRTQ_NEVER_FITS, /* longer than the guest's buffers allow */
	VIRTQ_NOT_NOW,    /* no buffer available, the batch is full, or a fault */
};

/* Ring slots of the batch's chains before the i-th. */
static __rte_always_inline uint16_t
virtq_tx_slots(const struct vring_batch *b, uint16_t i)
{
	return i < b->nchain ? b->chain[i].at : b->slots;
}

/* Reserves for a packet of `need` bytes, its header included, the chains from p->first on,
 * and sets p->count to how many it fills.  Chains that the batch does not have yet are
 * added to it, and with them those that the other `left` - 1 packets may fill. */
static __rte_always_inline enum virtq_fit
virtq_tx_reserve(struct vring *vr, struct vring_batch *b, uint16_t avail, uint32_t need,
		 uint32_t left, struct virtq_tx_plan *p, const bool mergeable, const bool packed)
{
	const struct vring_limits lim = {vr->hdr_len, INT32_MAX};
	/* a few more than it takes, for buffers of 1.5 KB and more */
	const uint32_t want = left * (need / 1024 + 1);
	const bool alone = b->ndesc == 0; /* the whole batch is free */
	uint16_t from = virtq_tx_slots(b, p->first), i = p->first;
	uint32_t room = 0;

	do {
		const struct vring_chain *c = &b->chain[i];

		/* the whole ring is too small, and there is never more */
		if (virtq_tx_slots(b, i) - from == vr->size)
			return VIRTQ_NEVER_FITS;
		if (i == b->nchain &&
		    vring_batch_extend(vr, VRING_ENQ, b, avail, want, &lim, packed) == 0)
			return b->full && alone ? VIRTQ_NEVER_FITS : VIRTQ_NOT_NOW;
		/* each buffer holds at least a header (5.1.6.3.1) */
		if (unlikely(c->len < vr->hdr_len)) {
			vr->fault = VRING_FAULT_SHORT_BUFFER;
			return VIRTQ_NOT_NOW;
		}
		room = room > UINT32_MAX - c->len ? UINT32_MAX : room + c->len;
		i++;
	} while (mergeable && room < need);
	p->count = i - p->first;
	return room < need ? VIRTQ_NEVER_FITS : VIRTQ_FITS;
}

/* Prefetches the first cache line of each chain of a packet, and the line after the
 * header.  Every chain's: the guest's processor has the first line of a buffer that began
 * a packet when it was last used, because the guest read the header there. */
static __rte_always_inline void
virtq_tx_prefetch(const struct vring *vr, const struct vring_batch *b,
		  const struct virtq_tx_plan *p)
{
	const struct vring_seg *seg = &b->seg[b->chain[p->first].first];

	vring_prefetch_write(seg->addr + RTE_MIN(seg->len - 1, (uint32_t)vr->hdr_len));
	vring_hdr_prefetch(seg->addr, vr->hdr_len);
	for (uint16_t k = p->first + 1; k < p->first + p->count; k++)
		vring_prefetch_write(b->seg[b->chain[k].first].addr);
}

/* The next byte of a packet to be copied. */
struct virtq_tx_from {
	const struct rte_mbuf *m;
	uint32_t off; /* in m; less than its data_len but at the packet's end */
};

/* Copies the next `todo` bytes of a packet into a chain, which has room for them, from its
 * byte `off` on. */
static __rte_always_inline void
virtq_tx_copy_chain(const struct vring_seg *seg, uint32_t off, uint32_t todo,
		    struct virtq_tx_from *from)
{
	while (todo > 0) {
		uint32_t part = RTE_MIN(todo, from->m->data_len - from->off);

		if (unlikely(off >= seg->len)) {
			off -= seg->len;
			seg++;
			continue;
		}
		part = RTE_MIN(part, seg->len - off);
		isa_copy(seg->addr + off,
			 rte_pktmbuf_mtod_offset(from->m, const uint8_t *, from->off), part);
		off += part;
		todo -= part;
		from->off += part;
		if (from->off == from->m->data_len) {
			from->m = from->m->next;
			from->off = 0;
		}
	}
}

/* Writes header and packet into the packet's chains, and sets their len to the bytes
 * written. */
static __rte_always_inline void
virtq_tx_copy(const struct vring *vr, struct vring_batch *b, const struct virtq_tx_plan *p)
{
	struct virtq_tx_from from = {p->m, 0};
	uint32_t left = p->m->pkt_len, off = vr->hdr_len;

	vring_hdr_put_segs(&b->seg[b->chain[p->first].first], vr->hdr_len, p->count);
	for (uint16_t k = p->first; k < p->first + p->count; k++, off = 0) {
		struct vring_chain *c = &b->chain[k];
		uint32_t end = RTE_MIN(c->len, left + off);

		virtq_tx_copy_chain(&b->seg[c->first], off, end - off, &from);
		left -= end - off;
		c->len = end;
	}
}

/* What a batch does with its packets. */
struct virtq_tx_done {
	uint16_t taken;  /* packets to be sent or dropped */
	uint16_t plans;  /* packets to be sent */
	uint16_t chains; /* that those fill */
	uint32_t filtered, oversize, no_buffer;
};

/* Plans which chains each packet fills, and adds them to the batch.  *more becomes false if
 * another batch cannot send more. */
static __rte_always_inline struct virtq_tx_done
virtq_tx_plan(struct virtq_queue *q, struct vring *vr, struct vring_batch *b,
	      struct rte_mbuf **pkts, uint16_t n, struct virtq_tx_plan *plan, bool *more,
	      const bool mergeable, const bool packed)
{
	/* one more than a batch holds, to tell a full batch from "no buffer" */
	const uint16_t avail = vring_any_available(vr, VRING_BATCH + 1, packed);
	struct virtq_tx_done d = {0};

	for (; d.taken < n; d.taken++) {
		struct rte_mbuf *m = pkts[d.taken];
		struct virtq_tx_plan *p = &plan[d.plans];
		enum virtq_fit fit = VIRTQ_NEVER_FITS;

		if (unlikely(q->filter) && !virtq_filter_pass(&q->port->rx_filter, m)) {
			d.filtered++;
			continue;
		}
		*p = (struct virtq_tx_plan){m, d.chains, 0};
		if (m->pkt_len <= VIRTQ_MAX_FRAME)
			fit = virtq_tx_reserve(vr, b, avail, m->pkt_len + vr->hdr_len, n - d.taken,
					       p, mergeable, packed);
		if (likely(fit == VIRTQ_FITS)) {
			virtq_tx_prefetch(vr, b, p);
			d.chains += p->count;
			d.plans++;
			continue;
		}
		if (fit == VIRTQ_NOT_NOW) {
			/* after a full batch the next one may go on */
			*more = b->full;
			d.no_buffer = !b->full && vr->fault == VRING_OK;
			break;
		}
		b->full = false;
		d.oversize++;
	}
	return d;
}

/* Logs what virtq_tx_copy() wrote. */
static __rte_always_inline void
virtq_tx_log(const struct vring *vr, const struct guest_log *log, const struct vring_batch *b,
	     const struct virtq_tx_plan *p)
{
	for (uint16_t k = p->first; k < p->first + p->count; k++)
		vring_log_chain(vr, log, b, &b->chain[k]);
}

/* Returns how many of pkts were sent or dropped, and takes the descriptors that it read
 * from *descs.  log: NULL but in virtq_tx_logged(). */
static __rte_always_inline uint16_t
virtq_tx_batch(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
	       bool *more, uint32_t *descs, const bool mergeable, const bool packed,
	       const struct guest_log *log)
{
	struct virtq_tx_plan plan[VRING_BURST];
	struct virtq_tx_done d;
	struct vring_batch b;
	uint64_t bytes = 0;

	vring_batch_begin(&b);
	n = RTE_MIN(n, (uint16_t)VRING_BURST);
	d = virtq_tx_plan(q, vr, &b, pkts, n, plan, more, mergeable, packed);
	*descs -= RTE_MIN(*descs, (uint32_t)b.ndesc);
	vring_run_prefetch_used(vr, d.chains, packed);
	for (uint16_t k = 0; k < d.plans; k++) {
		/* as in virtq_tx_run() */
		if (unlikely(!vring_is_ours(vr)))
			break;
		virtq_tx_copy(vr, &b, &plan[k]);
		if (log)
			virtq_tx_log(vr, log, &b, &plan[k]);
		bytes += plan[k].m->pkt_len;
	}
	if (d.chains > 0) {
		if (unlikely(!vring_is_ours(vr))) {
			*more = false;
			return 0;
		}
		q->stats.notified += vring_any_return(vr, &b, d.chains, packed);
	}
	rte_pktmbuf_free_bulk(pkts, d.taken);
	q->stats.packets += d.plans;
	q->stats.bytes += bytes;
	q->stats.filtered += d.filtered;
	q->stats.oversize += d.oversize;
	q->stats.no_buffer += d.no_buffer;
	return d.taken;
}

/* Out of line like virtq_rx_general(). */
static __rte_noinline uint16_t
virtq_tx_general(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
		 bool *more, uint32_t *descs)
{
	uint16_t done = 0;

	if (unlikely(!vring_is_ours(vr))) {
		*more = false;
		return 0;
	}
	if (likely(!q->filter) && !vr->packed)
		done = virtq_tx_long(q, vr, pkts, n, false);
	else if (likely(!q->filter) && n < VIRTQ_TX_SHORT)
		done = virtq_tx_long(q, vr, pkts, n, true);
	if (done > 0)
		return done;
	if (vr->packed)
		return vr->mergeable
			       ? virtq_tx_batch(q, vr, pkts, n, more, descs, true, true, NULL)
			       : virtq_tx_batch(q, vr, pkts, n, more, descs, false, true, NULL);
	return vr->mergeable ? virtq_tx_batch(q, vr, pkts, n, more, descs, true, false, NULL)
			     : virtq_tx_batch(q, vr, pkts, n, more, descs, false, false, NULL);
}

/* All packets, while what is written to guest memory is logged: one path, whatever their
 * shape. */
static __rte_noinline uint16_t
virtq_tx_logged(struct virtq_queue *q, struct vring *vr, const struct guest_log *log,
		struct rte_mbuf **pkts, uint16_t n, bool *more, uint32_t *descs)
{
	const uint32_t from = vring_log_position(vr);
	uint16_t done = virtq_tx_batch(q, vr, pkts, n, more, descs, vr->mergeable, vr->packed, log);

	vring_log_used(vr, log, from);
	return done;
}

/* *descs as virtq_rx() has it.  *more becomes false if another call cannot send more. */
static __rte_always_inline uint16_t
virtq_tx(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n, bool *more,
	 uint32_t *descs)
{
	uint16_t done = 0;

	if (likely(!q->filter))
		done = vr->packed ? virtq_tx_run(q, vr, pkts, n, true)
				  : virtq_tx_run(q, vr, pkts, n, false);
	return likely(done > 0) ? done : virtq_tx_general(q, vr, pkts, n, more, descs);
}

#endif /* VIRTQ_TX_H */
