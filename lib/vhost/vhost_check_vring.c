/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vhost_check.h"

#include <inttypes.h>

#include "vhost_limits.h"
#include "virtio_abi.h"

#define BIT(n) (1ull << (n))

static int
check_index(uint32_t index, const struct vhost_msg_ctx *ctx, struct vhost_err *err)
{
	if (index < ctx->max_vrings)
		return 0;
	return vhost_err_set(err, "ring %" PRIu32 " does not exist: there are %" PRIu32, index,
			     ctx->max_vrings);
}

int
vhost_check_vring_index(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			struct vhost_err *err)
{
	return check_index(m->payload->state.index, ctx, err);
}

int
vhost_check_vring_num(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
		      struct vhost_err *err)
{
	const struct vhost_user_vring_state *state = &m->payload->state;

	if (check_index(state->index, ctx, err))
		return -1;
	if (state->num < 1 || state->num > VHOST_MAX_RING)
		return vhost_err_set(err,
				     "ring %" PRIu32 " has %" PRIu32 " entries, expected 1 to %u",
				     state->index, state->num, VHOST_MAX_RING);
	return 0;
}

/* Every value is a position of a packed ring. */
int
vhost_check_vring_base(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
		       struct vhost_err *err)
{
	const struct vhost_user_vring_state *state = &m->payload->state;

	if (check_index(state->index, ctx, err))
		return -1;
	if (!(ctx->features & BIT(VIRTIO_F_RING_PACKED)) && state->num > UINT16_MAX)
		return vhost_err_set(err,
				     "ring %" PRIu32 " begins at %#" PRIx32 ", expected 16 bits",
				     state->index, state->num);
	return 0;
}

int
vhost_check_vring_addr(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
		       struct vhost_err *err)
{
	const struct vhost_user_vring_addr *addr = &m->payload->addr;

	if (check_index(addr->index, ctx, err))
		return -1;
	if (addr->flags & ~VHOST_USER_VRING_F_LOG)
		return vhost_err_set(err, "ring %" PRIu32 " has unknown address flags %#" PRIx32,
				     addr->index, addr->flags);
	return 0;
}

/* QEMU sends it before SET_FEATURES as well, so that protocol features that have been agreed
 * on are enough.  To disable a ring needs neither: net_virtio_user that listens begins with
 * that when the next back end connects. */
int
vhost_check_vring_enable(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
			 struct vhost_err *err)
{
	const struct vhost_user_vring_state *state = &m->payload->state;

	if (state->num != 0 && !ctx->protocol_acknowledged &&
	    !(ctx->features & BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
		return vhost_err_set(err,
				     "SET_VRING_ENABLE needs protocol features, which were not "
				     "agreed on");
	if (check_index(state->index, ctx, err))
		return -1;
	if (state->num > 1)
		return vhost_err_set(
			err, "ring %" PRIu32 " is to be enabled by %" PRIu32 ", expected 0 or 1",
			state->index, state->num);
	return 0;
}

int
vhost_check_vring_fd(const struct vhost_msg *m, const struct vhost_msg_ctx *ctx,
		     struct vhost_err *err)
{
	uint64_t word = m->payload->u64;
	unsigned int fds = word & VHOST_USER_VRING_NOFD ? 0 : 1;

	if (word & ~(uint64_t)(VHOST_USER_VRING_INDEX | VHOST_USER_VRING_NOFD))
		return vhost_err_set(err, "eventfd of a ring has unknown bits %#" PRIx64, word);
	if (m->nfds != fds)
		return vhost_err_set(err,
				     "eventfd of ring %u comes with %u descriptors, expected %u",
				     (unsigned int)word & VHOST_USER_VRING_INDEX, m->nfds, fds);
	return check_index((uint32_t)word & VHOST_USER_VRING_INDEX, ctx, err);
}
