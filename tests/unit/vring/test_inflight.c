/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The inflight area of vhost-user: what is in it, what another back end finds there, and
 * which areas are refused. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "vhost_inflight.h"
#include "vring_recover.h"

/* Head of our extension. */
struct head {
	uint32_t magic, version, num_queues, queue_size;
};

static struct vhost_err err;

static int
make(struct vhost_user_inflight *a, uint16_t num_queues, uint16_t queue_size)
{
	int fd;

	*a = (struct vhost_user_inflight){.num_queues = num_queues, .queue_size = queue_size};
	fd = vhost_inflight_make(a, &err);
	CU_ASSERT_FATAL(fd >= 0);
	return fd;
}

static struct vhost_inflight *
must_open(const struct vhost_user_inflight *a, int fd)
{
	struct vhost_inflight *in = vhost_inflight_open(a, fd, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(in);
	return in;
}

/* Where the extension is: after regions of 32 bytes a descriptor and 32 more. */
static off_t
ext(const struct vhost_user_inflight *a)
{
	return (off_t)((32 + 32 * a->queue_size + 63) / 64 * 64 * a->num_queues);
}

/* What a back end leaves there, the next one finds; one word and one journal a ring, each
 * on cache lines of its own. */
static void
test_words(void)
{
	static const uint16_t sizes[][2] = {{1, 1}, {2, 256}, {3, 1000}, {256, 32768}};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned int fds = fix_count_fds();
		struct vhost_user_inflight a;
		int fd = make(&a, sizes[i][0], sizes[i][1]);
		struct vhost_inflight *in = must_open(&a, fd), *next;
		struct ring_state st;

		CU_ASSERT_TRUE(vhost_inflight_has_state(in));
		CU_ASSERT_EQUAL(a.offset, 0);
		for (uint32_t q = 0; q < a.num_queues; q++) {
			st = vhost_inflight_ring(in, q);
			CU_ASSERT_TRUE(ring_state_is_ours(&st));
			CU_ASSERT_EQUAL((uintptr_t)st.pos % 64, 0);
			CU_ASSERT_EQUAL((uintptr_t)st.journal % 64, 0);
			CU_ASSERT_EQUAL(*st.pos, 0);
			*st.pos = ring_state_pos((uint16_t)q, (uint16_t)q, 0);
			for (uint32_t k = 0; k < RING_JOURNAL; k++)
				st.journal[k] = q * 1000 + k;
		}
		vhost_inflight_free(in);
		next = must_open(&a, fd);
		for (uint32_t q = 0; q < a.num_queues; q++) {
			st = vhost_inflight_ring(next, q);
			CU_ASSERT_EQUAL(*st.pos, ring_state_pos((uint16_t)q, (uint16_t)q, 0));
			CU_ASSERT_EQUAL(st.journal[0], q * 1000);
			CU_ASSERT_EQUAL(st.journal[RING_JOURNAL - 1], q * 1000 + RING_JOURNAL - 1);
			vhost_inflight_forget(next, q);
			CU_ASSERT_FALSE(ring_state_is_valid(*st.pos));
		}
		st = vhost_inflight_ring(next, a.num_queues);
		CU_ASSERT_PTR_NULL(st.pos);
		CU_ASSERT_TRUE(ring_state_is_ours(&st));
		vhost_inflight_forget(next, a.num_queues);
		CU_ASSERT_FALSE(vhost_inflight_lost(next));
		vhost_inflight_free(next);
		close(fd);
		CU_ASSERT_EQUAL(fix_count_fds(), fds);
	}
}

/* The specification's regions stay zero, and take no memory; nobody can shrink the file. */
static void
test_regions(void)
{
	struct vhost_user_inflight a;
	int fd = make(&a, 4, 1024);
	struct vhost_inflight *in = must_open(&a, fd);
	uint8_t bytes[4096];
	struct stat st;

	for (uint32_t q = 0; q < 4; q++)
		*vhost_inflight_ring(in, q).pos = UINT64_MAX;
	for (off_t at = 0; at < ext(&a); at += (off_t)sizeof(bytes)) {
		size_t n = ext(&a) - at < (off_t)sizeof(bytes) ? (size_t)(ext(&a) - at)
							       : sizeof(bytes);
		unsigned int sum = 0;

		CU_ASSERT_EQUAL(pread(fd, bytes, n, at), (ssize_t)n);
		for (size_t i = 0; i < n; i++)
			sum |= bytes[i];
		CU_ASSERT_EQUAL(sum, 0);
	}
	CU_ASSERT_EQUAL(fstat(fd, &st), 0);
	CU_ASSERT_EQUAL((uint64_t)st.st_size, a.size);
	CU_ASSERT_EQUAL(a.size, vhost_inflight_size(4, 1024));
	CU_ASSERT(st.st_blocks * 512 < ext(&a));
	CU_ASSERT_EQUAL(ftruncate(fd, 0), -1);
	vhost_inflight_free(in);
	close(fd);
}

