/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VRING_HDR_H
#define VIRTQ_VRING_HDR_H

/*
 * vring_hdr.h - writes the network header of a packet that the guest receives (virtio
 * 5.1.6.4): no offload, num_buffers buffers.
 */

#include "vring_batch.h"

/* Into hdr_len bytes at dst.  Writes only what differs: most often the buffer still holds
 * this header, and a cache line that is not written to stays shared with the guest's
 * processor. */
static inline void
vring_hdr_put(uint8_t *dst, uint32_t hdr_len, uint16_t num_buffers)
{
	uint64_t head;
	uint16_t rest;

	memcpy(&head, dst, sizeof(head));
	memcpy(&rest, dst + 8, sizeof(rest));
	if (unlikely((head | rest) != 0))
		memset(dst, 0, VIRTIO_NET_HDR_LEGACY);
	if (hdr_len == VIRTIO_NET_HDR_LEGACY)
		return;
	memcpy(&rest, dst + 10, sizeof(rest));
	if (unlikely(rest != num_buffers))
		memcpy(dst + 10, &num_buffers, sizeof(num_buffers));
}

/* Prefetches the line that the header begins in: to be written if the packet begins there as
 * well, else only to be read, because vring_hdr_put() seldom writes.  A driver that keeps
 * headers in lines of their own (DPDK's does) finds them in its processor's cache then. */
static inline __attribute__((always_inline)) void
vring_hdr_prefetch(const uint8_t *dst, uint32_t hdr_len)
{
	if ((uintptr_t)dst % VRING_CACHE_LINE + hdr_len < VRING_CACHE_LINE)
		vring_prefetch_write(dst);
	else
		vring_prefetch(dst);
}

/* Across as many segments as it takes, which together hold at least hdr_len bytes. */
static inline void
vring_hdr_put_segs(const struct vring_seg *seg, uint32_t hdr_len, uint16_t num_buffers)
{
	const struct virtio_net_hdr hdr = {.num_buffers = num_buffers};
	uint32_t done = 0;

	if (likely(seg->len >= hdr_len)) {
		vring_hdr_put(seg->addr, hdr_len, num_buffers);
		return;
	}
	for (; done < hdr_len; seg++) {
		uint32_t part = seg->len < hdr_len - done ? seg->len : hdr_len - done;

		memcpy(seg->addr, (const uint8_t *)&hdr + done, part);
		done += part;
	}
}

#endif /* VIRTQ_VRING_HDR_H */
