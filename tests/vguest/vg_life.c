/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Starting, stopping, dying and coming back. */

#include "vg_log.h"
#include "vg_run.h"

static int
post_all(struct vg_run *run)
{
	for (uint32_t i = 0; i < run->o->pairs; i++)
		if (vg_flow_post(run, &run->flow[i]) != 0)
			return -1;
	return 0;
}

int
vg_life_begin(struct vg_run *run)
{
	if (run->p->be->connect(run->p) != 0 || post_all(run) != 0)
		return -1;
	return run->p->be->start(run->p);
}

/* Takes all that the backend has returned.  What it had in hand is lost with it;
 * what is still in a transmit ring has to arrive. */
static int
drain(struct vg_run *run)
{
	for (uint32_t i = 0; i < run->o->pairs; i++) {
		struct vg_flow *f = &run->flow[i];

		if (vg_flow_receive(run, f, UINT32_MAX) < 0 || vg_flow_reap(run, f) < 0)
			return -1;
		f->floor = f->tx_seq - f->txq->ring.nbusy;
	}
	return 0;
}

static int
check_positions(const struct vg_run *run)
{
	for (uint32_t i = 0; i < run->p->nqueue; i++) {
		const struct vg_queue *q = &run->p->q[i];
		uint16_t truth = vg_ring_position(&q->ring);

		if (q->pos != truth)
			return vg_err("%s: the backend says it stopped at 0x%x, and its last used "
				      "entry is at 0x%x", q->name, q->pos, truth);
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

int
vg_life_reconnect(struct vg_run *run)
{
	run->st.reconnects++;
	if (drain(run) != 0 || run->p->be->lost(run->p) != 0)
		return -1;
	if (run->p->be->connect(run->p) != 0)
		return -1;
	return run->p->be->start(run->p);
}

int
vg_life_heal(struct vg_run *run)
{
	run->st.faults++;
	if (run->p->be->stop(run->p) != 0)
		return -1;
	/* a reset takes the rings as they are: nothing of them counts any more */
	vg_port_reset(run->p);
	for (uint32_t i = 0; i < run->o->pairs; i++)
		run->flow[i].floor = run->flow[i].tx_seq;
	run->p->event = VG_EV_NONE;
	return post_all(run) != 0 ? -1 : run->p->be->start(run->p);
}
