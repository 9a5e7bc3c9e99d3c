/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Starting, stopping, dying and coming back. */

#include <time.h>

#include "vg_log.h"
#include "vg_run.h"
#include "vg_sock.h"

static int
post_all(struct vg_run *run)
{
	for (uint32_t i = 0; i < run->o->pairs; i++)
		if (vg_flow_post(run, &run->flow[i]) != 0)
			return -1;
	return 0;
}

/* Takes all that the backend has returned.  What it had in hand is lost with it;
 * what is still in a transmit ring has to arrive. */
static int
drain(struct vg_run *run)
{
	for (uint32_t i = 0; i < run->o->pairs; i++) {
		struct vg_flow *f = &run->flow[i];

		if (vg_flow_reap(run, f) < 0)
			return -1;
		f->taken = f->tx_seq - f->txq->ring.vd.nbusy;
	}
	for (uint32_t i = 0; i < run->o->pairs; i++) {
		struct vg_flow *f = &run->flow[i];

		if (vg_flow_receive(run, f, UINT32_MAX) < 0)
			return -1;
		f->floor = f->taken;
		f->ahead = 0;
	}
	return 0;
}

static int
check_positions(const struct vg_run *run)
{
	for (uint32_t i = 0; i < run->p->nqueue; i++) {
		const struct vg_queue *q = &run->p->q[i];
		uint16_t truth = vdriver_position(&q->ring.vd);

		if (q->pos != truth)
			return vg_err("%s: the backend says it stopped at 0x%x, and its last used "
				      "entry is at 0x%x",
				      q->name, q->pos, truth);
	}
	return 0;
}

int
vg_life_end(struct vg_run *run)
{
	if (run->p->be->stop(run->p) != 0 || drain(run) != 0)
		return -1;
	return check_positions(run);
}

int
vg_life_restart(struct vg_run *run)
{
	run->st.restarts++;
	return vg_life_end(run) != 0 ? -1 : run->p->be->start(run->p);
}

/* What a backend that is gone has left. */
static int
pick_up(struct vg_run *run)
{
	struct vg_port *p = run->p;

	if (p->be->lost(p) != 0 || drain(run) != 0)
		return -1;
	for (uint32_t i = 0; i < run->o->pairs; i++) {
		struct vg_flow *f = &run->flow[i];
		uint16_t busy = f->txq->ring.vd.nbusy;

		f->ahead = busy < p->taken ? busy : p->taken;
		f->floor += f->ahead;
	}
	for (uint32_t i = 0; !p->pos_known && i < p->nqueue; i++)
		p->q[i].pos = vdriver_position(&p->q[i].ring.vd);
	if (check_positions(run) != 0)
		return -1;
	for (uint32_t i = 0; i < run->o->pairs; i++)
		run->flow[i].warm = false;
	return 0;
}

/* A session from the beginning.  A backend that starts may not have all its ports
 * yet, and one may die in the middle: both are tried again. */
int
vg_life_connect(struct vg_run *run)
{
	const struct timespec pause = {0, 5000000};
	uint64_t until = vg_now_ms() + run->o->wait_ms;
	struct vg_port *p = run->p;

	for (;;) {
		p->event = VG_EV_NONE;
		p->again = false;
		vg_err_hold();
		if (p->be->connect(p) == 0 && p->be->start(p) == 0) {
			vg_err_show();
			return 0;
		}
		if ((!p->again && p->event != VG_EV_DEAD) || vg_now_ms() >= until) {
			vg_err_show();
			return -1;
		}
		vg_err_forget();
		nanosleep(&pause, NULL);
		if (pick_up(run) != 0)
			return -1;
	}
}

int
vg_life_begin(struct vg_run *run)
{
	return post_all(run) != 0 ? -1 : vg_life_connect(run);
}

int
vg_life_reconnect(struct vg_run *run)
{
	run->st.reconnects++;
	run->killed = false;
	return pick_up(run) != 0 ? -1 : vg_life_connect(run);
}

int
vg_life_heal(struct vg_run *run)
{
	run->st.faults++;
	if (run->p->be->stop(run->p) != 0)
		return -1;
	/* a reset takes the rings as they are: nothing of them counts any more */
	vg_port_reset(run->p);
	for (uint32_t i = 0; i < run->o->pairs; i++) {
		run->flow[i].floor = run->flow[i].tx_seq;
		run->flow[i].ahead = 0;
	}
	run->p->event = VG_EV_NONE;
	return post_all(run) != 0 ? -1 : run->p->be->start(run->p);
}
