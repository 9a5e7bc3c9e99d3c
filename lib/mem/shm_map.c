/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "shm_map.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sigbus_guard.h"

/* Maps a piece of a file without populating it.  A plain mmap() under
 * mlockall(MCL_FUTURE), which testpmd calls, allocates every page of the guest; pages
 * that are PROT_NONE until they are unlocked are not allocated. */
static void *
map_pages(int fd, uint64_t offset, size_t size)
{
	void *map = mmap(NULL, size, PROT_NONE, MAP_SHARED, fd, (off_t)offset);

	if (map == MAP_FAILED)
		return MAP_FAILED;
	if (munlock(map, size) != 0 || mprotect(map, size, PROT_READ | PROT_WRITE) != 0) {
		int err = errno;

		munmap(map, size);
		errno = err;
		return MAP_FAILED;
	}
	return map;
}

/* The page size of a file that may be mapped; else 0, with a clause in err. */
static uint64_t
file_check(int fd, uint64_t offset, uint64_t size, unsigned int flags, char *err, size_t err_size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct statfs fs;
	struct stat st;

	/* Only shared memory has seals.  Any other file system could block an access for
	 * as long as its owner likes. */
	if (seals < 0 || fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0) {
		snprintf(err, err_size,
			 "its fd is not shared memory (memfd, /dev/shm or hugetlbfs)");
		return 0;
	}
	if ((flags & SHM_SEALED) && (!(seals & F_SEAL_SHRINK) || fs.f_type == HUGETLBFS_MAGIC)) {
		snprintf(err, err_size,
			 "it is not a memfd of ordinary pages, sealed against shrinking");
		return 0;
	}
	if ((uint64_t)st.st_size < offset || (uint64_t)st.st_size - offset < size) {
		snprintf(err, err_size, "it is longer than its file of %lld bytes",
			 (long long)st.st_size);
		return 0;
	}
	/* hugetlbfs maps whole huge pages; their size is its block size */
	return fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize : 4096;
}

int
shm_map(struct shm_map *m, int fd, uint64_t offset, uint64_t size, unsigned int flags, char *err,
	size_t err_size)
{
	uint64_t page = file_check(fd, offset, size, flags, err, err_size), head;

	*m = (struct shm_map){.guard = -1};
	if (page == 0)
		return -1;
	head = offset & (page - 1);
	m->map_size = (size_t)((size + head + page - 1) & ~(page - 1));
	m->map = map_pages(fd, offset - head, m->map_size);
	if (m->map == MAP_FAILED) {
		snprintf(err, err_size, "mmap of %zu bytes failed: %s", m->map_size,
			 strerror(errno));
		return -1;
	}
	m->guard = sigbus_guard_add(m->map, m->map_size, page);
	if (m->guard < 0) {
		snprintf(err, err_size, "too many memory regions in this process");
		munmap(m->map, m->map_size);
		return -1;
	}
	/* a crash of the host application must not write a guest's RAM to disk */
	madvise(m->map, m->map_size, MADV_DONTDUMP);
	m->addr = (uint8_t *)m->map + head;
	return 0;
}

void
shm_unmap(struct shm_map *m)
{
	if (!m->addr)
		return;
	sigbus_guard_remove(m->guard);
	munmap(m->map, m->map_size);
	m->addr = NULL;
}

void
shm_on_loss(const struct shm_map *m, void (*lost)(void *arg), void *arg)
{
	sigbus_guard_on_loss(m->guard, lost, arg);
}

bool
shm_lost(const struct shm_map *m)
{
	return m->addr && sigbus_guard_lost(m->map);
}
