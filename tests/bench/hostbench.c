/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * hostbench - the host's side of a measurement: ports of any driver, one lcore, and a loop
 * that contains little more than the burst call.
 *
 *   hostbench EAL-OPTIONS -- QUEUES
 *
 * starts all ports with that many queue pairs, then runs commands from stdin:
 *
 *   run MODE SIZE BURST QUEUES WARM_MS TIME_MS [SEGMENT]
 *       MODE  enq sends prepared packets (the guest receives), deq receives and
 *             frees, io sends the packets that it received; poll is deq that does
 *             not wait for a first packet, ports is poll over all ports
 *       SIZE  bytes of a packet, or imix; SEGMENT: bytes of an mbuf, 0: all
 *   memory  prints the memory that the process uses
 *
 * Each answer is one line of JSON.  The process sleeps between commands, so that others
 * can be measured.  Only the burst calls are timed; calls that moved packets are counted
 * apart from calls that did not.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_ethdev.h>

#include "hostbench.h"

#define MBUFS 8191u
#define MBUF_CACHE 512u
#define LONG_MTU 9000u

static struct rte_mempool *pool;

static void
port_start(uint16_t port, uint16_t queues)
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(port, &info);

	/* the longest packets of all cells, in several mbufs, where the driver asks for it */
	conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	if (ret == 0 && info.max_mtu >= LONG_MTU && info.max_rx_pktlen >= LONG_MTU + 22u)
		conf.rxmode.mtu = LONG_MTU;
	if (ret == 0)
		ret = rte_eth_dev_configure(port, queues, queues, &conf);

	for (uint16_t i = 0; ret == 0 && i < queues; i++) {
		ret = rte_eth_rx_queue_setup(port, i, 1024, 0, NULL, pool);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(port, i, 1024, 0, NULL);
	}
	if (ret == 0)
		ret = rte_eth_dev_start(port);
	if (ret != 0)
		rte_exit(EXIT_FAILURE, "hostbench: port %u does not start with %u queues: %s\n",
			 port, queues, strerror(-ret));
}

static enum hb_mode
mode_of(const char *text)
{
	static const char *const names[] = {"enq", "deq", "io", "poll", "ports"};

	for (size_t i = 0; i < RTE_DIM(names); i++)
		if (strcmp(text, names[i]) == 0)
			return (enum hb_mode)i;
	rte_exit(EXIT_FAILURE, "hostbench: mode %s: expected enq, deq, io, poll or ports\n", text);
}

static void
print(const struct hb_tally *t)
{
	printf("{\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"busy_packets\": %" PRIu64
	       ", \"busy_cycles\": %" PRIu64 ", \"disturbed\": %" PRIu64
	       ", \"busy_calls\": %" PRIu64 ", \"idle_cycles\": %" PRIu64
	       ", \"idle_calls\": %" PRIu64 ", \"cycles\": %" PRIu64 ", \"hz\": %" PRIu64
	       ", \"waited_ns\": %" PRIu64 ", \"stolen\": %" PRIu64 ", \"switches\": %ld}\n",
	       t->packets, t->bytes, t->busy_packets, t->busy_cycles, t->disturbed, t->busy_calls,
	       t->idle_cycles, t->idle_calls, t->cycles, rte_get_tsc_hz(), t->waited_ns, t->stolen,
	       t->switches);
}

static void
run_command(const char *line, uint16_t queues)
{
	struct hb_options o = {.pool = pool};
	char mode[8], size[8];
	int n = sscanf(line, "run %7s %7s %u %u %u %u %u", mode, size, &o.burst, &o.queues,
		       &o.warm_ms, &o.time_ms, &o.segment);
	struct hb_tally t;

	if (n < 6 || o.burst == 0 || o.burst > HB_MAX_BURST || o.queues == 0 || o.queues > queues)
		rte_exit(EXIT_FAILURE,
			 "hostbench: %s: expected run MODE SIZE BURST QUEUES WARM_MS TIME_MS "
			 "[SEGMENT], bursts up to %u, queues up to %u\n",
			 line, HB_MAX_BURST, queues);
	o.mode = mode_of(mode);
	o.size = strcmp(size, "imix") == 0 ? 0 : (uint32_t)strtoul(size, NULL, 10);
	if (hb_run(&o, &t) == 0)
		print(&t);
	else
		printf("{\"error\": \"nothing moved for %u s\"}\n", HB_PATIENCE_S);
}

/* Resident memory and the used part of the DPDK heaps, bytes. */
static void
memory_command(void)
{
	struct rte_malloc_socket_stats s;
	size_t heap = 0;
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%*d %ld", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	for (int i = 0; i < RTE_MAX_NUMA_NODES; i++)
		if (rte_malloc_get_socket_stats(i, &s) == 0)
			heap += s.heap_allocsz_bytes;
	printf("{\"resident\": %ld, \"heap\": %zu}\n", pages * sysconf(_SC_PAGESIZE), heap);
}

static void
command_loop(uint16_t queues)
{
	char line[256];

	printf("{\"ready\": true}\n");
	while (fflush(stdout) == 0 && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "run ", 4) == 0)
			run_command(line, queues);
		else if (strcmp(line, "memory") == 0)
			memory_command();
		else
			rte_exit(EXIT_FAILURE, "hostbench: %s: expected run or memory\n", line);
	}
}

int
main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv);
	uint16_t port, queues;

	if (used < 0)
		rte_exit(EXIT_FAILURE, "hostbench: EAL did not start, see above\n");
	queues = argc > used + 1 ? (uint16_t)strtoul(argv[used + 1], NULL, 10) : 1;
	pool = rte_pktmbuf_pool_create("bench", MBUFS, MBUF_CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (!pool)
		rte_exit(EXIT_FAILURE, "hostbench: no memory for %u mbufs\n", MBUFS);
	RTE_ETH_FOREACH_DEV (port)
		port_start(port, queues);
	command_loop(queues);
	RTE_ETH_FOREACH_DEV (port) {
		rte_eth_dev_stop(port);
		rte_eth_dev_close(port);
	}
	rte_eal_cleanup();
	return EXIT_SUCCESS;
}
