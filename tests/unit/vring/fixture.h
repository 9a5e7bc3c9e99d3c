/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

/*
 * fixture.h - one guest with one ring, and the vring that serves it.
 */

#include <CUnit/CUnit.h>

#include "both.h"
#include "guest_ring.h"
#include "vring.h"
#include "vring_any.h"

#define BIT(n) (1ull << (n))
#define F_INDIRECT BIT(28)
#define F_EVENT_IDX BIT(29)
#define F_MRG_RXBUF BIT(15)
#define F_VERSION_1 BIT(32)
#define F_PACKED BIT(34)
#define F_IN_ORDER BIT(35)

#define GENERATION 7u

#define RAM_SIZE 0x400000u /* of each region */

/* What a test asks for. */
struct gr_layout {
	uint32_t size;
	uint16_t start;      /* as in struct gr_config */
	bool legacy;         /* one area, used ring on a page of its own */
	unsigned int region; /* of the first area */
};

struct fix {
	struct guest_ring gr;
	struct vring vr;
	struct vring_batch b;
	uint32_t run;
	uint64_t pos;
	uint64_t journal[RING_JOURNAL]; /* packed */
	int call;
	struct vring_call *caller;
	char err[256];
	uint64_t good; /* address of the good buffer that fix_good() posted */
};

/* The guest that all tests use, one after the other. */
extern struct guest_ram fix_ram;

/* Makes the ring, packed with F_PACKED, and the vring; a failure is a failed assertion. */
void fix_up(struct fix *f, const struct gr_layout *layout, uint64_t features);
void fix_up_size(struct fix *f, uint32_t size, uint64_t features);
void fix_down(struct fix *f);

/* Config for vring_init() that fits f->gr. */
struct vring_config fix_config(struct fix *f, uint64_t features);

/* A new buffer of 64 bytes in region C. */
struct vdriver_seg fix_buf(struct fix *f, enum vring_dir dir);

/* Posts one good chain of one 64-byte buffer; its id. */
uint16_t fix_good(struct fix *f, enum vring_dir dir);

/* A ring with one such chain; a packed one is just before its end: slot 0 with counter 0
 * would be a ring that nobody has used. */
void fix_up_good(struct fix *f, uint32_t size, bool packed, enum vring_dir dir);

/* Makes a chain of one descriptor available as it is: split: descriptor FIX_BAD, packed:
 * the next slot, with id FIX_BAD and AVAIL and USED besides these flags. */
#define FIX_BAD 9u
void fix_post(struct fix *f, uint64_t addr, uint32_t len, uint16_t flags);

/* The same of two descriptors in one chain. */
void fix_post_two(struct fix *f, const struct vdriver_seg *seg);

/* Empties the batch and snapshots all that is available; up to n more. */
uint16_t fix_snapshot(struct fix *f, enum vring_dir dir);
uint16_t fix_snapshot_more(struct fix *f, enum vring_dir dir, uint16_t n);

/* Expects that the good chain alone is in the batch, that the ring has this
 * fault, and that nothing was published.  Then returns the good one. */
void fix_expect_fault(struct fix *f, enum vring_dir dir, enum vring_fault fault);

/* Gives the first n chains of the batch back, as if nothing was written. */
bool fix_return(struct fix *f, uint16_t n);

/* The same with the bytes that the batch says were written. */
bool fix_return_written(struct fix *f, uint16_t n);

/* The guest takes back what there is: how many chains. */
unsigned int fix_reap(struct fix *f);

/* n entries of the ring behind a position: of a split ring, its index moves by chains. */
uint16_t fix_ahead(const struct fix *f, uint16_t position, uint32_t n);

/* n chains of one buffer through the ring; whether the guest was told. */
bool fix_pass(struct fix *f, uint16_t n);

/* Expects n chains and no fault. */
void fix_expect_ok(struct fix *f, enum vring_dir dir, uint16_t n);

/* Expects piece i of the batch at that guest address, with that length. */
void fix_expect_seg(struct fix *f, uint16_t i, uint64_t addr, uint32_t len);

/* Reads the call eventfd: how often the guest was told. */
uint64_t fix_calls(struct fix *f);

/* To be called when memory is lost: counts in the unsigned int. */
void fix_count(void *count);

/* Mappings of guest memory in this process. */
unsigned int fix_count_maps(void);

/* Open fds of this process. */
unsigned int fix_count_fds(void);

/* Reproducible numbers. */
struct rnd {
	uint64_t s;
};
uint32_t rnd(struct rnd *r);
uint32_t rnd_below(struct rnd *r, uint32_t n); /* n > 0 */

/* Features of a ring in that format. */
#define FIX_FEATURES(packed) (F_VERSION_1 | ((packed) ? F_PACKED : 0))

/* The suites. */
extern CU_TestInfo guest_mem_tests[], mem_slot_tests[], guest_log_tests[], sigbus_tests[],
	init_tests[], chain_tests[], buffer_tests[], batch_tests[], indirect_tests[],
	notify_tests[], random_tests[], race_tests[], packed_journal_tests[], quiet_tests[],
	call_tests[], order_tests[], recover_tests[], inflight_tests[];

/* Runs in a process of its own, see test_sigbus.c. */
int sigbus_child(const char *how);

#endif /* TEST_FIXTURE_H */
