/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The loops that are measured. */

#include "cpu.h"
#include "hostbench.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <rte_ethdev.h>

/* A burst takes less, whatever is in it; one that took longer was interrupted. */
#define INTERRUPTED_US 20u

/* The longest run that has the processor for itself (SCHED_FIFO); a longer one would be
 * throttled by the kernel (sched_rt_runtime_us). */
#define ALONE_MS 500u

/* Empty calls that are timed together. */
#define POLLS 32u

/* Packets of a queue that were not sent yet, in order. */
struct pending {
	struct rte_mbuf *pkts[HB_MAX_BURST];
	uint32_t n;
};

struct loop {
	const struct hb_options *o;
	struct hb_tally t;
	uint32_t next;  /* for IMIX */
	bool raw;       /* every packet is one mbuf, set up and freed in bulk */
	uint64_t limit; /* cycles; a call that took longer was interrupted */
};

typedef void (*once_fn)(struct loop *l, uint16_t port, uint16_t q);

static struct pending pending[HB_MAX_QUEUES];

/* 7 x 64, 4 x 570, 1 x 1518: as vguest mixes them */
#define IMIX_MAX 1518u
static const uint16_t imix[] = {64, 570, 64, 64, 570, 64, 1518, 64, 570, 64, 64, 570};

static inline uint32_t
next_size(struct loop *l)
{
	if (l->o->size)
		return l->o->size;
	l->next = l->next + 1 == RTE_DIM(imix) ? 0 : l->next + 1;
	return imix[l->next];
}

/* A packet of len bytes in mbufs of at most `segment` bytes. */
static struct rte_mbuf *
packet_new(struct rte_mempool *pool, uint32_t len, uint32_t segment)
{
	struct rte_mbuf *head = NULL;

	while (len > 0) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint32_t part = len;

		if (!m)
			rte_exit(EXIT_FAILURE, "hostbench: out of mbufs\n");
		part = segment ? RTE_MIN(part, segment) : part;
		part = RTE_MIN(part, rte_pktmbuf_tailroom(m));
		rte_pktmbuf_append(m, (uint16_t)part);
		len -= part;
		if (!head)
			head = m;
		else if (rte_pktmbuf_chain(head, m) != 0)
			rte_exit(EXIT_FAILURE, "hostbench: too many segments\n");
	}
	return head;
}

/* Allocates n packets with as few stores as any generator needs; does not write their
 * data. */
static void
fill(struct loop *l, struct rte_mbuf **pkts, uint32_t n)
{
	if (!l->raw) {
		for (uint32_t i = 0; i < n; i++)
			pkts[i] = packet_new(l->o->pool, next_size(l), l->o->segment);
		return;
	}
	if (rte_mempool_get_bulk(l->o->pool, (void **)pkts, n) != 0)
		rte_exit(EXIT_FAILURE, "hostbench: out of mbufs\n");
	for (uint32_t i = 0; i < n; i++) {
		pkts[i]->data_off = RTE_PKTMBUF_HEADROOM;
		pkts[i]->ol_flags = 0;
		pkts[i]->pkt_len = next_size(l);
		pkts[i]->data_len = (uint16_t)pkts[i]->pkt_len;
	}
}

static inline void
count(struct loop *l, uint64_t cycles, uint16_t n)
{
	struct hb_tally *t = &l->t;

	t->packets += n;
	if (unlikely(cycles > l->limit)) {
		t->disturbed++;
	} else if (n > 0) {
		t->busy_packets += n;
		t->busy_cycles += cycles;
		t->busy_calls++;
	} else {
		t->idle_cycles += cycles;
		t->idle_calls++;
	}
}

static inline void
count_polls(struct loop *l, uint64_t cycles, uint32_t calls)
{
	if (cycles > l->limit) {
		l->t.disturbed++;
		return;
	}
	l->t.idle_cycles += cycles;
	l->t.idle_calls += calls;
}

