/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * virtq_vhost_mem.c - what a vhost-user front end shares: the guest's memory, its dirty log,
 * the inflight area.
 */

#include "virtq_vhost.h"

#include "guest_log.h"
#include "ipc_budget.h"
#include "vhost_inflight.h"
#include "virtq_device.h"
#include "virtq_mem_limit.h"

_Static_assert(GUEST_MEM_MAX_REGIONS >= VHOST_USER_MAX_REGIONS, "memory and wire");

/* The log comes into use, or goes out of use.  Which of both messages comes first, the log
 * or that it is to be used, is the front end's choice; rings do not start before both. */
void
vhost_log_switch(struct vhost_front_peer *v)
{
	if (v->log_all && !v->log)
		return;
	virtq_device_set_log(v->peer.port, v->log_all ? v->log : NULL);
	if (v->log_all)
		v->log = NULL;
}

int
vhost_on_set_log(struct vhost_session *s, const struct vhost_user_log *log, int *fd,
		 struct vhost_err *err)
{
	struct vhost_front_peer *v = vhost_of(s);
	struct guest_log *new;

	vhost_session_charge(s, IPC_COST_RINGS);
	new = guest_log_new(*fd, log->offset, log->size, err->text, sizeof(err->text));
	if (!new)
		return -1;
	if (v->peer.port->mem && !guest_log_covers(new, v->peer.port->mem)) {
		guest_log_free(new);
		return vhost_err_set(err, "the dirty log is shorter than the guest's memory");
	}
	guest_log_free(v->log);
	v->log = new;
	v->changed = true;
	if (v->log_all)
		vhost_log_switch(v);
	return 0;
}

int
vhost_on_get_inflight(struct vhost_session *s, struct vhost_user_inflight *area, int *fd,
		      struct vhost_err *err)
{
	(void)s;
	*fd = vhost_inflight_make(area, err);
	return *fd >= 0 ? 0 : -1;
}

int
vhost_on_set_inflight(struct vhost_session *s, const struct vhost_user_inflight *area, int *fd,
		      struct vhost_err *err)
{
	struct vhost_front_peer *v = vhost_of(s);
	struct vhost_inflight *new;

	if (v->peer.port->running)
		return vhost_err_set(err, "an inflight area while rings run: the front end has to "
					  "stop them first");
	new = vhost_inflight_open(area, *fd, err);
	if (!new)
		return -1;
	vhost_inflight_on_loss(new, virtq_device_memory_lost, v->peer.port);
	vhost_inflight_free(v->inflight);
	v->inflight = new;
	return 0;
}

/* What a function said about memory, as an answer; the device takes mem over. */
static int
mem_use(struct vhost_session *s, struct guest_mem *mem, const char *why, struct vhost_err *err)
{
	struct virtq_port *port = port_of(s);
	char text[sizeof(err->text)];

	if (!mem)
		return vhost_err_set(err, "%s", why);
	if (port->dirty_log && !guest_log_covers(port->dirty_log, mem)) {
		guest_mem_free(mem);
		return vhost_err_set(err, "the dirty log is shorter than the guest's memory");
	}
	if (port->running)
		vhost_session_charge(s, vhost_rings_cost(port, vhost_rings_running(port)));
	vhost_of(s)->changed = true;
	if (virtq_device_set_mem(port, mem, text, sizeof(text)) != 0)
		return vhost_err_set(err, "%s", text);
	return 0;
}

static struct guest_mem_desc
region_desc(const struct vhost_user_region *r)
{
	return (struct guest_mem_desc){
		.guest_addr = r->guest_addr,
		.size = r->size,
		.fd_offset = r->fd_offset,
		.user_addr = r->user_addr,
	};
}

int
vhost_on_mem_table(struct vhost_session *s, const struct vhost_user_region *region, uint32_t count,
		   int *fds, struct vhost_err *err)
{
	struct guest_mem_desc desc[VHOST_USER_MAX_REGIONS];
	char why[sizeof(err->text)];
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < count; i++) {
		desc[i] = region_desc(&region[i]);
		bytes += RTE_MIN(desc[i].size, UINT64_MAX - bytes);
	}
	if (virtq_mem_allowed(port_of(s), bytes, why, sizeof(why)) != 0)
		return vhost_err_set(err, "%s", why);
	return mem_use(s, guest_mem_new(desc, count, fds, why, sizeof(why)), why, err);
}

/*
 * QEMU 7.2 adds and removes each region once for each of its queue pairs, so one that is
 * there may be added, and one that is gone removed.
 */
int
vhost_on_mem_add(struct vhost_session *s, const struct vhost_user_region *region, int *fd,
		 struct vhost_err *err)
{
	const struct guest_mem_desc desc = region_desc(region);
	const struct virtq_port *port = port_of(s);
	uint64_t have = port->mem ? guest_mem_bytes(port->mem) : 0;
	char why[sizeof(err->text)];

	if (guest_mem_has(port->mem, &desc, *fd))
		return 0;
	if (virtq_mem_allowed(port, have + RTE_MIN(desc.size, UINT64_MAX - have), why,
			      sizeof(why)) != 0)
		return vhost_err_set(err, "%s", why);
	return mem_use(s, guest_mem_add(port->mem, &desc, fd, why, sizeof(why)), why, err);
}

int
vhost_on_mem_remove(struct vhost_session *s, const struct vhost_user_region *region,
		    struct vhost_err *err)
{
	const struct guest_mem_desc desc = region_desc(region);
	const struct virtq_port *port = port_of(s);
	char why[sizeof(err->text)];

	if (!guest_mem_has(port->mem, &desc, -1))
		return 0;
	return mem_use(s, guest_mem_remove(port->mem, &desc, why, sizeof(why)), why, err);
}
