/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_SHM_MAP_H
#define VIRTQ_SHM_MAP_H

/*
 * shm_map.h - the one place that maps a file that a peer gave us: guest RAM, the state
 * page.  Such a file has to be shared memory, is mapped without being touched, stays out
 * of core dumps, and may lose pages later without ending this process.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The file has to be a memfd of ordinary pages that is sealed against shrinking. */
#define SHM_SEALED (1u << 0)

struct shm_map {
	void *addr; /* of the offset that was asked for; NULL: nothing is mapped */
	void *map;  /* whole pages of the file */
	size_t map_size;
	int guard; /* sigbus_guard.h */
};

/*
 * Maps [offset, offset + size) of a file, to read and to write.  The fd stays the
 * caller's.  Returns 0, or -1 with a clause that begins with "it" in err: no shared
 * memory, not sealed, shorter than that, no room.  offset + size must not wrap.
 */
int shm_map(struct shm_map *m, int fd, uint64_t offset, uint64_t size, unsigned int flags,
	    char *err, size_t err_size);

/* Nobody may still use it.  Harmless when repeated. */
void shm_unmap(struct shm_map *m);

/* True once a page vanished (the file was truncated, or the hugepages ran out): the
 * mapping then reads as zero and leads nowhere. */
bool shm_lost(const struct shm_map *m);

#endif /* VIRTQ_SHM_MAP_H */
