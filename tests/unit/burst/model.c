/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLAT_MAX (80u * 1024u)

struct model model;

static struct {
	uint32_t len;
	uint8_t *data;
} flat[BURST_MAX];

static struct used used[MAX_POSTED];
static uint8_t bytes[FLAT_MAX];

static void *
must_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p) {
		fprintf(stderr, "no memory for the model\n");
		exit(2);
	}
	return p;
}

void
model_init(void)
{
	ram_init_guarded(&model.ram, RAM_SIZE, WORLDS);
	for (unsigned int i = 0; i < BURST_MAX; i++)
		flat[i].data = must_alloc(FLAT_MAX);
}

void
model_free(void)
{
	ram_free_guarded(&model.ram);
	for (unsigned int i = 0; i < BURST_MAX; i++)
		free(flat[i].data);
}

void
model_start(const struct ring *ring, uint32_t longest)
{
	model.ring = ring;
	model.done = 0;
	model.dropped = 0;
	model.longest = longest;
	for (unsigned int r = 0; r < RAM_REGIONS; r++)
		memcpy(model.ram.view[r], worlds[0].ram.view[r], RAM_SIZE);
}

void
model_keep(struct rte_mbuf *const *pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		flat[i].len = 0;
		for (const struct rte_mbuf *m = pkts[i]; m; m = m->next) {
			memcpy(flat[i].data + flat[i].len, rte_pktmbuf_mtod(m, const void *),
			       m->data_len);
			flat[i].len += m->data_len;
		}
	}
}

/* What there is to see of chain k's coming back. */
static void
put_used(uint32_t k)
{
	const struct ring *g = model.ring;
	const struct posted *p = &g->p[k];

	if (g->packed) {
		struct raw *d = ram_ptr(&model.ram, g->cfg.addr.desc + 16ull * p->first);
		uint16_t wrap = d->word[1] & D_AVAIL;

		if (used[k].written == NOT_WRITTEN)
			return;
		d->len = used[k].len;
		d->word[0] = (uint16_t)used[k].written;
		d->word[1] = (uint16_t)((wrap ? D_AVAIL | D_USED : 0) |
					(used[k].len ? D_WRITE : 0));
	} else {
		uint16_t *area = ram_ptr(&model.ram, g->cfg.addr.device);
		uint32_t at = (uint16_t)(g->cfg.used + k) % g->cfg.size;
		uint32_t e[2] = {used[k].written, used[k].len};

		if (used[k].written != NOT_WRITTEN)
			memcpy(area + 2 + 4 * at, e, sizeof(e));
		area[1] = (uint16_t)(g->cfg.used + k + 1);
	}
}

static const char *
check_memory(void)
{
	for (unsigned int r = 0; r < RAM_REGIONS; r++)
		if (memcmp(model.ram.view[r], worlds[0].ram.view[r], RAM_SIZE) != 0)
			return "the guest's memory is not what the model has";
	return NULL;
}

/* The chains that came back, in order and by their right names. */
static const char *
check_used(uint32_t *n)
{
	const struct ring *g = model.ring;
	int count = ring_used(g, &worlds[0], used, MAX_POSTED);

	if (count < (int)model.done)
		return "used entries that no device may write";
	*n = (uint32_t)count;
	for (uint32_t k = model.done; k < *n; k++)
		if (used[k].id != g->p[k].id)
			return "a used entry names another chain";
	return NULL;
}

static uint32_t
gather(const struct posted *p, uint8_t *to)
{
	uint32_t done = 0;

	for (uint32_t i = 0; i < p->n; i++) {
		if (p->buf[i].len > 0)
			ram_read(&model.ram, p->buf[i].addr, to + done, p->buf[i].len);
		done += p->buf[i].len;
	}
	return done;
}

