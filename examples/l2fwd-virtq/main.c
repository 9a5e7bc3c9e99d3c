/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * l2fwd-virtq - forwards packets between pairs of eth_virtq ports (0 with 1, 2 with 3,
 * ...); a small application that links the driver:
 *
 *   l2fwd-virtq --lcores 0@0,1@1 --in-memory --no-pci \
 *       --vdev eth_virtq0,connector=/run/virtq/a --vdev eth_virtq1,connector=/run/virtq/a
 *
 * The main lcore prints each guest that comes up or goes down, and at the end (SIGINT or
 * SIGTERM) the counters; the other lcore forwards.  The driver's thread prints which queue
 * pairs a guest uses.  One queue each way serves all of them.
 */

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include <rte_eth_virtq.h>

#define MBUFS 8191
#define MBUF_CACHE 250
#define BURST 32

static volatile sig_atomic_t quit;

static void
on_signal(int sig)
{
	(void)sig;
	quit = 1;
}

/* RTE_ETH_EVENT_QUEUE_STATE.  One call may stand for several changes. */
static int
on_queue_state(uint16_t port, enum rte_eth_event_type type, void *arg, void *ret)
{
	struct rte_eth_virtq_queue_event ev;

	(void)type;
	(void)arg;
	(void)ret;
	while (rte_eth_virtq_queue_event_get(port, &ev) == 0)
		printf("port %u: %s pair %u is %s\n", port, ev.rx ? "rx" : "tx", ev.pair,
		       ev.enabled ? "in use" : "out of use");
	fflush(stdout);
	return 0;
}

/* One queue each way; the guest chooses the ring sizes. */
static int
port_start(uint16_t port, struct rte_mempool *pool)
{
	const struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(port, &info);

	if (ret == 0)
		ret = rte_eth_dev_callback_register(port, RTE_ETH_EVENT_QUEUE_STATE, on_queue_state,
						    NULL);
	if (ret == 0)
		ret = rte_eth_dev_configure(port, 1, 1, &conf);
	if (ret == 0)
		ret = rte_eth_rx_queue_setup(port, 0, info.default_rxportconf.ring_size,
					     rte_eth_dev_socket_id(port), NULL, pool);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(port, 0, info.default_txportconf.ring_size,
					     rte_eth_dev_socket_id(port), NULL);
	return ret == 0 ? rte_eth_dev_start(port) : ret;
}

/* Drops what the receiver has no buffer for, as a switch does. */
static void
forward(uint16_t from, uint16_t to)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t n = rte_eth_rx_burst(from, 0, pkts, BURST);
	uint16_t sent = n ? rte_eth_tx_burst(to, 0, pkts, n) : 0;

	if (sent < n)
		rte_pktmbuf_free_bulk(pkts + sent, n - sent);
}

static int
forward_loop(void *arg)
{
	uint16_t port, ports = *(const uint16_t *)arg;

	while (!quit)
		for (port = 0; port < ports; port++)
			forward(port, port ^ 1);
	return 0;
}

static void
print_peers(uint16_t ports, bool *running)
{
	struct rte_eth_virtq_info info;

	for (uint16_t port = 0; port < ports; port++) {
		if (rte_eth_virtq_info_get(port, &info) != 0 || info.running == running[port])
			continue;
		running[port] = info.running;
		if (info.running)
			printf("port %u: guest '%s', device %s, is up\n", port, info.vm_name,
			       info.device);
		else
			printf("port %u: guest is down\n", port);
		fflush(stdout);
	}
}

static void
print_counters(uint16_t ports)
{
	struct rte_eth_stats st;

	for (uint16_t port = 0; port < ports; port++)
		if (rte_eth_stats_get(port, &st) == 0)
			printf("port %u: received %" PRIu64 ", sent %" PRIu64 "\n", port,
			       st.ipackets, st.opackets);
}

int
main(int argc, char **argv)
{
	static bool running[RTE_MAX_ETHPORTS];
	struct rte_mempool *pool;
	uint16_t port, ports;
	unsigned int worker;

	if (rte_eal_init(argc, argv) < 0)
		rte_exit(EXIT_FAILURE, "l2fwd-virtq: EAL did not start, see above\n");
	ports = rte_eth_dev_count_avail();
	worker = rte_get_next_lcore(-1, 1, 0);
	if (ports == 0 || ports % 2 != 0 || worker >= RTE_MAX_LCORE)
		rte_exit(EXIT_FAILURE,
			 "l2fwd-virtq: %u ports and %u lcores: an even number of --vdev eth_virtq "
			 "ports and two lcores are needed\n",
			 ports, rte_lcore_count());
	pool = rte_pktmbuf_pool_create("mbufs", MBUFS, MBUF_CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       (int)rte_socket_id());
	if (!pool)
		rte_exit(EXIT_FAILURE, "l2fwd-virtq: no memory for %u mbufs\n", MBUFS);
	for (port = 0; port < ports; port++)
		if (port_start(port, pool) != 0)
			rte_exit(EXIT_FAILURE, "l2fwd-virtq: port %u does not start\n", port);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (rte_eal_remote_launch(forward_loop, &ports, worker) != 0)
		rte_exit(EXIT_FAILURE, "l2fwd-virtq: lcore %u does not start\n", worker);
	while (!quit) {
		print_peers(ports, running);
		usleep(100000);
	}
	rte_eal_wait_lcore(worker);
	print_counters(ports);
	for (port = 0; port < ports; port++) {
		rte_eth_dev_stop(port);
		rte_eth_dev_close(port);
	}
	return rte_eal_cleanup() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
