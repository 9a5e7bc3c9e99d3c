/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_CASE_H
#define TEST_CASE_H

/*
 * case.h - one ring, posted once, and bursts over it in every world at once.
 */

#include "ring.h"

#define BIT(n) (1ull << (n))
#define F_MRG_RXBUF BIT(VIRTIO_NET_F_MRG_RXBUF)
#define F_INDIRECT BIT(VIRTIO_F_INDIRECT_DESC)
#define F_EVENT_IDX BIT(VIRTIO_F_EVENT_IDX)
#define F_VERSION_1 BIT(VIRTIO_F_VERSION_1)
#define F_PACKED BIT(VIRTIO_F_RING_PACKED)
#define F_IN_ORDER BIT(VIRTIO_F_IN_ORDER)

struct test_case {
	struct rnd r;
	bool rx;
	uint64_t features;
	uint32_t size;
	uint16_t start;
	unsigned int pool;  /* rx: where mbufs come from */
	uint32_t pool_left; /* and how many of them */
	bool with_pos;
	bool whole;   /* rx: without RTE_ETH_RX_OFFLOAD_SCATTER */
	uint16_t mtu; /* 0: the largest */
	bool filter;  /* tx: of the port; the model does not know it */
	bool log;     /* what is written is logged */
	struct ring ring;
	uint64_t next, end; /* guest memory for buffers, and its spare part */
	uint64_t spare;
};

/* Bytes to fill memory and packets with. */
#define NOISE_BYTES (RAM_REGIONS * RAM_SIZE)
extern uint8_t noise[NOISE_BYTES];

/* Before all cases. */
void cases_init(uint64_t seed);

/* What stands in front of a failure, and is told also when the program crashes. */
void case_name(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *case_label(void);

/* Memory and ring of the first world; then chains are posted. */
void case_begin(struct test_case *c);

/* Guest memory of len bytes, once; 0 when there is no more. */
uint64_t case_alloc(struct test_case *c, uint32_t len);

/* Makes the ring visible, and all worlds the same. */
void case_go(struct test_case *c);

/* One burst of up to n packets in every world.  A difference between the worlds,
 * or to the model, is a failed assertion, and false. */
bool case_rx(struct test_case *c, uint16_t n);

/* Makes packet number i of the burst, the same in every world. */
typedef struct rte_mbuf *(*make_packet)(struct world *w, struct rnd *r, uint16_t i);
bool case_tx(struct test_case *c, uint16_t n, make_packet make);

/* Another reference to m, that is given up behind the burst. */
void case_hold(struct world *w, struct rte_mbuf *m);

/* Every mbuf is back where it came from. */
void case_end(struct test_case *c);

/* A failure that the test itself found. */
void case_fail(const struct world *w, const char *what);

extern unsigned int case_failures;

#endif /* TEST_CASE_H */
