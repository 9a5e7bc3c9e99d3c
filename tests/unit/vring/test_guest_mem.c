/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Memory tables: which are refused and why, and that nothing leaks. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21u << 26) /* log2 of the size, as linux/memfd.h has it */
#endif

#define MiB 0x100000ull

static char err[256];

/* The last of n regions is bad: a NULL answer, the sentence, and those before it
 * closed and unmapped while its own fd stays with the caller. */
static void
refuse(const struct guest_mem_desc *d, unsigned int n, int last_fd, const char *sentence)
{
	int fds[GUEST_MEM_MAX_REGIONS + 2];
	unsigned int before = fix_count_fds(), maps = fix_count_maps();

	for (unsigned int i = 0; i < n; i++)
		fds[i] = i + 1 < n ? ram_memfd(MiB, 0) : last_fd;
	err[0] = 0;
	CU_ASSERT_PTR_NULL(guest_mem_new(d, n, fds, err, sizeof(err)));
	CU_ASSERT_STRING_EQUAL(err, sentence);
	if (strcmp(err, sentence) != 0)
		fprintf(stderr, "\n    got:  %s\n    want: %s\n", err, sentence);
	for (unsigned int i = 0; i + 1 < n; i++)
		CU_ASSERT_EQUAL(fds[i], -1);
	if (n > 0)
		CU_ASSERT_EQUAL(fds[n - 1], last_fd);
	CU_ASSERT_EQUAL(fix_count_fds(), before);
	CU_ASSERT_EQUAL(fix_count_maps(), maps);
}

