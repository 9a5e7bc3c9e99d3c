/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vhost_check.h"

#include <inttypes.h>
#include <string.h>

#include "vhost_limits.h"

int
vhost_check_get_config(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
		       struct vhost_err *err)
{
	const struct vhost_user_config *c = &m->payload->config;

	(void)ctx;
	if (c->offset > VHOST_USER_MAX_CONFIG || c->size > VHOST_USER_MAX_CONFIG - c->offset)
		return vhost_err_set(err,
				     "configuration of %" PRIu32 " bytes at %" PRIu32
				     " does not end within %u",
				     c->size, c->offset, VHOST_USER_MAX_CONFIG);
	if (m->size != VHOST_CONFIG_HDR + c->size)
		return vhost_err_set(err,
				     "configuration of %" PRIu32 " bytes comes with %" PRIu32
				     " bytes of payload",
				     c->size, m->size);
	return 0;
}

int
vhost_check_set_config(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
		       struct vhost_err *err)
{
	if (vhost_check_get_config(m, ctx, err))
		return -1;
	vhost_err_set(err, "SET_CONFIG: a network device has no field that can be written");
	return 1;
}

/* The values of these two come from a user, or from the guest, rather than from the front
 * end: it is told, and goes on. */
int
vhost_check_mtu(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx, struct vhost_err *err)
{
	uint64_t mtu = m->payload->u64;

	(void)ctx;
	if (mtu >= VHOST_MIN_MTU && mtu <= VHOST_MAX_MTU)
		return 0;
	vhost_err_set(err, "MTU of %" PRIu64 ", expected %u to %u", mtu, VHOST_MIN_MTU,
		      VHOST_MAX_MTU);
	return 1;
}

int
vhost_check_rarp(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx, struct vhost_err *err)
{
	static const uint8_t none[6];
	uint8_t mac[6];

	(void)ctx;
	memcpy(mac, &m->payload->u64, sizeof(mac));
	if (!(mac[0] & 1) && memcmp(mac, none, sizeof(mac)))
		return 0;
	vhost_err_set(err, "SEND_RARP for %02x:%02x:%02x:%02x:%02x:%02x, which no guest can have",
		      mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return 1;
}
