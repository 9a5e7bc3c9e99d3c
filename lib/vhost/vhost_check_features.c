/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vhost_check.h"

#include <inttypes.h>

int
vhost_check_features(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
		     struct vhost_err *err)
{
	uint64_t more = m->payload->u64 & ~ctx->offered;

	if (more)
		return vhost_err_set(
			err, "SET_FEATURES acknowledges %#" PRIx64 ", which is not offered", more);
	return 0;
}

int
vhost_check_protocol_features(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			      struct vhost_err *err)
{
	uint64_t more = m->payload->u64 & ~ctx->protocol_offered;

	if (more)
		return vhost_err_set(err,
				     "SET_PROTOCOL_FEATURES acknowledges %#" PRIx64
				     ", which is not offered",
				     more);
	return 0;
}

int
vhost_check_status(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
		   struct vhost_err *err)
{
	(void)ctx;
	if (m->payload->u64 > UINT8_MAX)
		return vhost_err_set(err, "SET_STATUS has %#" PRIx64 ", expected eight bits",
				     m->payload->u64);
	return 0;
}
