/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "guest_mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shm_map.h"

struct guest_mem_slots {
	struct guest_mem mem; /* first: what callers see */
	struct shm_map map[GUEST_MEM_MAX_REGIONS];
	int fd[GUEST_MEM_MAX_REGIONS]; /* kept open: hugepages stay ours while they are mapped */
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
	uint32_t i = s->mem.count;

	if (shm_map(&s->map[i], *fd, d->fd_offset, d->size, 0, err, err_size) != 0)
		return -1;
	s->mem.region[i] = (struct guest_region){
		.guest_addr = d->guest_addr,
		.user_addr = d->user_addr,
		.size = d->size,
		.host = s->map[i].addr,
	};
	s->fd[i] = *fd;
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
		shm_unmap(&s->map[i]);
		close(s->fd[i]);
	}
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
		shm_on_loss(&s->map[i], lost, arg);
}

bool
guest_mem_lost(const struct guest_mem *mem)
{
	const struct guest_mem_slots *s = (const struct guest_mem_slots *)mem;

	for (uint32_t i = 0; i < mem->count; i++)
		if (shm_lost(&s->map[i]))
			return true;
	return false;
}
