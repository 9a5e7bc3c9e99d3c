/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The receiver: counts, verifies, acknowledges. */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pktcheck.h"

struct receiver {
	const struct pkt_options *o;
	struct pkt_sock sock;
	uint8_t peer[6];
	uint8_t *seen;  /* one bit a packet */
	uint32_t front; /* number of the first packet that may still be under way */
	uint32_t ack_every;
	uint32_t unacked;
	uint32_t unique;
	uint32_t dup;
	uint32_t reordered;
	uint32_t corrupt;
	uint32_t outside; /* numbers beyond --count */
	uint32_t sent;    /* how many the sender sent, from FIN */
	uint64_t bytes;
	bool fin;
	bool bye;
	double first, last;
	const char *why; /* of the first corrupt packet */
	uint32_t why_seq;
	struct pkt_batch in;
};

static void
answer(struct receiver *r, enum pkt_type type)
{
	struct pkt_hdr hdr = {
		.ethertype = htons(PKT_ETHERTYPE),
		.len = htons(PKT_MIN),
		.magic = htonl(PKT_MAGIC),
		.type = htonl(type),
		.stream = htonl(r->o->stream),
		.seq = htonl(r->front),
	};
	uint8_t frame[PKT_MIN], *frames[1] = {frame};
	unsigned int len = PKT_MIN;

	memcpy(hdr.dst, r->peer, 6);
	memcpy(hdr.src, r->sock.mac, 6);
	pkt_fill(frame, len, &hdr);
	pkt_sock_send(&r->sock, frames, &len, 1);
	r->unacked = 0;
}

static void
data(struct receiver *r, uint32_t seq, const uint8_t *frame, unsigned int len)
{
	const char *why = pkt_verify(frame, len);
	uint8_t bit = 1u << (seq & 7);

	if (!why && len != pkt_size(r->o, seq) && r->o->max_size)
		why = "length";
	if (why && !r->corrupt++) {
		r->why = why;
		r->why_seq = seq;
	}
	if (seq >= r->o->count) {
		r->outside++;
		return;
	}
	if (r->seen[seq >> 3] & bit) {
		r->dup++;
		return;
	}
	r->seen[seq >> 3] |= bit;
	r->unique++;
	r->bytes += len;
	if (seq < r->front)
		r->reordered++;
	else
		r->front = seq + 1;
	if (++r->unacked >= r->ack_every)
		answer(r, PKT_ACK);
}

/* Returns whether it was a packet of the sender. */
static bool
handle(struct receiver *r, const uint8_t *frame, unsigned int len)
{
	struct pkt_hdr hdr;
	uint32_t seq;

	if (len < sizeof(hdr))
		return false;
	memcpy(&hdr, frame, sizeof(hdr));
	seq = ntohl(hdr.seq);
	if (ntohl(hdr.magic) != PKT_MAGIC)
		return false;
	memcpy(r->peer, hdr.src, 6);
	switch (ntohl(hdr.type)) {
	case PKT_DATA:
		data(r, seq, frame, len);
		return true;
	case PKT_POLL:
	case PKT_FIN:
		/* The path keeps the order: packets that did not come before this are lost. */
		if (seq > r->front && seq <= r->o->count)
			r->front = seq;
		if (ntohl(hdr.type) == PKT_FIN) {
			r->fin = true;
			r->sent = seq;
		}
		answer(r, r->fin ? PKT_FIN_ACK : PKT_ACK);
		return true;
	case PKT_BYE:
		r->bye = true;
		return true;
	default:
		return false;
	}
}

/* How long a receive call waits, milliseconds; after a FIN the receiver ends when nothing
 * came for so long.  Without a BYE the sender may not have received the FIN_ACK and repeats
 * its FIN; packets after the BYE are duplicates. */
static int
wait_ms(const struct receiver *r)
{
	if (!r->fin)
		return 100;
	return r->bye ? 50 : 500;
}

static void
receive(struct receiver *r)
{
	double end = pkt_now() + r->o->timeout, last = pkt_now();
	unsigned int i, n;

	for (;;) {
		n = pkt_sock_recv(&r->sock, &r->in, wait_ms(r));
		for (i = 0; i < n; i++)
			if (handle(r, r->in.buf[i], r->in.len[i]))
				last = pkt_now();
		if (r->unique && !r->first)
			r->first = pkt_now();
		if (n && !r->fin)
			r->last = pkt_now();
		if (!n && r->fin)
			return;
		if (pkt_now() > end || pkt_now() > last + r->o->idle)
			return;
	}
}

int
pkt_recv_main(const struct pkt_options *o)
{
	static struct receiver r;
	uint32_t lost;
	bool ok;

	r.o = o;
	/* Seldom: libpcap's ring holds 8 blocks, and closes a block a few milliseconds
	 * after its first packet.  Acknowledgements of a whole window have to fit while the
	 * program at the other end of the capture is not scheduled. */
	r.ack_every = o->window > 8 ? o->window / 2 : 1;
	r.seen = calloc(1, o->count / 8 + 1);
	if (!r.seen)
		pkt_die("--count %u: out of memory", o->count);
	pkt_sock_open(&r.sock, o->dev, PKT_ETHERTYPE);
	pkt_sock_filter(&r.sock, o->stream, PKT_DATA, PKT_BYE);
	fprintf(stderr, "ready\n");
	receive(&r);
	lost = o->count - r.unique;
	ok = r.fin && !lost && !r.dup && !r.reordered && !r.corrupt && !r.outside;
	printf("{\"mode\": \"recv\", \"ok\": %s, \"fin\": %s, \"received\": %u, \"lost\": %u, "
	       "\"dup\": %u, \"reordered\": %u, \"corrupt\": %u, \"outside\": %u, \"sent\": %u, "
	       "\"bytes\": %llu, \"first_bad\": \"%s\", \"first_bad_seq\": %u, "
	       "\"seconds\": %.3f}\n",
	       ok ? "true" : "false", r.fin ? "true" : "false", r.unique, lost, r.dup, r.reordered,
	       r.corrupt, r.outside, r.sent, (unsigned long long)r.bytes, r.why ? r.why : "",
	       r.why_seq, r.last - r.first);
	free(r.seen);
	return ok ? 0 : 1;
}
