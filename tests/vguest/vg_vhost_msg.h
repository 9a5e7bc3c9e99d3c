/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_VHOST_MSG_H
#define VG_VHOST_MSG_H

/*
 * vg_vhost_msg.h - messages of vhost-user as a front end sends them; whatever the backend
 * answers is checked.
 */

#include "vg_port.h"
#include "vhost_sock.h"

struct vg_vhost_conn {
	struct vg_port *p; /* its event says that the backend is gone */
	int sock;
	bool acks;          /* the backend acknowledges every message: REPLY_ACK */
	struct vhost_in in; /* the latest answer */
};

/* A message, and its acknowledgement if there are any.  fds[nfd] stay the caller's.  0, or -1
 * after vg_err(). */
int vg_vhost_tell(struct vg_vhost_conn *c, uint32_t request, const void *payload, uint32_t size,
		  const int *fds, uint32_t nfd);

int vg_vhost_tell_u64(struct vg_vhost_conn *c, uint32_t request, uint64_t value);
int vg_vhost_tell_state(struct vg_vhost_conn *c, uint32_t request, uint32_t index, uint32_t num);
/* SET_VRING_KICK, _CALL, _ERR */
int vg_vhost_tell_fd(struct vg_vhost_conn *c, uint32_t request, uint32_t index, int fd);

/* A message whose reply has the same size, or 8 bytes for a message without payload.  NULL
 * after vg_err().  *fd becomes the descriptor that comes along; fd is NULL: none may. */
const union vhost_payload *vg_vhost_ask(struct vg_vhost_conn *c, uint32_t request,
					const void *payload, uint32_t size, int *fd);

int vg_vhost_ask_u64(struct vg_vhost_conn *c, uint32_t request, uint64_t *value);

#endif /* VG_VHOST_MSG_H */