static bool
holds(const struct rte_mbuf *m, const uint8_t *data, uint32_t len)
{
	uint32_t segs = 0, off = 0;

	if (m->pkt_len != len || m->port != PORT_ID || m->ol_flags != 0 ||
	    m->packet_type != RTE_PTYPE_L2_ETHER || m->vlan_tci != 0)
		return false;
	for (const struct rte_mbuf *s = m; s; s = s->next, segs++) {
		if (s->data_off != RTE_PKTMBUF_HEADROOM || rte_mbuf_refcnt_read(s) != 1 ||
		    s->data_len == 0 || s->data_len > len - off ||
		    memcmp(rte_pktmbuf_mtod(s, const void *), data + off, s->data_len) != 0)
			return false;
		off += s->data_len;
	}
	return off == len && segs == m->nb_segs;
}

const char *
model_check_rx(void)
{
	const struct world *w = &worlds[0];
	const uint32_t hdr = w->vr.hdr_len;
	uint32_t n = 0, j = 0;
	const char *what = check_used(&n);

	for (uint32_t k = model.done; !what && k < n; k++) {
		const struct posted *p = &model.ring->p[k];

		if (used[k].len != 0)
			return "bytes written to a chain that is only read";
		put_used(k);
		if (p->bytes < hdr + RTE_ETHER_HDR_LEN || p->bytes - hdr > model.longest)
			continue;
		gather(p, bytes);
		if (j < w->got && holds(w->pkts[j], bytes + hdr, p->bytes - hdr))
			j++;
		else if (++model.dropped > w->q.stats.missed)
			return "a packet is missing or not what was sent";
	}
	if (what)
		return what;
	model.done = n;
	if (j != w->got)
		return "a packet that nobody sent";
	if (model.dropped != w->q.stats.missed)
		return "another number of dropped packets than were counted";
	return check_memory();
}

/* `len` bytes from `from` on into the buffers of chain k. */
static void
scatter(uint32_t k, const uint8_t *from, uint32_t len)
{
	const struct posted *p = &model.ring->p[k];

	for (uint32_t i = 0; i < p->n && len > 0; i++) {
		uint32_t part = RTE_MIN(p->buf[i].len, len);

		if (part > 0)
			ram_write(&model.ram, p->buf[i].addr, from, part);
		from += part;
		len -= part;
	}
	put_used(k);
}

/* Packet i into the chains from k on; how many it took, 0: it had to be dropped,
 * -1: it should not have been taken. */
static int
deliver(uint16_t i, uint32_t k, uint32_t n)
{
	const struct ring *g = model.ring;
	const bool mergeable = worlds[0].vr.mergeable;
	const uint32_t hdr = worlds[0].vr.hdr_len, need = hdr + flat[i].len;
	uint32_t room = 0, slots = 0, last = k, off = 0;

	if (flat[i].len > VIRTQ_MAX_FRAME)
		return 0;
	do {
		if (slots == g->cfg.size)
			return 0;
		if (last == g->n)
			return -1;
		room += g->p[last].bytes;
		slots += g->p[last++].slots;
	} while (mergeable && room < need);
	if (room < need)
		return 0;
	if (last > n)
		return -1;
	memset(bytes, 0, hdr);
	if (hdr == 12)
		bytes[10] = (uint8_t)(last - k);
	memcpy(bytes + hdr, flat[i].data, flat[i].len);
	for (uint32_t c = k; c < last; c++) {
		if (used[c].len != RTE_MIN(need - off, g->p[c].bytes))
			return -1;
		scatter(c, bytes + off, used[c].len);
		off += used[c].len;
	}
	return (int)(last - k);
}

const char *
model_check_tx(void)
{
	uint32_t n = 0, k = model.done;
	const char *what = check_used(&n);

	for (uint16_t i = 0; !what && i < worlds[0].got; i++) {
		int took = deliver(i, k, n);

		if (took < 0)
			return "a packet was taken that has no room, or its lengths are wrong";
		k += (uint32_t)took;
	}
	if (what)
		return what;
	model.done = n;
	if (k != n)
		return "more chains were used than the packets fill";
	return check_memory();
}
