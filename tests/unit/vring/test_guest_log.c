/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The dirty log: which are refused, which bits are set, and what a peer may do to it. */

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fixture.h"
#include "guest_log.h"
#include "vring_log.h"

#define PAGE GUEST_LOG_PAGE

static char err[256];

static void
refuse(int fd, uint64_t offset, uint64_t size, const char *sentence)
{
	unsigned int fds = fix_count_fds(), maps = fix_count_maps();

	CU_ASSERT_PTR_NULL(guest_log_new(fd, offset, size, err, sizeof(err)));
	CU_ASSERT_STRING_EQUAL(err, sentence);
	if (strcmp(err, sentence) != 0)
		fprintf(stderr, "\n    got:  %s\n    want: %s\n", err, sentence);
	CU_ASSERT_EQUAL(fix_count_fds(), fds);
	CU_ASSERT_EQUAL(fix_count_maps(), maps);
}

static void
test_bad_logs(void)
{
	int fd = ram_memfd(8192, 0), event = eventfd(0, EFD_CLOEXEC);
	int huge = ram_memfd(1ull << 40, 0);

	refuse(fd, 0, 0, "dirty log of 0 bytes at offset 0: it is empty or wraps");
	refuse(fd, UINT64_MAX, 2,
	       "dirty log of 2 bytes at offset 18446744073709551615: it is empty or wraps");
	refuse(fd, 2, UINT64_MAX,
	       "dirty log of 18446744073709551615 bytes at offset 2: it is empty or wraps");
	refuse(fd, INT64_MAX, 1,
	       "dirty log of 1 bytes at offset 9223372036854775807: it is empty or wraps");
	refuse(fd, 0, 8193,
	       "dirty log of 8193 bytes at offset 0: it is longer than its file of 8192 bytes");
	refuse(fd, 1, 8192,
	       "dirty log of 8192 bytes at offset 1: it is longer than its file of 8192 bytes");
	refuse(fd, 8193, 1,
	       "dirty log of 1 bytes at offset 8193: it is longer than its file of 8192 bytes");
	refuse(event, 0, 4096,
	       "dirty log of 4096 bytes at offset 0: its fd is not shared memory (memfd, /dev/shm "
	       "or hugetlbfs)");
	refuse(-1, 0, 4096,
	       "dirty log of 4096 bytes at offset 0: its fd is not shared memory (memfd, /dev/shm "
	       "or hugetlbfs)");
	refuse(huge, 0, GUEST_LOG_MAX_SIZE + 1ull,
	       "dirty log of 1073741825 bytes at offset 0: it is longer than 1073741824 bytes");
	close(huge);
	close(event);
	close(fd);
	guest_log_free(NULL);
}

/* Whether bit `page` is set in a log at `offset` of the file. */
static bool
bit(int fd, uint64_t offset, uint64_t page)
{
	uint8_t byte = 0;

	CU_ASSERT_EQUAL(pread(fd, &byte, 1, (off_t)(offset + page / 8)), 1);
	return byte >> page % 8 & 1;
}

/* Marks [gpa, gpa + len) in an empty log of `size` bytes, and expects the bits of its
 * pages and no other one, nor anything beside the log. */
static void
mark_one(uint64_t offset, uint32_t size, uint64_t gpa, uint64_t len)
{
	int fd = ram_memfd(offset + size + 4, 0);
	struct guest_log *log = guest_log_new(fd, offset, size, err, sizeof(err));
	uint64_t wrong = 0;
	uint8_t byte;

	CU_ASSERT_PTR_NOT_NULL_FATAL(log);
	guest_log_mark(log, gpa, len);
	for (uint64_t page = 0; page < 8ull * size; page++)
		wrong += (log->bits[page / 8] >> page % 8 & 1) !=
			 (page >= gpa / PAGE && page <= (gpa + (len - 1)) / PAGE);
	CU_ASSERT_EQUAL(wrong, 0);
	for (uint64_t at = 0; at < offset + size + 4; at++)
		if (at < offset || at >= offset + size)
			CU_ASSERT(pread(fd, &byte, 1, (off_t)at) == 1 && byte == 0);
	guest_log_free(log);
	close(fd);
}

static void
test_marks(void)
{
	static const uint64_t offsets[] = {0, 1, 7, 4097};

	for (unsigned int i = 0; i < 4; i++) {
		for (uint64_t from = 0; from < 10; from++)
			for (uint64_t n = 1; n < 20; n++)
				mark_one(offsets[i], 4, from * PAGE, n * PAGE);
		mark_one(offsets[i], 4, 0, 1);
		mark_one(offsets[i], 4, PAGE - 1, 1);
		mark_one(offsets[i], 4, PAGE - 1, 2);
		mark_one(offsets[i], 4, 9 * PAGE + 5, 2 * PAGE);
		/* up to its end, and beyond */
		mark_one(offsets[i], 4, 31 * PAGE, PAGE);
		mark_one(offsets[i], 4, 31 * PAGE, PAGE + 1);
		mark_one(offsets[i], 4, 30 * PAGE + 1, 1ull << 40);
		mark_one(offsets[i], 4, 32 * PAGE, PAGE);
		mark_one(offsets[i], 4, UINT64_MAX, 1);
		mark_one(offsets[i], 4, UINT64_MAX - PAGE, PAGE + 1);
		mark_one(offsets[i], 1, 0, UINT64_MAX);
	}
}

