/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vg_opts.h"

#include "virtio_abi.h"

uint64_t
vg_opts_features(const struct vg_opts *o)
{
	return (o->mergeable ? VG_BIT(VIRTIO_NET_F_MRG_RXBUF) : 0) |
	       (o->packed ? VG_BIT(VIRTIO_F_RING_PACKED) : 0) |
	       (o->in_order ? VG_BIT(VIRTIO_F_IN_ORDER) : 0) |
	       (o->event_idx ? VG_BIT(VIRTIO_F_EVENT_IDX) : 0) |
	       (o->indirect != VG_IND_OFF ? VG_BIT(VIRTIO_F_INDIRECT_DESC) : 0) |
	       (o->any_layout ? VG_BIT(VIRTIO_F_ANY_LAYOUT) : 0) |
	       (o->legacy ? 0 : VG_BIT(VIRTIO_F_VERSION_1)) |
	       (o->pairs > 1 ? VG_BIT(VIRTIO_NET_F_MQ) | VG_BIT(VIRTIO_NET_F_CTRL_VQ) : 0);
}

uint32_t
vg_opts_hdr_len(const struct vg_opts *o)
{
	return o->mergeable || !o->legacy ? 12 : 10;
}
