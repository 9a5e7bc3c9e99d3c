/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_SHM_MAP_H
#define VIRTQ_SHM_MAP_H

/*
 * shm_map.h - the one place that maps files of a peer: guest RAM, the state page.  The
 * file must be shared memory.  Its mapping is not populated, stays out of core dumps, and
 * may lose pages later without ending this process.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The file must be a memfd of ordinary pages, sealed against shrinking. */
#define SHM_SEALED (1u << 0)

struct shm_map {
	void *addr; /* where `offset` of shm_map() is; NULL: nothing is mapped */
	void *map;  /* the whole pages around it */
	size_t map_size;
	int guard; /* sigbus_guard.h */
};

/*
 * Maps [offset, offset + size) of a file, bytes, to read and to write.  The fd stays the
 * caller's.  offset + size must not wrap.  Returns 0, or -1 with a clause ("it is ...")
 * in err: the file is no shared memory, is not sealed or is too short, or there is no
 * room.  Any thread.
 */
int shm_map(struct shm_map *m, int fd, uint64_t offset, uint64_t size, unsigned int flags,
	    char *err, size_t err_size);

/* No thread may still use the mapping.  Harmless when repeated. */
void shm_unmap(struct shm_map *m);

/* lost(arg) is called each time that a page was found to have vanished, in a signal handler
 * of the thread that accessed it: it has to be async-signal-safe. */
void shm_on_loss(const struct shm_map *m, void (*lost)(void *arg), void *arg);

/* True once a page vanished (the file was truncated, or the hugepages ran out): pages that
 * vanished read as zero, and what is written to them is lost. */
bool shm_lost(const struct shm_map *m);

#endif /* VIRTQ_SHM_MAP_H */
