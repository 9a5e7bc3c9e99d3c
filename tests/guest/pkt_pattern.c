/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Size, header and pattern of a packet, all derived from its number. */

#include <arpa/inet.h>
#include <string.h>

#include "pktcheck.h"

static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* Word i of a packet: differs from word j, and from word i of any other. */
static uint64_t
word(uint64_t base, unsigned int i)
{
	return base + (uint64_t)i * 0xd1342543de82ef95ull;
}

static uint64_t
base_of(const struct pkt_hdr *hdr)
{
	return mix((uint64_t)ntohl(hdr->stream) << 32 | ntohl(hdr->seq));
}

void
pkt_fill(uint8_t *frame, unsigned int len, const struct pkt_hdr *hdr)
{
	uint8_t *p = frame + sizeof(*hdr), *end = frame + len;
	uint64_t base = base_of(hdr), w;
	unsigned int i;

	memcpy(frame, hdr, sizeof(*hdr));
	for (i = 0; end - p >= 8; i++, p += 8) {
		w = word(base, i);
		memcpy(p, &w, 8);
	}
	w = word(base, i);
	memcpy(p, &w, end - p);
}

const char *
pkt_verify(const uint8_t *frame, unsigned int len)
{
	const uint8_t *p = frame + sizeof(struct pkt_hdr), *end = frame + len;
	uint64_t base, w, got;
	struct pkt_hdr hdr;
	unsigned int i;

	memcpy(&hdr, frame, sizeof(hdr));
	if (ntohs(hdr.len) != len)
		return "length";
	base = base_of(&hdr);
	for (i = 0; end - p >= 8; i++, p += 8) {
		w = word(base, i);
		memcpy(&got, p, 8);
		if (got != w)
			return "pattern";
	}
	w = word(base, i);
	return memcmp(p, &w, end - p) ? "pattern" : NULL;
}

unsigned int
pkt_size(const struct pkt_options *o, uint32_t seq)
{
	uint64_t r;

	if (!o->imix && o->min_size == o->max_size)
		return o->min_size;
	r = mix((uint64_t)~o->stream << 32 | seq);
	if (!o->imix)
		return o->min_size + r % (o->max_size - o->min_size + 1);
	/* 7 small, 4 middle, 1 large */
	r %= 12;
	return r < 7 ? 60 : r < 11 ? 590 : 1514;
}

/* FNV-1a, 64 bits: good enough to compare captures. */
uint64_t
pkt_hash(const uint8_t *data, unsigned int len)
{
	uint64_t h = 0xcbf29ce484222325ull;
	unsigned int i;

	for (i = 0; i < len; i++)
		h = (h ^ data[i]) * 0x100000001b3ull;
	return h;
}
