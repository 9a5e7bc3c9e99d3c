/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vg_mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vg_log.h"

#define HUGE_SIZE (2ull << 20)

int
vg_mem_open(struct vg_mem *m, uint64_t bytes, bool hugetlb, uint32_t regions)
{
	/* regions are whole huge pages, so that both kinds of file can be cut */
	uint64_t unit = HUGE_SIZE * regions;

	m->size = (bytes + unit - 1) / unit * unit;
	m->taken = 0;
	m->nregion = regions;
	m->fd = memfd_create("vguest", MFD_CLOEXEC | (hugetlb ? MFD_HUGETLB : 0));
	if (m->fd < 0)
		return vg_err("memfd_create: %s", strerror(errno));
	if (ftruncate(m->fd, (off_t)m->size) != 0)
		return vg_err("the guest's memory of %llu bytes: %s", (unsigned long long)m->size,
			      strerror(errno));
	m->base = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	if (m->base == MAP_FAILED)
		return vg_err(
			"the guest's memory of %llu bytes cannot be mapped: %s%s",
			(unsigned long long)m->size, strerror(errno),
			hugetlb ? "; reserve huge pages (vm.nr_hugepages) or leave --hugetlb out"
				: "");
	return 0;
}

void
vg_mem_close(struct vg_mem *m)
{
	if (m->base && m->base != MAP_FAILED)
		munmap(m->base, m->size);
	if (m->fd >= 0)
		close(m->fd);
	m->base = NULL;
	m->fd = -1;
}

uint64_t
vg_mem_alloc(struct vg_mem *m, uint64_t bytes, uint64_t align)
{
	uint64_t at = (m->taken + align - 1) / align * align;

	if (at > m->size || bytes > m->size - at)
		abort();
	m->taken = at + bytes;
	return VG_MEM_GPA + at;
}

uint64_t
vg_mem_alloc_whole(struct vg_mem *m, uint64_t bytes, uint64_t align)
{
	uint64_t part = m->size / m->nregion, at = (m->taken + align - 1) / align * align;

	if (bytes > 0 && at / part != (at + bytes - 1) / part)
		m->taken = (at / part + 1) * part;
	return vg_mem_alloc(m, bytes, align);
}

struct vg_region
vg_mem_region(const struct vg_mem *m, uint32_t i)
{
	uint64_t part = m->size / m->nregion;

	return (struct vg_region){VG_MEM_GPA + i * part, part, i * part};
}
