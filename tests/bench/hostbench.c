/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * hostbench - the host's side of a measurement: one port of any driver, one
 * lcore, a loop with nothing in it but the burst call.
 *
 *   hostbench EAL-OPTIONS -- --mode=enq|deq|io --size=64|imix --burst=32 \
 *       --warm=MS --time=MS [--segment=BYTES] [--queues=N]
 *
 * enq sends copies of prepared packets to the port (the guest receives), deq
 * receives and frees, io sends back what it received.  rdtsc stands around each
 * burst call; calls that moved packets are counted apart from calls that did
 * not.  Prints one line of JSON.
 */

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define MAX_BURST 512u
#define MBUFS 16383u
#define MBUF_CACHE 512u

enum mode {
	MODE_ENQ,
	MODE_DEQ,
	MODE_IO
};

struct options {
	enum mode mode;
	uint32_t size;    /* bytes of a packet; 0: IMIX */
	uint32_t segment; /* bytes of an mbuf's data; 0: one segment */
	uint32_t burst;
	uint32_t queues;
	uint32_t warm_ms;
	uint32_t time_ms;
};

struct tally {
	uint64_t packets;
	uint64_t bytes;
	uint64_t busy_cycles; /* in calls that moved packets */
	uint64_t busy_calls;
	uint64_t idle_cycles; /* in calls that moved none */
	uint64_t idle_calls;
};

/* 7 x 64, 4 x 576, 1 x 1518 */
static const uint32_t imix[] = {64, 576, 64, 64, 576, 64, 1518, 64, 576, 64, 64, 576};

static struct rte_mempool *pool;

static uint32_t
size_of(const struct options *o, uint32_t i)
{
	return o->size ? o->size : imix[i % RTE_DIM(imix)];
}

/* A packet of len bytes in mbufs of at most `segment` bytes. */
static struct rte_mbuf *
packet_new(uint32_t len, uint32_t segment)
{
	struct rte_mbuf *head = NULL;

	while (len > 0) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint32_t part = len;

		if (!m)
			rte_exit(EXIT_FAILURE, "hostbench: out of mbufs\n");
		if (segment && part > segment)
			part = segment;
		if (part > rte_pktmbuf_tailroom(m))
			part = rte_pktmbuf_tailroom(m);
		memset(rte_pktmbuf_append(m, (uint16_t)part), 0x5a, part);
		len -= part;
		if (!head)
			head = m;
		else if (rte_pktmbuf_chain(head, m) != 0)
			rte_exit(EXIT_FAILURE, "hostbench: too many segments\n");
	}
	return head;
}

static void
count(struct tally *t, uint64_t cycles, uint16_t n)
{
	if (n > 0) {
		t->packets += n;
		t->busy_cycles += cycles;
		t->busy_calls++;
	} else {
		t->idle_cycles += cycles;
		t->idle_calls++;
	}
}

static uint32_t next_packet; /* for IMIX */

/*
 * A plain mbuf a packet, taken in bulk and set up with two stores: what any
 * generator has to do.  The data is not written.
 */
static void
enq_fill(const struct options *o, struct rte_mbuf **pkts, uint32_t n)
{
	if (o->segment || o->size > RTE_MBUF_DEFAULT_DATAROOM) {
		for (uint32_t i = 0; i < n; i++)
			pkts[i] = packet_new(size_of(o, next_packet++), o->segment);
		return;
	}
	while (rte_mempool_get_bulk(pool, (void **)pkts, n) != 0)
		;
	for (uint32_t i = 0; i < n; i++) {
		pkts[i]->pkt_len = size_of(o, next_packet++);
		pkts[i]->data_len = (uint16_t)pkts[i]->pkt_len;
	}
}

static void
enq_once(const struct options *o, uint16_t q, struct rte_mbuf **pkts, struct tally *t)
{
	static uint32_t have;
	uint64_t start;
	uint16_t n;

	/* what was not sent stays at the front */
	if (have < o->burst) {
		enq_fill(o, pkts + have, o->burst - have);
		have = o->burst;
	}
	start = rte_rdtsc();
	n = rte_eth_tx_burst(0, q, pkts, (uint16_t)have);
	count(t, rte_rdtsc() - start, n);
	for (uint32_t i = n; i < have; i++)
		pkts[i - n] = pkts[i];
	have -= n;
}

static void
deq_once(const struct options *o, uint16_t q, struct rte_mbuf **pkts, struct tally *t)
{
	uint64_t start = rte_rdtsc();
	uint16_t n = rte_eth_rx_burst(0, q, pkts, (uint16_t)o->burst);

	count(t, rte_rdtsc() - start, n);
	if (n == 0)
		return;
	for (uint16_t i = 0; i < n; i++)
		t->bytes += pkts[i]->pkt_len;
	if (o->size && o->size <= RTE_MBUF_DEFAULT_DATAROOM)
		rte_mempool_put_bulk(pool, (void **)pkts, n);
	else
		rte_pktmbuf_free_bulk(pkts, n);
}

static void
io_once(const struct options *o, uint16_t q, struct rte_mbuf **pkts, struct tally *t)
{
	uint64_t start = rte_rdtsc();
	uint16_t n = rte_eth_rx_burst(0, q, pkts, (uint16_t)o->burst), sent = 0;

	while (sent < n)
		sent += rte_eth_tx_burst(0, q, pkts + sent, n - sent);
	count(t, rte_rdtsc() - start, n);
}