static void
refuse(const struct vhost_user_inflight *a, int fd, const char *sentence)
{
	unsigned int fds = fix_count_fds();

	CU_ASSERT_PTR_NULL(vhost_inflight_open(a, fd, &err));
	CU_ASSERT_STRING_EQUAL(err.text, sentence);
	if (strcmp(err.text, sentence) != 0)
		fprintf(stderr, "\n    got:  %s\n    want: %s\n", err.text, sentence);
	CU_ASSERT_EQUAL(fix_count_fds(), fds);
}

static void
test_bad_areas(void)
{
	struct vhost_user_inflight good, a;
	int fd = make(&good, 2, 64), p[2];

	a = good;
	a.num_queues = 0;
	refuse(&a, fd, "an inflight area of 6464 bytes for 0 queues of 64, which take at least 0");
	a = good;
	a.queue_size = 0;
	refuse(&a, fd, "an inflight area of 6464 bytes for 2 queues of 0, which take at least 128");
	a = good;
	a.size = 2175;
	refuse(&a, fd,
	       "an inflight area of 2175 bytes for 2 queues of 64, which take at least 2176");
	a.size = 0;
	refuse(&a, fd, "an inflight area of 0 bytes for 2 queues of 64, which take at least 2176");
	a = good;
	a.offset = 8;
	refuse(&a, fd,
	       "an inflight area of 6464 bytes at offset 8: that is not aligned to 64 bytes, or "
	       "wraps");
	a.offset = UINT64_MAX - 63;
	refuse(&a, fd,
	       "an inflight area of 6464 bytes at offset 18446744073709551552: that is not aligned "
	       "to 64 bytes, or wraps");
	a.offset = INT64_MAX - 63;
	refuse(&a, fd,
	       "an inflight area of 6464 bytes at offset 9223372036854775744: that is not aligned "
	       "to 64 bytes, or wraps");
	/* longer than its file */
	a = good;
	a.offset = 64;
	refuse(&a, fd,
	       "an inflight area of 6464 bytes at offset 64: it is longer than its file of 6464 "
	       "bytes");
	CU_ASSERT_EQUAL(pipe2(p, O_CLOEXEC), 0);
	refuse(&good, p[0],
	       "an inflight area of 6464 bytes at offset 0: its fd is not shared memory (memfd, "
	       "/dev/shm or hugetlbfs)");
	close(p[0]);
	close(p[1]);
	close(fd);
}

/* Our extension, with one field that is another one. */
static void
test_bad_extension(void)
{
	struct vhost_user_inflight a;
	struct vhost_inflight *in;
	int fd = make(&a, 2, 64);
	struct head good, h;

	CU_ASSERT_EQUAL(pread(fd, &good, sizeof(good), ext(&a)), (ssize_t)sizeof(good));
	CU_ASSERT(good.num_queues == 2 && good.queue_size == 64 && good.version == 1);
	h = good;
	h.version = 2;
	CU_ASSERT_EQUAL(pwrite(fd, &h, sizeof(h), ext(&a)), (ssize_t)sizeof(h));
	refuse(&a, fd, "the inflight area is of version 2: 1 is known");
	h = good;
	h.num_queues = 3;
	CU_ASSERT_EQUAL(pwrite(fd, &h, sizeof(h), ext(&a)), (ssize_t)sizeof(h));
	refuse(&a, fd, "the inflight area is for 3 queues of 64, and the message says 2 of 64");
	h = good;
	h.queue_size = 0;
	CU_ASSERT_EQUAL(pwrite(fd, &h, sizeof(h), ext(&a)), (ssize_t)sizeof(h));
	refuse(&a, fd, "the inflight area is for 2 queues of 0, and the message says 2 of 64");
	/* not ours: no state, and no word of it is written */
	h = good;
	h.magic++;
	CU_ASSERT_EQUAL(pwrite(fd, &h, sizeof(h), ext(&a)), (ssize_t)sizeof(h));
	in = must_open(&a, fd);
	CU_ASSERT_FALSE(vhost_inflight_has_state(in));
	CU_ASSERT_PTR_NULL(vhost_inflight_ring(in, 0).pos);
	vhost_inflight_forget(in, 0);
	vhost_inflight_free(in);
	close(fd);
}

