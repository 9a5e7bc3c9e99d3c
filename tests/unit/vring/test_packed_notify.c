/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* When the guest of a packed ring is told (virtio 1.1, 2.7.10 and 2.7.14). */

#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "fixture.h"

#define FEAT (F_VERSION_1 | F_PACKED)

enum {
	ENABLE,
	DISABLE,
	DESC
};

/* n chains through the ring; whether the guest was told. */
static bool
pass(struct fix *f, uint32_t n)
{
	struct vdriver_seg b = {RAM_C_ADDR, 8, false};
	unsigned int wrong = 0;
	bool told;
	uint16_t id;
	uint32_t len;

	for (uint32_t i = 0; i < n; i++)
		wrong += gr_add(&f->gr, &b, 1, 0, NULL) < 0;
	wrong += fix_snapshot(f, VRING_DEQ) != n;
	told = fix_return(f, (uint16_t)n);
	for (uint32_t i = 0; i < n; i++)
		wrong += !gr_reap(&f->gr, &id, &len, NULL);
	CU_ASSERT_EQUAL_FATAL(wrong, 0);
	return told;
}

/* Every value of the flags: reserved bits keep nobody from being told, and DESC
 * counts only where it was agreed on. */
static void
test_flags(void)
{
	unsigned int wrong = 0;
	struct fix f;

	for (int event = 0; event < 2; event++) {
		fix_up_size(&f, 16, FEAT | (event ? F_EVENT_IDX : 0));
		for (uint32_t flags = 0; flags < 0x10000; flags++) {
			uint16_t far = vdriver_ahead(&f.gr.vd, vring_position(&f.vr), 9);
			bool want = flags != DISABLE && !(flags == DESC && event);

			gp_set_event(&f.gr, far, (uint16_t)flags);
			wrong += pass(&f, 1 + flags % 3) != want;
			wrong += fix_calls(&f) != want;
		}
		fix_down(&f);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

/* The definition: the guest wants to hear when the descriptor at this slot, in the
 * round with this counter, is used. */
static bool
brute(const struct fix *f, uint16_t event, uint16_t old, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++)
		if (vdriver_ahead(&f->gr.vd, old, k) == event)
			return true;
	return false;
}

/* From every place, with every number of chains and every off_wrap that is one. */
static void
test_every_event(void)
{
	static const uint32_t sizes[] = {2, 3, 7, 8};
	unsigned int wrong = 0, told = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t size = sizes[i];
		struct fix f;

		fix_up_size(&f, size, FEAT | F_EVENT_IDX);
		for (uint32_t c = 0; c < 2 * size * size * 2 * size; c++) {
			uint32_t n = 1 + c / (2 * size) % size, ev = c % (2 * size);
			uint16_t old = vring_position(&f.vr);
			uint16_t event = (uint16_t)(ev % size | (ev < size ? 0 : WRAP));
			bool want = brute(&f, event, old, n);

			gp_set_event(&f.gr, event, DESC);
			wrong += pass(&f, n) != want || fix_calls(&f) != want;
			told += want;
			/* on to another place: not always by a multiple of what there is */
			gp_set_event(&f.gr, 0, DISABLE);
			if (c % (2 * size * size) == 0)
				pass(&f, 1);
		}
		fix_down(&f);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(told > 100);
}

/* The same with large rings at their edges. */
static void
test_edges(void)
{
	static const uint32_t sizes[] = {100, 32767, 32768};
	unsigned int wrong = 0, told = 0;
	struct rnd r = {20260101};

	for (size_t i = 0; i < 6000; i++) {
		uint32_t size = sizes[i % 3], back = rnd_below(&r, 66);
		struct gr_layout l = {.size = size};
		static struct fix f;
		uint16_t event;
		uint32_t n = 1 + rnd_below(&r, 64);
		bool want;

		l.start = (uint16_t)((size - 1 - back) | (i & 4 ? WRAP : 0));
		if (i < 3)
			l.start = i & 1 ? 0 : WRAP;
		fix_up(&f, &l, FEAT | F_EVENT_IDX);
		event = vdriver_ahead(&f.gr.vd, l.start, rnd_below(&r, 70));
		switch (rnd_below(&r, 6)) {
		case 0:
			event = (uint16_t)(size - 1);
			break;
		case 1:
			event ^= WRAP;
			break;
		case 2:
			event = rnd_below(&r, 2) ? 0 : WRAP;
			break;
		}
		want = brute(&f, event, l.start, n);
		gp_set_event(&f.gr, event, DESC);
		wrong += pass(&f, n) != want || fix_calls(&f) != want;
		told += want;
		fix_down(&f);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(told > 500);
}

/* A slot that the ring does not have: any answer, and nothing else happens. */
static void
test_no_such_slot(void)
{
	struct fix f;

	fix_up_size(&f, 100, FEAT | F_EVENT_IDX);
	for (uint32_t event = 0; event < 0x10000; event++) {
		gp_set_event(&f.gr, (uint16_t)event, DESC);
		CU_ASSERT_EQUAL(pass(&f, 1 + event % 7), fix_calls(&f));
	}
	CU_ASSERT_EQUAL(f.vr.fault, VRING_OK);
	fix_down(&f);
}

/* A chain of many slots that goes past the event has it in its middle. */
static void
test_long_chain(void)
{
	struct vdriver_seg bufs[10];
	struct fix f;
	uint16_t id;
	uint32_t len;

	for (int i = 0; i < 10; i++)
		bufs[i] = (struct vdriver_seg){RAM_C_ADDR, 8, false};
	for (uint16_t event = 0; event < 16; event++) {
		fix_up(&f, &(struct gr_layout){.size = 16, .start = WRAP | 4}, FEAT | F_EVENT_IDX);
		gp_set_event(&f.gr, WRAP | event, DESC);
		CU_ASSERT(gr_add(&f.gr, bufs, 10, 0, NULL) >= 0);
		fix_expect_ok(&f, VRING_DEQ, 1);
		CU_ASSERT_EQUAL(fix_return(&f, 1), event >= 4 && event < 14);
		CU_ASSERT(gr_reap(&f.gr, &id, &len, NULL));
		fix_down(&f);
	}
}

static void
test_no_call_fd(void)
{
	struct vring_config cfg;
	struct fix f;

	fix_up_size(&f, 16, FEAT);
	cfg = fix_config(&f, FEAT);
	cfg.call_fd = -1;
	CU_ASSERT_EQUAL(vring_init(&f.vr, &cfg, f.err, sizeof(f.err)), 0);
	pass(&f, 2);
	CU_ASSERT_EQUAL(fix_calls(&f), 0);
	fix_down(&f);
}

#define SLEEPER_ROUNDS 100000u

struct sleeper {
	struct fix f;
	bool lost;
	uint32_t stop;
};

/* As in test_notify.c: a driver that asks behind its chain, looks once more, and
 * then waits.  Told too rarely, it waits for ever. */
static void *
sleeper_run(void *arg)
{
	struct sleeper *s = arg;
	struct vdriver_seg b = {RAM_C_ADDR, 8, false};
	struct pollfd p = {.fd = s->f.call, .events = POLLIN};

	for (uint32_t i = 0; i < SLEEPER_ROUNDS && !s->lost; i++) {
		unsigned int tries = 0;
		uint16_t id;
		uint32_t len;

		gp_set_event(&s->f.gr, 0, DISABLE);
		gr_add(&s->f.gr, &b, 1, 0, NULL);
		for (volatile uint32_t k = 0; k < i % 128; k++)
			;
		gp_set_event(&s->f.gr, s->f.gr.vd.next_used, i & 1 ? DESC : ENABLE);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		while (!s->lost && !gr_reap(&s->f.gr, &id, &len, NULL)) {
			s->lost = poll(&p, 1, 10000) != 1 || tries++ > 10000;
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
	uint32_t done = 0;
	pthread_t t;

	memset(&s, 0, sizeof(s));
	fix_up_size(&s.f, 5, FEAT | F_EVENT_IDX);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&t, NULL, sleeper_run, &s), 0);
	while (!__atomic_load_n(&s.stop, __ATOMIC_ACQUIRE)) {
		uint16_t n = fix_snapshot(&s.f, VRING_DEQ);

		if (n > 0)
			fix_return(&s.f, n);
		done += n;
	}
	pthread_join(t, NULL);
	CU_ASSERT_FALSE(s.lost);
	CU_ASSERT_EQUAL(done, SLEEPER_ROUNDS);
	fix_down(&s.f);
}

CU_TestInfo packed_notify_tests[] = {
	{"every value of the flags", test_flags},
	{"every event against its definition", test_every_event},
	{"events at the edges of large rings", test_edges},
	{"events at slots that do not exist", test_no_such_slot},
	{"an event within a chain", test_long_chain},
	{"no call eventfd", test_no_call_fd},
	{"no wake-up is lost", test_never_lost},
	CU_TEST_INFO_NULL,
};
