/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* When the driver notifies the device, and what it says about being interrupted
 * (virtio 1.1, 2.6.7, 2.6.10, 2.7.10). */

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dev.h"

#define ENABLE VRING_PACKED_EVENT_ENABLE
#define DISABLE VRING_PACKED_EVENT_DISABLE
#define DESC VRING_PACKED_EVENT_DESC

static const struct vdriver_seg one = {0x1000, 10, false};

/* n chains through the ring; what publishing them said. */
static bool
pass(struct dev *d, uint32_t n)
{
	struct vdriver_done done;
	unsigned int wrong = 0;
	struct dev_chain c;
	bool notify;

	for (uint32_t i = 0; i < n; i++)
		wrong += vdriver_add(&d->vd, &one, 1, NULL) < 0;
	notify = vdriver_publish(&d->vd);
	for (uint32_t i = 0; i < n; i++) {
		wrong += !dev_take(d, &c);
		dev_use(d, c.id, 0, 1);
		wrong += vdriver_get(&d->vd, &done) != 1;
	}
	CU_ASSERT_EQUAL_FATAL(wrong, 0);
	return notify;
}

/* The definition: the position is among the n that were made available from there on. */
static bool
brute(const struct dev *d, uint16_t event, uint16_t from, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++)
		if (dev_ahead(d, from, k) == event)
			return true;
	return false;
}

static void
test_flags(bool packed)
{
	struct dev d;

	for (int event = 0; event < 2; event++) {
		dev_up(&d, (event ? F_EVENT_IDX : 0) | (packed ? F_PACKED : 0), 8,
		       DEV_START(packed));
		for (uint32_t flags = 0; flags < 0x10000; flags += 1 + 250 * (flags > 64)) {
			uint16_t far = dev_ahead(&d, d.vd.next_avail, 7);
			/* without EVENT_IDX one bit says it all; with it, none (2.6.10) */
			bool want = !(flags & 1);

			if (packed)
				want = (flags & 3) != DISABLE && !((flags & 3) == DESC && event);
			if (packed)
				*d.vd.device_event = (struct vring_packed_event){far,
										 (uint16_t)flags};
			else
				d.vd.used->flags = (uint16_t)flags;
			if (!packed && event) {
				*vdriver_avail_event(&d.vd) = far;
				want = false;
			}
			CU_ASSERT_EQUAL(pass(&d, 1 + flags % 3), want);
		}
		/* nothing new is nothing to tell */
		d.vd.used->flags = 0;
		CU_ASSERT_FALSE(vdriver_publish(&d.vd));
		dev_down(&d);
	}
}
BOTH(test_flags)

