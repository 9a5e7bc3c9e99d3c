/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_BACKEND_H
#define TEST_BACKEND_H

/*
 * backend.h - the plainest device side that vring_any.h allows: snapshot, copy
 * byte for byte, return.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vring.h"
#include "vring_any.h"

#define BE_PACKET_MAX 65600u /* 64 KiB and a header */

/* A packet with its network header in front. */
struct be_packet {
	uint32_t len;
	uint8_t data[BE_PACKET_MAX];
};

/* What the guest sent: up to max packets.  Ends early on a fault. */
unsigned int be_deq(struct vring *vr, struct be_packet *to, unsigned int max);

/* Gives the guest up to n packets; how many it had room for.  from[i].data begins
 * with a header of vr->hdr_len bytes, whose num_buffers is filled in. */
unsigned int be_enq(struct vring *vr, struct be_packet *from, unsigned int n);

#endif /* TEST_BACKEND_H */
