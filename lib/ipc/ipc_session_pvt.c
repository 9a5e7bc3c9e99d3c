/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_session_pvt.h"

#include <errno.h>
#include <string.h>

#include "ipc_sock.h"

bool
ipc_session_dead(const struct ipc_session *s)
{
	return s->ctx.state == IPC_DEAD;
}

void
ipc_session_drop_staged(struct ipc_session *s)
{
	ipc_fds_close(s->kick, VIRTQ_IPC_MAX_QUEUES);
	ipc_fds_close(s->call, VIRTQ_IPC_MAX_QUEUES);
}

int
ipc_session_die(struct ipc_session *s, const struct ipc_err *why)
{
	if (s->ctx.state == IPC_DEAD)
		return -1;
	s->ctx.state = IPC_DEAD;
	s->why = *why;
	ipc_session_drop_staged(s);
	return -1;
}

int
ipc_session_send_raw(struct ipc_session *s, uint16_t type, uint32_t reply_to, const void *payload)
{
	struct virtq_ipc_hdr hdr = {
		.type = type,
		.version = VIRTQ_IPC_VERSION,
		.size = ipc_msg_row(s->table, type)->size,
		.seq = s->sent + 1,
		.reply_to = reply_to,
	};
	int ret = ipc_sock_send(s->fd, &hdr, payload, NULL, 0);

	if (ret == 0)
		s->sent++;
	return ret;
}

int
ipc_session_send(struct ipc_session *s, uint16_t type, uint32_t reply_to, const void *payload)
{
	struct ipc_err err;
	int ret = ipc_session_send_raw(s, type, reply_to, payload);

	if (ret == 0 || ret == -EPIPE || ret == -ECONNRESET)
		return 0;
	if (ret == -EAGAIN)
		ipc_err_set(&err, VIRTQ_IPC_E_RESOURCES,
			    "peer does not read its messages, %s could not be sent",
			    ipc_msg_name(s->table, type));
	else
		ipc_err_set(&err, VIRTQ_IPC_E_RESOURCES, "%s could not be sent: %s",
			    ipc_msg_name(s->table, type), strerror(-ret));
	return ipc_session_die(s, &err);
}
