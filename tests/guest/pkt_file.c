/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Replays a capture file, and prints a digest of the packets that arrive, to compare the
 * two. */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pktcheck.h"

/* The classic capture format, in the byte order of this machine. */
#define PCAP_MAGIC 0xa1b2c3d4u
#define PCAP_MAGIC_NS 0xa1b23c4du

struct pcap_file {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, figures, snaplen, linktype;
};

struct pcap_packet {
	uint32_t sec, frac, len, wire_len;
};

static FILE *
pcap_open(const char *name)
{
	FILE *f = fopen(name, "rb");
	struct pcap_file h;

	if (!f)
		pkt_die("--file %s: %s", name, strerror(errno));
	if (fread(&h, sizeof(h), 1, f) != 1 ||
	    (h.magic != PCAP_MAGIC && h.magic != PCAP_MAGIC_NS) || h.linktype != 1)
		pkt_die("--file %s: not an Ethernet capture in pcap format", name);
	return f;
}

/* How long one receive call waits, milliseconds. */
#define ACK_MS 100

/* Broadcasts how many packets have arrived: no host has the addresses from which the
 * packets of the file come. */
static void
send_ack(const struct pkt_sock *s, uint32_t received)
{
	struct pkt_hdr hdr = {
		.ethertype = htons(PKT_ETHERTYPE),
		.len = htons(PKT_MIN),
		.magic = htonl(PKT_MAGIC),
		.type = htonl(PKT_ACK),
		.seq = htonl(received),
	};
	uint8_t frame[PKT_MIN], *frames[1] = {frame};
	unsigned int len = PKT_MIN;

	memset(hdr.dst, 0xff, sizeof(hdr.dst));
	memcpy(hdr.src, s->mac, sizeof(hdr.src));
	pkt_fill(frame, len, &hdr);
	pkt_sock_send(s, frames, &len, 1);
}

/* Returns the newest acknowledgement; ms as for pkt_sock_recv(). */
static uint32_t
recv_acks(const struct pkt_sock *s, uint32_t acked, int ms)
{
	static struct pkt_batch b;
	unsigned int i, n = pkt_sock_recv(s, &b, ms);
	struct pkt_hdr hdr;

	for (i = 0; i < n; i++) {
		if (b.len[i] < PKT_MIN)
			continue;
		memcpy(&hdr, b.buf[i], sizeof(hdr));
		if (ntohl(hdr.magic) == PKT_MAGIC && (int32_t)(ntohl(hdr.seq) - acked) > 0)
			acked = ntohl(hdr.seq);
	}
	return acked;
}

/* Waits until at most `open` packets are not acknowledged; false if --idle seconds passed
 * without a new acknowledgement. */
static bool
wait_acked(const struct pkt_options *o, const struct pkt_sock *s, uint32_t sent, uint32_t open,
	   uint32_t *acked)
{
	double last = pkt_now();

	*acked = recv_acks(s, *acked, 0);
	while (sent - *acked > open) {
		uint32_t now = recv_acks(s, *acked, ACK_MS);

		if (now != *acked)
			last = pkt_now();
		*acked = now;
		if (pkt_now() > last + o->idle)
			return false;
	}
	return true;
}

int
pkt_replay_main(const struct pkt_options *o)
{
	static uint8_t frame[PKT_MAX];
	uint8_t *frames[1] = {frame};
	double begin = pkt_now();
	uint32_t sent = 0, acked = 0;
	struct pcap_packet h;
	struct pkt_sock s;
	bool ok = true;
	FILE *f;

	pkt_sock_open(&s, o->dev, PKT_ETHERTYPE);
	pkt_sock_filter(&s, 0, PKT_ACK, PKT_ACK);
	f = pcap_open(o->file);
	while (ok && fread(&h, sizeof(h), 1, f) == 1) {
		if (h.len > sizeof(frame) || fread(frame, h.len, 1, f) != 1)
			pkt_die("--file %s: packet %u is cut short or above %u bytes", o->file,
				sent + 1, PKT_MAX);
		ok = wait_acked(o, &s, sent, o->window - 1, &acked);
		pkt_sock_send(&s, frames, &h.len, 1);
		sent++;
	}
	fclose(f);
	ok = ok && wait_acked(o, &s, sent, 0, &acked);
	printf("{\"mode\": \"replay\", \"ok\": %s, \"sent\": %u, \"acked\": %u, "
	       "\"seconds\": %.3f}\n",
	       ok ? "true" : "false", sent, acked, pkt_now() - begin);
	return ok ? 0 : 1;
}

int
pkt_digest_main(const struct pkt_options *o)
{
	double end = pkt_now() + o->timeout, last = pkt_now();
	static struct pkt_batch b;
	uint32_t received = 0;
	struct pkt_sock s;
	unsigned int i;

	pkt_sock_open(&s, o->dev, 0x0003 /* ETH_P_ALL */);
	fprintf(stderr, "ready\n");
	while (received < o->count && pkt_now() < end && pkt_now() < last + o->idle) {
		pkt_sock_recv(&s, &b, ACK_MS);
		for (i = 0; i < b.num; i++) {
			if (b.len[i] < 14 || memcmp(b.buf[i] + 6, o->from, 6))
				continue;
			printf("%u %016" PRIx64 "\n", b.len[i], pkt_hash(b.buf[i], b.len[i]));
			received++;
			last = pkt_now();
		}
		b.num = 0;
		/* also when nothing came: the last acknowledgement may be lost */
		send_ack(&s, received);
	}
	/* the last acknowledgement is not answered: sent more than once */
	for (i = 0; i < 3; i++)
		send_ack(&s, received);
	return received == o->count ? 0 : 1;
}
