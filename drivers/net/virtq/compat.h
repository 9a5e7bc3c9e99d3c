/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_COMPAT_H
#define VIRTQ_COMPAT_H

/*
 * compat.h - what differs between the DPDK versions that virtq compiles against, and
 * nothing else.
 */

#include <pthread.h>

#include <ethdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_version.h>

#include <bus_vdev_driver.h>

#if RTE_VERSION < RTE_VERSION_NUM(22, 11, 0, 0)
#error "virtq needs DPDK 22.11 or later"
#endif

/* Since 24.03 the list of packet types comes with its length; before, it ended with
 * RTE_PTYPE_UNKNOWN. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
#define VIRTQ_PTYPES_ARGS struct rte_eth_dev *dev, size_t *count
#define VIRTQ_PTYPES_COUNT(n) (*count = (n))
#else
#define VIRTQ_PTYPES_ARGS struct rte_eth_dev *dev
#define VIRTQ_PTYPES_COUNT(n) ((void)(n))
#endif

/* Per-queue counters moved out of struct rte_eth_stats in 25.11. */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
#define VIRTQ_STATS_ARGS \
	struct rte_eth_dev *dev, struct rte_eth_stats *stats, struct eth_queue_stats *qstats
#define VIRTQ_QSTATS(stats, qstats) (qstats)
#else
#define VIRTQ_STATS_ARGS struct rte_eth_dev *dev, struct rte_eth_stats *stats
#define VIRTQ_QSTATS(stats, qstats) (stats)
#endif

/* A 64-bit number in a telemetry dictionary got another name in 23.03. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
#define virtq_tel_add_uint rte_tel_data_add_dict_uint
#else
#define virtq_tel_add_uint rte_tel_data_add_dict_u64
#endif

/* EAL's call that makes a control thread, which does not run on the lcores' processors,
 * was renamed in 23.07. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 7, 0, 0)
#include <rte_thread.h>
#define VIRTQ_THREAD_RET uint32_t
static inline int
virtq_thread_create(pthread_t *thread, const char *name, uint32_t (*run)(void *), void *arg)
{
	rte_thread_t id;
	int ret = rte_thread_create_internal_control(&id, name, run, arg);

	*thread = (pthread_t)id.opaque_id;
	return ret;
}
#else
#include <rte_lcore.h>
#define VIRTQ_THREAD_RET void *
static inline int
virtq_thread_create(pthread_t *thread, const char *name, void *(*run)(void *), void *arg)
{
	return rte_ctrl_thread_create(thread, name, NULL, run, arg);
}
#endif

#endif /* VIRTQ_COMPAT_H */
