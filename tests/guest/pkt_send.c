/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The sender: a window of packets under way, moved on by acknowledgements. */

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "pktcheck.h"

/* How long the sender waits for an acknowledgement before it sends a POLL, milliseconds:
 * with a full window, */
#define STALL_MS 200
/* and at the start, when the receiver may not run yet. */
#define START_MS 20

struct sender {
	const struct pkt_options *o;
	struct pkt_sock sock;
	uint32_t next;  /* number of the next packet to send */
	uint32_t acked; /* packets that left the path */
	uint32_t stalls;
	uint64_t bytes;
	bool answered; /* the receiver runs */
	bool fin_acked;
	double end;
	double last; /* when the receiver answered last */
	struct pkt_batch in;
	uint8_t out[PKT_BATCH][PKT_MAX];
};

static struct pkt_hdr
header(const struct sender *s, enum pkt_type type, uint32_t seq, unsigned int len)
{
	struct pkt_hdr hdr = {
		.ethertype = htons(PKT_ETHERTYPE),
		.len = htons(len),
		.magic = htonl(PKT_MAGIC),
		.type = htonl(type),
		.stream = htonl(s->o->stream),
		.seq = htonl(seq),
	};

	memcpy(hdr.dst, s->o->dst, 6);
	memcpy(hdr.src, s->sock.mac, 6);
	return hdr;
}

static void
send_control(struct sender *s, enum pkt_type type)
{
	struct pkt_hdr hdr = header(s, type, s->next, PKT_MIN);
	uint8_t frame[PKT_MIN], *frames[1] = {frame};
	unsigned int len = PKT_MIN;

	pkt_fill(frame, len, &hdr);
	pkt_sock_send(&s->sock, frames, &len, 1);
}

static void
recv_acks(struct sender *s, int ms)
{
	unsigned int i, n = pkt_sock_recv(&s->sock, &s->in, ms);
	struct pkt_hdr hdr;

	for (i = 0; i < n; i++) {
		if (s->in.len[i] < PKT_MIN)
			continue;
		memcpy(&hdr, s->in.buf[i], sizeof(hdr));
		if (ntohl(hdr.magic) != PKT_MAGIC)
			continue;
		if (ntohl(hdr.type) == PKT_FIN_ACK)
			s->fin_acked = true;
		else if (ntohl(hdr.type) != PKT_ACK)
			continue;
		s->answered = true;
		s->last = pkt_now();
		if ((int32_t)(ntohl(hdr.seq) - s->acked) > 0)
			s->acked = ntohl(hdr.seq);
	}
}

static bool
expired(const struct sender *s)
{
	double now = pkt_now();

	return now > s->end || now > s->last + s->o->idle;
}

/* Sends a control packet every ms milliseconds until its answer has set *done; false if
 * none came in time. */
static bool
send_until(struct sender *s, enum pkt_type type, const bool *done, int ms)
{
	while (!*done && !expired(s)) {
		send_control(s, type);
		recv_acks(s, ms);
	}
	return *done;
}

static void
send_batch(struct sender *s, unsigned int num)
{
	unsigned int i, lens[PKT_BATCH];
	uint8_t *frames[PKT_BATCH];
	struct pkt_hdr hdr;

	for (i = 0; i < num; i++) {
		lens[i] = pkt_size(s->o, s->next + i);
		hdr = header(s, PKT_DATA, s->next + i, lens[i]);
		frames[i] = s->out[i];
		pkt_fill(frames[i], lens[i], &hdr);
		s->bytes += lens[i];
	}
	pkt_sock_send(&s->sock, frames, lens, num);
	s->next += num;
}

static void
send_all(struct sender *s)
{
	uint32_t room, before;

	while (s->next < s->o->count && !expired(s)) {
		room = s->o->window - (s->next - s->acked);
		if (room > s->o->count - s->next)
			room = s->o->count - s->next;
		if (room) {
			send_batch(s, room < PKT_BATCH ? room : PKT_BATCH);
			recv_acks(s, 0);
			continue;
		}
		before = s->acked;
		recv_acks(s, STALL_MS);
		if (s->acked == before) {
			s->stalls++;
			send_control(s, PKT_POLL);
		}
	}
}

int
pkt_send_main(const struct pkt_options *o)
{
	static struct sender s;
	double begin;
	bool ok;

	s.o = o;
	pkt_sock_open(&s.sock, o->dev, PKT_ETHERTYPE);
	pkt_sock_filter(&s.sock, o->stream, PKT_ACK, PKT_FIN_ACK);
	s.last = pkt_now();
	s.end = s.last + o->timeout;
	send_until(&s, PKT_POLL, &s.answered, START_MS);
	begin = pkt_now();
	if (s.answered)
		send_all(&s);
	ok = s.answered && send_until(&s, PKT_FIN, &s.fin_acked, STALL_MS) && s.next == o->count;
	if (s.fin_acked)
		send_control(&s, PKT_BYE);
	printf("{\"mode\": \"send\", \"ok\": %s, \"answered\": %s, \"sent\": %u, \"bytes\": %llu, "
	       "\"stalls\": %u, \"seconds\": %.3f}\n",
	       ok ? "true" : "false", s.answered ? "true" : "false", s.next,
	       (unsigned long long)s.bytes, s.stalls, pkt_now() - begin);
	return ok ? 0 : 1;
}
