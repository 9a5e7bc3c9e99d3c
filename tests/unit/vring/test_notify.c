/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* When the guest is told (virtio 1.1, 2.6.7, 2.7.10 and 2.7.14), what is published, and
 * whose the ring is. */

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

/* What the guest of a packed ring asks for. */
#define ENABLE VRING_PACKED_EVENT_ENABLE
#define DISABLE VRING_PACKED_EVENT_DISABLE
#define DESC VRING_PACKED_EVENT_DESC

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

static void
test_flags_split(void)
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
		CU_ASSERT_EQUAL(fix_pass(&f, 3), want[i].told);
		CU_ASSERT_EQUAL(fix_calls(&f), want[i].told);
	}
	fix_down(&f);
}

/* Every value of the flags: reserved bits keep nobody from being told, and DESC
 * counts only where it was agreed on. */
static void
test_flags_packed(void)
{
	unsigned int wrong = 0;
	struct fix f;

	for (int event = 0; event < 2; event++) {
		fix_up_size(&f, 16, FIX_FEATURES(true) | (event ? F_EVENT_IDX : 0));
		for (uint32_t flags = 0; flags < 0x10000; flags++) {
			uint16_t far = fix_ahead(&f, vring_position(&f.vr), 9);
			bool want = flags != DISABLE && !(flags == DESC && event);

			gp_set_event(&f.gr, far, (uint16_t)flags);
			wrong += fix_pass(&f, 1 + flags % 3) != want;
			wrong += fix_calls(&f) != want;
		}
		fix_down(&f);
	}
	CU_ASSERT_EQUAL(wrong, 0);
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
		wrong += fix_pass(&f, n) != want;
		wrong += fix_calls(&f) != want;
		told += want;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(told > 1000 && told < 19000);
	fix_down(&f);
}

/* The definition: the guest wants to hear when the descriptor at this slot, in the
 * round with this counter, is used. */
static bool
brute_slots(const struct fix *f, uint16_t event, uint16_t old, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++)
		if (fix_ahead(f, old, k) == event)
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

		fix_up_size(&f, size, FIX_FEATURES(true) | F_EVENT_IDX);
		for (uint32_t c = 0; c < 2 * size * size * 2 * size; c++) {
			uint16_t n = (uint16_t)(1 + c / (2 * size) % size);
			uint32_t ev = c % (2 * size);
			uint16_t old = vring_position(&f.vr);
			uint16_t event = (uint16_t)(ev % size | (ev < size ? 0 : WRAP));
			bool want = brute_slots(&f, event, old, n);

			gp_set_event(&f.gr, event, DESC);
			wrong += fix_pass(&f, n) != want || fix_calls(&f) != want;
			told += want;
			/* on to another place: not always by a multiple of what there is */
			gp_set_event(&f.gr, 0, DISABLE);
			if (c % (2 * size * size) == 0)
				fix_pass(&f, 1);
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
		uint16_t event, n = (uint16_t)(1 + rnd_below(&r, 64));
		bool want;

		l.start = (uint16_t)((size - 1 - back) | (i & 4 ? WRAP : 0));
		if (i < 3)
			l.start = i & 1 ? 0 : WRAP;
		fix_up(&f, &l, FIX_FEATURES(true) | F_EVENT_IDX);
		event = fix_ahead(&f, l.start, rnd_below(&r, 70));
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
		want = brute_slots(&f, event, l.start, n);
		gp_set_event(&f.gr, event, DESC);
		wrong += fix_pass(&f, n) != want || fix_calls(&f) != want;
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

	fix_up_size(&f, 100, FIX_FEATURES(true) | F_EVENT_IDX);
	for (uint32_t event = 0; event < 0x10000; event++) {
		gp_set_event(&f.gr, (uint16_t)event, DESC);
		CU_ASSERT_EQUAL(fix_pass(&f, 1 + event % 7), fix_calls(&f));
	}
	CU_ASSERT_EQUAL(f.vr.fault, VRING_OK);
	fix_down(&f);
}

/* A chain of many slots that goes past the event has it in its middle; one of a split
 * ring is one entry. */
static void
test_long_chain(bool packed)
{
	struct vdriver_seg bufs[10];
	struct fix f;

	for (int i = 0; i < 10; i++)
		bufs[i] = (struct vdriver_seg){RAM_C_ADDR, 8, false};
	for (uint16_t event = 0; event < 16; event++) {
		struct gr_layout l = {.size = 16, .start = packed ? WRAP | 4 : 4};

		fix_up(&f, &l, FIX_FEATURES(packed) | F_EVENT_IDX);
		if (packed)
			gp_set_event(&f.gr, WRAP | event, DESC);
		else
			gr_set_used_event(&f.gr, event);
		CU_ASSERT(gr_add(&f.gr, bufs, 10, 0, NULL) >= 0);
		gr_publish(&f.gr);
		fix_expect_ok(&f, VRING_DEQ, 1);
		CU_ASSERT_EQUAL(fix_return(&f, 1), event >= 4 && event < (packed ? 14 : 5));
		CU_ASSERT_EQUAL(fix_reap(&f), 1);
		fix_down(&f);
	}
}
BOTH(test_long_chain)