/* Bits that others set stay, and bits that they clear are set again. */
static void
test_shared(void)
{
	int fd = ram_memfd(8, 0);
	struct guest_log *log = guest_log_new(fd, 0, 8, err, sizeof(err));
	uint8_t byte = 0x81;

	CU_ASSERT_PTR_NOT_NULL_FATAL(log);
	CU_ASSERT_EQUAL(pwrite(fd, &byte, 1, 3), 1);
	guest_log_mark(log, 26 * PAGE, 2 * PAGE);
	CU_ASSERT_EQUAL(pread(fd, &byte, 1, 3), 1);
	CU_ASSERT_EQUAL(byte, 0x8d);
	byte = 0;
	CU_ASSERT_EQUAL(pwrite(fd, &byte, 1, 3), 1);
	guest_log_mark(log, 26 * PAGE, 1);
	CU_ASSERT_EQUAL(pread(fd, &byte, 1, 3), 1);
	CU_ASSERT_EQUAL(byte, 0x04);
	guest_log_free(log);
	close(fd);
}

/* Marks in a log whose file was truncated end nothing, and are seen. */
static void
test_lost(void)
{
	int fd = ram_memfd(8192, 0);
	struct guest_log *log = guest_log_new(fd, 0, 8192, err, sizeof(err));
	unsigned int lost = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(log);
	guest_log_on_loss(log, fix_count, &lost);
	CU_ASSERT_EQUAL(ftruncate(fd, 4096), 0);
	guest_log_mark(log, 0, PAGE);
	CU_ASSERT_FALSE(guest_log_lost(log));
	CU_ASSERT_TRUE(bit(fd, 0, 0));
	guest_log_mark(log, 4096ull * 8 * PAGE, PAGE);
	CU_ASSERT_TRUE(guest_log_lost(log));
	CU_ASSERT_EQUAL(lost, 1);
	guest_log_free(log);
	close(fd);
}

static void
test_covers(void)
{
	static const struct {
		uint64_t addr, size;
		bool covered;
	} t[] = {{0, 8 * PAGE, true},       {0, 8 * PAGE + 1, false}, {8 * PAGE - 1, 1, true},
		 {8 * PAGE, 1, false},      {7 * PAGE, PAGE, true},   {7 * PAGE, 2 * PAGE, false},
		 {UINT64_MAX - 1, 2, false}};
	int fd = ram_memfd(8, 0);
	struct guest_log *log = guest_log_new(fd, 0, 1, err, sizeof(err));

	CU_ASSERT_PTR_NOT_NULL_FATAL(log);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct guest_mem mem = {
			.count = 2,
			.region = {{.size = 1}, {.guest_addr = t[i].addr, .size = t[i].size}}};

		CU_ASSERT_EQUAL(guest_log_covers(log, &mem), t[i].covered);
	}
	guest_log_free(log);
	close(fd);
}

/* Setting up a ring writes to guest memory only what suppresses kicks, and logs it. */
static void
test_init(void)
{
	static const uint64_t features[] = {F_VERSION_1, F_VERSION_1 | F_EVENT_IDX,
					    F_VERSION_1 | F_PACKED};

	for (unsigned int i = 0; i < 3; i++) {
		int fd = ram_memfd(0x100000, 0);
		struct guest_log *log = guest_log_new(fd, 0, 0x100000, err, sizeof(err));
		struct vring_config cfg;
		struct fix f;
		unsigned int n = 0;
		uint64_t page;

		CU_ASSERT_PTR_NOT_NULL_FATAL(log);
		/* the words are in pages of their own: the ring is longer than a page */
		fix_up(&f, &(struct gr_layout){.size = 1024}, features[i]);
		cfg = fix_config(&f, features[i]);
		cfg.log = log;
		CU_ASSERT_EQUAL(vring_init(&f.vr, &cfg, f.err, sizeof(f.err)), 0);
		page = cfg.addr.device / PAGE;
		if (i == 1)
			page = (cfg.addr.device + 4 + 8 * 1024) / PAGE;
		for (uint64_t p = 0; p < 0x800000; p++)
			n += log->bits[p / 8] >> p % 8 & 1;
		CU_ASSERT_EQUAL(n, 1);
		CU_ASSERT_TRUE(bit(fd, 0, page));
		fix_down(&f);
		guest_log_free(log);
		close(fd);
	}
}

/* Used entries of a packed ring: up to a whole lap, from anywhere. */
static void
test_used_packed(void)
{
	static const struct {
		uint16_t from, n;
	} t[] = {{0, 1},      {0, 1024},         {WRAP | 1023, 1},
		 {1000, 600}, {WRAP | 512, 512}, {WRAP | 512, 1024},
		 {7, 0},      {WRAP | 300, 1000}};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int fd = ram_memfd(0x100000, 0);
		struct guest_log *log = guest_log_new(fd, 0, 0x100000, err, sizeof(err));
		uint64_t base;
		struct fix f;

		CU_ASSERT_PTR_NOT_NULL_FATAL(log);
		fix_up(&f, &(struct gr_layout){.size = 1024, .start = t[i].from},
		       F_VERSION_1 | F_PACKED);
		base = fix_config(&f, 0).addr.desc;
		f.vr.last_used = f.vr.last_avail = vring_packed_slot(&f.vr, t[i].n, &f.vr.wrap);
		vring_log_used(&f.vr, log, t[i].from);
		for (uint32_t page = 0; page < 4; page++) {
			bool want = false;

			for (uint32_t k = 0; k < t[i].n; k++)
				want |= (t[i].from + k) % 1024 / 256 == page;
			CU_ASSERT_EQUAL(bit(fd, 0, base / PAGE + page), want);
		}
		fix_down(&f);
		guest_log_free(log);
		close(fd);
	}
}

CU_TestInfo guest_log_tests[] = {
	{"bad logs", test_bad_logs},
	{"bits", test_marks},
	{"bits of others", test_shared},
	{"a log that vanishes", test_lost},
	{"whether it is long enough", test_covers},
	{"set-up of a ring", test_init},
	{"used entries of a packed ring", test_used_packed},
	CU_TEST_INFO_NULL,
};
