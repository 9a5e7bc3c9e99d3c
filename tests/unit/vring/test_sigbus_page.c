/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_sigbus_page.c - what the SIGBUS handler takes of the machine when a region shrinks:
 * a page a fault, whatever the size of the region, and a bounded number of mappings. */

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "fixture.h"
#include "sigbus_cases.h"

#define PAGE 4096ull
#define MIB (1ull << 20)
#define GIB (1ull << 30)
/* Replaced pieces, each with what it splits off, of any region. */
#define MAX_PIECES 256u

static int ram_fd; /* the guest's */

static struct guest_mem *
try_region(uint64_t size, unsigned int flags)
{
	struct guest_mem_desc d = {0, size, 0, 0};
	struct guest_mem *mem;
	char err[256];
	int fd;

	ram_fd = memfd_create("guest-ram", MFD_CLOEXEC | flags);
	CHECK(ram_fd >= 0 && ftruncate(ram_fd, (off_t)size) == 0);
	fd = dup(ram_fd);
	mem = guest_mem_new(&d, 1, &fd, err, sizeof(err));
	if (!mem)
		close(fd);
	return mem;
}

static struct guest_mem *
region(uint64_t size, unsigned int flags)
{
	struct guest_mem *mem = try_region(size, flags);

	CHECK(mem);
	return mem;
}

static volatile uint8_t *
byte_at(const struct guest_mem *mem, uint64_t at)
{
	return mem->region[0].host + at;
}

/* Bytes of a line of /proc/self/status or /proc/meminfo. */
static uint64_t
bytes_of(const char *file, const char *line)
{
	FILE *f = fopen(file, "r");
	unsigned long long kib = 0;
	char text[256];

	while (f && fgets(text, sizeof(text), f))
		if (strncmp(text, line, strlen(line)) == 0)
			sscanf(text + strlen(line), " %llu", &kib);
	if (f)
		fclose(f);
	return kib * 1024;
}

static uint64_t
resident(void)
{
	return bytes_of("/proc/self/status", "VmRSS:");
}

