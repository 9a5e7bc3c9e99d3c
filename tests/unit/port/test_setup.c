/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_setup.c - what an application may configure. */

#include <rte_malloc.h>

#include "port.h"

#define PINNED_MBUFS 63u
#define PINNED_BYTES 2304u

/* A burst would lose the flag of such an mbuf, and free its buffer as if it were the
 * mbuf's own. */
static void
test_pinned_buffers(void)
{
	struct rte_pktmbuf_extmem mem = {.buf_len = PINNED_MBUFS * PINNED_BYTES,
					 .elt_size = PINNED_BYTES};
	const struct rte_eth_conf conf = {0};
	struct rte_mempool *pinned;
	uint16_t id = port_new(0, "");

	mem.buf_ptr = rte_zmalloc("pinned", mem.buf_len, RTE_CACHE_LINE_SIZE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mem.buf_ptr);
	mem.buf_iova = rte_malloc_virt2iova(mem.buf_ptr);
	pinned = rte_pktmbuf_pool_create_extbuf("pinned", PINNED_MBUFS, 0, 0, PINNED_BYTES, 0, &mem,
						1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pinned);
	CU_ASSERT_EQUAL(rte_eth_dev_configure(id, 1, 1, &conf), 0);
	port_log_begin();
	CU_ASSERT_EQUAL(rte_eth_rx_queue_setup(id, 0, 256, 0, NULL, pinned), -EINVAL);
	CU_ASSERT_EQUAL(port_logged("mbufs of pool pinned have pinned external buffers"), 1);
	CU_ASSERT_EQUAL(port_logged("give the queue a pool of rte_pktmbuf_pool_create()"), 1);
	/* and with another pool it is a queue */
	port_start(id, &conf);
	CU_ASSERT_EQUAL(rte_eth_dev_stop(id), 0);
	CU_ASSERT_EQUAL(rte_eth_dev_close(id), 0);
	CU_ASSERT_EQUAL(rte_eal_hotplug_remove("vdev", "eth_virtq0"), 0);
	rte_mempool_free(pinned);
	rte_free(mem.buf_ptr);
}

CU_TestInfo setup_tests[] = {
	{"pinned external buffers", test_pinned_buffers},
	CU_TEST_INFO_NULL,
};
