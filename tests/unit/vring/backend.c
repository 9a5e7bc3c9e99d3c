/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "backend.h"

#include <string.h>

/* Place of num_buffers in the network header (virtio 1.1, 5.1.6). */
#define NUM_BUFFERS_AT 10u

static uint32_t
chain_read(const struct vring_batch *b, const struct vring_chain *c, uint8_t *to, uint32_t room)
{
	uint32_t done = 0;

	for (uint16_t i = 0; i < c->nseg; i++) {
		const struct vring_seg *s = &b->seg[c->first + i];
		uint32_t part = s->len < room - done ? s->len : room - done;

		memcpy(to + done, s->addr, part);
		done += part;
	}
	return done;
}

static uint32_t
chain_write(const struct vring_batch *b, const struct vring_chain *c, const uint8_t *from,
	    uint32_t len)
{
	uint32_t done = 0;

	for (uint16_t i = 0; i < c->nseg && done < len; i++) {
		const struct vring_seg *s = &b->seg[c->first + i];
		uint32_t part = s->len < len - done ? s->len : len - done;

		memcpy(s->addr, from + done, part);
		done += part;
	}
	return done;
}

unsigned int
be_deq(struct vring *vr, struct be_packet *to, unsigned int max)
{
	struct vring_batch b;
	uint16_t n = vring_any_available(vr, UINT16_MAX, vr->packed);

	vring_batch_begin(&b);
	if (n > max)
		n = (uint16_t)max;
	n = vring_any_snapshot(vr, VRING_DEQ, &b, n, vr->packed);
	for (uint16_t i = 0; i < n; i++) {
		to[i].len = chain_read(&b, &b.chain[i], to[i].data, BE_PACKET_MAX);
		b.chain[i].len = 0;
	}
	if (n > 0)
		vring_any_return(vr, &b, n, vr->packed);
	return n;
}

/* Chains from `first` on that one packet takes; 0: the batch ends before. */
static uint16_t
chains_for(const struct vring *vr, const struct vring_batch *b, uint16_t first, uint32_t len)
{
	uint32_t room = 0;
	uint16_t i = first;

	while (i < b->nchain && room < len) {
		room += b->chain[i++].len;
		if (!vr->mergeable)
			break;
	}
	return room >= len ? (uint16_t)(i - first) : 0;
}

static void
put_packet(struct vring *vr, struct vring_batch *b, uint16_t first, uint16_t count,
	   struct be_packet *p)
{
	uint32_t done = 0;

	if (vr->hdr_len > NUM_BUFFERS_AT)
		memcpy(p->data + NUM_BUFFERS_AT, &count, sizeof(count));
	for (uint16_t i = first; i < first + count; i++) {
		uint32_t part = chain_write(b, &b->chain[i], p->data + done, p->len - done);

		b->chain[i].len = part;
		done += part;
	}
}

unsigned int
be_enq(struct vring *vr, struct be_packet *from, unsigned int n)
{
	struct vring_batch b;
	uint16_t avail = vring_any_available(vr, UINT16_MAX, vr->packed);
	uint16_t half = (uint16_t)(avail < 8 ? avail / 2 : 4);
	uint16_t done = 0;
	unsigned int sent = 0;

	vring_batch_begin(&b);
	/* in two steps, because a driver may ask for more when it needs more */
	if (vring_any_snapshot(vr, VRING_ENQ, &b, half, vr->packed) == half)
		vring_any_snapshot(vr, VRING_ENQ, &b, (uint16_t)(avail - half), vr->packed);
	while (sent < n) {
		uint16_t count = chains_for(vr, &b, done, from[sent].len);

		if (count == 0)
			break;
		put_packet(vr, &b, done, count, &from[sent]);
		done += count;
		sent++;
	}
	if (done > 0)
		vring_any_return(vr, &b, done, vr->packed);
	return sent;
}
