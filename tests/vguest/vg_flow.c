/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Packets that are verified: sent, taken back, received. */

#include <string.h>

#include "vg_fault.h"
#include "vg_log.h"
#include "vg_pattern.h"
#include "vg_run.h"

static bool
is_canary(const uint8_t *p, uint32_t n)
{
	uint64_t diff = 0, w;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&w, p, 8);
		diff |= w ^ VG_CANARY * 0x0101010101010101ull;
	}
	for (; n > 0; n--, p++)
		diff |= *p ^ VG_CANARY;
	return diff == 0;
}

static bool
rx_post(struct vg_run *run, struct vg_queue *q, uint32_t i)
{
	struct vdriver_seg seg[VG_MAX_SEGS];

	memset(vg_buf(run->p, q, i), VG_CANARY, q->lay->stride);
	vg_queue_segs(q, i, q->lay->seg, q->lay->nseg, seg);
	return vg_ring_add(&q->ring, seg, q->lay->nseg, vg_queue_table(run->p, q, i), i) >= 0;
}

int
vg_flow_post(struct vg_run *run, struct vg_flow *f)
{
	struct vg_queue *q = f->rxq;

	for (uint32_t i = 0; i < q->lay->count; i++)
		if (!rx_post(run, q, i))
			return vg_err("%s: no room for receive buffer %u", q->name, i);
	vg_ring_publish(&q->ring);
	return 0;
}

/* Sending */

static bool
may_send(const struct vg_run *run, const struct vg_flow *f)
{
	/* what may still arrive takes receive buffers, as what is sent now will */
	uint64_t gone = f->floor - f->ahead, seen = f->rx_seq > gone ? f->rx_seq : gone;

	if (f->tx_seq >= f->target || f->txq->nspare == 0 || f->txq->frozen)
		return false;
	/* one at a time until the first came back: an application that starts may
	 * throw away what it finds in its queues */
	if (run->o->mode != VG_TX && f->tx_seq >= seen + (f->warm ? run->window : 1))
		return false;
	return run->o->rate == 0 || (double)f->tx_seq < (double)(__rdtsc() - run->began) / run->hz *
								(double)run->o->rate;
}

static bool
send_one(struct vg_run *run, struct vg_flow *f)
{
	uint32_t len = vg_frame_len(run->o, f->stream, f->tx_seq), done = 0;
	struct vg_span span[VG_MAX_SEGS];
	struct vdriver_seg seg[VG_MAX_SEGS];
	struct vg_queue *q = f->txq;
	uint32_t i = q->spare[q->nspare - 1];
	uint16_t n = vg_layout_cut(run->p, q->lay, len + run->p->hdr_len, span);
	uint8_t *buf = vg_buf(run->p, q, i);

	vg_queue_segs(q, i, span, n, seg);
	if (vg_ring_add(&q->ring, seg, n, vg_queue_table(run->p, q, f->tx_seq), i) < 0)
		return false;
	q->nspare--;
	memset(run->scratch, 0, run->p->hdr_len);
	vg_frame_fill(run->scratch + run->p->hdr_len, len, f->stream, f->tx_seq);
	memset(buf, VG_CANARY, q->lay->stride < 256 ? q->lay->stride : 256);
	for (uint16_t k = 0; k < n; k++) {
		memcpy(buf + span[k].off, run->scratch + done, span[k].len);
		done += span[k].len;
	}
	run->st.tx_packets++;
	run->st.tx_bytes += len;
	return true;
}

int
vg_flow_send(struct vg_run *run, struct vg_flow *f)
{
	uint64_t from = f->tx_seq;
	uint32_t n = 0;

	if (run->o->mode == VG_RX)
		return 0;
	if (run->faulty == f->txq && !f->txq->frozen && f->tx_seq >= run->o->fault_at)
		return vg_fault_inject(run->p, f->txq) ? 1 : 0;
	while (n < run->o->batch && may_send(run, f) && send_one(run, f)) {
		f->tx_seq++;
		n++;
	}
	if (f->stamp) {
		uint64_t now = __rdtsc();

		for (; from < f->tx_seq; from++)
			f->stamp[from % VG_STAMPS] = now;
	}
	if (n > 0)
		vg_ring_publish(&f->txq->ring);
	return (int)n;
}

