/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VHOST_SESSION_OPS_H
#define VIRTQ_VHOST_SESSION_OPS_H

/*
 * vhost_session_ops.h - what the owner of a vhost-user session has to do.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vhost_err.h"
#include "vhost_user.h"

struct vhost_session;

/*
 * What the owner does with a valid message.  Unless noted otherwise a call returns 0; 1
 * with *err filled in: refused, the front end gets a negative answer if it wants one, and
 * the session goes on; or -1 with *err filled in: the session ends.  A callback that keeps
 * an fd replaces it by -1; the session closes what is left when the callback returns.  An
 * index of a ring is below max_vrings.  A callback may end the session by
 * vhost_session_fail(), but not free it.
 */
struct vhost_session_ops {
	uint64_t protocol_features; /* VHOST_USER_PROTOCOL_F_*, that may be offered */
	uint32_t max_vrings;        /* at most 256, two for each pair */
	uint32_t max_regions;       /* memory slots */

	/* Those that may be offered: virtio's, and VHOST_F_LOG_ALL.  The session adds
	 * VHOST_USER_F_PROTOCOL_FEATURES.  Called once, by vhost_session_new(). */
	uint64_t (*get_features)(void);
	/* The ones that the front end acknowledged, all of them offered, without
	 * VHOST_USER_F_PROTOCOL_FEATURES.  Also while rings run: VHOST_F_LOG_ALL comes and
	 * goes.  `enable`: no protocol features were agreed on, so all rings are enabled from
	 * the start. */
	int (*set_features)(struct vhost_session *s, uint64_t features, bool enable,
			    struct vhost_err *err);
	/* All of the guest's memory; region[count], fds[count]; count is at least 1. */
	int (*mem_table)(struct vhost_session *s, const struct vhost_user_region *region,
			 uint32_t count, int *fds, struct vhost_err *err);
	/* One region more, or one less. */
	int (*mem_add)(struct vhost_session *s, const struct vhost_user_region *region, int *fd,
		       struct vhost_err *err);
	int (*mem_remove)(struct vhost_session *s, const struct vhost_user_region *region,
			  struct vhost_err *err);
	/* num: entries, 1 to 32768 */
	int (*vring_num)(struct vhost_session *s, uint32_t index, uint32_t num,
			 struct vhost_err *err);
	/* base: split: available index, at most 65535; packed: bits 0-14 and 15 available index
	 * and wrap counter, 16-30 and 31 used index and wrap counter */
	int (*vring_base)(struct vhost_session *s, uint32_t index, uint32_t base,
			  struct vhost_err *err);
	int (*vring_addr)(struct vhost_session *s, const struct vhost_user_vring_addr *addr,
			  struct vhost_err *err);
	/* *fd is an eventfd, made non-blocking, or -1: the ring is polled */
	int (*vring_kick)(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err);
	int (*vring_call)(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err);
	/* to be signalled when the ring is broken; *fd as above */
	int (*vring_err)(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err);
	int (*vring_enable)(struct vhost_session *s, uint32_t index, bool enable,
			    struct vhost_err *err);
	/* GET_VRING_BASE: the ring stops, and its eventfds are closed.  *base as vring_base has
	 * it.  When it returns, no thread accesses the ring. */
	int (*vring_stop)(struct vhost_session *s, uint32_t index, uint32_t *base,
			  struct vhost_err *err);
	/* The dirty log: one bit for each page of 4096 bytes, from guest address 0 on.  offset +
	 * size does not wrap, size is at least 1. */
	int (*set_log)(struct vhost_session *s, const struct vhost_user_log *log, int *fd,
		       struct vhost_err *err);
	/* GET_INFLIGHT_FD: fills in size and offset; *fd becomes the area's, which the session
	 * sends and then closes.  num_queues is 1 to max_vrings, queue_size 1 to 32768. */
	int (*get_inflight)(struct vhost_session *s, struct vhost_user_inflight *area, int *fd,
			    struct vhost_err *err);
	/* offset + size does not wrap */
	int (*set_inflight)(struct vhost_session *s, const struct vhost_user_inflight *area,
			    int *fd, struct vhost_err *err);
	/* [offset, offset + size) of struct virtio_net_config, inside VHOST_USER_MAX_CONFIG */
	int (*get_config)(struct vhost_session *s, uint32_t offset, uint32_t size, uint8_t *data,
			  struct vhost_err *err);
	/* 68 to 65535 */
	int (*set_mtu)(struct vhost_session *s, uint16_t mtu, struct vhost_err *err);
	/* The guest moved here: announce its address, a unicast one. */
	int (*rarp)(struct vhost_session *s, const uint8_t *mac, struct vhost_err *err);
	/* Device status (virtio 2.1).  Returns what GET_STATUS is to say. */
	uint8_t (*set_status)(struct vhost_session *s, uint8_t status);
	/* RESET_DEVICE, RESET_OWNER: all rings stop, their setup is forgotten. */
	void (*reset)(struct vhost_session *s);
	/* A message was refused with 1, by one of the above or by the session itself: one sentence
	 * for the log.  NULL: nobody wants to know. */
	void (*refused)(struct vhost_session *s, const char *why);
	/* The session fails, and the front end is told so as soon as this returns: no thread may
	 * access a ring again. */
	void (*failing)(struct vhost_session *s);
};

#endif /* VIRTQ_VHOST_SESSION_OPS_H */
