/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_MEM_H
#define VG_MEM_H

/*
 * vg_mem.h - the memory of the guest: one file, one mapping of ours, told to
 * the backend in one or more regions that stand side by side.
 */

#include <stdbool.h>
#include <stdint.h>

#define VG_MEM_GPA 0x100000000ull /* where it begins, guest-physical */
#define VG_MEM_MAX_REGIONS 8u     /* as many as every vhost-user backend takes */

struct vg_mem {
	int fd;
	uint8_t *base;
	uint64_t size;
	uint64_t taken;
	uint32_t nregion;
};

struct vg_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t offset; /* in the file */
};

int vg_mem_open(struct vg_mem *m, uint64_t bytes, bool hugetlb, uint32_t regions);
void vg_mem_close(struct vg_mem *m);

/* Guest-physical address of new, zeroed memory.  Aborts if vg_mem_open() was
 * asked for too little: that is a mistake of ours. */
uint64_t vg_mem_alloc(struct vg_mem *m, uint64_t bytes, uint64_t align);

/* The same in one region: rings do not lie across a border, buffers may. */
uint64_t vg_mem_alloc_whole(struct vg_mem *m, uint64_t bytes, uint64_t align);

struct vg_region vg_mem_region(const struct vg_mem *m, uint32_t i);

static inline void *
vg_mem_ptr(const struct vg_mem *m, uint64_t gpa)
{
	return m->base + (gpa - VG_MEM_GPA);
}

#endif /* VG_MEM_H */
