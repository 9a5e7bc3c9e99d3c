/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_check.h"

#include <inttypes.h>

#include "ipc_field.h"

int
ipc_check_hello(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		struct ipc_err *err)
{
	const struct virtq_ipc_hello *h = payload;

	(void)nfds;
	(void)ctx;
	if (h->version_min == 0 || h->version_min > h->version_max)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "HELLO offers versions %u to %u, which is no range",
				   h->version_min, h->version_max);
	if (h->version_min > VIRTQ_IPC_VERSION)
		return ipc_err_set(err, VIRTQ_IPC_E_VERSION,
				   "device speaks protocol versions %u to %u, the PMD %u: update "
				   "the older of the two",
				   h->version_min, h->version_max, VIRTQ_IPC_VERSION);
	if (h->max_pairs < 1 || h->max_pairs > VIRTQ_IPC_MAX_PAIRS)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "HELLO has %" PRIu32 " queue pairs, expected 1 to %u",
				   h->max_pairs, VIRTQ_IPC_MAX_PAIRS);
	if (ipc_field_name("HELLO's device id", h->device, err) ||
	    ipc_field_name("HELLO's VM name", h->vm_name, err))
		return -1;
	return ipc_field_reserved(
		"HELLO", !h->reserved0 && ipc_all_zero(h->reserved, sizeof(h->reserved)), err);
}