/* Areas as other back ends make them: of the specification's regions alone. */
static void
test_others(void)
{
	static const uint64_t sizes[] = {2176, 4224, 4225, 6463, 65536};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct vhost_user_inflight a = {
			.size = sizes[i], .num_queues = 2, .queue_size = 64};
		int fd = ram_memfd(sizes[i], 0);
		struct vhost_inflight *in = must_open(&a, fd);
		struct ring_state st = vhost_inflight_ring(in, 1);

		CU_ASSERT_FALSE(vhost_inflight_has_state(in));
		CU_ASSERT_PTR_NULL(st.pos);
		CU_ASSERT_TRUE(ring_state_is_ours(&st));
		CU_ASSERT_FALSE(vhost_inflight_lost(in));
		vhost_inflight_free(in);
		close(fd);
	}
	vhost_inflight_free(NULL);
}

/* A copy of our area in a file that its owner truncates. */
static void
test_truncated(void)
{
	struct vhost_user_inflight a;
	int fd = make(&a, 2, 64), copy = ram_memfd(a.size, 0);
	static uint8_t bytes[6464];
	struct vhost_inflight *in;
	unsigned int lost = 0;

	CU_ASSERT_EQUAL_FATAL(a.size, sizeof(bytes));
	CU_ASSERT_EQUAL(pread(fd, bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
	CU_ASSERT_EQUAL(pwrite(copy, bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
	in = must_open(&a, copy);
	CU_ASSERT_TRUE(vhost_inflight_has_state(in));
	vhost_inflight_on_loss(in, fix_count, &lost);
	CU_ASSERT_EQUAL(ftruncate(copy, 0), 0);
	CU_ASSERT_FALSE(vhost_inflight_lost(in));
	for (uint32_t q = 0; q < 2; q++) {
		struct ring_state st = vhost_inflight_ring(in, q);

		ring_state_publish(&st, 3);
		st.journal[RING_JOURNAL - 1] = 1;
	}
	CU_ASSERT_TRUE(vhost_inflight_lost(in));
	CU_ASSERT(lost > 0);
	vhost_inflight_free(in);
	close(copy);
	close(fd);
}

/* A packed ring, killed and served again by way of the area. */
static void
test_ring(void)
{
	const uint64_t features = F_VERSION_1 | F_PACKED;
	struct vhost_user_inflight a;
	int fd = make(&a, 2, 64);
	struct vhost_inflight *in = must_open(&a, fd);
	struct vring_config cfg;
	struct fix f;

	fix_up(&f, &(struct gr_layout){.size = 64, .start = WRAP | 60}, features);
	cfg = fix_config(&f, features);
	cfg.state = vhost_inflight_ring(in, 1);
	CU_ASSERT_EQUAL(vring_init(&f.vr, &cfg, f.err, sizeof(f.err)), 0);
	for (unsigned int i = 0; i < 10; i++)
		fix_good(&f, VRING_ENQ);
	fix_expect_ok(&f, VRING_ENQ, 10);
	fix_return(&f, 7);
	vhost_inflight_free(in);
	in = must_open(&a, fd);
	cfg.state = vhost_inflight_ring(in, 1);
	CU_ASSERT_EQUAL(vring_recover(&cfg, f.err, sizeof(f.err)), 0);
	CU_ASSERT_EQUAL(cfg.avail, 3);
	CU_ASSERT_EQUAL(vring_init(&f.vr, &cfg, f.err, sizeof(f.err)), 0);
	fix_expect_ok(&f, VRING_ENQ, 3);
	fix_down(&f);
	vhost_inflight_free(in);
	close(fd);
}

static void
test_no_leak(void)
{
	unsigned int fds = fix_count_fds();

	for (unsigned int i = 0; i < 10000; i++) {
		struct vhost_user_inflight a;
		int fd = make(&a, 2, 64);
		struct vhost_inflight *in = must_open(&a, fd);

		a.num_queues = 1;
		CU_ASSERT_PTR_NOT_NULL(in);
		vhost_inflight_free(in);
		/* where one queue's extension would be there is nothing */
		in = must_open(&a, fd);
		CU_ASSERT_FALSE(vhost_inflight_has_state(in));
		vhost_inflight_free(in);
		close(fd);
	}
	CU_ASSERT_EQUAL(fix_count_fds(), fds);
}

CU_TestInfo inflight_tests[] = {
	{"words of each ring", test_words},
	{"regions of the specification", test_regions},
	{"bad areas", test_bad_areas},
	{"bad extensions", test_bad_extension},
	{"areas of other back ends", test_others},
	{"truncated", test_truncated},
	{"a ring that goes on", test_ring},
	{"no leak in 10,000 areas", test_no_leak},
	CU_TEST_INFO_NULL,
};
