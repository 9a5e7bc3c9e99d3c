/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_mem.c - the guest's memory. */

#include <string.h>

#include "fixture.h"

static void
test_table(void)
{
	struct fix f;
	struct msg m;

	for (uint32_t n = 1; n <= VHOST_USER_MAX_REGIONS; n++) {
		fix_open(&f);
		msg_make(&m, VHOST_USER_SET_MEM_TABLE);
		m.u.mem.count = m.nfds = n;
		m.hdr.size = 8 + n * 32;
		for (uint32_t i = 0; i < n; i++)
			m.u.mem.region[i] = (struct vhost_user_region){
				.guest_addr = 0x1000000 * i,
				.size = 0x1000000,
				.user_addr = 0x7f0000000000,
				.fd_offset = 0x1000 * i,
			};
		f.end.keep = true;
		fix_input(&f, &m);
		CU_ASSERT_EQUAL(f.num, n);
		CU_ASSERT_EQUAL(f.end.num_kept, n);
		CU_ASSERT_EQUAL(memcmp(f.region, m.u.mem.region, n * sizeof(f.region[0])), 0);
		fix_close(&f);
	}
}

static void
make_full(struct msg *m)
{
	m->u.mem.count = m->nfds = VHOST_USER_MAX_REGIONS;
	m->hdr.size = sizeof(m->u.mem);
	for (uint32_t i = 2; i < VHOST_USER_MAX_REGIONS; i++) {
		m->u.mem.region[i] = m->u.mem.region[1];
		m->u.mem.region[i].guest_addr = i * m->u.mem.region[1].size;
	}
}

static void
test_count(void)
{
	static const uint32_t counts[] = {0, 1, 3, 8, 9, 0xffff, 0x10002, 0x80000002, 0xffffffff};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		ENDS(SET_MEM_TABLE, m.u.mem.count = counts[i]);
	/* as many descriptors as regions */
	ENDS(SET_MEM_TABLE, m.nfds = 1);
	ENDS(SET_MEM_TABLE, m.nfds = 3);
	ENDS(SET_MEM_TABLE, m.nfds = 0);
	/* no room for the last one */
	ENDS(SET_MEM_TABLE, (make_full(&m), m.nfds = VHOST_USER_MAX_REGIONS + 1));
	ACCEPTED(SET_MEM_TABLE, make_full(&m));
	/* as much payload as regions */
	ENDS(SET_MEM_TABLE, m.hdr.size += 32);
	ENDS(SET_MEM_TABLE, m.hdr.size -= 1);
	ENDS(SET_MEM_TABLE, m.hdr.size = sizeof(m.u.mem));
	ENDS(SET_MEM_TABLE, (m.u.mem.count = 0, m.nfds = 0, m.hdr.size = 8));
}

#define R(i) m.u.mem.region[i]

static void
test_overlap(void)
{
	ENDS(SET_MEM_TABLE, R(1) = R(0));
	ENDS(SET_MEM_TABLE, R(1).guest_addr = R(0).size - 1);
	ENDS(SET_MEM_TABLE, (R(0).guest_addr = R(1).guest_addr + R(1).size - 1));
	ENDS(SET_MEM_TABLE, (R(0).size = 1ull << 40));
	ACCEPTED(SET_MEM_TABLE, (R(0).guest_addr = R(1).guest_addr + R(1).size));
	/* one page of the front end may be two of the guest's */
	ACCEPTED(SET_MEM_TABLE, R(1).user_addr = R(0).user_addr);
	ACCEPTED(SET_MEM_TABLE, R(1).fd_offset = R(0).fd_offset);
}

/* The same bounds in both messages that bring memory, and in the one that takes it away. */
#define REGION_ENDS(change)                                                          \
	do {                                                                         \
		struct vhost_user_region r;                                          \
		ENDS(SET_MEM_TABLE, (r = R(1), change, R(1) = r));                   \
		ENDS(ADD_MEM_REG, (r = m.u.reg.region, change, m.u.reg.region = r)); \
		ENDS(REM_MEM_REG, (r = m.u.reg.region, change, m.u.reg.region = r)); \
	} while (0)
#define REGION_ACCEPTED(change)                                                          \
	do {                                                                             \
		struct vhost_user_region r;                                              \
		ACCEPTED(SET_MEM_TABLE, (r = R(1), change, R(1) = r));                   \
		ACCEPTED(ADD_MEM_REG, (r = m.u.reg.region, change, m.u.reg.region = r)); \
		ACCEPTED(REM_MEM_REG, (r = m.u.reg.region, change, m.u.reg.region = r)); \
	} while (0)

static void
test_wraps(void)
{
	REGION_ENDS(r.size = 0);
	REGION_ENDS(r.size = UINT64_MAX);
	REGION_ENDS(r.size = 1ull << 63);
	REGION_ENDS(r.guest_addr = UINT64_MAX);
	REGION_ENDS(r.guest_addr = UINT64_MAX - r.size + 1);
	REGION_ACCEPTED(r.guest_addr = UINT64_MAX - r.size);
	REGION_ENDS(r.user_addr = UINT64_MAX);
	REGION_ENDS(r.user_addr = UINT64_MAX - r.size + 1);
	REGION_ACCEPTED(r.user_addr = UINT64_MAX - r.size);
	REGION_ENDS(r.fd_offset = UINT64_MAX);
	REGION_ENDS(r.fd_offset = UINT64_MAX - r.size + 1);
	REGION_ENDS(r.fd_offset = 1ull << 63);
	REGION_ENDS(r.fd_offset = INT64_MAX - r.size + 1);
	REGION_ACCEPTED(r.fd_offset = INT64_MAX - r.size);
	REGION_ACCEPTED(r.size = 1);
}

static void
test_slots(void)
{
	struct msg m, got;
	struct fix f;
	int before;

	fix_open(&f);
	msg_make(&m, VHOST_USER_GET_MAX_MEM_SLOTS);
	fix_asked(&f, &m, REGIONS);
	f.end.keep = true;
	msg_make(&m, VHOST_USER_ADD_MEM_REG);
	m.hdr.flags |= VHOST_USER_NEED_REPLY;
	fix_asked(&f, &m, 0);
	CU_ASSERT_EQUAL(f.end.num_kept, 1);
	CU_ASSERT_EQUAL(memcmp(&f.region[0], &m.u.reg.region, sizeof(f.region[0])), 0);
	/* with a descriptor, which is closed, and without */
	msg_make(&m, VHOST_USER_REM_MEM_REG);
	m.u.reg.region.fd_offset = 0x5000;
	before = (int)fds_count();
	for (m.nfds = 0; m.nfds < 2; m.nfds++) {
		fix_input(&f, &m);
		CU_ASSERT_EQUAL(memcmp(&f.region[0], &m.u.reg.region, sizeof(f.region[0])), 0);
	}
	CU_ASSERT_EQUAL((int)fds_count(), before);
	CU_ASSERT_EQUAL(f.end.num_kept, 1);
	CU_ASSERT_EQUAL(f.calls[OP_MEM_REMOVE], 2);
	CU_ASSERT(!fix_recv(&f, &got, NULL));
	fix_close(&f);
}

CU_TestInfo mem_tests[] = {
	{"table", test_table}, {"counts", test_count}, {"overlaps", test_overlap},
	{"wraps", test_wraps}, {"slots", test_slots},  CU_TEST_INFO_NULL,
};
