/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "port.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_log.h>

#define MBUFS 255u

char port_path[64];
struct rte_mempool *port_pool;

static char dir[48];
static FILE *log_file;

static void
must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(2);
}

void
port_init(const char *program)
{
	char *argv[] = {(char *)(uintptr_t)program, "--no-huge",   "-m",       "32", "--no-pci",
			"--no-telemetry",           "--no-shconf", "--lcores", "0@0"};

	strcpy(dir, "/tmp/virtq-port-XXXXXX");
	must(mkdtemp(dir) != NULL, dir);
	snprintf(port_path, sizeof(port_path), "%s/c", dir);
	/* EAL makes empty folders in it, and with --no-shconf no more */
	setenv("RUNTIME_DIRECTORY", dir, 1);
	unsetenv("RTE_PMD_VIRTQ_CONNECTOR");
	must(rte_eal_init(RTE_DIM(argv), argv) >= 0, "rte_eal_init");
	port_pool = rte_pktmbuf_pool_create("port", MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	must(port_pool != NULL, "rte_pktmbuf_pool_create");
	log_file = tmpfile();
	must(log_file != NULL, "tmpfile");
	must(rte_openlog_stream(log_file) == 0, "rte_openlog_stream");
}

void
port_end(void)
{
	char name[80];

	CU_ASSERT_EQUAL(rte_eal_cleanup(), 0);
	snprintf(name, sizeof(name), "%s/dpdk/rte", dir);
	rmdir(name);
	snprintf(name, sizeof(name), "%s/dpdk", dir);
	rmdir(name);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

int
port_attach(unsigned int n, const char *args)
{
	char name[32], all[160];

	snprintf(name, sizeof(name), "eth_virtq%u", n);
	snprintf(all, sizeof(all), "connector=%s%s%s", port_path, *args ? "," : "", args);
	return rte_eal_hotplug_add("vdev", name, all);
}

uint16_t
port_new(unsigned int n, const char *args)
{
	char name[32];
	uint16_t id = UINT16_MAX;

	snprintf(name, sizeof(name), "eth_virtq%u", n);
	CU_ASSERT_EQUAL_FATAL(port_attach(n, args), 0);
	CU_ASSERT_EQUAL_FATAL(rte_eth_dev_get_port_by_name(name, &id), 0);
	return id;
}

void
port_start(uint16_t id, const struct rte_eth_conf *conf)
{
	CU_ASSERT_EQUAL_FATAL(rte_eth_dev_configure(id, 1, 1, conf), 0);
	CU_ASSERT_EQUAL_FATAL(rte_eth_rx_queue_setup(id, 0, 256, 0, NULL, port_pool), 0);
	CU_ASSERT_EQUAL_FATAL(rte_eth_tx_queue_setup(id, 0, 256, 0, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(rte_eth_dev_start(id), 0);
}

void
port_log_begin(void)
{
	must(ftruncate(fileno(log_file), 0) == 0, "ftruncate");
	rewind(log_file);
}

unsigned int
port_logged(const char *text)
{
	unsigned int n = 0;
	char line[512];

	fflush(log_file);
	rewind(log_file);
	while (fgets(line, sizeof(line), log_file))
		n += strstr(line, text ? text : "virtq: ") != NULL;
	return n;
}

bool
port_has_socket(void)
{
	char lock[80];

	snprintf(lock, sizeof(lock), "%s.lock", port_path);
	return access(port_path, F_OK) == 0 || access(lock, F_OK) == 0;
}

unsigned int
port_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	unsigned int n = 0;
	struct dirent *d;

	must(tasks != NULL, "/proc/self/task");
	while ((d = readdir(tasks)) != NULL) {
		char path[300], name[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", d->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		n += fgets(name, sizeof(name), f) && strncmp(name, "virtq-ctrl", 10) == 0;
		fclose(f);
	}
	closedir(tasks);
	return n;
}
