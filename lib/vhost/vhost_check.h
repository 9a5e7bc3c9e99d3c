/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VHOST_CHECK_H
#define VIRTQ_VHOST_CHECK_H

/*
 * vhost_check.h - checks of the payloads, as the rows in vhost_messages.c name them.  Each
 * gets a private copy of the payload.  All lengths are 64-bit, and no sum is formed before
 * it is known not to wrap.  Returns what vhost_msg_row.check does.
 */

#include "vhost_envelope.h"

/* vhost_check_features.c */
int vhost_check_features(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			 struct vhost_err *err);
int vhost_check_protocol_features(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
				  struct vhost_err *err);
int vhost_check_status(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
		       struct vhost_err *err);

/* vhost_check_mem.c */
int vhost_check_mem_table(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			  struct vhost_err *err);
int vhost_check_mem_reg(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			struct vhost_err *err);
int vhost_check_log(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
		    struct vhost_err *err);
int vhost_check_get_inflight(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			     struct vhost_err *err);
int vhost_check_set_inflight(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			     struct vhost_err *err);

/* vhost_check_vring.c */
/* struct vhost_user_vring_state, and nothing but the index counts */
int vhost_check_vring_index(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			    struct vhost_err *err);
int vhost_check_vring_num(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			  struct vhost_err *err);
int vhost_check_vring_base(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			   struct vhost_err *err);
int vhost_check_vring_addr(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			   struct vhost_err *err);
int vhost_check_vring_enable(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			     struct vhost_err *err);
/* SET_VRING_KICK, _CALL and _ERR */
int vhost_check_vring_fd(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			 struct vhost_err *err);

/* vhost_check_net.c */
int vhost_check_get_config(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			   struct vhost_err *err);
int vhost_check_set_config(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			   struct vhost_err *err);
int vhost_check_mtu(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
		    struct vhost_err *err);
int vhost_check_rarp(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
		     struct vhost_err *err);

#endif /* VIRTQ_VHOST_CHECK_H */
