/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * A thread for each queue of the application, one for the guest, and the control thread,
 * which changes how many pairs and queues are used, while frames go both ways.  The guest
 * sends by all its pairs all the time: what stands in a ring out of use has to wait, not
 * to vanish.
 */

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "both.h"
#include "fixture.h"
#include "virtq_device.h"

#define WINDOW 65536u /* frames of a queue: many times those under way */
#define MORE 40u      /* frames by which each has to get on after a change */
#define PATIENCE 60   /* seconds */

struct app {
	struct traffic *t;
	pthread_t thread;
	uint32_t queue;
	uint32_t paused;
	uint32_t made, left; /* frames made, and of those not sent yet */
	struct rte_mbuf *frame[32];
};

struct traffic {
	struct fixture f;
	struct app app[QUEUES];
	pthread_t guest;
	uint32_t pause, stop, quiet; /* quiet: nothing new is sent */
	uint32_t num_rxq, num_txq;
	uint32_t received[PAIRS]; /* by the application: the next seq of the pair */
	uint32_t sent[PAIRS];     /* by the guest */
	uint32_t app_sent[QUEUES];
	uint32_t guest_got[QUEUES];
	uint32_t next[PAIRS][QUEUES]; /* least seq that the guest may see next */
	uint32_t waiting;             /* for that tx queue, plus 1; 0: for none */
	uint32_t mark[QUEUES];        /* `made` when the wait began */
	uint32_t wrong;
	uint32_t logged;           /* the guest looks into `dirty` */
	uint32_t log_from[QUEUES]; /* first seq that was made while it is */
	struct dirty dirty;
	uint32_t seen[QUEUES][WINDOW]; /* by seq modulo WINDOW: the last one, plus 1 */
};

static struct traffic t;

