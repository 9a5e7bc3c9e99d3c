/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_PORT_H
#define TEST_PORT_H

/*
 * port.h - ports of the driver in an application of their own: EAL without hugepages, and
 * what the driver logs.
 */

#include <stdbool.h>
#include <stdint.h>

#include <CUnit/CUnit.h>
#include <ethdev_driver.h>
#include <rte_mempool.h>

/* Path of the ports' connector, in a folder of this program. */
extern char port_path[64];

extern struct rte_mempool *port_pool; /* as an application makes it */

void port_init(const char *program);

/* Ends EAL, and removes the folder: nothing may be left in it. */
void port_end(void);

/* Attaches eth_virtqN as a running application does; `args` follow connector=.  Returns what
 * the EAL returned. */
int port_attach(unsigned int n, const char *args);

/* The same, which must succeed: its number. */
uint16_t port_new(unsigned int n, const char *args);

/* One queue each way from port_pool, started. */
void port_start(uint16_t id, const struct rte_eth_conf *conf);

/* How many lines of the log, since the last call of port_log_begin(), have `text` in them;
 * NULL: how many there are of this driver. */
void port_log_begin(void);
unsigned int port_logged(const char *text);

/* Whether the connector's socket or lock exists. */
bool port_has_socket(void);

/* Control threads of the driver. */
unsigned int port_threads(void);

/* The suites. */
extern CU_TestInfo args_tests[], setup_tests[], remove_tests[];

#endif /* TEST_PORT_H */