static inline uint64_t
bytes_of(const struct hb_options *o, struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t bytes = 0;

	if (o->size)
		return (uint64_t)n * o->size;
	for (uint16_t i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	return bytes;
}

/* Removes the first n packets of p. */
static inline void
shift(struct pending *p, uint32_t n)
{
	p->n -= n;
	if (n > 0 && p->n > 0)
		memmove(p->pkts, p->pkts + n, p->n * sizeof(p->pkts[0]));
}

static void
enq_once(struct loop *l, uint16_t port, uint16_t q)
{
	struct pending *p = &pending[q];
	uint64_t start, bytes;
	uint16_t n;

	if (p->n < l->o->burst) {
		fill(l, p->pkts + p->n, l->o->burst - p->n);
		p->n = l->o->burst;
	}
	/* IMIX: counted before the call, which frees the packets */
	bytes = bytes_of(l->o, p->pkts, (uint16_t)p->n);
	start = cpu_begin();
	n = rte_eth_tx_burst(port, q, p->pkts, (uint16_t)p->n);
	count(l, cpu_end() - start, n);
	l->t.bytes += n == p->n ? bytes : bytes - bytes_of(l->o, p->pkts + n, (uint16_t)(p->n - n));
	shift(p, n);
}

static void
deq_once(struct loop *l, uint16_t port, uint16_t q)
{
	struct rte_mbuf **pkts = pending[q].pkts;
	uint64_t start = cpu_begin();
	uint16_t n = rte_eth_rx_burst(port, q, pkts, (uint16_t)l->o->burst);

	count(l, cpu_end() - start, n);
	if (n == 0)
		return;
	l->t.bytes += bytes_of(l->o, pkts, n);
	if (l->raw)
		rte_mempool_put_bulk(l->o->pool, (void **)pkts, n);
	else
		rte_pktmbuf_free_bulk(pkts, n);
}

static void
io_once(struct loop *l, uint16_t port, uint16_t q)
{
	struct pending *p = &pending[q];
	uint64_t start = cpu_begin(), bytes;
	uint16_t n;

	if (p->n == 0)
		p->n = rte_eth_rx_burst(port, q, p->pkts, (uint16_t)l->o->burst);
	if (p->n == 0) {
		count(l, cpu_end() - start, 0);
		return;
	}
	bytes = bytes_of(l->o, p->pkts, (uint16_t)p->n);
	n = rte_eth_tx_burst(port, q, p->pkts, (uint16_t)p->n);
	count(l, cpu_end() - start, n);
	l->t.bytes += n == p->n ? bytes : bytes - bytes_of(l->o, p->pkts + n, (uint16_t)(p->n - n));
	shift(p, n);
}

/*
 * Times groups of polls: rdtsc takes as long as one empty poll and overlaps with it, which
 * would hide what the poll costs.
 */
static void
poll_once(struct loop *l, uint16_t port, uint16_t q)
{
	struct rte_mbuf **pkts = pending[q].pkts;
	uint64_t start = cpu_begin();

	for (uint32_t i = 0; i < POLLS; i++) {
		uint16_t n = rte_eth_rx_burst(port, q, pkts, (uint16_t)l->o->burst);

		rte_pktmbuf_free_bulk(pkts, n);
		l->t.packets += n;
	}
	count_polls(l, cpu_end() - start, POLLS);
}

static void
ports_once(struct loop *l, uint16_t port, uint16_t q)
{
	struct rte_mbuf **pkts = pending[q].pkts;
	uint16_t ports = rte_eth_dev_count_avail();
	uint64_t start = cpu_begin();

	for (port = 0; port < ports; port++)
		rte_pktmbuf_free_bulk(pkts, rte_eth_rx_burst(port, q, pkts, (uint16_t)l->o->burst));
	count_polls(l, cpu_end() - start, ports);
}

static once_fn
once_of(enum hb_mode mode)
{
	static const once_fn table[] = {enq_once, deq_once, io_once, poll_once, ports_once};

	return table[mode];
}

static void
go_round(struct loop *l, uint64_t cycles)
{
	once_fn once = once_of(l->o->mode);
	uint64_t begin = rte_rdtsc(), now = begin;

	for (uint16_t q = 0; now - begin < cycles; now = rte_rdtsc()) {
		once(l, 0, q);
		if (++q == l->o->queues)
			q = 0;
	}
	l->t.cycles = now - begin;
}

static int
wait_for_packet(struct loop *l)
{
	uint64_t hz = rte_get_tsc_hz();

	for (uint32_t i = 0; i < HB_PATIENCE_S * 1000; i++) {
		go_round(l, hz / 1000);
		if (l->t.packets > 0 || l->o->mode >= HB_POLL)
			return 0;
	}
	return -1;
}

/* Nanoseconds that this thread waited on a run queue (schedstat). */
static uint64_t
waited_ns(void)
{
	uint64_t ns = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "r");

	if (f && fscanf(f, "%*u %" SCNu64, &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	return ns;
}

static uint64_t
stolen(void)
{
	uint64_t ticks = 0;
	FILE *f = fopen("/proc/stat", "r");

	if (f && fscanf(f, "cpu %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &ticks) != 1)
		ticks = 0;
	if (f)
		fclose(f);
	return ticks;
}

static long
switches(void)
{
	struct rusage u;

	return getrusage(RUSAGE_THREAD, &u) == 0 ? u.ru_nivcsw : 0;
}

static void
measure(struct loop *l)
{
	uint64_t ns = waited_ns(), ticks = stolen();
	long sw = switches();

	memset(&l->t, 0, sizeof(l->t));
	go_round(l, rte_get_tsc_hz() / 1000 * l->o->time_ms);
	l->t.waited_ns = waited_ns() - ns;
	l->t.stolen = stolen() - ticks;
	l->t.switches = switches() - sw;
}

/* Runs this thread before all others of ordinary priority, or ends that.  Without the
 * right to do so, waited_ns shows what others took. */
static void
set_realtime(bool on)
{
	const struct sched_param p = {.sched_priority = on ? sched_get_priority_min(SCHED_FIFO)
							   : 0};

	(void)sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &p);
}

int
hb_run(const struct hb_options *o, struct hb_tally *t)
{
	struct loop l = {.o = o};
	bool brief = o->warm_ms + o->time_ms <= ALONE_MS;
	int ret;

	/* Any copy is faster than a byte a cycle. */
	l.limit = rte_get_tsc_hz() / 1000000 * INTERRUPTED_US +
		  o->burst * (o->size ? o->size : IMIX_MAX);
	/* Received mbufs can be freed in bulk only if every packet is one. */
	l.raw = o->segment == 0 && o->size <= RTE_MBUF_DEFAULT_DATAROOM;
	ret = wait_for_packet(&l);
	if (ret == 0) {
		set_realtime(brief);
		go_round(&l, rte_get_tsc_hz() / 1000 * o->warm_ms);
		measure(&l);
		set_realtime(false);
	}
	*t = l.t;
	if (o->mode == HB_ENQ || o->mode == HB_IO)
		for (uint32_t q = 0; q < o->queues; q++) {
			rte_pktmbuf_free_bulk(pending[q].pkts, pending[q].n);
			pending[q].n = 0;
		}
	return ret;
}
