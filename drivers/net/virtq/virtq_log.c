/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_log.h"

#include <time.h>

RTE_LOG_REGISTER_DEFAULT(virtq_logtype, INFO);

uint64_t
virtq_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

bool
virtq_may_log(struct virtq_log_limit *limit, const char *name)
{
	uint64_t now = virtq_now_ms();

	if (now - limit->since_ms >= 60000) {
		if (limit->left_out > 0)
			VIRTQ_LOG(NOTICE, "%s: %u more messages were left out", name,
				  limit->left_out);
		*limit = (struct virtq_log_limit){.since_ms = now};
	}
	if (limit->lines < VIRTQ_LOG_LINES) {
		limit->lines++;
		return true;
	}
	limit->left_out++;
	return false;
}