/* The window reaches from one look to the next, and not further back. */
static void
test_event_window(bool packed)
{
	struct fix f;

	fix_up(&f, &(struct gr_layout){.size = 16, .start = packed ? WRAP : 0},
	       FIX_FEATURES(packed) | F_EVENT_IDX);
	if (packed)
		gp_set_event(&f.gr, WRAP | 4, DESC);
	else
		gr_set_used_event(&f.gr, 4);
	CU_ASSERT_FALSE(fix_pass(&f, 4));
	CU_ASSERT_TRUE(fix_pass(&f, 1));
	/* told once: entry 4 is old now */
	CU_ASSERT_FALSE(fix_pass(&f, 1));
	CU_ASSERT_FALSE(fix_pass(&f, 10));
	CU_ASSERT_EQUAL(fix_calls(&f), 1);
	fix_down(&f);
}
BOTH(test_event_window)

static void
test_no_call_fd(bool packed)
{
	struct vring_config cfg;
	struct fix f;

	fix_up_size(&f, 16, FIX_FEATURES(packed));
	cfg = fix_config(&f, FIX_FEATURES(packed));
	cfg.call_fd = -1;
	CU_ASSERT_EQUAL(vring_init(&f.vr, &cfg, f.err, sizeof(f.err)), 0);
	fix_pass(&f, 2);
	vring_call_guest(&f.vr);
	CU_ASSERT_EQUAL(fix_calls(&f), 0);
	fix_down(&f);
}
BOTH(test_no_call_fd)

static void
test_kick(bool packed)
{
	struct fix f;

	/* asked or not */
	fix_up_size(&f, 16, FIX_FEATURES(packed));
	vdriver_disable_interrupts(&f.gr.vd);
	vring_call_guest(&f.vr);
	vring_call_guest(&f.vr);
	CU_ASSERT_EQUAL(fix_calls(&f), 2);
	fix_down(&f);
}
BOTH(test_kick)

static void
test_run_word(bool packed)
{
	struct fix f;

	fix_up_size(&f, 16, FIX_FEATURES(packed));
	CU_ASSERT_TRUE(vring_is_ours(&f.vr));
	f.run = 0;
	CU_ASSERT_FALSE(vring_is_ours(&f.vr));
	f.run = GENERATION + 1;
	CU_ASSERT_FALSE(vring_is_ours(&f.vr));
	f.run = GENERATION;
	CU_ASSERT_TRUE(vring_is_ours(&f.vr));
	fix_down(&f);
}
BOTH(test_run_word)

/* The layout of struct virtq_ipc_ring_pos. */
static uint64_t
position(uint16_t at)
{
	struct {
		uint16_t avail, used, flags, reserved;
	} pos = {at, at, 1, 0};
	uint64_t v;

	memcpy(&v, &pos, sizeof(v));
	return v;
}

/* Through the index's wrap, or the ring's end. */
static void
test_position(bool packed)
{
	struct gr_layout l = {.size = 16, .start = packed ? 14 : 0xfffe};
	struct vring_config cfg;
	uint16_t behind;
	struct fix f;

	fix_up(&f, &l, FIX_FEATURES(packed));
	behind = fix_ahead(&f, l.start, 4);
	CU_ASSERT_EQUAL(behind, packed ? WRAP | 2 : 2);
	f.pos = 0xaaaaaaaaaaaaaaaaull;
	fix_pass(&f, 1);
	CU_ASSERT_EQUAL(f.pos, position(fix_ahead(&f, l.start, 1)));
	fix_pass(&f, 3);
	CU_ASSERT_EQUAL(f.pos, position(behind));
	/* nobody wants to know */
	cfg = fix_config(&f, FIX_FEATURES(packed));
	cfg.state.pos = NULL;
	cfg.avail = behind;
	cfg.used = behind;
	CU_ASSERT_EQUAL(vring_init(&f.vr, &cfg, f.err, sizeof(f.err)), 0);
	fix_pass(&f, 1);
	CU_ASSERT_EQUAL(f.pos, position(behind));
	fix_down(&f);
}
BOTH(test_position)

/* A new owner goes on where the killed one was: told by the used index alone, or by the
 * position that a packed ring needs. */
