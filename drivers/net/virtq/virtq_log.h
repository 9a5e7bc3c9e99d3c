/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_LOG_H
#define VIRTQ_LOG_H

/* virtq_log.h - log lines, and a rate limit for those that a peer can cause. */

#include <stdbool.h>
#include <stdint.h>

#include <rte_log.h>

extern int virtq_logtype;
#define VIRTQ_LOG(level, fmt, ...) \
	rte_log(RTE_LOG_##level, virtq_logtype, "virtq: " fmt "\n", ##__VA_ARGS__)

/* Lines a minute: a guest that starts and stops in a loop, or a client that connects again
 * and again, must not fill the log. */
#define VIRTQ_LOG_LINES 30u
struct virtq_log_limit {
	uint64_t since_ms;
	uint32_t lines;
	uint32_t left_out;
};

/* Counts a line about `name`; false if it exceeds the limit.  How many did is logged with
 * the first line after the minute. */
bool virtq_may_log(struct virtq_log_limit *limit, const char *name);

/* A rate-limited line about a port. */
#define VIRTQ_PORT_LOG(level, port, fmt, ...)                                      \
	do {                                                                       \
		if (virtq_may_log(&(port)->log, (port)->name))                     \
			VIRTQ_LOG(level, "%s: " fmt, (port)->name, ##__VA_ARGS__); \
	} while (0)

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t virtq_now_ms(void);

#endif /* VIRTQ_LOG_H */
