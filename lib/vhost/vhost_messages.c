/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * vhost_messages.c - one row a request: what it has to look like, which check it has to
 * pass (vhost_check.h) and what then happens (handle_<message>(), in this file).
 */

#include "vhost_messages.h"

#include <inttypes.h>
#include <string.h>

#include "ipc_budget.h"
#include "ipc_fd.h"
#include "vhost_check.h"
#include "vhost_limits.h"
#include "vhost_session_pvt.h"

#define F_PROTOCOL (1ull << VHOST_USER_F_PROTOCOL_FEATURES)

/*
 * Handlers return what vhost_msg_row.handle does.  The caller closes what they leave in
 * s->in.fds, which holds -1 where no descriptor came.  A callback may have failed the
 * session: then a reply is not sent.
 */
static int
reply_u64(struct vhost_session *s, uint64_t value)
{
	vhost_session_reply(s, &value, sizeof(value), -1);
	return 0;
}

static int
handle_get_features(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	(void)m;
	(void)err;
	return reply_u64(s, s->ctx.offered);
}

static int
handle_set_features(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	uint64_t features = m->payload->u64;
	int ret = s->ops->set_features(s, features & ~F_PROTOCOL, !(features & F_PROTOCOL), err);

	if (ret == 0)
		s->ctx.features = features;
	return ret;
}

static int
handle_get_protocol_features(struct vhost_session *s, const struct vhost_msg *m,
			     struct vhost_err *err)
{
	(void)m;
	(void)err;
	return reply_u64(s, s->ctx.protocol_offered);
}

static int
handle_set_protocol_features(struct vhost_session *s, const struct vhost_msg *m,
			     struct vhost_err *err)
{
	(void)err;
	s->ctx.protocol = m->payload->u64;
	s->ctx.protocol_acknowledged = true;
	return 0;
}

/* Whoever is connected owns the device. */
static int
handle_set_owner(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	(void)s;
	(void)m;
	(void)err;
	return 0;
}

static int
handle_reset(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	(void)m;
	(void)err;
	s->ops->reset(s);
	s->ctx.features = 0;
	s->status = 0;
	return 0;
}

/* QEMU reads pairs of rings, and cloud-hypervisor rings, of which it has to find two: so
 * the most pairs there may be, whatever the port uses of them. */
static int
handle_get_queue_num(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	(void)m;
	(void)err;
	return reply_u64(s, s->ctx.max_vrings / 2);
}

static int
handle_set_mem_table(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	const struct vhost_user_mem_table *t = &m->payload->mem;

	return s->ops->mem_table(s, t->region, t->count, s->in.fds, err);
}

static int
handle_get_max_mem_slots(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	(void)m;
	(void)err;
	return reply_u64(s, s->ops->max_regions);
}

static int
handle_add_mem_reg(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	return s->ops->mem_add(s, &m->payload->reg.region, &s->in.fds[0], err);
}

/* Its descriptor, which some front ends send, is of no use. */
static int
handle_rem_mem_reg(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	return s->ops->mem_remove(s, &m->payload->reg.region, err);
}

static int
handle_vring_num(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	return s->ops->vring_num(s, m->payload->state.index, m->payload->state.num, err);
}

static int
handle_vring_base(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	return s->ops->vring_base(s, m->payload->state.index, m->payload->state.num, err);
}

static int
handle_vring_addr(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	return s->ops->vring_addr(s, &m->payload->addr, err);
}

static int
handle_vring_enable(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	return s->ops->vring_enable(s, m->payload->state.index, m->payload->state.num, err);
}

/* A front end that cannot be told the base by a reply finds one of another size. */
static int
handle_get_vring_base(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	struct vhost_user_vring_state state = {.index = m->payload->state.index};
	int ret = s->ops->vring_stop(s, state.index, &state.num, err);

	if (ret >= 0)
		vhost_session_reply(s, &state, ret == 0 ? sizeof(state) : 0, -1);
	return ret;
}

typedef int (*eventfd_op)(struct vhost_session *s, uint32_t index, int *fd, struct vhost_err *err);

static int
hand_eventfd(struct vhost_session *s, const struct vhost_msg *m, eventfd_op op,
	     struct vhost_err *err)
{
	uint32_t index = m->payload->u64 & VHOST_USER_VRING_INDEX;

	if (s->in.nfds > 0 && !ipc_fd_take_eventfd(s->in.fds[0]))
		return vhost_err_set(err,
				     "%s: the descriptor for ring %" PRIu32 " is not an eventfd",
				     s->row->name, index);
	return op(s, index, &s->in.fds[0], err);
}

static int
handle_vring_kick(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	return hand_eventfd(s, m, s->ops->vring_kick, err);
}

static int
handle_vring_call(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	return hand_eventfd(s, m, s->ops->vring_call, err);
}

static int
handle_vring_err(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	return hand_eventfd(s, m, s->ops->vring_err, err);
}

