/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_TX_LONG_H
#define VIRTQ_TX_LONG_H

/*
 * virtq_tx_long.h - packets of several mbufs, or that take several buffers, copied into
 * runs: for split rings, whose used index is written once for all runs, and for short
 * bursts of a packed ring.  A batch is faster for long bursts of a packed ring, and slower
 * everywhere else (cells split-enq-9000-mrg and *-9000-mrg-b1, doc/benchmarks.md).  Data
 * thread.
 */

#include <rte_mbuf.h>

#include "virtq.h"
#include "vring_hdr.h"
#include "vring_run.h"

/* A packed ring takes bursts of fewer packets in runs. */
#define VIRTQ_TX_SHORT 8u

/* How many chains of the run, from `first` on, `need` bytes fill; 0 if the chains up to
 * `have` are too small. */
static __rte_always_inline uint16_t
virtq_tx_run_chains(const struct vring_run *run, uint16_t first, uint16_t have, uint32_t need,
		    bool mergeable)
{
	uint64_t room = 0;

	for (uint16_t k = first; k < have; k++) {
		room += run->len[k];
		if (room >= need)
			return k - first + 1;
		if (!mergeable)
			return 0;
	}
	return 0;
}

/* Copies a packet into the run's chains from k on, after the first `off` bytes, which are
 * the header's, and sets their len to the bytes written. */
static __rte_always_inline void
virtq_tx_run_copy(struct vring_run *run, uint16_t k, uint32_t off, const struct rte_mbuf *m)
{
	uint32_t left = m->pkt_len, moff = 0;

	for (;; k++, off = 0) {
		uint32_t end = RTE_MIN(run->len[k], left + off);

		run->len[k] = end;
		left -= end - off;
		while (off < end) {
			uint32_t part = RTE_MIN(end - off, m->data_len - moff);

			isa_copy(run->host[k] + off, rte_pktmbuf_mtod_offset(m, const void *, moff),
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

/* Plans how many of the run's `have` chains each packet fills: count[].  Prefetches their
 * first cache lines as virtq_tx_prefetch() does.  Returns how many packets fit. */
static __rte_always_inline uint16_t
virtq_tx_run_plan(const struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
		  const struct vring_run *run, uint16_t have, uint16_t *count)
{
	uint16_t i, k = 0;

	for (i = 0; i < n && pkts[i]->pkt_len <= VIRTQ_MAX_FRAME; i++) {
		count[i] = virtq_tx_run_chains(run, k, have, pkts[i]->pkt_len + vr->hdr_len,
					       vr->mergeable);
		if (count[i] == 0)
			break;
		vring_prefetch_write(run->host[k] + vr->hdr_len);
		vring_hdr_prefetch(run->host[k], vr->hdr_len);
		for (uint16_t end = k++ + count[i]; k < end; k++)
			vring_prefetch_write(run->host[k]);
	}
	return i;
}

/* Copies packets into the next run of up to `have` chains: *run, with the bytes written to
 * each in its len; *used: how many are filled.  Returns how many packets; 0 also if the
 * ring is not ours any more. */
static __rte_always_inline uint16_t
virtq_tx_run_fill(struct vring *vr, struct rte_mbuf **pkts, uint16_t n, uint16_t have,
		  struct vring_run *run, uint16_t *used, const bool packed)
{
	const struct vring_limits lim = {vr->hdr_len, INT32_MAX};
	uint16_t count[VRING_BURST], i;

	have = vring_run_gather(vr, VRING_ENQ, have, &lim, run, packed);
	n = virtq_tx_run_plan(vr, pkts, n, run, have, count);
	vring_run_prefetch_used(vr, have, packed);
	*used = 0;
	for (i = 0; i < n; i++) {
		/* as in virtq_tx_run() */
		if (unlikely(!vring_is_ours(vr)))
			return 0;
		vring_hdr_put(run->host[*used], vr->hdr_len, count[i]);
		virtq_tx_run_copy(run, *used, vr->hdr_len, pkts[i]);
		*used += count[i];
	}
	return likely(vring_is_ours(vr)) ? n : 0;
}

/* Returns how many of pkts were sent, in a packed ring those that one run holds;
 * virtq_tx_batch() has to try the others. */
static __rte_always_inline uint16_t
virtq_tx_long(struct virtq_queue *q, struct vring *vr, struct rte_mbuf **pkts, uint16_t n,
	      const bool packed)
{
	const uint16_t begin = vr->last_used;
	uint16_t done = 0, got, have, used;
	struct vring_run run;

	n = RTE_MIN(n, (uint16_t)VRING_BURST);
	have = vring_run_room(vr, VRING_BATCH, packed);
	do {
		got = virtq_tx_run_fill(vr, pkts + done, n - done,
					RTE_MIN(have, (uint16_t)VRING_BURST), &run, &used, packed);
		done += got;
		if (packed || got == 0)
			break;
		vring_run_put_split(vr, &run, used);
		vring_split_advance(vr, used);
		/* only chains that were known at first: until they are published, newer ones
		 * could bring more used entries than the ring holds */
		have = (uint16_t)(vr->avail_idx - vr->last_avail);
	} while (done < n);
	if (done == 0)
		return 0;
	if (unlikely(!vring_is_ours(vr))) {
		vring_split_retreat(vr, packed ? 0 : (uint16_t)(vr->last_used - begin));
		return 0;
	}
	for (uint16_t i = 0; i < done; i++)
		q->stats.bytes += pkts[i]->pkt_len;
	q->stats.packets += done;
	q->stats.notified += packed ? vring_run_return(vr, &run, used, VRING_ENQ, packed)
				    : vring_split_publish(vr, 0);
	rte_pktmbuf_free_bulk(pkts, done);
	return done;
}

#endif /* VIRTQ_TX_LONG_H */
