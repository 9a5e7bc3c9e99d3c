/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "guest_mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm_map.h"

/* A mapped region, shared by all memories that have it.  A region that stays while others
 * come and go is not mapped again: the rings in it go on. */
struct mapping {
	uint32_t users; /* the control thread's */
	struct shm_map map;
	int fd; /* kept open: hugepages stay ours while they are mapped */
};

struct guest_mem_slots {
	struct guest_mem mem; /* first: what callers see */
	struct mapping *mapping[GUEST_MEM_MAX_REGIONS];
};

static bool
desc_is_valid(const struct guest_mem_desc *d)
{
	return d->size > 0 && d->guest_addr <= UINT64_MAX - (d->size - 1) &&
	       d->user_addr <= UINT64_MAX - (d->size - 1) && d->fd_offset <= (uint64_t)INT64_MAX &&
	       d->size <= (uint64_t)INT64_MAX - d->fd_offset;
}

/* Neither range wraps. */
static bool
overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a <= b + (b_size - 1) && b <= a + (a_size - 1);
}

static bool
overlaps(const struct guest_mem *mem, const struct guest_mem_desc *d)
{
	for (uint32_t i = 0; i < mem->count; i++) {
		const struct guest_region *r = &mem->region[i];

		if (overlap(d->guest_addr, d->size, r->guest_addr, r->size) ||
		    (d->user_addr != 0 && r->user_addr != 0 &&
		     overlap(d->user_addr, d->size, r->user_addr, r->size)))
			return true;
	}
	return false;
}

/* Maps one more region; takes *fd over.  Returns 0, or -1 with a clause in err. */
static int
region_map(struct guest_mem_slots *s, const struct guest_mem_desc *d, int *fd, char *err,
	   size_t err_size)
{
	struct mapping *m = calloc(1, sizeof(*m));

	if (!m) {
		snprintf(err, err_size, "out of memory");
		return -1;
	}
	if (shm_map(&m->map, *fd, d->fd_offset, d->size, 0, err, err_size) != 0) {
		free(m);
		return -1;
	}
	m->users = 1;
	m->fd = *fd;
	*fd = -1;
	s->mapping[s->mem.count] = m;
	s->mem.region[s->mem.count++] = (struct guest_region){
		.guest_addr = d->guest_addr,
		.user_addr = d->user_addr,
		.size = d->size,
		.host = m->map.addr,
	};
	return 0;
}

/* Says in err what is wrong with a region, and why. */
static void
region_error(const char *name, const struct guest_mem_desc *d, const char *why, char *err,
	     size_t err_size)
{
	snprintf(err, err_size, "%s (0x%llx, %llu bytes): %s", name,
		 (unsigned long long)d->guest_addr, (unsigned long long)d->size, why);
}

/* Checks and maps one more region, called `name` in the sentence. */
static int
region_add(struct guest_mem_slots *s, const char *name, const struct guest_mem_desc *d, int *fd,
	   char *err, size_t err_size)
{
	char why[128];

	if (!desc_is_valid(d))
		snprintf(why, sizeof(why), "it is empty or wraps");
	else if (overlaps(&s->mem, d))
		snprintf(why, sizeof(why), "it overlaps another one");
	else if (region_map(s, d, fd, why, sizeof(why)) == 0)
		return 0;
	region_error(name, d, why, err, err_size);
	return -1;
}

static struct guest_mem_slots *
slots_new(char *err, size_t err_size)
{
	struct guest_mem_slots *s = calloc(1, sizeof(*s));

	if (!s)
		snprintf(err, err_size, "out of memory");
	return s;
}

static struct guest_mem *
count_error(unsigned int count, char *err, size_t err_size)
{
	snprintf(err, err_size, "%u memory regions: 1 to %u are possible", count,
		 GUEST_MEM_MAX_REGIONS);
	return NULL;
}

struct guest_mem *
guest_mem_new(const struct guest_mem_desc *desc, unsigned int count, int *fds, char *err,
	      size_t err_size)
{
	struct guest_mem_slots *s;
	char name[32];

	if (count == 0 || count > GUEST_MEM_MAX_REGIONS)
		return count_error(count, err, err_size);
	s = slots_new(err, err_size);
	if (!s)
		return NULL;
	for (unsigned int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "memory region %u", i);
		if (region_add(s, name, &desc[i], &fds[i], err, err_size) != 0) {
			guest_mem_free(&s->mem);
			return NULL;
		}
	}
	return &s->mem;
}