/* A back end may ignore its eventfd, which is closed. */
static int
handle_set_log_fd(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	(void)s;
	(void)m;
	(void)err;
	return 0;
}

static int
handle_set_log_base(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	int ret = s->ops->set_log(s, &m->payload->log, &s->in.fds[0], err);

	if (ret >= 0)
		reply_u64(s, ret ? 1 : 0);
	return ret;
}

/* An area of size 0 and no descriptor: there is none. */
static int
handle_get_inflight_fd(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	struct vhost_user_inflight area = m->payload->inflight;
	int fd = -1, ret;

	area.size = area.offset = 0;
	ret = s->ops->get_inflight(s, &area, &fd, err);
	if (ret > 0)
		area.size = area.offset = 0;
	if (ret >= 0)
		vhost_session_reply(s, &area, m->size, ret == 0 ? fd : -1);
	ipc_fds_close(&fd, 1);
	return ret;
}

static int
handle_set_inflight_fd(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	return s->ops->set_inflight(s, &m->payload->inflight, &s->in.fds[0], err);
}

/* No payload at all says that it failed. */
static int
handle_get_config(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	struct vhost_user_config c = m->payload->config;
	int ret;

	memset(c.data, 0, sizeof(c.data));
	ret = s->ops->get_config(s, c.offset, c.size, c.data, err);
	if (ret >= 0)
		vhost_session_reply(s, &c, ret == 0 ? m->size : 0, -1);
	return ret;
}

static int
handle_set_mtu(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	return s->ops->set_mtu(s, (uint16_t)m->payload->u64, err);
}

/* The address is the first six bytes of the payload. */
static int
handle_rarp(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	uint8_t mac[6];

	memcpy(mac, &m->payload->u64, sizeof(mac));
	return s->ops->rarp(s, mac, err);
}

static int
handle_set_status(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	(void)err;
	s->status = s->ops->set_status(s, (uint8_t)m->payload->u64);
	return 0;
}

static int
handle_get_status(struct vhost_session *s, const struct vhost_msg *m, struct vhost_err *err)
{
	(void)m;
	(void)err;
	return reply_u64(s, s->status);
}

#define U64 sizeof(uint64_t)
#define SIZE(bytes) .min_size = (bytes), .max_size = (bytes)
#define FDS(least, most) .min_fds = (least), .max_fds = (most)
#define ROW(message) .request = VHOST_USER_##message, .name = #message
#define AGREED(bit) .agreed = 1ull << VHOST_USER_PROTOCOL_F_##bit, .feature = #bit
/* The text wants these features to be offered, and nothing more. */
#define OFFERED(bit) .offered = 1ull << VHOST_USER_PROTOCOL_F_##bit, .feature = #bit