int
vg_flow_reap(struct vg_run *run, struct vg_flow *f)
{
	struct vg_queue *q = f->txq;
	struct vg_back b;
	int n = 0, got;

	(void)run;
	while ((got = vg_ring_get(&q->ring, &b)) > 0) {
		if (b.len != 0)
			return vg_err("%s: a sent packet came back with %u bytes written", q->name,
				      b.len);
		q->spare[q->nspare++] = b.cookie;
		f->sent++;
		n++;
	}
	return got < 0 ? -1 : n;
}

/* Receiving */

/* Moves what is in a used buffer behind *have bytes of the packet, and looks at
 * what had to stay untouched. */
static int
take_buffer(struct vg_run *run, struct vg_queue *q, const struct vg_back *b, uint32_t *have)
{
	uint32_t left = b->skipped ? q->lay->cap : b->len, at = 0;
	const uint8_t *buf = vg_buf(run->p, q, b->cookie);
	bool tail = false;

	if (left == 0 || left > q->lay->cap)
		return vg_err("%s: a receive buffer of %u bytes came back with %u written", q->name,
			      q->lay->cap, left);
	if (left > VG_MAX_FRAME + run->p->hdr_len - *have)
		return vg_err("%s: a packet longer than any that was sent", q->name);
	for (uint16_t k = 0; k < q->lay->nseg; k++) {
		const struct vg_span *s = &q->lay->seg[k];
		uint32_t part = left < s->len ? left : s->len;

		if (!is_canary(buf + at, s->off - at))
			return vg_err("%s: the backend wrote in front of descriptor %u of a chain",
				      q->name, k);
		memcpy(run->scratch + *have, buf + s->off, part);
		*have += part;
		left -= part;
		at = s->off + s->len;
		tail |= !is_canary(buf + s->off + part, s->len - part);
	}
	run->st.tail_writes += tail;
	run->st.rx_buffers++;
	if (!is_canary(buf + at, q->lay->stride - at))
		return vg_err("%s: the backend wrote behind a receive buffer", q->name);
	return 0;
}

/* How many buffers the header says there are. */
static int
check_header(const struct vg_run *run, const struct vg_queue *q, uint32_t have)
{
	struct virtio_net_hdr h = {.num_buffers = 1};

	if (have < run->p->hdr_len)
		return vg_err("%s: %u bytes are no whole network header", q->name, have);
	memcpy(&h, run->scratch, run->p->hdr_len);
	if (h.flags | h.gso_type | h.hdr_len | h.gso_size | h.csum_start | h.csum_offset)
		return vg_err(
			"%s: a network header asks for offloads that were not agreed on: flags "
			"%u, gso_type %u, hdr_len %u, gso_size %u, csum %u+%u",
			q->name, h.flags, h.gso_type, h.hdr_len, h.gso_size, h.csum_start,
			h.csum_offset);
	if (run->o->mergeable)
		return h.num_buffers > 0 ? h.num_buffers : vg_err("%s: num_buffers is 0", q->name);
	/* 5.1.6.4.1; net_vhost leaves the field alone */
	if (h.num_buffers != 1 && !run->o->vhost)
		return vg_err("%s: num_buffers is %u without MRG_RXBUF, it has to be 1", q->name,
			      h.num_buffers);
	return 1;
}

static int
repost(struct vg_run *run, struct vg_flow *f, uint32_t i)
{
	struct vg_queue *q = f->rxq;

	if (q->frozen)
		return 0;
	if (run->faulty == q && f->received >= run->o->fault_at)
		return vg_fault_inject(run->p, q) ? 0 : vg_err("%s: no room for a fault", q->name);
	if (!rx_post(run, q, i))
		return vg_err("%s: no room for a receive buffer that came back", q->name);
	return 0;
}

static int
check_order(struct vg_flow *f, uint64_t seq)
{
	if (seq == f->rx_seq)
		return 0;
	if (seq < f->rx_seq)
		return vg_err("queue pair %u: packet %llu came again or late, %llu was due",
			      f->stream, (unsigned long long)seq, (unsigned long long)f->rx_seq);
	if (f->warm && seq > f->floor)
		return vg_err("queue pair %u: packet %llu came, %llu and what follows is lost",
			      f->stream, (unsigned long long)seq, (unsigned long long)f->rx_seq);
	*(f->received > 0 ? &f->lost : &f->probes) += seq - f->rx_seq;
	f->rx_seq = seq;
	return 0;
}

