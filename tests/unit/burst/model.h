/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_MODEL_H
#define TEST_MODEL_H

/*
 * model.h - what the guest's memory must look like behind a burst, worked out
 * from the posted chains and the packets alone.  Scalar is held against it, so
 * that the variants are not compared with something that is wrong.
 */

#include "ring.h"

struct model {
	const struct ring *ring;
	uint32_t done;    /* chains that were given back */
	uint32_t longest; /* packet that is to be received */
	uint64_t dropped; /* received packets that are missing */
	struct guest_ram ram;
};

extern struct model model;

void model_init(void);
void model_free(void);

/* The first world's memory as it is now. */
void model_start(const struct ring *ring, uint32_t longest);

/* Keeps the packets that are about to be sent. */
void model_keep(struct rte_mbuf *const *pkts, uint16_t n);

/* NULL, or what is wrong with the first world behind a burst. */
const char *model_check_rx(void);
const char *model_check_tx(void);

#endif /* TEST_MODEL_H */