/* A memory that shares all regions of old but the one at `without`. */
static struct guest_mem_slots *
slots_share(const struct guest_mem *old, uint32_t without, char *err, size_t err_size)
{
	const struct guest_mem_slots *from = (const struct guest_mem_slots *)old;
	struct guest_mem_slots *s = slots_new(err, err_size);

	for (uint32_t i = 0; s && old && i < old->count; i++) {
		if (i == without)
			continue;
		from->mapping[i]->users++;
		s->mapping[s->mem.count] = from->mapping[i];
		s->mem.region[s->mem.count++] = old->region[i];
	}
	return s;
}

struct guest_mem *
guest_mem_add(const struct guest_mem *old, const struct guest_mem_desc *desc, int *fd, char *err,
	      size_t err_size)
{
	struct guest_mem_slots *s;

	if (old && old->count == GUEST_MEM_MAX_REGIONS)
		return count_error(old->count + 1, err, err_size);
	s = slots_share(old, UINT32_MAX, err, err_size);
	if (!s)
		return NULL;
	if (region_add(s, "additional memory region", desc, fd, err, err_size) != 0) {
		guest_mem_free(&s->mem);
		return NULL;
	}
	return &s->mem;
}

/* The region with these addresses, or count. */
static uint32_t
find(const struct guest_mem *mem, const struct guest_mem_desc *desc)
{
	uint32_t i;

	for (i = 0; mem && i < mem->count; i++) {
		const struct guest_region *r = &mem->region[i];

		if (r->guest_addr == desc->guest_addr && r->size == desc->size &&
		    r->user_addr == desc->user_addr)
			break;
	}
	return i;
}

struct guest_mem *
guest_mem_remove(const struct guest_mem *old, const struct guest_mem_desc *desc, char *err,
		 size_t err_size)
{
	struct guest_mem_slots *s;

	uint32_t i = find(old, desc);

	if (!old || i == old->count) {
		region_error("memory region to remove", desc, "there is no such region", err,
			     err_size);
		return NULL;
	}
	s = slots_share(old, i, err, err_size);
	return s ? &s->mem : NULL;
}

bool
guest_mem_has(const struct guest_mem *mem, const struct guest_mem_desc *desc, int fd)
{
	const struct guest_mem_slots *s = (const struct guest_mem_slots *)mem;
	uint32_t i = find(mem, desc);
	struct stat mine, other;

	if (!mem || i == mem->count)
		return false;
	if (fd < 0)
		return true;
	return fstat(s->mapping[i]->fd, &mine) == 0 && fstat(fd, &other) == 0 &&
	       mine.st_dev == other.st_dev && mine.st_ino == other.st_ino;
}

static void
mapping_put(struct mapping *m)
{
	if (--m->users > 0)
		return;
	shm_unmap(&m->map);
	close(m->fd);
	free(m);
}

void
guest_mem_free(struct guest_mem *mem)
{
	struct guest_mem_slots *s = (struct guest_mem_slots *)mem;

	if (!mem)
		return;
	for (uint32_t i = 0; i < mem->count; i++)
		mapping_put(s->mapping[i]);
	free(s);
}

uint64_t
guest_mem_bytes(const struct guest_mem *mem)
{
	uint64_t bytes = 0;

	/* no sum of mapped regions wraps */
	for (uint32_t i = 0; i < mem->count; i++)
		bytes += mem->region[i].size;
	return bytes;
}

void
guest_mem_on_loss(const struct guest_mem *mem, void (*lost)(void *arg), void *arg)
{
	const struct guest_mem_slots *s = (const struct guest_mem_slots *)mem;

	for (uint32_t i = 0; i < mem->count; i++)
		shm_on_loss(&s->mapping[i]->map, lost, arg);
}

bool
guest_mem_lost(const struct guest_mem *mem)
{
	const struct guest_mem_slots *s = (const struct guest_mem_slots *)mem;

	for (uint32_t i = 0; i < mem->count; i++)
		if (shm_lost(&s->mapping[i]->map))
			return true;
	return false;
}
