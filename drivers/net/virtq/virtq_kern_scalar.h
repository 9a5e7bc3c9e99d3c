/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_KERN_SCALAR_H
#define VIRTQ_KERN_SCALAR_H

/*
 * virtq_kern_scalar.h - the leaves of the burst loops in plain C: the reference
 * that every other variant is tested against.
 */

#include <string.h>

#include "vring_abi.h"

#define VIRTQ_KERN_NAME "scalar"

static inline void
virtq_copy(void *dst, const void *src, uint32_t len)
{
	memcpy(dst, src, len);
}

/* Writes the header of a received packet: no offload, num_buffers buffers.  It
 * is most often there already, and a line that is not written to stays shared
 * between the two processors. */
static inline void
virtq_put_header(uint8_t *dst, uint8_t hdr_len, uint16_t num_buffers)
{
	const struct virtio_net_hdr hdr = {.num_buffers = num_buffers};

	if (memcmp(dst, &hdr, hdr_len) != 0)
		memcpy(dst, &hdr, hdr_len);
}

#endif /* VIRTQ_KERN_SCALAR_H */
