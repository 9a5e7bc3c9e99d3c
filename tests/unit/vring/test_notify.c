/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* When the guest is told, what is published, and whose the ring is. */

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

/* The definition: the guest wants to hear of the entry with index `event`, and
 * the entries old, old + 1, ... new - 1 were just written. */
static bool
brute(uint16_t event, uint16_t new_idx, uint16_t old)
{
	while (old != new_idx)
		if (old++ == event)
			return true;
	return false;
}

static void
test_need_event(void)
{
	static const uint16_t olds[] = {0, 1, 0x7ffe, 0x8000, 0xfff0, 0xffff};
	unsigned int wrong = 0;

	for (size_t o = 0; o < 6; o++) {
		for (uint32_t n = 0; n < 20; n++) {
			uint16_t new_idx = (uint16_t)(olds[o] + n);

			for (uint32_t e = 0; e < 0x10000; e++)
				wrong += vring_need_event((uint16_t)e, new_idx, olds[o]) !=
					 brute((uint16_t)e, new_idx, olds[o]);
		}
		/* as many as the largest ring holds, and as many as there can be */
		for (int far = 0; far < 2; far++) {
			uint16_t new_idx = (uint16_t)(olds[o] + (far ? 0xffff : 0x8000));

			for (uint32_t e = 0; e < 0x10000; e += 1021)
				wrong += vring_need_event((uint16_t)e, new_idx, olds[o]) !=
					 brute((uint16_t)e, new_idx, olds[o]);
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

/* n chains through the ring; whether publish said that it told the guest. */
static bool
pass(struct fix *f, uint16_t n)
{
	struct vdriver_seg b = {RAM_C_ADDR, 8, false};
	uint16_t head;
	uint32_t len;
	unsigned int wrong = 0;
	bool told;

	for (uint16_t i = 0; i < n; i++)
		wrong += gr_add(&f->gr, &b, 1, 0, NULL) < 0;
	gr_publish(&f->gr);
	wrong += fix_snapshot(f, VRING_DEQ) != n;
	for (uint16_t i = 0; i < n; i++)
		vring_split_put_used(&f->vr, i, f->b.chain[i].head, 0);
	told = vring_split_publish(&f->vr, n);
	for (uint16_t i = 0; i < n; i++)
		wrong += !gr_reap(&f->gr, &head, &len, NULL);
	CU_ASSERT_EQUAL_FATAL(wrong, 0);
	return told;
}

static void
test_flags(void)
{
	static const struct {
		uint16_t flags;
		bool told;
	} want[] = {{0, true}, {1, false}, {0xfffe, true}, {0xffff, false}, {2, true}, {0, true}};
	struct fix f;

	/* used_event's place has a value that would say no */
	fix_up_size(&f, 16, F_VERSION_1);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		gr_set_no_interrupt(&f.gr, want[i].flags);
		CU_ASSERT_EQUAL(pass(&f, 3), want[i].told);
		CU_ASSERT_EQUAL(fix_calls(&f), want[i].told);
	}
	fix_down(&f);
}

/* Against the definition, with bursts of any size and events anywhere. */
static void
test_event_idx(void)
{
	struct rnd r = {0x9e3779b97f4a7c15ull};
	struct gr_layout l = {.size = 256, .start = 0xff00};
	unsigned int told = 0, wrong = 0;
	struct fix f;

	fix_up(&f, &l, F_VERSION_1 | F_EVENT_IDX);
	/* the flags mean nothing once event indices were agreed */
	gr_set_no_interrupt(&f.gr, 1);
	for (unsigned int i = 0; i < 20000; i++) {
		uint16_t old = f.vr.last_used, n = (uint16_t)(1 + rnd_below(&r, 40));
		uint16_t event = (uint16_t)(old + rnd_below(&r, 80) - 20);
		bool want;

		if (i % 16 == 0)
			event = (uint16_t)rnd(&r);
		want = brute(event, (uint16_t)(old + n), old);
		gr_set_used_event(&f.gr, event);
		wrong += pass(&f, n) != want;
		wrong += fix_calls(&f) != want;
		told += want;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(told > 1000 && told < 19000);
	fix_down(&f);
}

/* The window reaches from one look to the next, and not further back. */
static void
test_event_window(void)
{
	struct fix f;

	fix_up_size(&f, 16, F_VERSION_1 | F_EVENT_IDX);
	gr_set_used_event(&f.gr, 4);
	CU_ASSERT_FALSE(pass(&f, 4));
	CU_ASSERT_TRUE(pass(&f, 1));
	/* told once: entry 4 is old now */
	CU_ASSERT_FALSE(pass(&f, 1));
	CU_ASSERT_FALSE(pass(&f, 10));
	CU_ASSERT_EQUAL(fix_calls(&f), 1);
	fix_down(&f);
}

static void
test_no_call_fd(void)
{
	struct vring_config cfg;
	struct fix f;

	fix_up_size(&f, 16, F_VERSION_1);
	cfg = fix_config(&f, F_VERSION_1);
	cfg.call_fd = -1;
	CU_ASSERT_EQUAL(vring_init(&f.vr, &cfg, f.err, sizeof(f.err)), 0);
	pass(&f, 2);
	vring_kick_guest(&f.vr);
	CU_ASSERT_EQUAL(fix_calls(&f), 0);
	fix_down(&f);
}

static void
test_kick(void)
{
	struct fix f;

	/* asked or not */
	fix_up_size(&f, 16, F_VERSION_1);
	gr_set_no_interrupt(&f.gr, 1);
	vring_kick_guest(&f.vr);
	vring_kick_guest(&f.vr);
	CU_ASSERT_EQUAL(fix_calls(&f), 2);
	fix_down(&f);
}

static void
test_run_word(void)
{
	struct fix f;

	fix_up_size(&f, 16, F_VERSION_1);
	CU_ASSERT_TRUE(vring_is_ours(&f.vr));
	f.run = 0;
	CU_ASSERT_FALSE(vring_is_ours(&f.vr));
	f.run = GENERATION + 1;
	CU_ASSERT_FALSE(vring_is_ours(&f.vr));
	f.run = GENERATION;
	CU_ASSERT_TRUE(vring_is_ours(&f.vr));
	fix_down(&f);
}

static uint64_t
position(uint16_t avail, uint16_t used)
{
	struct {
		uint16_t avail, used, flags, reserved;
	} pos = {avail, used, 1, 0};
	uint64_t v;

	memcpy(&v, &pos, sizeof(v));
	return v;
}

/* The layout of struct virtq_ipc_ring_pos, through the index's wrap. */
static void
test_position(void)
{
	struct gr_layout l = {.size = 16, .start = 0xfffe};
	struct vring_config cfg;
	struct fix f;

	fix_up(&f, &l, F_VERSION_1);
	f.pos = 0xaaaaaaaaaaaaaaaaull;
	pass(&f, 1);
	CU_ASSERT_EQUAL(f.pos, position(0xffff, 0xffff));
	pass(&f, 3);
	CU_ASSERT_EQUAL(f.pos, position(2, 2));
	/* nobody wants to know */
	cfg = fix_config(&f, F_VERSION_1);
	cfg.pos = NULL;
	cfg.avail = 2;
	cfg.used = 2;
	CU_ASSERT_EQUAL(vring_init(&f.vr, &cfg, f.err, sizeof(f.err)), 0);
	pass(&f, 1);
	CU_ASSERT_EQUAL(f.pos, position(2, 2));
	fix_down(&f);
}

/* A new owner goes on where the killed one was, told by the used index alone. */
static void
test_takeover(void)
{
	struct gr_layout l = {.size = 16, .start = 0xfff0};
	struct vring_config cfg;
	uint64_t keep;
	struct fix f;

	fix_up(&f, &l, F_VERSION_1);
	keep = fix_ram.used[RAM_C];
	for (int i = 0; i < 200; i++) {
		pass(&f, (uint16_t)(1 + i % 16));
		fix_good(&f, VRING_DEQ);
		CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 1);
		/* killed here: the chain was seen but not given back */
		cfg = fix_config(&f, F_VERSION_1);
		cfg.avail = gr_used_idx(&f.gr);
		cfg.used = cfg.avail;
		CU_ASSERT_EQUAL(vring_init(&f.vr, &cfg, f.err, sizeof(f.err)), 0);
		CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 1);
		fix_expect_seg(&f, 0, f.good, 64);
		vring_split_put_used(&f.vr, 0, f.b.chain[0].head, 0);
		vring_split_publish(&f.vr, 1);
		CU_ASSERT(gr_reap(&f.gr, &(uint16_t){0}, &(uint32_t){0}, NULL));
		fix_ram.used[RAM_C] = keep;
	}
	fix_down(&f);
}

#define SLEEPER_ROUNDS 100000u

struct sleeper {
	struct fix f;
	bool lost;
	uint32_t stop;
};

/* A driver that sleeps: it posts one chain, asks to be told, looks once more, and
 * only then waits.  Told too rarely, it waits for ever. */
static void *
sleeper_run(void *arg)
{
	struct sleeper *s = arg;
	struct vdriver_seg b = {RAM_C_ADDR, 8, false};
	struct pollfd p = {.fd = s->f.call, .events = POLLIN};

	for (uint32_t i = 0; i < SLEEPER_ROUNDS && !s->lost; i++) {
		uint16_t head;
		uint32_t len;

		/* asked for behind the chain, so that it races with the device's look */
		gr_add(&s->f.gr, &b, 1, 0, NULL);
		gr_publish(&s->f.gr);
		/* a little later each time, to meet the device's look somewhere */
		for (volatile uint32_t k = 0; k < i % 128; k++)
			;
		gr_set_used_event(&s->f.gr, s->f.gr.vd.next_used);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		while (!s->lost && !gr_reap(&s->f.gr, &head, &len, NULL)) {
			s->lost = poll(&p, 1, 10000) != 1;
			fix_calls(&s->f);
		}
	}
	__atomic_store_n(&s->stop, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void
test_never_lost(void)
{
	static struct sleeper s;
	pthread_t t;

	memset(&s, 0, sizeof(s));
	fix_up_size(&s.f, 16, F_VERSION_1 | F_EVENT_IDX);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&t, NULL, sleeper_run, &s), 0);
	while (!__atomic_load_n(&s.stop, __ATOMIC_ACQUIRE)) {
		uint16_t n = fix_snapshot(&s.f, VRING_DEQ);

		for (uint16_t i = 0; i < n; i++)
			vring_split_put_used(&s.f.vr, i, s.f.b.chain[i].head, 0);
		if (n > 0)
			vring_split_publish(&s.f.vr, n);
	}
	pthread_join(t, NULL);
	CU_ASSERT_FALSE(s.lost);
	CU_ASSERT_EQUAL(s.f.vr.last_used, (uint16_t)SLEEPER_ROUNDS);
	fix_down(&s.f);
}

CU_TestInfo notify_tests[] = {
	{"need_event against its definition", test_need_event},
	{"suppression by flags", test_flags},
	{"suppression by event index", test_event_idx},
	{"window of the event index", test_event_window},
	{"no call eventfd", test_no_call_fd},
	{"kick regardless", test_kick},
	{"run word", test_run_word},
	{"position is published", test_position},
	{"takeover from the used index", test_takeover},
	{"no wake-up is lost", test_never_lost},
	CU_TEST_INFO_NULL,
};