static const struct vhost_msg_row rows[] = {
	{ROW(GET_FEATURES), .answers = true, .handle = handle_get_features},
	{
		ROW(SET_FEATURES),
		SIZE(U64),
		.check = vhost_check_features,
		.handle = handle_set_features,
	},
	{ROW(SET_OWNER), .handle = handle_set_owner},
	{ROW(RESET_OWNER), .cost = IPC_COST_RINGS, .handle = handle_reset},
	{
		ROW(SET_MEM_TABLE),
		.min_size = offsetof(struct vhost_user_mem_table, region),
		.max_size = sizeof(struct vhost_user_mem_table),
		FDS(0, VHOST_USER_MAX_REGIONS),
		.cost = IPC_COST_RINGS,
		.check = vhost_check_mem_table,
		.handle = handle_set_mem_table,
	},
	{
		ROW(SET_LOG_BASE),
		SIZE(sizeof(struct vhost_user_log)),
		FDS(1, 1),
		AGREED(LOG_SHMFD),
		.answers = true,
		.cost = IPC_COST_RINGS,
		.check = vhost_check_log,
		.handle = handle_set_log_base,
	},
	{ROW(SET_LOG_FD), .max_size = U64, FDS(0, 1), .handle = handle_set_log_fd},
	{
		ROW(SET_VRING_NUM),
		SIZE(sizeof(struct vhost_user_vring_state)),
		.check = vhost_check_vring_num,
		.handle = handle_vring_num,
	},
	{
		ROW(SET_VRING_ADDR),
		SIZE(sizeof(struct vhost_user_vring_addr)),
		.check = vhost_check_vring_addr,
		.handle = handle_vring_addr,
	},
	{
		ROW(SET_VRING_BASE),
		SIZE(sizeof(struct vhost_user_vring_state)),
		.check = vhost_check_vring_base,
		.handle = handle_vring_base,
	},
	{
		ROW(GET_VRING_BASE),
		SIZE(sizeof(struct vhost_user_vring_state)),
		.answers = true,
		.check = vhost_check_vring_index,
		.handle = handle_get_vring_base,
	},
	{
		ROW(SET_VRING_KICK),
		SIZE(U64),
		FDS(0, 1),
		.check = vhost_check_vring_fd,
		.handle = handle_vring_kick,
	},
	{
		ROW(SET_VRING_CALL),
		SIZE(U64),
		FDS(0, 1),
		.check = vhost_check_vring_fd,
		.handle = handle_vring_call,
	},
	{
		ROW(SET_VRING_ERR),
		SIZE(U64),
		FDS(0, 1),
		.check = vhost_check_vring_fd,
		.handle = handle_vring_err,
	},
	{
		ROW(GET_PROTOCOL_FEATURES),
		.answers = true,
		.handle = handle_get_protocol_features,
	},
	{
		ROW(SET_PROTOCOL_FEATURES),
		SIZE(U64),
		.check = vhost_check_protocol_features,
		.handle = handle_set_protocol_features,
	},
	{ROW(GET_QUEUE_NUM), OFFERED(MQ), .answers = true, .handle = handle_get_queue_num},
	{
		ROW(SET_VRING_ENABLE),
		SIZE(sizeof(struct vhost_user_vring_state)),
		.check = vhost_check_vring_enable,
		.handle = handle_vring_enable,
	},
	{
		ROW(SEND_RARP),
		SIZE(U64),
		OFFERED(RARP),
		.check = vhost_check_rarp,
		.handle = handle_rarp,
	},
	{
		ROW(NET_SET_MTU),
		SIZE(U64),
		OFFERED(NET_MTU),
		.check = vhost_check_mtu,
		.handle = handle_set_mtu,
	},
	{
		ROW(GET_CONFIG),
		.min_size = VHOST_CONFIG_HDR,
		.max_size = sizeof(struct vhost_user_config),
		AGREED(CONFIG),
		.answers = true,
		.check = vhost_check_get_config,
		.handle = handle_get_config,
	},
	{
		ROW(SET_CONFIG),
		.min_size = VHOST_CONFIG_HDR,
		.max_size = sizeof(struct vhost_user_config),
		AGREED(CONFIG),
		.check = vhost_check_set_config,
	},
	{
		ROW(GET_INFLIGHT_FD),
		.min_size = VHOST_INFLIGHT_MIN,
		.max_size = sizeof(struct vhost_user_inflight),
		AGREED(INFLIGHT_SHMFD),
		.answers = true,
		.cost = IPC_COST_FILE,
		.check = vhost_check_get_inflight,
		.handle = handle_get_inflight_fd,
	},
	{
		ROW(SET_INFLIGHT_FD),
		.min_size = VHOST_INFLIGHT_MIN,
		.max_size = sizeof(struct vhost_user_inflight),
		FDS(1, 1),
		AGREED(INFLIGHT_SHMFD),
		.cost = IPC_COST_RINGS,
		.check = vhost_check_set_inflight,
		.handle = handle_set_inflight_fd,
	},
	{ROW(RESET_DEVICE), AGREED(RESET_DEVICE), .cost = IPC_COST_RINGS, .handle = handle_reset},
	{
		ROW(GET_MAX_MEM_SLOTS),
		AGREED(CONFIGURE_MEM_SLOTS),
		.answers = true,
		.handle = handle_get_max_mem_slots,
	},
	{
		ROW(ADD_MEM_REG),
		SIZE(sizeof(struct vhost_user_mem_reg)),
		FDS(1, 1),
		AGREED(CONFIGURE_MEM_SLOTS),
		.cost = IPC_COST_RINGS,
		.check = vhost_check_mem_reg,
		.handle = handle_add_mem_reg,
	},
	{
		ROW(REM_MEM_REG),
		SIZE(sizeof(struct vhost_user_mem_reg)),
		FDS(0, 1),
		AGREED(CONFIGURE_MEM_SLOTS),
		.cost = IPC_COST_RINGS,
		.check = vhost_check_mem_reg,
		.handle = handle_rem_mem_reg,
	},
	{
		ROW(SET_STATUS),
		SIZE(U64),
		AGREED(STATUS),
		.check = vhost_check_status,
		.handle = handle_set_status,
	},
	{ROW(GET_STATUS), AGREED(STATUS), .answers = true, .handle = handle_get_status},

	/* What belongs to features that are never offered. */
	{ROW(SET_BACKEND_REQ_FD), .refused = "this back end makes no requests"},
	{ROW(IOTLB_MSG), .refused = "VIRTIO_F_ACCESS_PLATFORM is not offered"},
	{ROW(SET_VRING_ENDIAN), .refused = "rings have the byte order of this machine"},
	{ROW(POSTCOPY_ADVISE), .refused = "this back end has no postcopy migration"},
	{ROW(POSTCOPY_LISTEN), .refused = "this back end has no postcopy migration"},
	{ROW(POSTCOPY_END), .refused = "this back end has no postcopy migration"},
};

const struct vhost_msg_table vhost_messages = {rows, sizeof(rows) / sizeof(rows[0])};
