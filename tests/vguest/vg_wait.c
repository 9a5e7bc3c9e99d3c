/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Sleeping until the backend interrupts, and noticing when it should have. */

#include <poll.h>
#include <sys/eventfd.h>

#include "vg_log.h"
#include "vg_pattern.h"
#include "vg_run.h"

/* A backend that has published is given that long to say so. */
#define GRACE_MS 200
/* Between the first ring that comes back and the last. */
#define SETTLE_US 50

static bool
awaited(const struct vg_run *run, const struct vg_queue *q)
{
	return q->rx ? run->o->mode != VG_TX : run->o->mode != VG_RX;
}

static void
want_calls(struct vg_run *run, bool want)
{
	for (uint32_t i = 0; i < run->p->nqueue; i++)
		if (awaited(run, &run->p->q[i]))
			(want ? vdriver_ask_interrupt
			      : vdriver_disable_interrupts)(&run->p->q[i].ring.vd);
}

static bool
any_used(const struct vg_run *run)
{
	for (uint32_t i = 0; i < run->p->nqueue; i++)
		if (awaited(run, &run->p->q[i]) && vdriver_has_used(&run->p->q[i].ring.vd))
			return true;
	return false;
}

static bool
take_call(struct vg_run *run, int fd)
{
	eventfd_t v;

	if (eventfd_read(fd, &v) != 0)
		return false;
	run->st.calls += v;
	return true;
}

/* Interrupts of queue i were on when it had nothing used: what it has now must
 * have brought one, whatever woke us. */
static int
check_call(struct vg_run *run, uint32_t i)
{
	const struct vg_queue *q = &run->p->q[i];
	struct pollfd p = {.fd = q->ring.call, .events = POLLIN};
	bool used = awaited(run, q) && vdriver_has_used(&q->ring.vd);

	if (take_call(run, q->ring.call) || !used)
		return 0;
	if (poll(&p, 1, GRACE_MS) > 0 && take_call(run, q->ring.call))
		return 0;
	return vg_err("%s: a wake-up was lost: buffers came back, and no interrupt within %d ms",
		      q->name, GRACE_MS);
}

/* What was just sent comes back in both rings: lets all of them be looked at. */
static void
let_settle(const struct vg_run *run)
{
	uint64_t until = __rdtsc() + (uint64_t)(SETTLE_US * run->hz / 1e6);
	uint32_t i = 0;

	while (i < run->p->nqueue && __rdtsc() < until) {
		if (!awaited(run, &run->p->q[i]) || vdriver_has_used(&run->p->q[i].ring.vd))
			i++;
	}
}

static int
sleep_until_called(struct vg_run *run, uint32_t ms)
{
	struct pollfd fds[2 * VG_MAX_PAIRS];
	uint32_t n = run->p->nqueue;
	int some;

	for (uint32_t i = 0; i < n; i++)
		fds[i] = (struct pollfd){.fd = run->p->q[i].ring.call, .events = POLLIN};
	run->st.waits++;
	some = poll(fds, n, (int)ms) > 0;
	if (some)
		let_settle(run);
	for (uint32_t i = 0; i < n; i++)
		if (check_call(run, i) != 0)
			return -1;
	return some;
}

/* Half of the packets are sent when interrupts are on already, so that the backend
 * meets a guest that sleeps; the others race with our turning them on. */
static int
send_late(struct vg_run *run)
{
	for (uint32_t i = 0; i < run->o->pairs; i++)
		if (vg_flow_send(run, &run->flow[i]) < 0)
			return -1;
	return 0;
}

int
vg_wait(struct vg_run *run, uint32_t ms)
{
	int some = 1;

	/* what came before is no answer to what we ask for now */
	for (uint32_t i = 0; i < run->p->nqueue; i++)
		(void)take_call(run, run->p->q[i].ring.call);
	want_calls(run, true);
	if (!any_used(run)) {
		if (run->late && send_late(run) != 0)
			return -1;
		some = sleep_until_called(run, ms);
	}
	want_calls(run, false);
	run->late = vg_mix(++run->naps) & 1;
	return some;
}