static uint32_t
get(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void
set(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static void
wrong(void)
{
	__atomic_fetch_add(&t.wrong, 1, __ATOMIC_RELAXED);
}

static void
app_receive(struct app *a)
{
	struct rte_mbuf *m[32];
	uint16_t n = t.f.rx(&t.f.rxq[a->queue], m, 32);

	for (uint16_t k = 0; k < n; k++) {
		struct stamp s = app_stamp(m[k]);

		/* each pair in order and without a gap */
		if (s.from >= PAIRS || s.from % t.num_rxq != a->queue ||
		    s.seq != t.received[s.from])
			wrong();
		else
			set(&t.received[s.from], s.seq + 1);
	}
	rte_pktmbuf_free_bulk(m, n);
}

/* A ring has no turns: a queue whose thread runs when buffers come may take them all.  One
 * that is far ahead leaves some to the queue that is waited for. */
static bool
is_far_ahead(const struct app *a)
{
	uint32_t waiting = get(&t.waiting);

	return waiting != 0 && waiting != a->queue + 1 && a->made - get(&t.mark[a->queue]) > WINDOW;
}

static void
app_send(struct app *a)
{
	uint16_t n;

	if (is_far_ahead(a))
		return;
	while (a->left < 32 && !get(&t.quiet)) {
		struct rte_mbuf *m = app_frame(&t.f, a->queue, a->made);

		if (!m)
			break;
		set(&a->made, a->made + 1);
		a->frame[a->left++] = m;
	}
	n = t.f.tx(&t.f.txq[a->queue], a->frame, (uint16_t)a->left);
	a->left -= n;
	memmove(a->frame, a->frame + n, a->left * sizeof(a->frame[0]));
	set(&t.app_sent[a->queue], a->made - a->left);
}

static void *
app_run(void *arg)
{
	struct app *a = arg;

	while (!get(&t.stop)) {
		if (get(&t.pause)) {
			set(&a->paused, 1);
			sched_yield();
			continue;
		}
		set(&a->paused, 0);
		if (a->queue < t.num_rxq)
			app_receive(a);
		if (a->queue < t.num_txq)
			app_send(a);
		/* there are more threads than processors: each gets at the ring it shares */
		sched_yield();
	}
	return NULL;
}

/* Each frame once; those of one queue by one pair in order. */
static void
guest_check(uint32_t pair, struct stamp s)
{
	uint32_t *seen;

	if (s.from >= QUEUES || s.seq < t.next[pair][s.from]) {
		wrong();
		return;
	}
	seen = &t.seen[s.from][s.seq % WINDOW];
	if (*seen == s.seq + 1)
		wrong();
	*seen = s.seq + 1;
	/* the buffer is marked before its used entry is published */
	if (get(&t.logged) && s.seq >= t.log_from[s.from] && !dirty_is_marked(&t.dirty, t.f.got_at))
		wrong();
	t.next[pair][s.from] = s.seq + 1;
	set(&t.guest_got[s.from], t.guest_got[s.from] + 1);
}

static void *
guest_run(void *arg)
{
	struct stamp s;

	(void)arg;
	while (!get(&t.stop)) {
		for (uint32_t p = 0; p < PAIRS; p++) {
			guest_reap(&t.f, p);
			for (uint32_t i = 0; i < RING && !get(&t.quiet); i++) {
				if (!guest_send(&t.f, p, (struct stamp){p, t.sent[p]}))
					break;
				set(&t.sent[p], t.sent[p] + 1);
			}
			for (uint32_t i = 0; i < RING && guest_recv(&t.f, p, &s); i++)
				guest_check(p, s);
		}
		sched_yield();
	}
	return NULL;
}

static bool
in_time(const struct timespec *from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sched_yield();
	return now.tv_sec - from->tv_sec < PATIENCE;
}

/* Waits until `what` has grown by `more`; false: it has not in time. */
static bool
grows(const uint32_t *what, uint32_t more)
{
	uint32_t before = get(what);
	struct timespec from;

	clock_gettime(CLOCK_MONOTONIC, &from);
	while (get(what) - before < more)
		if (!in_time(&from))
			return false;
	return true;
}

static bool
reaches(const uint32_t *what, const uint32_t *goal)
{
	struct timespec from;

	clock_gettime(CLOCK_MONOTONIC, &from);
	while (get(what) != get(goal))
		if (!in_time(&from))
			return false;
	return true;
}

/* The port is stopped, configured and started. */
static void
configure(uint32_t num_rxq, uint32_t num_txq)
{
	set(&t.pause, 1);
	for (uint32_t i = 0; i < QUEUES; i++)
		while (!get(&t.app[i].paused))
			sched_yield();
	t.num_rxq = num_rxq;
	t.num_txq = num_txq;
	virtq_device_configure(&t.f.port, num_rxq, num_txq);
	set(&t.pause, 0);
}

/* The threads go on, so no other test can be run. */
static void
stuck(const char *what, uint32_t i, uint32_t pairs)
{
	fprintf(stderr, "%s %u did not get on: %u rx queues, %u tx queues, %u pairs\n", what, i,
		t.num_rxq, t.num_txq, pairs);
	for (uint32_t q = 0; q < QUEUES; q++)
		fprintf(stderr,
			"tx queue %u: made %u, left %u, sent %u, guest got %u, %s%s, active %u\n",
			q, t.app[q].made, t.app[q].left, get(&t.app_sent[q]), get(&t.guest_got[q]),
			t.f.txq[q].view ? "view" : "-", t.f.txq[q].many ? ", many" : "",
			t.f.txq[q].active);
	for (uint32_t p = 0; p < PAIRS; p++)
		fprintf(stderr, "pair %u: sent %u, received %u, senders %u, free buffers %u\n", p,
			get(&t.sent[p]), get(&t.received[p]), t.f.vq[2 * p].senders,
			t.f.ring[2 * p].vd.nfree);
	abort();
}

/* Every pair in use gets its frames to the application, and every queue to the guest. */
static void
all_get_on(uint32_t pairs)
{
	for (uint32_t p = 0; p < pairs; p++)
		if (!grows(&t.received[p], MORE))
			stuck("pair", p, pairs);
	for (uint32_t q = 0; q < t.num_txq; q++) {
		for (uint32_t i = 0; i < QUEUES; i++)
			set(&t.mark[i], get(&t.app[i].made));
		set(&t.waiting, q + 1);
		if (!grows(&t.guest_got[q], MORE))
			stuck("tx queue", q, pairs);
		set(&t.waiting, 0);
	}
}

static void
begin(bool packed)
{
	memset(&t, 0, sizeof(t));
	fixture_start(&t.f, packed, 1);
	t.pause = 1;
	for (uint32_t i = 0; i < QUEUES; i++) {
		t.app[i].t = &t;
		t.app[i].queue = i;
		pthread_create(&t.app[i].thread, NULL, app_run, &t.app[i]);
	}
	pthread_create(&t.guest, NULL, guest_run, NULL);
}

/* What is under way arrives, then everything ends. */
static void
end(void)
{
	configure(QUEUES, QUEUES);
	fixture_pairs(&t.f, PAIRS);
	set(&t.quiet, 1);
	for (uint32_t p = 0; p < PAIRS; p++)
		CU_ASSERT_TRUE(reaches(&t.received[p], &t.sent[p]));
	for (uint32_t q = 0; q < QUEUES; q++) {
		CU_ASSERT_TRUE(reaches(&t.app_sent[q], &t.app[q].made));
		CU_ASSERT_TRUE(reaches(&t.guest_got[q], &t.app_sent[q]));
	}
	set(&t.stop, 1);
	for (uint32_t i = 0; i < QUEUES; i++)
		pthread_join(t.app[i].thread, NULL);
	pthread_join(t.guest, NULL);
	CU_ASSERT_EQUAL(t.wrong, 0);
	fixture_stop(&t.f);
}

static void
every_combination(bool packed)
{
	begin(packed);
	for (uint32_t num_rxq = 1; num_rxq <= QUEUES; num_rxq++)
		for (uint32_t num_txq = 1; num_txq <= QUEUES; num_txq++) {
			configure(num_rxq, num_txq);
			for (uint32_t pairs = 1; pairs <= PAIRS; pairs++) {
				fixture_pairs(&t.f, pairs);
				all_get_on(pairs);
			}
		}
	end();
}
BOTH(every_combination)

/* As fast as it goes; a queue that the change does not concern is not to notice. */
static void
fast_changes(bool packed)
{
	begin(packed);
	configure(3, QUEUES);
	for (uint32_t i = 0; i < 3000; i++)
		fixture_pairs(&t.f, 1 + i * 7 % PAIRS);
	fixture_pairs(&t.f, 2);
	all_get_on(2);
	end();
}
BOTH(fast_changes)

/* From now on, whatever the guest receives that was made later has to be marked. */
static void
log_on(void)
{
	dirty_make(&t.dirty);
	virtq_device_set_log(&t.f.port, t.dirty.log);
	for (uint32_t q = 0; q < QUEUES; q++)
		t.log_from[q] = get(&t.app[q].made);
	set(&t.logged, 1);
}

/* Once it is off, nothing is marked any more.  The guest's thread may just be looking: the
 * log is freed only when it has gone on. */
static void
log_off(uint32_t pairs)
{
	static uint8_t end[(RAM_D_ADDR + RAM_SIZE) / GUEST_LOG_PAGE / 8];

	set(&t.logged, 0);
	virtq_device_set_log(&t.f.port, NULL);
	memcpy(end, t.dirty.bits, sizeof(end));
	all_get_on(pairs);
	if (memcmp(end, t.dirty.bits, sizeof(end)) != 0)
		wrong();
	for (uint32_t i = 0; i < 2 * pairs; i++)
		if (!dirty_has_ring(&t.dirty, &t.f.vq[i]))
			wrong();
	dirty_free(&t.dirty);
}

/* No frame is lost and none comes twice, with a log, without one, or in between. */
static void
log_under_load(bool packed)
{
	begin(packed);
	for (uint32_t i = 0; i < 12; i++) {
		uint32_t pairs = 1 + i % PAIRS;

		configure(1 + i % 3, QUEUES - i % 2);
		fixture_pairs(&t.f, pairs);
		log_on();
		all_get_on(pairs);
		log_off(pairs);
	}
	configure(QUEUES, QUEUES);
	for (uint32_t i = 0; i < 300; i++) {
		struct dirty next;

		/* one log after the other, without a break */
		dirty_make(&next);
		virtq_device_set_log(&t.f.port, next.log);
		if (i % 3 == 0)
			virtq_device_set_log(&t.f.port, NULL);
		dirty_free(&next);
	}
	virtq_device_set_log(&t.f.port, NULL);
	end();
}
BOTH(log_under_load)

CU_TestInfo traffic_tests[] = {
	BOTH_TESTS("every combination under load", every_combination),
	BOTH_TESTS("as fast as it goes", fast_changes),
	BOTH_TESTS("dirty log on and off", log_under_load),
	CU_TEST_INFO_NULL,
};
