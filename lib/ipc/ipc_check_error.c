/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_check.h"
#include "ipc_field.h"

int
ipc_check_error(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		struct ipc_err *err)
{
	const struct virtq_ipc_error *e = payload;

	(void)nfds;
	(void)ctx;
	if (e->code == 0)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED, "ERROR has code 0");
	if (ipc_field_reserved("ERROR", !e->reserved, err))
		return -1;
	return ipc_field_text("ERROR", e->text, err);
}
