/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct guest_ram fix_ram;

struct vring_config
fix_config(struct fix *f, uint64_t features)
{
	return (struct vring_config){
		.addr = {f->gr.vd.addr.desc, f->gr.vd.addr.driver, f->gr.vd.addr.device},
		.size = f->gr.vd.size,
		.features = features,
		.avail = f->gr.start,
		.used = f->gr.start,
		.mem = fix_ram.mem,
		.state.run = &f->run,
		.state.pos = &f->pos,
		.state.journal = f->journal,
		.state.generation = GENERATION,
		.call_fd = f->call,
		.call = f->caller,
	};
}

/* The areas of a ring, in three regions; legacy ones in one (2.6.2). */
static struct gr_config
place(const struct gr_layout *l, uint64_t features)
{
	const struct vdriver_config v = {.size = l->size, .features = features};
	struct vdriver_bytes bytes = vdriver_bytes(&v);
	struct gr_config c = {.size = l->size, .start = l->start, .features = features};
	unsigned int r = l->region;

	if (l->legacy) {
		/* the used ring on the next boundary of 4096 */
		uint64_t head = (16ull * l->size + 4 + 2ull * l->size + 2 + 4095) / 4096 * 4096;

		c.desc = ram_alloc(&fix_ram, r, head + bytes.device, 4096);
		c.driver = c.desc + bytes.desc;
		c.device = c.desc + head;
		return c;
	}
	c.desc = ram_alloc(&fix_ram, r, bytes.desc, 16);
	c.driver = ram_alloc(&fix_ram, (r + 1) % RAM_REGIONS, bytes.driver,
			     features & F_PACKED ? 4 : 2);
	c.device = ram_alloc(&fix_ram, (r + 2) % RAM_REGIONS, bytes.device, 4);
	return c;
}

void
fix_up(struct fix *f, const struct gr_layout *layout, uint64_t features)
{
	struct vring_config cfg;
	struct gr_config c;

	memset(f, 0, sizeof(*f));
	ram_reset(&fix_ram);
	c = place(layout, features);
	/* packed: any id may come, so all do in turn */
	c.id_first = 0xfff0;
	c.id_step = features & F_PACKED ? 1 : 0;
	gr_init(&f->gr, &fix_ram, &c);
	f->run = GENERATION;
	f->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	f->caller = vring_call_get(-1);
	cfg = fix_config(f, features);
	CU_ASSERT_EQUAL(vring_init(&f->vr, &cfg, f->err, sizeof(f->err)), 0);
}

void
fix_up_size(struct fix *f, uint32_t size, uint64_t features)
{
	struct gr_layout l = {.size = size};

	fix_up(f, &l, features);
}

void
fix_down(struct fix *f)
{
	CU_ASSERT_EQUAL(f->gr.errors, 0);
	gr_free(&f->gr);
	close(f->call);
	vring_call_put(f->caller);
}

struct vdriver_seg
fix_buf(struct fix *f, enum vring_dir dir)
{
	(void)f;
	return (struct vdriver_seg){ram_alloc(&fix_ram, RAM_C, 64, 64), 64, dir == VRING_ENQ};
}

uint16_t
fix_good(struct fix *f, enum vring_dir dir)
{
	struct vdriver_seg b = fix_buf(f, dir);
	int id = gr_add(&f->gr, &b, 1, 0, NULL);

	f->good = b.addr;
	CU_ASSERT(id >= 0);
	gr_publish(&f->gr);
	return (uint16_t)id;
}

void
fix_up_good(struct fix *f, uint32_t size, bool packed, enum vring_dir dir)
{
	struct gr_layout l = {.size = size, .start = packed ? WRAP | (size - 1) : 0};

	fix_up(f, &l, FIX_FEATURES(packed));
	fix_good(f, dir);
}

static void
post(struct fix *f, uint64_t addr, uint32_t len, uint16_t flags)
{
	gp_push(&f->gr, (struct vring_packed_desc){addr, len, FIX_BAD, flags}, false);
}

void
fix_post(struct fix *f, uint64_t addr, uint32_t len, uint16_t flags)
{
	if (f->vr.packed) {
		post(f, addr, len, flags);
		return;
	}
	gr_set_desc(&f->gr, FIX_BAD, (struct vring_desc){addr, len, flags, 0});
	gr_push_avail(&f->gr, FIX_BAD);
	gr_publish(&f->gr);
}

void
fix_post_two(struct fix *f, const struct vdriver_seg *seg)
{
	uint16_t first = seg[0].write ? D_WRITE | D_NEXT : D_NEXT;
	uint16_t second = seg[1].write ? D_WRITE : 0;

	if (f->vr.packed) {
		post(f, seg[0].addr, seg[0].len, first);
		post(f, seg[1].addr, seg[1].len, second);
		return;
	}
	gr_set_desc(&f->gr, 3, (struct vring_desc){seg[1].addr, seg[1].len, second, 0});
	gr_set_desc(&f->gr, FIX_BAD, (struct vring_desc){seg[0].addr, seg[0].len, first, 3});
	gr_push_avail(&f->gr, FIX_BAD);
	gr_publish(&f->gr);
}