static void
test_counts(void)
{
	struct guest_mem_desc d[GUEST_MEM_MAX_REGIONS + 1];
	int fds[GUEST_MEM_MAX_REGIONS + 1];
	struct guest_mem *mem;
	uint32_t len = 1;

	for (unsigned int i = 0; i <= GUEST_MEM_MAX_REGIONS; i++) {
		d[i] = (struct guest_mem_desc){i * MiB, MiB, 0, 0};
		fds[i] = ram_memfd(MiB, 0);
	}
	refuse(d, 0, -1, "0 memory regions: 1 to 64 are possible");
	CU_ASSERT_PTR_NULL(guest_mem_new(d, GUEST_MEM_MAX_REGIONS + 1, fds, err, sizeof(err)));
	CU_ASSERT_STRING_EQUAL(err, "65 memory regions: 1 to 64 are possible");
	CU_ASSERT(fds[0] >= 0 && fds[64] >= 0);
	mem = guest_mem_new(d, GUEST_MEM_MAX_REGIONS, fds, err, sizeof(err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(mem);
	CU_ASSERT_PTR_EQUAL(guest_mem_piece(mem, 63 * MiB + 5, &len), mem->region[63].host + 5);
	guest_mem_free(mem);
	close(fds[64]);
}

static void
test_bad_regions(void)
{
	static const struct {
		struct guest_mem_desc d;
		const char *sentence;
	} bad[] = {
		{{5 * MiB, 0, 0, 0}, "memory region 1 (0x500000, 0 bytes): it is empty or wraps"},
		{{0, 0, 0, 0}, "memory region 1 (0x0, 0 bytes): it is empty or wraps"},
		{{UINT64_MAX, 2, 0, 0},
		 "memory region 1 (0xffffffffffffffff, 2 bytes): it is empty or wraps"},
		{{UINT64_MAX - MiB + 2, MiB, 0, 0},
		 "memory region 1 (0xfffffffffff00001, 1048576 bytes): it is empty or wraps"},
		{{5 * MiB, MiB, UINT64_MAX - MiB + 1, 0},
		 "memory region 1 (0x500000, 1048576 bytes): it is empty or wraps"},
		{{5 * MiB, MiB, INT64_MAX, 0},
		 "memory region 1 (0x500000, 1048576 bytes): it is empty or wraps"},
		{{5 * MiB, INT64_MAX, 1, 0},
		 "memory region 1 (0x500000, 9223372036854775807 bytes): it is empty or wraps"},
		{{0, UINT64_MAX, 0, 0},
		 "memory region 1 (0x0, 18446744073709551615 bytes): it is empty or wraps"},
		{{5 * MiB, MiB + 1, 0, 0},
		 "memory region 1 (0x500000, 1048577 bytes): it is longer "
		 "than its file of 1048576 bytes"},
		{{5 * MiB, MiB, 1, 0},
		 "memory region 1 (0x500000, 1048576 bytes): it is longer than "
		 "its file of 1048576 bytes"},
		{{5 * MiB, 1, MiB, 0},
		 "memory region 1 (0x500000, 1 bytes): it is longer than its "
		 "file of 1048576 bytes"},
		{{5 * MiB, 1, 9 * MiB, 0},
		 "memory region 1 (0x500000, 1 bytes): it is longer than "
		 "its file of 1048576 bytes"},
		{{2 * MiB, MiB, 0, 0},
		 "memory region 1 (0x200000, 1048576 bytes): it overlaps another one"},
		{{2 * MiB + 4096, 4096, 0, 0},
		 "memory region 1 (0x201000, 4096 bytes): it overlaps another one"},
		{{3 * MiB - 1, 1, 0, 0},
		 "memory region 1 (0x2fffff, 1 bytes): it overlaps another one"},
		{{MiB + 1, MiB, 0, 0},
		 "memory region 1 (0x100001, 1048576 bytes): it overlaps another one"},
		{{MiB, 3 * MiB, 0, 0},
		 "memory region 1 (0x100000, 3145728 bytes): it overlaps another one"},
	};
	int fd = ram_memfd(MiB, 0);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct guest_mem_desc d[2] = {{2 * MiB, MiB, 0, 0}, bad[i].d};

		refuse(d, 2, fd, bad[i].sentence);
	}
	close(fd);
}

static void
test_bad_files(void)
{
	struct guest_mem_desc d[2] = {{2 * MiB, MiB, 0, 0}, {4 * MiB, MiB, 0, 0}};
	const char *not_file = "memory region 1 (0x400000, 1048576 bytes): its fd is not shared "
			       "memory (memfd, /dev/shm or hugetlbfs)";
	char path[64];
	int fd, p[2], rw;
	void *map;

	refuse(d, 2, -1, not_file);
	fd = eventfd(0, EFD_CLOEXEC);
	refuse(d, 2, fd, not_file);
	close(fd);
	CU_ASSERT_EQUAL(pipe(p), 0);
	refuse(d, 2, p[0], not_file);
	close(p[0]);
	close(p[1]);
	fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	refuse(d, 2, fd, not_file);
	close(fd);
	/* a file of a disk: whoever serves it could keep a data thread waiting */
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	refuse(d, 2, fd, not_file);
	close(fd);
	fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	refuse(d, 2, fd, not_file);
	close(fd);
	rw = ram_memfd(MiB, MFD_ALLOW_SEALING);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", rw);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	refuse(d, 2, fd,
	       "memory region 1 (0x400000, 1048576 bytes): mmap of 1048576 bytes failed: "
	       "Permission denied");
	close(fd);
	CU_ASSERT_EQUAL(fcntl(rw, F_ADD_SEALS, F_SEAL_WRITE), 0);
	/* newer kernels map it and refuse to make it writable */
	map = mmap(NULL, MiB, PROT_NONE, MAP_SHARED, rw, 0);
	refuse(d, 2, rw,
	       map == MAP_FAILED
		       ? "memory region 1 (0x400000, 1048576 bytes): mmap of 1048576 bytes failed: "
			 "Operation not permitted"
		       : "memory region 1 (0x400000, 1048576 bytes): mmap of 1048576 bytes failed: "
			 "Permission denied");
	if (map != MAP_FAILED)
		munmap(map, MiB);
	close(rw);
}

