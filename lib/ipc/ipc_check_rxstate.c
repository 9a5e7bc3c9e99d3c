/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_check.h"

#include <inttypes.h>

#include "ipc_field.h"
#include "virtio_abi.h"

#define BIT(n) (1ull << (n))

/* What the control queue can switch (VIRTIO_NET_CTRL_GUEST_OFFLOADS). */
#define GUEST_OFFLOADS                                                 \
	(BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4) | \
	 BIT(VIRTIO_NET_F_GUEST_TSO6) | BIT(VIRTIO_NET_F_GUEST_ECN) |  \
	 BIT(VIRTIO_NET_F_GUEST_UFO) | BIT(VIRTIO_NET_F_GUEST_RSC4) |  \
	 BIT(VIRTIO_NET_F_GUEST_RSC6) | BIT(VIRTIO_NET_F_GUEST_USO4) | \
	 BIT(VIRTIO_NET_F_GUEST_USO6))

int
ipc_check_rxstate(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		  struct ipc_err *err)
{
	const struct virtq_ipc_rxstate *rx = payload;
	uint32_t macs = (uint32_t)rx->num_uni + rx->num_multi;

	(void)nfds;
	if (rx->mode & ~VIRTQ_IPC_RX_ALL)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "receive mode %#" PRIx32 " has unknown bits", rx->mode);
	if (rx->pairs < 1 || rx->pairs > ctx->max_pairs)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "%" PRIu32 " queue pairs in use, expected 1 to %" PRIu32,
				   rx->pairs, ctx->max_pairs);
	if (rx->guest_offloads & ~GUEST_OFFLOADS)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "guest offloads %#" PRIx64 " have unknown bits",
				   rx->guest_offloads);
	if (macs > VIRTQ_IPC_MAX_MACS)
		return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
				   "%u unicast and %u multicast addresses, expected at most %u",
				   rx->num_uni, rx->num_multi, VIRTQ_IPC_MAX_MACS);
	return ipc_field_reserved(
		"receive state",
		!rx->reserved0 && !rx->reserved1 &&
			ipc_all_zero(rx->macs + macs,
				     (VIRTQ_IPC_MAX_MACS - macs) * sizeof(rx->macs[0])),
		err);
}
