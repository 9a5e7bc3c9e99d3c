/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Memory that grows and shrinks by single regions: the others are not mapped again, and
 * nothing of them is closed while a memory that has them is in use. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

#define MiB 0x100000ull
#define USER 0x7f0000000000ull

static char err[256];

/* Region i, and what it is in the front end. */
static struct guest_mem_desc
region(unsigned int i)
{
	return (struct guest_mem_desc){i * MiB, MiB, 0, USER + i * MiB};
}

static struct guest_mem *
with(const struct guest_mem *old, unsigned int i)
{
	struct guest_mem_desc d = region(i);
	int fd = ram_memfd(MiB, 0);
	struct guest_mem *mem = guest_mem_add(old, &d, &fd, err, sizeof(err));

	CU_ASSERT_PTR_NOT_NULL_FATAL(mem);
	CU_ASSERT_EQUAL(fd, -1);
	return mem;
}

static struct guest_mem *
without(const struct guest_mem *old, unsigned int i)
{
	struct guest_mem_desc d = region(i);
	struct guest_mem *mem = guest_mem_remove(old, &d, err, sizeof(err));

	CU_ASSERT_PTR_NOT_NULL_FATAL(mem);
	return mem;
}

static void
expect_error(const char *sentence)
{
	CU_ASSERT_STRING_EQUAL(err, sentence);
	if (strcmp(err, sentence) != 0)
		fprintf(stderr, "\n    got:  %s\n    want: %s\n", err, sentence);
}

/* Up to as many as there may be, and down again: one mapping and one fd a region. */
static void
test_grow_and_shrink(void)
{
	unsigned int fds = fix_count_fds(), maps = fix_count_maps();
	struct guest_mem *mem = NULL, *next;
	uint8_t *host[GUEST_MEM_MAX_REGIONS];

	for (unsigned int i = 0; i < GUEST_MEM_MAX_REGIONS; i++) {
		next = with(mem, i);
		guest_mem_free(mem);
		mem = next;
		CU_ASSERT_EQUAL(mem->count, i + 1);
		CU_ASSERT_EQUAL(guest_mem_bytes(mem), (i + 1) * MiB);
		CU_ASSERT_EQUAL(fix_count_maps(), maps + i + 1);
		CU_ASSERT_EQUAL(fix_count_fds(), fds + i + 1);
		host[i] = guest_mem_host(mem, i * MiB, MiB);
		CU_ASSERT_PTR_NOT_NULL_FATAL(host[i]);
		host[i][i] = (uint8_t)(i + 1);
	}
	/* from the middle, where the others stay */
	for (unsigned int k = GUEST_MEM_MAX_REGIONS; k > 0; k--) {
		unsigned int gone = (k * 5) % GUEST_MEM_MAX_REGIONS;

		for (unsigned int i = 0; i < mem->count; i++) {
			uint64_t at = mem->region[i].guest_addr;

			CU_ASSERT_PTR_EQUAL(mem->region[i].host, host[at / MiB]);
			CU_ASSERT_EQUAL(*guest_mem_host(mem, at + at / MiB, 1), at / MiB + 1);
		}
		while (!guest_mem_host(mem, gone * MiB, 1))
			gone = (gone + 1) % GUEST_MEM_MAX_REGIONS;
		next = without(mem, gone);
		guest_mem_free(mem);
		mem = next;
		CU_ASSERT_EQUAL(mem->count, k - 1);
		CU_ASSERT_PTR_NULL(guest_mem_host(mem, gone * MiB, 1));
		CU_ASSERT_PTR_NULL(guest_mem_user(mem, USER + gone * MiB, 1));
		CU_ASSERT_EQUAL(fix_count_maps(), maps + k - 1);
		CU_ASSERT_EQUAL(fix_count_fds(), fds + k - 1);
	}
	/* with nothing in it, and from nothing on */
	next = with(mem, 3);
	guest_mem_free(mem);
	CU_ASSERT_PTR_NOT_NULL(guest_mem_host(next, 3 * MiB, MiB));
	guest_mem_free(next);
	CU_ASSERT_EQUAL(fix_count_maps(), maps);
	CU_ASSERT_EQUAL(fix_count_fds(), fds);
}

/* Both memories are good until each is freed, in either order. */
static void
test_shared(void)
{
	unsigned int fds = fix_count_fds(), maps = fix_count_maps();

	for (unsigned int order = 0; order < 2; order++) {
		struct guest_mem *a = with(NULL, 0), *b = with(a, 1), *c = without(b, 0);

		CU_ASSERT_EQUAL(a->count, 1);
		CU_ASSERT_EQUAL(fix_count_maps(), maps + 2);
		*guest_mem_host(a, 5, 1) = 7;
		CU_ASSERT_EQUAL(*guest_mem_host(b, 5, 1), 7);
		guest_mem_free(order ? a : c);
		CU_ASSERT_EQUAL(fix_count_maps(), maps + 2);
		CU_ASSERT_EQUAL(*guest_mem_host(b, 5, 1), 7);
		guest_mem_free(b);
		CU_ASSERT_EQUAL(fix_count_maps(), maps + 1);
		CU_ASSERT_EQUAL(fix_count_fds(), fds + 1);
		*guest_mem_host(order ? c : a, order ? MiB : 0, MiB) = 1;
		guest_mem_free(order ? c : a);
		CU_ASSERT_EQUAL(fix_count_maps(), maps);
		CU_ASSERT_EQUAL(fix_count_fds(), fds);
	}
}