/* Regions that touch, and one that ends with the last address there is. */
static void
test_neighbours(void)
{
	struct guest_mem_desc d[4] = {{2 * MiB, MiB, 0, 0},
				      {3 * MiB, MiB, 0, 0},
				      {MiB, MiB, 0, 0},
				      {UINT64_MAX - MiB + 1, MiB, 0, 0}};
	int fds[4];
	struct guest_mem *mem;
	uint32_t len = 100;

	for (int i = 0; i < 4; i++)
		fds[i] = ram_memfd(MiB, 0);
	mem = guest_mem_new(d, 4, fds, err, sizeof(err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(mem);
	for (uint32_t i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(fds[i], -1);
		CU_ASSERT_PTR_EQUAL(guest_mem_host(mem, d[i].guest_addr, MiB), mem->region[i].host);
		CU_ASSERT_PTR_NULL(guest_mem_host(mem, d[i].guest_addr, MiB + 1));
		CU_ASSERT_PTR_NULL(guest_mem_host(mem, d[i].guest_addr + 1, MiB));
		CU_ASSERT_PTR_NULL(guest_mem_host(mem, d[i].guest_addr, UINT64_MAX));
		CU_ASSERT_PTR_NULL(guest_mem_host(mem, d[i].guest_addr, 0));
		len = 100;
		CU_ASSERT_PTR_EQUAL(guest_mem_piece(mem, d[i].guest_addr + MiB - 7, &len),
				    mem->region[i].host + MiB - 7);
		CU_ASSERT_EQUAL(len, 7);
	}
	len = 100;
	CU_ASSERT_PTR_NULL(guest_mem_piece(mem, 4 * MiB, &len));
	CU_ASSERT_PTR_NULL(guest_mem_piece(mem, 0, &len));
	CU_ASSERT_PTR_NULL(guest_mem_host(mem, MiB - 1, 1));
	CU_ASSERT_EQUAL(len, 100);
	CU_ASSERT_FALSE(guest_mem_lost(mem));
	guest_mem_free(mem);
	guest_mem_free(NULL);
}

/* A region anywhere in its file: byte 0 of it is byte fd_offset of the file. */
static void
test_offsets(void)
{
	static const uint64_t offs[] = {0, 1, 4095, 4096, 4097, 0x12345, MiB - 1};

	for (size_t i = 0; i < sizeof(offs) / sizeof(offs[0]); i++) {
		struct guest_mem_desc d = {5 * MiB, MiB - offs[i], offs[i], 0};
		int fd = ram_memfd(MiB, 0), own = dup(fd);
		unsigned int maps = fix_count_maps();
		struct guest_mem *mem;
		uint8_t in = 0x5a, out = 0;

		mem = guest_mem_new(&d, 1, &fd, err, sizeof(err));
		CU_ASSERT_PTR_NOT_NULL_FATAL(mem);
		CU_ASSERT_EQUAL(pwrite(own, &in, 1, (off_t)offs[i]), 1);
		CU_ASSERT_EQUAL(*guest_mem_host(mem, 5 * MiB, 1), 0x5a);
		*guest_mem_host(mem, 5 * MiB + d.size - 1, 1) = 0xa5;
		CU_ASSERT_EQUAL(pread(own, &out, 1, MiB - 1), 1);
		CU_ASSERT_EQUAL(out, 0xa5);
		guest_mem_free(mem);
		CU_ASSERT_EQUAL(fix_count_maps(), maps);
		close(own);
	}
}

static void
test_no_leak(void)
{
	struct guest_mem_desc d[3] = {{0, MiB, 0, 0}, {MiB, 4096, 5, 0}, {9 * MiB, 4096, 0, 0}};
	unsigned int fds_before = fix_count_fds(), maps_before = fix_count_maps(), made = 0;

	for (int i = 0; i < 10000; i++) {
		int fds[3] = {ram_memfd(MiB, 0), ram_memfd(MiB, 0), ram_memfd(MiB, 0)};
		struct guest_mem *mem;

		/* every second time the last one is bad */
		d[2].guest_addr = i % 2 ? 9 * MiB : MiB;
		mem = guest_mem_new(d, 3, fds, err, sizeof(err));
		made += mem != NULL;
		guest_mem_free(mem);
		for (int k = 0; k < 3; k++)
			if (fds[k] >= 0)
				close(fds[k]);
	}
	CU_ASSERT_EQUAL(made, 5000);
	CU_ASSERT_EQUAL(fix_count_fds(), fds_before);
	CU_ASSERT_EQUAL(fix_count_maps(), maps_before);
}

/* The lengths of a chain's pieces add up to more than 32 bits hold. */
static void
test_long_chain(void)
{
	struct guest_mem_desc d = {0, 0xc0000000ull, 0, 0};
	int fd = ram_memfd(d.size, 0);
	struct vring vr = {0};
	struct vring_chain c = {0};
	static struct vring_batch b;

	memset(&b, 0, sizeof(b));
	vr.mem = guest_mem_new(&d, 1, &fd, err, sizeof(err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(vr.mem);
	CU_ASSERT_EQUAL(vring_add_buffer(&vr, &b, &c, 0, 0xc0000000u), VRING_OK);
	CU_ASSERT_EQUAL(c.len, 0xc0000000u);
	CU_ASSERT_EQUAL(vring_add_buffer(&vr, &b, &c, 0, 0x3fffffffu), VRING_OK);
	CU_ASSERT_EQUAL(c.len, 0xffffffffu);
	CU_ASSERT_EQUAL(vring_add_buffer(&vr, &b, &c, 0, 0xc0000000u), VRING_OK);
	CU_ASSERT_EQUAL(c.len, 0xffffffffu);
	CU_ASSERT_EQUAL(c.nseg, 3);
	guest_mem_free((struct guest_mem *)vr.mem);
}

/* A buffer at the end of all addresses does not go on at the first one. */
static void
test_wrapping_buffer(void)
{
	struct guest_mem_desc d[2] = {{UINT64_MAX - 4095, 4096, 0, 0}, {0, 4096, 0, 0}};
	int fds[2] = {ram_memfd(4096, 0), ram_memfd(4096, 0)};
	struct vring vr = {0};
	struct vring_chain c = {0};
	static struct vring_batch b;

	memset(&b, 0, sizeof(b));
	vr.mem = guest_mem_new(d, 2, fds, err, sizeof(err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(vr.mem);
	CU_ASSERT_EQUAL(vring_add_buffer(&vr, &b, &c, UINT64_MAX - 9, 10), VRING_OK);
	CU_ASSERT_EQUAL(vring_add_buffer(&vr, &b, &c, UINT64_MAX, 0), VRING_OK);
	CU_ASSERT_EQUAL(vring_add_buffer(&vr, &b, &c, UINT64_MAX - 9, 11), VRING_FAULT_ADDRESS);
	CU_ASSERT_EQUAL(vring_add_buffer(&vr, &b, &c, UINT64_MAX - 4095, 8192),
			VRING_FAULT_ADDRESS);
	guest_mem_free((struct guest_mem *)vr.mem);
}

#define OVERCOMMIT "/proc/sys/vm/nr_overcommit_hugepages"

/* Huge pages that the kernel makes on demand, for as long as a test needs them. */
struct loan {
	pid_t keeper; /* puts the old value back, also when the test has crashed */
	int end;      /* of a pipe; closing it ends the loan */
};

static void
keep_loan(int fd, int end, const char *old)
{
	char c;

	while (read(end, &c, 1) > 0)
		;
	_exit(pwrite(fd, old, strlen(old), 0) > 0 ? 0 : 1);
}

/* The lock keeps other runs of this test from putting back what this one set. */
static struct loan
borrow_hugepages(void)
{
	struct loan loan = {-1, -1};
	int fd = open(OVERCOMMIT, O_RDWR | O_CLOEXEC), p[2];
	char old[32], more[32];
	ssize_t n;

	if (fd < 0)
		return loan;
	if (flock(fd, LOCK_EX) == 0 && (n = pread(fd, old, sizeof(old) - 1, 0)) > 0 &&
	    pipe2(p, O_CLOEXEC) == 0) {
		old[n] = 0;
		fflush(NULL);
		loan.keeper = fork();
		if (loan.keeper == 0) {
			setsid(); /* an interrupt at the terminal is not for it */
			close(p[1]);
			keep_loan(fd, p[0], old);
		}
		close(p[0]);
		loan.end = p[1];
		snprintf(more, sizeof(more), "%ld\n", strtol(old, NULL, 10) + 8);
		if (loan.keeper > 0)
			(void)!pwrite(fd, more, strlen(more), 0);
	}
	close(fd);
	return loan;
}

static void
return_hugepages(struct loan loan)
{
	int status = -1;

	if (loan.end >= 0)
		close(loan.end);
	if (loan.keeper > 0)
		CU_ASSERT(waitpid(loan.keeper, &status, 0) == loan.keeper && status == 0);
}

/* Offsets inside of a huge page, a size that is not a whole number of them, and
 * a file that shrinks. */
static void
hugetlb(int fd, uint64_t huge)
{
	struct guest_mem_desc d = {huge, huge, huge / 2 + 4096, 0};
	int own = dup(fd);
	struct guest_mem *mem = guest_mem_new(&d, 1, &fd, err, sizeof(err));
	uint8_t *p = mmap(NULL, 2 * huge, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);

	CU_ASSERT(mem && p != MAP_FAILED);
	if (!mem || p == MAP_FAILED)
		return;
	p[d.fd_offset] = 1;
	p[d.fd_offset + huge - 1] = 2;
	CU_ASSERT_EQUAL(*guest_mem_host(mem, huge, 1), 1);
	CU_ASSERT_EQUAL(*guest_mem_host(mem, 2 * huge - 1, 1), 2);
	munmap(p, 2 * huge);
	p = mem->region[0].host - d.fd_offset;
	CU_ASSERT_EQUAL(madvise(p, 2 * huge, MADV_NORMAL), 0);
	CU_ASSERT_EQUAL(ftruncate(own, 0), 0);
	CU_ASSERT_EQUAL(*(volatile uint8_t *)guest_mem_host(mem, huge, 1), 0);
	CU_ASSERT_EQUAL(*(volatile uint8_t *)guest_mem_host(mem, 2 * huge - 1, 1), 0);
	CU_ASSERT_TRUE(guest_mem_lost(mem));
	guest_mem_free(mem);
	/* all of it is unmapped: ENOMEM says that there is nothing there */
	CU_ASSERT(madvise(p, 2 * huge, MADV_NORMAL) == -1 && errno == ENOMEM);
	close(own);
}

static void
test_hugetlb(void)
{
	struct loan loan = borrow_hugepages();
	int fd = ram_memfd(4ull << 20, MFD_HUGETLB | MFD_HUGE_2MB);
	void *p = fd < 0 ? MAP_FAILED
			 : mmap(NULL, 4ull << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		printf("(left out: no huge pages of 2 MiB to be had) ");
		if (fd >= 0)
			close(fd);
	} else {
		munmap(p, 4ull << 20);
		hugetlb(fd, 2ull << 20);
	}
	return_hugepages(loan);
}

/* The front end's own addresses: a space of its own, with its own wraps and overlaps. */
static void
test_user_space(void)
{
	struct guest_mem_desc d[2] = {{2 * MiB, MiB, 0, 0x7f0000100000}, {4 * MiB, MiB, 0, 0}};
	int fds[2] = {ram_memfd(MiB, 0), ram_memfd(MiB, 0)}, own = dup(fds[1]);
	struct guest_mem *mem;

	d[1].user_addr = d[0].user_addr + MiB - 1;
	refuse(d, 2, own, "memory region 1 (0x400000, 1048576 bytes): it overlaps another one");
	d[1].user_addr = UINT64_MAX - MiB + 2;
	refuse(d, 2, own, "memory region 1 (0x400000, 1048576 bytes): it is empty or wraps");
	d[1].user_addr = d[0].user_addr - MiB;
	mem = guest_mem_new(d, 2, fds, err, sizeof(err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(mem);
	CU_ASSERT_PTR_EQUAL(guest_mem_user(mem, d[0].user_addr, MiB), mem->region[0].host);
	CU_ASSERT_PTR_EQUAL(guest_mem_user(mem, d[0].user_addr - 1, 1),
			    mem->region[1].host + MiB - 1);
	CU_ASSERT_PTR_NULL(guest_mem_user(mem, d[0].user_addr - 1, 2));
	CU_ASSERT_PTR_NULL(guest_mem_user(mem, d[0].user_addr + MiB, 1));
	CU_ASSERT_PTR_NULL(guest_mem_user(mem, d[0].guest_addr, 1));
	CU_ASSERT_PTR_NULL(guest_mem_host(mem, d[0].user_addr, 1));
	guest_mem_free(mem);
	close(own);
}

CU_TestInfo guest_mem_tests[] = {
	{"number of regions", test_counts},
	{"bad regions", test_bad_regions},
	{"bad files", test_bad_files},
	{"neighbours and borders", test_neighbours},
	{"place in the file", test_offsets},
	{"addresses of the front end", test_user_space},
	{"no leak in 10,000 tables", test_no_leak},
	{"length of a chain saturates", test_long_chain},
	{"buffer that wraps", test_wrapping_buffer},
	{"hugetlbfs", test_hugetlb},
	CU_TEST_INFO_NULL,
};
