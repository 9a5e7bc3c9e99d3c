/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "guest_log.h"

#include <stdio.h>
#include <stdlib.h>

/* Maps what `log` is to be.  Returns 0, or -1 with a clause in err. */
static int
log_map(struct guest_log *log, int fd, uint64_t offset, uint64_t size, char *err, size_t err_size)
{
	if (size == 0 || offset > (uint64_t)INT64_MAX || size > (uint64_t)INT64_MAX - offset) {
		snprintf(err, err_size, "it is empty or wraps");
		return -1;
	}
	if (size > GUEST_LOG_MAX_SIZE) {
		snprintf(err, err_size, "it is longer than %u bytes", GUEST_LOG_MAX_SIZE);
		return -1;
	}
	return shm_map(&log->map, fd, offset, size, 0, err, err_size);
}

struct guest_log *
guest_log_new(int fd, uint64_t offset, uint64_t size, char *err, size_t err_size)
{
	struct guest_log *log = calloc(1, sizeof(*log));
	char why[128] = "out of memory";

	if (log && log_map(log, fd, offset, size, why, sizeof(why)) == 0) {
		log->bits = log->map.addr;
		log->pages = size * 8;
		return log;
	}
	snprintf(err, err_size, "dirty log of %llu bytes at offset %llu: %s",
		 (unsigned long long)size, (unsigned long long)offset, why);
	free(log);
	return NULL;
}

void
guest_log_free(struct guest_log *log)
{
	if (!log)
		return;
	shm_unmap(&log->map);
	free(log);
}

bool
guest_log_covers(const struct guest_log *log, const struct guest_mem *mem)
{
	for (uint32_t i = 0; i < mem->count; i++) {
		const struct guest_region *r = &mem->region[i];

		if ((r->guest_addr + (r->size - 1)) / GUEST_LOG_PAGE >= log->pages)
			return false;
	}
	return true;
}

bool
guest_log_lost(const struct guest_log *log)
{
	return shm_lost(&log->map);
}

void
guest_log_on_loss(const struct guest_log *log, void (*lost)(void *arg), void *arg)
{
	shm_on_loss(&log->map, lost, arg);
}