static void
run(const struct options *o, uint64_t cycles, struct tally *t)
{
	static struct rte_mbuf *pkts[MAX_BURST];
	void (*once)(const struct options *, uint16_t, struct rte_mbuf **,
		     struct tally *) = o->mode == MODE_ENQ   ? enq_once
				       : o->mode == MODE_DEQ ? deq_once
							     : io_once;
	uint64_t end = rte_rdtsc() + cycles;
	uint16_t q = 0;

	memset(t, 0, sizeof(*t));
	while (rte_rdtsc() < end) {
		once(o, q, pkts, t);
		if (++q == o->queues)
			q = 0;
	}
}

static uint32_t
number(const char *name, const char *text, uint32_t max)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end != '\0' || end == text || v > max)
		rte_exit(EXIT_FAILURE, "hostbench: --%s=%s: expected a number up to %u\n", name,
			 text, max);
	return (uint32_t)v;
}

static enum mode
mode_of(const char *text)
{
	if (strcmp(text, "enq") == 0)
		return MODE_ENQ;
	if (strcmp(text, "deq") == 0)
		return MODE_DEQ;
	if (strcmp(text, "io") == 0)
		return MODE_IO;
	rte_exit(EXIT_FAILURE, "hostbench: --mode=%s: expected enq, deq or io\n", text);
}

static struct options
parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{"mode", required_argument, NULL, 'm'},    {"size", required_argument, NULL, 's'},
		{"segment", required_argument, NULL, 'g'}, {"burst", required_argument, NULL, 'b'},
		{"queues", required_argument, NULL, 'q'},  {"warm", required_argument, NULL, 'w'},
		{"time", required_argument, NULL, 't'},    {NULL, 0, NULL, 0},
	};
	struct options o = {MODE_DEQ, 64, 0, 32, 1, 100, 400};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'm')
			o.mode = mode_of(optarg);
		else if (c == 's')
			o.size = strcmp(optarg, "imix") == 0 ? 0 : number("size", optarg, 65000);
		else if (c == 'g')
			o.segment = number("segment", optarg, 65000);
		else if (c == 'b')
			o.burst = number("burst", optarg, MAX_BURST);
		else if (c == 'q')
			o.queues = number("queues", optarg, 128);
		else if (c == 'w')
			o.warm_ms = number("warm", optarg, 60000);
		else if (c == 't')
			o.time_ms = number("time", optarg, 60000);
		else
			exit(EXIT_FAILURE);
	}
	return o;
}

static void
port_start(const struct options *o)
{
	const struct rte_eth_conf conf = {0};
	uint16_t q = (uint16_t)o->queues;
	int ret = rte_eth_dev_configure(0, q, q, &conf);

	for (uint16_t i = 0; ret == 0 && i < q; i++) {
		ret = rte_eth_rx_queue_setup(0, i, 1024, 0, NULL, pool);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(0, i, 1024, 0, NULL);
	}
	if (ret == 0)
		ret = rte_eth_dev_start(0);
	if (ret != 0)
		rte_exit(EXIT_FAILURE, "hostbench: the port does not start: %s\n", strerror(-ret));
}

/* Waits until the other side is there: 20 s at most. */
static void
wait_for_link(void)
{
	struct rte_eth_link link = {0};

	for (int i = 0; i < 2000; i++) {
		if (rte_eth_link_get_nowait(0, &link) == 0 && link.link_status == RTE_ETH_LINK_UP)
			return;
		usleep(10000);
	}
	rte_exit(EXIT_FAILURE, "hostbench: nobody came\n");
}

int
main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv);
	uint64_t hz;
	struct options o;
	struct tally t;

	if (used < 0)
		rte_exit(EXIT_FAILURE, "hostbench: EAL did not start, see above\n");
	o = parse(argc - used, argv + used);
	hz = rte_get_tsc_hz();
	pool = rte_pktmbuf_pool_create("bench", MBUFS, MBUF_CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (!pool)
		rte_exit(EXIT_FAILURE, "hostbench: no memory for %u mbufs\n", MBUFS);
	port_start(&o);
	wait_for_link();
	run(&o, hz / 1000 * o.warm_ms, &t);
	run(&o, hz / 1000 * o.time_ms, &t);
	printf("{\"packets\": %" PRIu64 ", \"cycles_per_packet\": %.2f, \"mpps\": %.3f, "
	       "\"packets_per_call\": %.1f, \"idle_share\": %.3f, \"cycles_per_idle_call\": %.1f}\n",
	       t.packets, t.packets ? (double)t.busy_cycles / (double)t.packets : 0.0,
	       (double)t.packets / o.time_ms / 1000.0,
	       t.busy_calls ? (double)t.packets / (double)t.busy_calls : 0.0,
	       (double)t.idle_cycles / (double)(t.idle_cycles + t.busy_cycles + 1),
	       t.idle_calls ? (double)t.idle_cycles / (double)t.idle_calls : 0.0);
	fflush(stdout);
	rte_eth_dev_stop(0);
	rte_eth_dev_close(0);
	return EXIT_SUCCESS;
}