static void
test_takeover(bool packed)
{
	struct gr_layout l = {.size = 16, .start = packed ? 5 : 0xfff0};
	struct vring_config cfg;
	uint64_t keep;
	struct fix f;

	fix_up(&f, &l, FIX_FEATURES(packed));
	keep = fix_ram.used[RAM_C];
	for (int i = 0; i < 200; i++) {
		fix_pass(&f, (uint16_t)(1 + i % 16));
		fix_good(&f, VRING_DEQ);
		CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 1);
		/* killed here: the chain was seen but not given back */
		cfg = fix_config(&f, FIX_FEATURES(packed));
		cfg.avail = packed ? (uint16_t)f.pos : gr_used_idx(&f.gr);
		cfg.used = cfg.avail;
		CU_ASSERT_EQUAL(vring_init(&f.vr, &cfg, f.err, sizeof(f.err)), 0);
		CU_ASSERT_EQUAL(fix_snapshot(&f, VRING_DEQ), 1);
		fix_expect_seg(&f, 0, f.good, 64);
		fix_return(&f, 1);
		CU_ASSERT_EQUAL(fix_reap(&f), 1);
		fix_ram.used[RAM_C] = keep;
	}
	fix_down(&f);
}
BOTH(test_takeover)

#define SLEEPER_ROUNDS 100000u

struct sleeper {
	struct fix f;
	bool raw; /* writes the words itself, in either way of a packed ring */
	bool lost;
	uint32_t stop;
};

static void
ask_nothing(struct sleeper *s)
{
	if (!s->raw)
		vdriver_disable_interrupts(&s->f.gr.vd);
	else if (s->f.vr.packed)
		gp_set_event(&s->f.gr, 0, DISABLE);
}

/* Asks to be told of the next chain. */
static void
ask(struct sleeper *s, uint32_t i)
{
	struct guest_ring *gr = &s->f.gr;

	if (!s->raw) {
		(void)vdriver_enable_interrupts(&gr->vd);
		return;
	}
	if (gr->vd.packed)
		gp_set_event(gr, gr->vd.next_used, i & 1 ? DESC : ENABLE);
	else
		gr_set_used_event(gr, gr->vd.next_used);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* A driver that sleeps: it posts one chain, asks to be told, looks once more, and
 * only then waits.  Told too rarely, it waits for ever. */
static void *
sleeper_run(void *arg)
{
	struct sleeper *s = arg;
	struct vdriver_seg b = {RAM_C_ADDR, 8, false};
	struct pollfd p = {.fd = s->f.call, .events = POLLIN};

	for (uint32_t i = 0; i < SLEEPER_ROUNDS && !s->lost; i++) {
		unsigned int tries = 0;
		uint16_t head;
		uint32_t len;

		ask_nothing(s);
		/* asked for behind the chain, so that it races with the device's look */
		gr_add(&s->f.gr, &b, 1, 0, NULL);
		gr_publish(&s->f.gr);
		/* a little later each time, to meet the device's look somewhere */
		for (volatile uint32_t k = 0; k < i % 128; k++)
			;
		ask(s, i);
		while (!s->lost && !gr_reap(&s->f.gr, &head, &len, NULL)) {
			s->lost = poll(&p, 1, 10000) != 1 || tries++ > 10000;
			fix_calls(&s->f);
		}
	}
	__atomic_store_n(&s->stop, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void
never_lost(bool packed, bool raw)
{
	static struct sleeper s;
	uint32_t done = 0;
	pthread_t t;

	memset(&s, 0, sizeof(s));
	s.raw = raw;
	fix_up_size(&s.f, packed ? 5 : 16, FIX_FEATURES(packed) | F_EVENT_IDX);
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
	CU_ASSERT_EQUAL(vring_position(&s.f.vr), s.f.gr.vd.next_used);
	if (!packed)
		CU_ASSERT_EQUAL(s.f.vr.last_used, (uint16_t)SLEEPER_ROUNDS);
	fix_down(&s.f);
}

static void
test_never_lost(bool packed)
{
	never_lost(packed, true);
	never_lost(packed, false);
}
BOTH(test_never_lost)

CU_TestInfo notify_tests[] = {
	{"need_event against its definition", test_need_event},
	{"split: suppression by event index", test_event_idx},
	{"packed: every event against its definition", test_every_event},
	{"packed: events at the edges of large rings", test_edges},
	{"packed: events at slots that do not exist", test_no_such_slot},
	BOTH_TESTS("suppression by flags", test_flags),
	BOTH_TESTS("an event within a chain", test_long_chain),
	BOTH_TESTS("window of the event index", test_event_window),
	BOTH_TESTS("no call eventfd", test_no_call_fd),
	BOTH_TESTS("kick regardless", test_kick),
	BOTH_TESTS("run word", test_run_word),
	BOTH_TESTS("position is published", test_position),
	BOTH_TESTS("takeover from the position", test_takeover),
	BOTH_TESTS("no wake-up is lost", test_never_lost),
	CU_TEST_INFO_NULL,
};