static unsigned int
mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned int n = 0;
	int c;

	while (f && (c = fgetc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

/* testpmd locks all memory that it maps from then on. */
static int
locked(uint64_t size)
{
	struct guest_mem *mem;
	uint64_t before;
	unsigned int maps;

	CHECK(mlockall(MCL_FUTURE) == 0);
	mem = region(size, 0);
	resident();
	before = resident();
	maps = mappings();
	CHECK(ftruncate(ram_fd, 0) == 0);
	CHECK(*byte_at(mem, size / 2) == 0);
	*byte_at(mem, size / 2) = 1;
	CHECK(*byte_at(mem, size / 2) == 1 && guest_mem_lost(mem));
	/* one page, and what reading these figures takes */
	CHECK(resident() < before + MIB);
	CHECK(mappings() <= maps + 3);
	guest_mem_free(mem);
	return 0;
}

int
page_locked_3g(void)
{
	return locked(3 * GIB);
}

int
page_locked_1t(void)
{
	return locked(1024 * GIB);
}

/* A hostile guest spreads its buffers: each page splits a mapping, and vm.max_map_count
 * limits their number for the whole process. */
int
page_many(void)
{
	struct guest_mem *mem = region(1024 * GIB, 0);
	struct rnd r = {20260101};
	unsigned int maps = mappings();

	CHECK(ftruncate(ram_fd, 0) == 0);
	for (unsigned int i = 0; i < 40000; i++) {
		uint64_t at = ((uint64_t)rnd(&r) << 8) % (1024 * GIB / PAGE) * PAGE;

		CHECK(*byte_at(mem, at) == 0);
	}
	CHECK(mappings() <= maps + 2 * MAX_PIECES);
	guest_mem_free(mem);
	CHECK(mappings() <= maps);
	return 0;
}

/* Lowers a limit to what the process has or less, so that no more is to be had.  (Linux
 * takes a limit of 0 of private memory for none.) */
static void
limit(int resource, const char *line)
{
	struct rlimit lim;

	CHECK(getrlimit(resource, &lim) == 0);
	lim.rlim_cur = line ? bytes_of("/proc/self/status", line) : PAGE;
	CHECK(setrlimit(resource, &lim) == 0);
}

static int
under_limit(int resource, const char *line)
{
	struct guest_mem *mem = region(64 * MIB, 0);

	CHECK(ftruncate(ram_fd, 0) == 0);
	limit(resource, line);
	CHECK(*byte_at(mem, 5 * PAGE) == 0);
	*byte_at(mem, 5 * PAGE) = 1;
	CHECK(*byte_at(mem, 5 * PAGE) == 1);
	CHECK(*byte_at(mem, 6 * PAGE) == 0);
	CHECK(guest_mem_lost(mem));
	return 0;
}

/* What vm.overcommit_memory=2 does to a process that has reached its share: no private
 * memory is given out. */
int
page_no_private(void)
{
	return under_limit(RLIMIT_DATA, NULL);
}

/* No address space either, beside the mapping. */
int
page_no_room(void)
{
	return under_limit(RLIMIT_AS, "VmSize:");
}

/* A region of huge pages; where the machine has none, there is nothing to test. */
int
page_huge(void)
{
	uint64_t page = bytes_of("/proc/meminfo", "Hugepagesize:");
	struct guest_mem *mem;

	mem = page ? try_region(3 * page, MFD_HUGETLB) : NULL;
	if (!mem)
		return 0;
	memset(mem->region[0].host, 0x11, 3 * page);
	CHECK(ftruncate(ram_fd, (off_t)page) == 0);
	limit(RLIMIT_DATA, NULL);
	CHECK(*byte_at(mem, 0) == 0x11);
	CHECK(*byte_at(mem, 2 * page - 1) == 0);
	*byte_at(mem, page) = 1;
	CHECK(*byte_at(mem, page) == 1 && *byte_at(mem, 2 * page - 1) == 0);
	CHECK(*byte_at(mem, page - 1) == 0x11);
	CHECK(*byte_at(mem, 3 * page - 1) == 0);
	CHECK(guest_mem_lost(mem));
	guest_mem_free(mem);
	return 0;
}

static void
count_loss(void *arg)
{
	++*(volatile unsigned int *)arg;
}

/* The owner learns of it at once, and each time. */
int
page_callback(void)
{
	struct guest_mem *mem = region(64 * MIB, 0);
	volatile unsigned int told = 0;

	guest_mem_on_loss(mem, count_loss, (void *)&told);
	CHECK(ftruncate(ram_fd, PAGE) == 0);
	CHECK(*byte_at(mem, 0) == 0 && told == 0);
	CHECK(*byte_at(mem, PAGE) == 0 && told == 1);
	CHECK(*byte_at(mem, 2 * PAGE - 1) == 0 && told == 1);
	CHECK(*byte_at(mem, 3 * PAGE) == 0 && told == 2);
	guest_mem_free(mem);
	/* the next user of the slot has none */
	mem = region(64 * MIB, 0);
	CHECK(ftruncate(ram_fd, 0) == 0);
	CHECK(*byte_at(mem, PAGE) == 0 && told == 2);
	guest_mem_free(mem);
	return 0;
}

static void *
sweep(void *arg)
{
	const struct guest_mem *mem = arg;

	for (uint64_t at = 0; at < 64 * MIB; at += PAGE)
		CHECK(*byte_at(mem, at) == 0);
	return NULL;
}

/* Several data threads find the same pages missing. */
int
page_threads(void)
{
	struct guest_mem *mem = region(64 * MIB, 0);
	pthread_t thread[4];

	CHECK(ftruncate(ram_fd, 0) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&thread[i], NULL, sweep, mem) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
	guest_mem_free(mem);
	return 0;
}