/* What guest_mem_new() refuses, and the old memory and the fd stay as they are. */
static void
refuse_add(const struct guest_mem *old, struct guest_mem_desc d, const char *sentence)
{
	unsigned int fds = fix_count_fds(), maps = fix_count_maps();
	int fd = ram_memfd(MiB, 0), same = fd;

	CU_ASSERT_PTR_NULL(guest_mem_add(old, &d, &fd, err, sizeof(err)));
	expect_error(sentence);
	CU_ASSERT_EQUAL(fd, same);
	close(fd);
	CU_ASSERT_EQUAL(fix_count_maps(), maps);
	CU_ASSERT_EQUAL(fix_count_fds(), fds);
}

static void
test_bad_add(void)
{
	struct guest_mem *mem = with(NULL, 2), *next;
	struct guest_mem_desc d = region(2);
	int none = -1;

	refuse_add(mem, d,
		   "additional memory region (0x200000, 1048576 bytes): it overlaps another one");
	d.user_addr = 0;
	refuse_add(mem, d,
		   "additional memory region (0x200000, 1048576 bytes): it overlaps another one");
	d = region(2);
	d.guest_addr = 9 * MiB;
	refuse_add(mem, d,
		   "additional memory region (0x900000, 1048576 bytes): it overlaps another one");
	d = (struct guest_mem_desc){3 * MiB - 1, 1, 0, 0};
	refuse_add(mem, d, "additional memory region (0x2fffff, 1 bytes): it overlaps another one");
	d = (struct guest_mem_desc){UINT64_MAX, 2, 0, 0};
	refuse_add(mem, d,
		   "additional memory region (0xffffffffffffffff, 2 bytes): it is empty or wraps");
	d = (struct guest_mem_desc){5 * MiB, 0, 0, 0};
	refuse_add(NULL, d, "additional memory region (0x500000, 0 bytes): it is empty or wraps");
	d = (struct guest_mem_desc){5 * MiB, MiB, 4096, 0};
	refuse_add(mem, d,
		   "additional memory region (0x500000, 1048576 bytes): it is longer than its "
		   "file of 1048576 bytes");
	d = region(5);
	CU_ASSERT_PTR_NULL(guest_mem_add(mem, &d, &none, err, sizeof(err)));
	expect_error("additional memory region (0x500000, 1048576 bytes): its fd is not shared "
		     "memory (memfd, /dev/shm or hugetlbfs)");
	for (unsigned int i = 3; mem->count < GUEST_MEM_MAX_REGIONS; i++) {
		next = with(mem, i);
		guest_mem_free(mem);
		mem = next;
	}
	refuse_add(mem, region(100), "65 memory regions: 1 to 64 are possible");
	CU_ASSERT_EQUAL(mem->count, GUEST_MEM_MAX_REGIONS);
	guest_mem_free(mem);
}

/* Never added, removed twice, or another one in some field. */
static void
test_bad_remove(void)
{
	struct guest_mem *mem = with(NULL, 2), *two = with(mem, 4), *next = without(two, 4);
	struct guest_mem_desc d = region(2);

	d.size--;
	CU_ASSERT_PTR_NULL(guest_mem_remove(two, &d, err, sizeof(err)));
	expect_error("memory region to remove (0x200000, 1048575 bytes): there is no such region");
	d = region(2);
	d.user_addr++;
	CU_ASSERT_PTR_NULL(guest_mem_remove(two, &d, err, sizeof(err)));
	d = region(2);
	d.guest_addr++;
	CU_ASSERT_PTR_NULL(guest_mem_remove(two, &d, err, sizeof(err)));
	d = region(4);
	CU_ASSERT_PTR_NULL(guest_mem_remove(next, &d, err, sizeof(err)));
	CU_ASSERT_PTR_NULL(guest_mem_remove(NULL, &d, err, sizeof(err)));
	CU_ASSERT_EQUAL(next->count, 1);
	guest_mem_free(next);
	guest_mem_free(two);
	guest_mem_free(mem);
}

/* A page that vanishes in a shared region is lost to all that share it, and a region that
 * is removed leaves what is left whole. */