/* From every place, with every number of chains and every event near it. */
static void
test_events(bool packed)
{
	static const uint32_t sizes[] = {2, 8, 3, 7};
	unsigned int wrong = 0, yes = 0;

	for (size_t i = 0; i < (packed ? 4 : 2); i++) {
		uint32_t size = sizes[i];
		struct dev d;

		dev_up(&d, F_EVENT_IDX | (packed ? F_PACKED : 0), size, DEV_START(packed));
		for (uint32_t c = 0; c < 4 * size * size * 2 * size; c++) {
			uint16_t from = d.vd.next_avail, event;
			uint32_t n = 1 + c / (2 * size) % size, e = c % (2 * size);
			bool want;

			event = packed ? (uint16_t)(e % size | (e < size ? 0 : WRAP))
				       : (uint16_t)(from + e - size);
			want = brute(&d, event, from, n);
			if (packed)
				*d.vd.device_event = (struct vring_packed_event){event, DESC};
			else
				*vdriver_avail_event(&d.vd) = event;
			wrong += pass(&d, n) != want;
			yes += want;
			if (c % (2 * size * size) == 0)
				pass(&d, 1);
		}
		dev_down(&d);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(yes > 100);
}
BOTH(test_events)

/* What stands in memory, at every place of the ring. */
static void
test_interrupts(bool packed)
{
	for (uint64_t event = 0; event < 2; event++) {
		struct dev d;

		dev_up(&d, (event ? F_EVENT_IDX : 0) | (packed ? F_PACKED : 0), 4,
		       DEV_START(packed));
		for (uint32_t i = 0; i < 20; i++) {
			uint16_t at = d.used;

			CU_ASSERT_TRUE(vdriver_enable_interrupts(&d.vd));
			if (packed) {
				CU_ASSERT_EQUAL(d.vd.driver_event->flags, event ? DESC : ENABLE);
				CU_ASSERT_EQUAL(d.vd.driver_event->off_wrap, event ? at : 0);
			} else {
				CU_ASSERT_EQUAL(d.vd.avail->flags, 0);
				CU_ASSERT(!event || *vdriver_used_event(&d.vd) == at);
			}
			vdriver_disable_interrupts(&d.vd);
			if (packed) {
				CU_ASSERT_EQUAL(d.vd.driver_event->flags, DISABLE);
			} else {
				CU_ASSERT_EQUAL(d.vd.avail->flags, !event);
				CU_ASSERT(!event ||
					  *vdriver_used_event(&d.vd) == (uint16_t)(at - 1));
			}
			pass(&d, 1);
			CU_ASSERT_EQUAL(d.used, dev_ahead(&d, at, 1));
		}
		dev_down(&d);
	}
}
BOTH(test_interrupts)

/* A chain that came back just before: no sleep. */
static void
test_recheck(bool packed)
{
	struct vdriver_done done;
	struct dev_chain c;
	struct dev d;

	dev_up(&d, packed ? F_PACKED : 0, 4, DEV_START(packed));
	for (int i = 0; i < 12; i++) {
		CU_ASSERT(vdriver_add(&d.vd, &one, 1, NULL) >= 0);
		vdriver_publish(&d.vd);
		CU_ASSERT_TRUE(vdriver_enable_interrupts(&d.vd));
		CU_ASSERT_TRUE(dev_take(&d, &c));
		dev_use(&d, c.id, 0, 1);
		CU_ASSERT_FALSE(vdriver_enable_interrupts(&d.vd));
		CU_ASSERT_EQUAL(vdriver_get(&d.vd, &done), 1);
	}
	dev_down(&d);
}
BOTH(test_recheck)

#define ROUNDS 200000u

/* A device that sleeps: it has nothing left, asks to be notified of the next chain,
 * looks once more, and only then waits. */
struct sleeper {
	struct dev d;
	int kick;
	bool lost;
};

static void
ask(struct dev *d, uint32_t i)
{
	if (d->vd.packed) {
		d->vd.device_event->off_wrap = d->avail;
		__atomic_store_n(&d->vd.device_event->flags, i & 1 ? DESC : ENABLE,
				 __ATOMIC_RELEASE);
	} else {
		__atomic_store_n(vdriver_avail_event(&d->vd), d->avail, __ATOMIC_RELAXED);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void *
sleeper_run(void *arg)
{
	struct sleeper *s = arg;
	struct pollfd p = {.fd = s->kick, .events = POLLIN};
	eventfd_t v;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct dev_chain c;

		if (s->d.vd.packed)
			__atomic_store_n(&s->d.vd.device_event->flags, DISABLE, __ATOMIC_RELAXED);
		for (volatile uint32_t k = 0; k < i % 128; k++)
			;
		ask(&s->d, i);
		while (!dev_take(&s->d, &c)) {
			if (poll(&p, 1, 10000) != 1) {
				__atomic_store_n(&s->lost, true, __ATOMIC_RELEASE);
				return NULL;
			}
			(void)eventfd_read(s->kick, &v);
		}
		dev_use(&s->d, c.id, 0, 1);
	}
	return NULL;
}

static void
test_never_lost(bool packed)
{
	static struct sleeper s;
	struct vdriver_done done;
	pthread_t t;
	uint32_t n = 0;

	memset(&s, 0, sizeof(s));
	dev_up(&s.d, F_EVENT_IDX | (packed ? F_PACKED : 0), packed ? 5 : 4, DEV_START(packed));
	s.kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&t, NULL, sleeper_run, &s), 0);
	for (; n < ROUNDS && !__atomic_load_n(&s.lost, __ATOMIC_ACQUIRE); n++) {
		if (vdriver_add(&s.d.vd, &one, 1, NULL) < 0)
			break;
		if (vdriver_publish(&s.d.vd))
			(void)eventfd_write(s.kick, 1);
		while (vdriver_get(&s.d.vd, &done) == 0)
			if (__atomic_load_n(&s.lost, __ATOMIC_ACQUIRE))
				break;
	}
	pthread_join(t, NULL);
	CU_ASSERT_FALSE(s.lost);
	CU_ASSERT_EQUAL(n, ROUNDS);
	close(s.kick);
	dev_down(&s.d);
}
BOTH(test_never_lost)

CU_TestInfo notify_tests[] = {
	BOTH_TESTS("notification by flags", test_flags),
	BOTH_TESTS("notification by event", test_events),
	BOTH_TESTS("interrupts on and off", test_interrupts),
	BOTH_TESTS("interrupts on, looked at once more", test_recheck),
	BOTH_TESTS("no notification is lost", test_never_lost),
	CU_TEST_INFO_NULL,
};
