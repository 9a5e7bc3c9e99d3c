/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_GUEST_LOG_H
#define VIRTQ_GUEST_LOG_H

/*
 * guest_log.h - the dirty log of a guest that migrates: a bitmap in memory that the peer
 * shares, one bit for each page of guest-physical memory from address 0 on.  Who writes to
 * guest memory sets the bits of what it wrote; the peer takes the bits, and copies those
 * pages once more.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest_mem.h"
#include "order.h"
#include "shm_map.h"

#define GUEST_LOG_PAGE 4096u

/* Longest log, bytes: for 32 TiB of addresses.  A longer one would only take address space
 * of this process. */
#define GUEST_LOG_MAX_SIZE (1u << 30)

struct guest_log {
	uint8_t *bits; /* page n: bit n % 8 of byte n / 8 */
	uint64_t pages;
	struct shm_map map;
};

/*
 * Maps the log in [offset, offset + size) of a file, bytes, at any offset.  The fd stays
 * the caller's.  Returns NULL with one sentence in err (err_size bytes) if the log is empty,
 * wraps, is longer than its file or than GUEST_LOG_MAX_SIZE, or cannot be mapped.  Any
 * thread.
 */
struct guest_log *guest_log_new(int fd, uint64_t offset, uint64_t size, char *err, size_t err_size);

/* Unmaps it; NULL is allowed.  No thread may still use it. */
void guest_log_free(struct guest_log *log);

/* Whether the log has a bit for each page of mem. */
bool guest_log_covers(const struct guest_log *log, const struct guest_mem *mem);

/* True once a page of the log itself vanished: bits may be missing.  Any thread. */
bool guest_log_lost(const struct guest_log *log);

/* As guest_mem_on_loss(). */
void guest_log_on_loss(const struct guest_log *log, void (*lost)(void *arg), void *arg);

/* Sets the bits of len (at least 1) bytes at guest-physical address gpa, which are written
 * and do not wrap.  Pages beyond the log's end have none.  Any thread. */
static inline void
guest_log_mark(const struct guest_log *log, uint64_t gpa, uint64_t len)
{
	uint64_t page = gpa / GUEST_LOG_PAGE, last = (gpa + (len - 1)) / GUEST_LOG_PAGE;

	if (last >= log->pages)
		last = log->pages - 1;
	while (page <= last) {
		uint64_t end = (page | 7) < last ? page | 7 : last;
		uint8_t bits = (uint8_t)(0xffu << page % 8 & 0xffu >> (7 - end % 8));

		order_or8(&log->bits[page / 8], bits);
		page = end + 1;
	}
}

#endif /* VIRTQ_GUEST_LOG_H */