static void
test_loss(void)
{
	struct guest_mem_desc d = region(0);
	int own = ram_memfd(MiB, 0), fd = dup(own);
	struct guest_mem *a = guest_mem_add(NULL, &d, &fd, err, sizeof(err)), *b, *c;
	unsigned int lost_a = 0, lost_b = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(a);
	b = with(a, 1);
	guest_mem_on_loss(a, fix_count, &lost_a);
	guest_mem_on_loss(b, fix_count, &lost_b);
	CU_ASSERT_EQUAL(ftruncate(own, 0), 0);
	CU_ASSERT_EQUAL(*(volatile uint8_t *)guest_mem_host(a, 0, 1), 0);
	CU_ASSERT_EQUAL(lost_a, 0);
	CU_ASSERT_EQUAL(lost_b, 1);
	CU_ASSERT_TRUE(guest_mem_lost(a) && guest_mem_lost(b));
	c = without(b, 0);
	CU_ASSERT_FALSE(guest_mem_lost(c));
	guest_mem_free(a);
	CU_ASSERT_TRUE(guest_mem_lost(b));
	guest_mem_free(b);
	guest_mem_free(c);
	close(own);
}

/* From where a byte is mapped back to its address. */
static void
test_gpa(void)
{
	struct guest_mem *one = with(NULL, 7), *mem = with(one, 2);
	struct guest_mem_desc d = {UINT64_MAX - MiB + 1, MiB, 0, 0};
	uint64_t gpa = 1;
	int fd = ram_memfd(MiB, 0);
	struct guest_mem *all = guest_mem_add(mem, &d, &fd, err, sizeof(err));

	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	for (uint32_t i = 0; i < all->count; i++) {
		const struct guest_region *r = &all->region[i];

		CU_ASSERT_TRUE(guest_mem_gpa(all, r->host, &gpa));
		CU_ASSERT_EQUAL(gpa, r->guest_addr);
		CU_ASSERT_TRUE(guest_mem_gpa(all, r->host + r->size - 1, &gpa));
		CU_ASSERT_EQUAL(gpa, r->guest_addr + r->size - 1);
	}
	CU_ASSERT_FALSE(guest_mem_gpa(one, mem->region[1].host, &gpa));
	CU_ASSERT_TRUE(guest_mem_gpa(one, one->region[0].host, &gpa));
	CU_ASSERT_FALSE(guest_mem_gpa(one, one->region[0].host - 1, &gpa));
	CU_ASSERT_FALSE(guest_mem_gpa(one, one->region[0].host + MiB, &gpa));
	CU_ASSERT_FALSE(guest_mem_gpa(all, NULL, &gpa));
	CU_ASSERT_FALSE(guest_mem_gpa(all, &gpa, &gpa));
	guest_mem_free(all);
	guest_mem_free(mem);
	guest_mem_free(one);
}

static void
test_no_leak(void)
{
	unsigned int fds = fix_count_fds(), maps = fix_count_maps();
	struct guest_mem *mem = with(NULL, 0), *next;

	for (unsigned int i = 0; i < 10000; i++) {
		next = i % 2 ? without(mem, 1) : with(mem, 1);
		guest_mem_free(mem);
		mem = next;
		/* every time a refusal, too */
		if (i % 2 == 0)
			refuse_add(mem, region(0),
				   "additional memory region (0x0, 1048576 bytes): "
				   "it overlaps another one");
	}
	guest_mem_free(mem);
	CU_ASSERT_EQUAL(fix_count_fds(), fds);
	CU_ASSERT_EQUAL(fix_count_maps(), maps);
}

/* A region that is there already, and of the same file: said twice. */
static void
test_has(void)
{
	struct guest_mem_desc d = region(3), other;
	int fd = ram_memfd(MiB, 0), same = dup(fd), stranger = ram_memfd(MiB, 0);
	struct guest_mem *mem = guest_mem_add(NULL, &d, &fd, err, sizeof(err));

	CU_ASSERT_PTR_NOT_NULL_FATAL(mem);
	CU_ASSERT_TRUE(guest_mem_has(mem, &d, same));
	CU_ASSERT_TRUE(guest_mem_has(mem, &d, -1));
	CU_ASSERT_FALSE(guest_mem_has(mem, &d, stranger));
	other = d;
	other.guest_addr += MiB;
	CU_ASSERT_FALSE(guest_mem_has(mem, &other, same));
	other = d;
	other.user_addr += MiB;
	CU_ASSERT_FALSE(guest_mem_has(mem, &other, same));
	other = d;
	other.size -= 4096;
	CU_ASSERT_FALSE(guest_mem_has(mem, &other, same));
	CU_ASSERT_FALSE(guest_mem_has(NULL, &d, same));
	close(same);
	close(stranger);
	guest_mem_free(mem);
}

CU_TestInfo mem_slot_tests[] = {
	{"up to 64 regions and down again", test_grow_and_shrink},
	{"two memories with the same regions", test_shared},
	{"regions that cannot be added", test_bad_add},
	{"regions that cannot be removed", test_bad_remove},
	{"a page that vanishes", test_loss},
	{"host address to guest address", test_gpa},
	{"no leak in 10,000 changes", test_no_leak},
	{"a region that is there already", test_has},
	CU_TEST_INFO_NULL,
};
