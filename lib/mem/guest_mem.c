/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "guest_mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sigbus_guard.h"

struct guest_mem_slots {
	struct guest_mem mem; /* first: what callers see */
	int guard[GUEST_MEM_MAX_REGIONS];
};

static bool
desc_is_valid(const struct guest_mem_desc *d)
{
	return d->size > 0 && d->guest_addr <= UINT64_MAX - (d->size - 1) &&
	       d->fd_offset <= (uint64_t)INT64_MAX && d->size <= (uint64_t)INT64_MAX - d->fd_offset;
}

static bool
overlaps(const struct guest_mem *mem, const struct guest_mem_desc *d)
{
	for (uint32_t i = 0; i < mem->count; i++) {
		const struct guest_region *r = &mem->region[i];

		if (d->guest_addr <= r->guest_addr + (r->size - 1) &&
		    r->guest_addr <= d->guest_addr + (d->size - 1))
			return true;
	}
	return false;
}

/* Maps a piece of a file without touching it.  A process under mlockall(MCL_FUTURE),
 * as testpmd is, would otherwise allocate the whole guest here: memory that may
 * not be accessed is not, and what is unlocked before it may be stays out. */
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

/* Maps one region behind those that mem has; 0, or -1 with a sentence. */
static int
region_map(struct guest_mem_slots *s, const struct guest_mem_desc *d, int *fd, char *err,
	   size_t err_size)
{
	struct guest_region *r = &s->mem.region[s->mem.count];
	struct statfs fs;
	struct stat st;
	uint64_t page, head;
	void *map;

	/* A file of any other file system may keep a reader waiting for as long as
	 * it likes, and only these can be asked for seals. */
	if (fcntl(*fd, F_GET_SEALS) < 0 || fstat(*fd, &st) != 0 || fstatfs(*fd, &fs) != 0) {
		snprintf(err, err_size,
			 "its fd is not shared memory (memfd, /dev/shm or hugetlbfs)");
		return -1;
	}
	if ((uint64_t)st.st_size < d->fd_offset || (uint64_t)st.st_size - d->fd_offset < d->size) {
		snprintf(err, err_size, "it is longer than its file of %lld bytes",
			 (long long)st.st_size);
		return -1;
	}
	/* hugetlbfs maps whole huge pages, and gives their size as its block size */
	page = fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize : 4096;
	head = d->fd_offset & (page - 1);
	r->map_size = (size_t)((d->size + head + page - 1) & ~(page - 1));
	map = map_pages(*fd, d->fd_offset - head, r->map_size);
	if (map == MAP_FAILED) {
		snprintf(err, err_size, "mmap of %zu bytes failed: %s", r->map_size,
			 strerror(errno));
		return -1;
	}
	s->guard[s->mem.count] = sigbus_guard_add(map, r->map_size);
	if (s->guard[s->mem.count] < 0) {
		snprintf(err, err_size, "too many memory regions in this process");
		munmap(map, r->map_size);
		return -1;
	}
	/* a crash of the host application must not write a guest's RAM to disk */
	madvise(map, r->map_size, MADV_DONTDUMP);
	r->guest_addr = d->guest_addr;
	r->size = d->size;
	r->host = (uint8_t *)map + head;
	r->map = map;
	r->fd = *fd;
	*fd = -1;
	s->mem.count++;
	return 0;
}

struct guest_mem *
guest_mem_new(const struct guest_mem_desc *desc, unsigned int count, int *fds, char *err,
	      size_t err_size)
{
	struct guest_mem_slots *s;
	char why[128];

	if (count == 0 || count > GUEST_MEM_MAX_REGIONS) {
		snprintf(err, err_size, "%u memory regions: 1 to %u are possible", count,
			 GUEST_MEM_MAX_REGIONS);
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		snprintf(err, err_size, "out of memory");
		return NULL;
	}
	for (unsigned int i = 0; i < count; i++) {
		int bad = -1;

		if (!desc_is_valid(&desc[i]))
			snprintf(why, sizeof(why), "it is empty or wraps");
		else if (overlaps(&s->mem, &desc[i]))
			snprintf(why, sizeof(why), "it overlaps another one");
		else
			bad = region_map(s, &desc[i], &fds[i], why, sizeof(why));
		if (bad) {
			snprintf(err, err_size, "memory region %u (0x%llx, %llu bytes): %s", i,
				 (unsigned long long)desc[i].guest_addr,
				 (unsigned long long)desc[i].size, why);
			guest_mem_free(&s->mem);
			return NULL;
		}
	}
	return &s->mem;
}

void
guest_mem_free(struct guest_mem *mem)
{
	struct guest_mem_slots *s = (struct guest_mem_slots *)mem;

	if (!mem)
		return;
	for (uint32_t i = 0; i < mem->count; i++) {
		struct guest_region *r = &mem->region[i];

		sigbus_guard_remove(s->guard[i]);
		munmap(r->map, r->map_size);
		close(r->fd);
	}
	free(s);
}

bool
guest_mem_lost(const struct guest_mem *mem)
{
	for (uint32_t i = 0; i < mem->count; i++)
		if (sigbus_guard_lost(mem->region[i].map))
			return true;
	return false;
}
