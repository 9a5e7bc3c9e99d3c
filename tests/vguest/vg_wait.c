/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Sleeping until the backend interrupts, and noticing when it should have. */

#include <poll.h>
#include <sys/eventfd.h>

#include "vg_log.h"
#include "vg_run.h"

/* A backend that has published is given that long to say so. */
#define GRACE_MS 200

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
			vg_ring_want_call(&run->p->q[i].ring, want);
}

static const struct vg_queue *
find_used(const struct vg_run *run)
{
	for (uint32_t i = 0; i < run->p->nqueue; i++)
		if (awaited(run, &run->p->q[i]) && vg_ring_has_used(&run->p->q[i].ring))
			return &run->p->q[i];
	return NULL;
}

static int
collect(struct vg_run *run, const struct pollfd *fds, uint32_t n)
{
	eventfd_t v;
	int some = 0;

	for (uint32_t i = 0; i < n; i++)
		if ((fds[i].revents & POLLIN) && eventfd_read(fds[i].fd, &v) == 0) {
			run->st.calls += v;
			some = 1;
		}
	return some;
}

int
vg_wait(struct vg_run *run, uint32_t ms)
{
	struct pollfd fds[2 * VG_MAX_PAIRS];
	const struct vg_queue *q;
	uint32_t n = 0;
	int some = 1;

	want_calls(run, true);
	for (uint32_t i = 0; i < run->p->nqueue; i++)
		fds[n++] = (struct pollfd){.fd = run->p->q[i].ring.call, .events = POLLIN};
	if (!find_used(run)) {
		run->st.waits++;
		some = poll(fds, n, (int)ms) > 0 ? collect(run, fds, n) : 0;
		q = some ? NULL : find_used(run);
		if (q && poll(fds, n, GRACE_MS) <= 0)
			return vg_err("%s: a wake-up was lost: buffers came back, and no interrupt "
				      "within %d ms",
				      q->name, GRACE_MS);
	}
	want_calls(run, false);
	return some;
}