/* A packet that the backend had taken from another queue pair when that was stopped. */
static bool
is_moved(const struct vg_run *run, const struct vg_flow *f, uint32_t len)
{
	const uint8_t *frame = run->scratch + run->p->hdr_len;
	uint32_t first = run->flow[0].stream;
	struct vg_frame_hdr h;
	uint64_t seq;

	if (!run->p->be->one_by_one || run->o->mode == VG_RX || len < sizeof(h))
		return false;
	memcpy(&h, frame, sizeof(h));
	return h.stream != f->stream && h.stream >= first && h.stream - first < run->o->pairs &&
	       !vg_frame_check(frame, len, h.stream, &seq) &&
	       seq < run->flow[h.stream - first].taken &&
	       len == vg_frame_len(run->o, h.stream, seq);
}

static int
check_packet(struct vg_run *run, struct vg_flow *f, uint32_t len, uint64_t now)
{
	const uint8_t *frame = run->scratch + run->p->hdr_len;
	const char *wrong;
	uint64_t seq;

	/* without us sending, nobody knows what is in it */
	if (run->o->mode == VG_RX)
		return len >= run->o->size_min && len <= run->o->size_max
			       ? 0
			       : vg_err("queue pair %u: a packet of %u bytes, --size says %u to %u",
					f->stream, len, run->o->size_min, run->o->size_max);
	wrong = vg_frame_check(frame, len, f->stream, &seq);
	if (wrong)
		return vg_err("queue pair %u: packet of %u bytes where %llu was due: %s", f->stream,
			      len, (unsigned long long)f->rx_seq, wrong);
	if (check_order(f, seq) != 0)
		return -1;
	if (len != vg_frame_len(run->o, f->stream, seq))
		return vg_err("queue pair %u: packet %llu has another length than it was sent with",
			      f->stream, (unsigned long long)seq);
	if (f->stamp && run->nsample < VG_MAX_SAMPLES)
		run->samples[run->nsample++] = (uint32_t)(now - f->stamp[seq % VG_STAMPS]);
	f->rx_seq++;
	return 0;
}

/* One packet: 1, 0 if there is none, -1. */
static int
receive_one(struct vg_run *run, struct vg_flow *f)
{
	struct vg_queue *q = f->rxq;
	int got, n = 1, need = run->o->mergeable ? (int)run->p->hdr_len : 0;
	uint32_t have = 0;
	struct vg_back b;
	uint64_t now;

	got = vg_ring_get(&q->ring, &b);
	if (got <= 0)
		return got;
	now = __rdtsc();
	for (int i = 0; i < n; i++) {
		if (i > 0 && (got = vg_ring_get(&q->ring, &b)) <= 0)
			return got < 0 ? -1
				       : vg_err("%s: a packet of %d buffers was returned in parts",
						q->name, n);
		if (take_buffer(run, q, &b, &have) != 0)
			return -1;
		if (i == 0 && (n = check_header(run, q, have)) < 0)
			return -1;
		if (i + 1 < n && need && !b.skipped && b.len != q->lay->cap)
			return vg_err("%s: buffer %d of %d was not filled: %u of %u bytes", q->name,
				      i + 1, n, b.len, q->lay->cap);
		if (repost(run, f, b.cookie) != 0)
			return -1;
	}
	if (is_moved(run, f, have - run->p->hdr_len)) {
		run->st.moved++;
	} else {
		if (check_packet(run, f, have - run->p->hdr_len, now) != 0)
			return -1;
		f->received++;
		/* not by what a dead backend had taken: the next one returns that, and may throw
		 * away what it finds in its queues */
		f->warm = f->warm || run->o->mode == VG_RX || f->rx_seq > f->taken;
	}
	run->st.rx_packets++;
	run->st.rx_bytes += have - run->p->hdr_len;
	return 1;
}

int
vg_flow_receive(struct vg_run *run, struct vg_flow *f, uint32_t max)
{
	uint32_t n = 0;
	int got = 0;

	while (n < max && (got = receive_one(run, f)) > 0)
		n++;
	if (got < 0)
		return -1;
	if (n > 0)
		vg_ring_publish(&f->rxq->ring);
	return (int)n;
}

bool
vg_flow_done(const struct vg_run *run, const struct vg_flow *f)
{
	switch (run->o->mode) {
	case VG_RX:
		return f->received >= f->target;
	case VG_TX:
		return f->tx_seq >= f->target && f->txq->ring.vd.nbusy == 0;
	case VG_LOOP:
	case VG_PINGPONG:
		break;
	}
	return f->tx_seq >= f->target && f->txq->ring.vd.nbusy == 0 &&
	       (f->rx_seq >= f->target || f->floor >= f->target);
}
