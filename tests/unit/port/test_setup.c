/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_setup.c - what an application may configure. */

#include <malloc.h>

#include <rte_malloc.h>

#include "port.h"
#include "virtq.h"

#define PINNED_MBUFS 63u
#define PINNED_BYTES 2304u

static void
detach(void)
{
	CU_ASSERT_EQUAL(rte_eal_hotplug_remove("vdev", "eth_virtq0"), 0);
}

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
	detach();
	rte_mempool_free(pinned);
	rte_free(mem.buf_ptr);
}

static const struct virtq_queue *
rx_queue(uint16_t id)
{
	const struct virtq_port *port = rte_eth_devices[id].data->dev_private;

	return &port->rxq[0];
}

/* What application and data path are told of one queue that was set up so. */
static void
check_queue(uint16_t id, uint64_t port, uint64_t queue, uint16_t mtu, bool scatter)
{
	const struct rte_eth_conf conf = {.rxmode = {.offloads = port, .mtu = mtu}};
	const struct rte_eth_rxconf rx = {.offloads = queue};
	uint32_t frame = (mtu ? mtu : RTE_ETHER_MTU) + 22u, room = 2048;
	struct rte_eth_rxq_info info;
	uint16_t got = 0;

	CU_ASSERT_EQUAL(rte_eth_dev_configure(id, 1, 1, &conf), 0);
	CU_ASSERT_EQUAL(rte_eth_rx_queue_setup(id, 0, 256, 0, &rx, port_pool), 0);
	CU_ASSERT_EQUAL(rte_eth_tx_queue_setup(id, 0, 256, 0, NULL), 0);
	CU_ASSERT_EQUAL(rte_eth_dev_start(id), 0);
	CU_ASSERT_EQUAL(rte_eth_dev_get_mtu(id, &got), 0);
	CU_ASSERT_EQUAL(got, frame - 22);
	CU_ASSERT_EQUAL(rte_eth_rx_queue_info_get(id, 0, &info), 0);
	CU_ASSERT_EQUAL(info.scattered_rx, scatter);
	CU_ASSERT_EQUAL(info.conf.offloads, scatter ? RTE_ETH_RX_OFFLOAD_SCATTER : 0);
	CU_ASSERT_EQUAL(rte_eth_devices[id].data->scattered_rx, scatter);
	CU_ASSERT_EQUAL(rx_queue(id)->max_frame, scatter ? frame : RTE_MIN(frame, room));
	CU_ASSERT_EQUAL(rx_queue(id)->max_single, RTE_MIN(frame, room));
	CU_ASSERT_EQUAL(rx_queue(id)->port->mtu, frame - 22);
	CU_ASSERT_EQUAL(rte_eth_dev_stop(id), 0);
}

static void
test_lengths(void)
{
	const uint64_t on = RTE_ETH_RX_OFFLOAD_SCATTER;
	uint16_t id = port_new(0, "");
	struct rte_eth_dev_info info;

	CU_ASSERT_EQUAL(rte_eth_dev_info_get(id, &info), 0);
	/* from these ethdev computes the length of a frame */
	CU_ASSERT_EQUAL(info.max_rx_pktlen - info.max_mtu, 22);
	for (unsigned int i = 0; i < 2; i++) {
		check_queue(id, 0, 0, 0, false);
		check_queue(id, on, 0, 9000, true);
		check_queue(id, 0, on, 9000, true);
		check_queue(id, on, on, 0, true);
		check_queue(id, 0, 0, 9000, false);
		check_queue(id, 0, 0, 68, false);
		check_queue(id, on, 0, info.max_mtu, true);
	}
	/* while it runs */
	CU_ASSERT_EQUAL(rte_eth_dev_start(id), 0);
	CU_ASSERT_EQUAL(rte_eth_dev_set_mtu(id, 1400), 0);
	CU_ASSERT_EQUAL(rx_queue(id)->max_frame, 1422);
	CU_ASSERT_EQUAL(rx_queue(id)->max_single, 1422);
	CU_ASSERT_NOT_EQUAL(rte_eth_dev_set_mtu(id, 67), 0);
	CU_ASSERT_EQUAL(rx_queue(id)->max_frame, 1422);
	detach();
}

/* A packet that was dropped for want of mbufs is missed, and no error. */
static void
test_missed(void)
{
	const struct rte_eth_conf conf = {0};
	struct rte_eth_stats st;
	uint64_t xid, value = 0;
	uint16_t id = port_new(0, "");
	struct virtq_queue_stats *q = (struct virtq_queue_stats *)(uintptr_t)&rx_queue(id)->stats;

	port_start(id, &conf);
	q->nombuf = 5;
	q->missed = 3;
	q->runt = 2;
	CU_ASSERT_EQUAL(rte_eth_stats_get(id, &st), 0);
	CU_ASSERT_EQUAL(st.rx_nombuf, 8);
	CU_ASSERT_EQUAL(st.imissed, 3);
	CU_ASSERT_EQUAL(st.ierrors, 2);
	CU_ASSERT_EQUAL(rte_eth_xstats_get_id_by_name(id, "rx_q0_missed", &xid), 0);
	CU_ASSERT_EQUAL(rte_eth_xstats_get_by_id(id, &xid, &value, 1), 1);
	CU_ASSERT_EQUAL(value, 3);
	CU_ASSERT_EQUAL(rte_eth_xstats_get_id_by_name(id, "rx_q0_nombuf", &xid), 0);
	CU_ASSERT_EQUAL(rte_eth_xstats_get_by_id(id, &xid, &value, 1), 1);
	CU_ASSERT_EQUAL(value, 5);
	detach();
}

/* Bytes allocated, in DPDK's heaps and in that of the C library. */
static size_t
allocated(void)
{
	struct rte_malloc_socket_stats s;
	size_t bytes = mallinfo2().uordblks;

	for (int i = 0; i < RTE_MAX_NUMA_NODES; i++)
		if (rte_malloc_get_socket_stats(i, &s) == 0)
			bytes += s.heap_allocsz_bytes;
	return bytes;
}

/* Of most ports of an application no guest may ever be there: one without a peer has no
 * rings, whatever its front. */
static void
test_memory(void)
{
	char name[32], args[160];
	size_t before;

	port_new(0, "");
	before = allocated();
	port_new(1, "");
	CU_ASSERT(allocated() - before < 8192);
	before = allocated();
	snprintf(args, sizeof(args), "iface=%s-2", port_path);
	CU_ASSERT_EQUAL_FATAL(rte_eal_hotplug_add("vdev", "eth_virtq2", args), 0);
	CU_ASSERT(allocated() - before < 8192);
	for (unsigned int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "eth_virtq%u", i);
		CU_ASSERT_EQUAL(rte_eal_hotplug_remove("vdev", name), 0);
	}
}

CU_TestInfo setup_tests[] = {
	{"lengths", test_lengths},
	{"packets missed", test_missed},
	{"pinned external buffers", test_pinned_buffers},
	{"memory of a port without a peer", test_memory},
	CU_TEST_INFO_NULL,
};
