/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VHOST_H
#define VIRTQ_VHOST_H

/*
 * virtq_vhost.h - one vhost-user front end, as the files of that front see it:
 * virtq_front_vhost.c, virtq_vhost_rings.c, virtq_vhost_mem.c.  Control thread.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vhost_session.h"
#include "virtq_front.h"

struct guest_log;
struct vhost_inflight;

/* What the front end has said about a ring. */
struct vhost_ring {
	bool has_addr;
	bool kicked;  /* its eventfd came: the last step before it starts */
	bool enabled; /* by SET_VRING_ENABLE */
	int err_fd;   /* to signal when the ring is broken, -1: none */
};

/* One front end. */
struct vhost_front_peer {
	struct virtq_peer peer; /* first: what the connector sees */
	struct vhost_session *session;
	bool has_features;
	bool all_enabled; /* no protocol features: SET_VRING_ENABLE does not exist */
	bool changed;     /* rings_update() has something to do */
	bool log_all;     /* VHOST_F_LOG_ALL: all writes to guest memory are to be logged */
	bool warned;      /* that it shares no memory */
	struct vhost_inflight *inflight; /* the words of rings; NULL: none */
	struct guest_log *log;           /* that is not in use; NULL: none */
	bool gone;                       /* the application ended the connection: no error */
	uint64_t features;
	uint16_t mtu; /* of the guest; 0: unknown */
	struct vhost_ring ring[VIRTQ_MAX_VQS];
};

static inline struct vhost_front_peer *
vhost_front_of(const struct virtq_peer *peer)
{
	return (struct vhost_front_peer *)(uintptr_t)peer;
}

static inline struct vhost_front_peer *
vhost_of(struct vhost_session *s)
{
	return vhost_session_owner(s);
}

static inline struct virtq_port *
port_of(struct vhost_session *s)
{
	return vhost_of(s)->peer.port;
}

/* virtq_vhost_rings.c */

/* Rings that run. */
uint32_t vhost_rings_running(const struct virtq_port *port);

/* What it costs to stop or start rings of the port, of which some are made. */
uint32_t vhost_rings_cost(const struct virtq_port *port, uint32_t made);

/* Starts what is ready, all at once.  Returns 0, or -1 with one sentence in err. */
int vhost_rings_update(struct vhost_front_peer *v, char *err, size_t err_size);

/* All rings stop, at once. */
void vhost_rings_forget(struct vhost_front_peer *v);

/* Messages (struct vhost_session_ops). */
int vhost_on_vring_num(struct vhost_session *s, uint32_t index, uint32_t num,
		       struct vhost_err *err);
int vhost_on_vring_base(struct vhost_session *s, uint32_t index, uint32_t base,
			struct vhost_err *err);
int vhost_on_vring_addr(struct vhost_session *s, const struct vhost_user_vring_addr *addr,
			struct vhost_err *err);
int vhost_on_vring_kick(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err);
int vhost_on_vring_call(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err);
int vhost_on_vring_err(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err);
int vhost_on_vring_enable(struct vhost_session *s, uint32_t index, bool enable,
			  struct vhost_err *err);
int vhost_on_vring_stop(struct vhost_session *s, uint32_t index, uint32_t *base,
			struct vhost_err *err);

/* virtq_vhost_mem.c */

/* The log comes into use, or goes out of use.  Which of both messages comes first, the log
 * or that it is to be used, is the front end's choice; rings do not start before both. */
void vhost_log_switch(struct vhost_front_peer *v);

/* Messages (struct vhost_session_ops). */
int vhost_on_set_log(struct vhost_session *s, const struct vhost_user_log *log, int *fd,
		     struct vhost_err *err);
int vhost_on_get_inflight(struct vhost_session *s, struct vhost_user_inflight *area, int *fd,
			  struct vhost_err *err);
int vhost_on_set_inflight(struct vhost_session *s, const struct vhost_user_inflight *area, int *fd,
			  struct vhost_err *err);
int vhost_on_mem_table(struct vhost_session *s, const struct vhost_user_region *region,
		       uint32_t count, int *fds, struct vhost_err *err);
int vhost_on_mem_add(struct vhost_session *s, const struct vhost_user_region *region, int *fd,
		     struct vhost_err *err);
int vhost_on_mem_remove(struct vhost_session *s, const struct vhost_user_region *region,
			struct vhost_err *err);

#endif /* VIRTQ_VHOST_H */
