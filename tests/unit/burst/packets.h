/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_PACKETS_H
#define TEST_PACKETS_H

/*
 * packets.h - packets of an application: mbufs of every shape.
 */

#include "case.h"

/* Lengths and shapes to choose from. */
struct packet_mix {
	uint32_t min, max; /* bytes */
	uint32_t odd;      /* one in so many is anything but one plain mbuf; 0: none */
};
extern struct packet_mix packet_mix;

/* By packet_mix; see make_packet. */
struct rte_mbuf *packet_make(struct world *w, struct rnd *r, uint16_t i);

/* One plain mbuf of len bytes. */
struct rte_mbuf *packet_plain(struct world *w, struct rnd *r, uint32_t len);

#endif /* TEST_PACKETS_H */
