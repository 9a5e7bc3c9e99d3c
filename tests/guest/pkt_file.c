/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Capture files: replay one, and digest what arrives, to compare the two. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

int
pkt_replay_main(const struct pkt_options *o)
{
	static uint8_t frame[PKT_MAX];
	uint8_t *frames[1] = {frame};
	double begin = pkt_now();
	struct pcap_packet h;
	struct pkt_sock s;
	uint32_t sent = 0;
	FILE *f;

	pkt_sock_open(&s, o->dev, 0);
	f = pcap_open(o->file);
	while (fread(&h, sizeof(h), 1, f) == 1) {
		if (h.len > sizeof(frame) || fread(frame, h.len, 1, f) != 1)
			pkt_die("--file %s: packet %u is cut short or above %u bytes", o->file,
				sent + 1, PKT_MAX);
		while (pkt_now() < begin + (double)sent / o->pps)
			usleep(100);
		pkt_sock_send(&s, frames, &h.len, 1);
		sent++;
	}
	fclose(f);
	printf("{\"mode\": \"replay\", \"ok\": true, \"sent\": %u, \"seconds\": %.3f}\n", sent,
	       pkt_now() - begin);
	return 0;
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
		pkt_sock_recv(&s, &b, 100);
		for (i = 0; i < b.num; i++) {
			if (b.len[i] < 14 || memcmp(b.buf[i] + 6, o->from, 6))
				continue;
			printf("%u %016" PRIx64 "\n", b.len[i], pkt_hash(b.buf[i], b.len[i]));
			received++;
			last = pkt_now();
		}
		b.num = 0;
	}
	return received == o->count ? 0 : 1;
}