uint16_t
fix_snapshot(struct fix *f, enum vring_dir dir)
{
	uint16_t n = vring_any_available(&f->vr, UINT16_MAX, f->vr.packed);

	vring_batch_begin(&f->b);
	return fix_snapshot_more(f, dir, n);
}

uint16_t
fix_snapshot_more(struct fix *f, enum vring_dir dir, uint16_t n)
{
	return vring_any_snapshot(&f->vr, dir, &f->b, n, f->vr.packed);
}

void
fix_expect_fault(struct fix *f, enum vring_dir dir, enum vring_fault fault)
{
	uint16_t id;
	uint32_t len;

	CU_ASSERT_EQUAL(fix_snapshot(f, dir), 1);
	CU_ASSERT_EQUAL(f->vr.fault, fault);
	CU_ASSERT_EQUAL(f->b.nchain, 1);
	CU_ASSERT_EQUAL(f->b.nseg, 1);
	CU_ASSERT_EQUAL(f->b.slots, 1);
	fix_expect_seg(f, 0, f->good, 64);
	if (!f->vr.packed)
		CU_ASSERT_EQUAL(gr_used_idx(&f->gr), f->gr.start);
	CU_ASSERT_FALSE(gr_reap(&f->gr, &id, &len, NULL));
	/* the good one goes back, and nothing of the other */
	fix_return(f, 1);
	CU_ASSERT(gr_reap(&f->gr, &id, &len, NULL));
	CU_ASSERT_FALSE(gr_reap(&f->gr, &id, &len, NULL));
	CU_ASSERT_EQUAL(vring_position(&f->vr), fix_ahead(f, f->gr.start, 1));
}

unsigned int
fix_reap(struct fix *f)
{
	unsigned int n = 0;
	uint16_t id;
	uint32_t len;

	while (gr_reap(&f->gr, &id, &len, NULL))
		n++;
	return n;
}

uint16_t
fix_ahead(const struct fix *f, uint16_t position, uint32_t n)
{
	return f->vr.packed ? vdriver_ahead(&f->gr.vd, position, n) : (uint16_t)(position + n);
}

bool
fix_pass(struct fix *f, uint16_t n)
{
	struct vdriver_seg b = {RAM_C_ADDR, 8, false};
	unsigned int wrong = 0;
	bool told;

	for (uint16_t i = 0; i < n; i++)
		wrong += gr_add(&f->gr, &b, 1, 0, NULL) < 0;
	gr_publish(&f->gr);
	wrong += fix_snapshot(f, VRING_DEQ) != n;
	told = fix_return(f, n);
	wrong += fix_reap(f) != n;
	CU_ASSERT_EQUAL_FATAL(wrong, 0);
	return told;
}

bool
fix_return(struct fix *f, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		f->b.chain[i].len = 0;
	return fix_return_written(f, n);
}

bool
fix_return_written(struct fix *f, uint16_t n)
{
	return vring_any_return(&f->vr, &f->b, n, f->vr.packed);
}

void
fix_expect_ok(struct fix *f, enum vring_dir dir, uint16_t n)
{
	CU_ASSERT_EQUAL(fix_snapshot(f, dir), n);
	CU_ASSERT_EQUAL(f->vr.fault, VRING_OK);
	CU_ASSERT_EQUAL(f->b.nchain, n);
}

void
fix_expect_seg(struct fix *f, uint16_t i, uint64_t addr, uint32_t len)
{
	uint64_t at = 0;

	CU_ASSERT_FATAL(i < f->b.nseg);
	CU_ASSERT(ram_host_to_guest(&fix_ram, f->b.seg[i].addr, f->b.seg[i].len, &at));
	CU_ASSERT_EQUAL(at, addr);
	CU_ASSERT_EQUAL(f->b.seg[i].len, len);
}

uint64_t
fix_calls(struct fix *f)
{
	eventfd_t n = 0;

	return eventfd_read(f->call, &n) == 0 ? n : 0;
}

void
fix_count(void *count)
{
	(*(unsigned int *)count)++;
}

unsigned int
fix_count_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	unsigned int n = 0;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "memfd:guest-ram") != NULL;
	fclose(f);
	return n;
}

unsigned int
fix_count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	if (!d)
		return 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

uint32_t
rnd(struct rnd *r)
{
	r->s ^= r->s << 13;
	r->s ^= r->s >> 7;
	r->s ^= r->s << 17;
	return (uint32_t)(r->s >> 32);
}

uint32_t
rnd_below(struct rnd *r, uint32_t n)
{
	return rnd(r) % n;
}
