/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "hostile.h"

#include <string.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define TABLE (area_pa[2] + 0x10000)
#define MINE (area_pa[2])

/* What may stand at an address that a driver gives. */
struct place {
	const char *name;
	uint64_t addr;
};

static unsigned int
places(struct place *p)
{
	const struct place all[] = {
		{"own common configuration", hw.common_pa},
		{"own status", hw.common_pa + STATUS},
		{"own notification", hw.notify_pa},
		{"own MSI-X table", hw.msix_pa},
		{"local APIC", 0xfee00000},
		{"HPET", 0xfed00000},
		{"configuration space", 0xb0000000},
		{"hole", 0xa0000000},
		{"video memory", 0xa0000},
		{"ROM", 0xffff0000},
		{"its own ring", TX->desc_pa},
		{"the end of addresses", ~0ull - 8},
		{"4 TiB", 1ull << 42},
	};

	memcpy(p, all, sizeof(all));
	return LEN(all);
}

#define MAX_PLACES 16u

static void
addresses_of(struct ring *which, const char *name, uint16_t flags)
{
	static const uint32_t lens[] = {0, 1, 16, 4096, 0xffffffff};
	struct place p[MAX_PLACES];
	unsigned int i, k, num = places(p), index = which->index;

	for (i = 0; i < num; i++) {
		for (k = 0; k < LEN(lens); k++) {
			drv_start(S_RUNNING);
			drv_post_one(&rings[index], p[i].addr, lens[k], flags);
			drv_kick(&rings[index]);
			pause_ms(2);
			check("%s: %u bytes at %s", name, lens[k], p[i].name);
		}
	}
}

static void
run_addresses(void)
{
	drv_start(S_RUNNING);
	addresses_of(TX, "buffer to send", 0);
	addresses_of(RX, "buffer to fill", D_WRITE);
	addresses_of(TX, "indirect table", D_INDIRECT);
	addresses_of(CTRL, "command", 0);
	addresses_of(CTRL, "answer", D_WRITE);
	addresses_of(CTRL, "indirect table of a command", D_INDIRECT);
}

static void
post_table(struct ring *r, uint32_t bytes, uint16_t flags)
{
	memset(area[2] + 0x10000, 0, 0x10000);
	drv_post_one(r, TABLE, bytes, flags);
	drv_kick(r);
	pause_ms(2);
}

static void
run_chains(void)
{
	static const uint32_t tables[] = {0, 1, 8, 15, 16, 17, 4096, 0x10000, 0x100000};
	unsigned int i, k;

	for (k = 0; k < 2; k++) {
		for (i = 0; i < LEN(tables); i++) {
			drv_start(S_RUNNING);
			post_table(k ? CTRL : TX, tables[i], D_INDIRECT);
			check("%s: indirect table of %u", k ? "command" : "packet", tables[i]);
			drv_start(S_RUNNING);
			post_table(k ? CTRL : TX, tables[i], D_INDIRECT | D_NEXT | D_WRITE);
			check("%s: indirect table of %u, and more", k ? "command" : "packet",
			      tables[i]);
		}
		drv_start(S_RUNNING);
		for (i = 0; i < CTRL->size; i++)
			drv_post_one(k ? CTRL : TX, MINE, 1, D_NEXT);
		drv_kick(k ? CTRL : TX);
		pause_ms(5);
		check("%s: a chain without end", k ? "command" : "packet");
		drv_start(S_RUNNING);
		drv_post(k ? CTRL : TX,
			 (const struct seg[]){{MINE, 16, D_WRITE}, {MINE, 16, 0}, {MINE, 0, 0}}, 3);
		drv_kick(k ? CTRL : TX);
		pause_ms(2);
		check("%s: written first", k ? "command" : "packet");
	}
}

static void
run_flags(void)
{
	volatile uint16_t *word;
	unsigned int i, bits;

	for (bits = 0; bits < 64; bits++) {
		drv_start(S_RUNNING);
		for (i = 0; i < 4; i++) {
			word = (volatile uint16_t *)(CTRL->desc + 16 * i);
			word[4] = 4;
			word[6] = bits & 32 ? 0xffff : i;
			word[7] = (bits & 7) | (bits & 8 ? D_AVAIL : 0) | (bits & 16 ? D_USED : 0);
		}
		((volatile uint16_t *)CTRL->driver)[1] = 0xffff * (bits & 1) + 4;
		drv_kick(CTRL);
		pause_ms(2);
		check("flags %#x", bits);
	}
}

/* Each area of each kind of ring where no ring should be. */
static void
run_rings(void)
{
	static const uint16_t sizes[] = {0, 1, 3, 255, 1024, 32768, 65535};
	struct place p[MAX_PLACES];
	unsigned int i, k, q, num;

	drv_start(S_RUNNING);
	num = places(p);
	for (i = 0; i < num; i++) {
		for (k = 0; k < 9; k++) {
			drv_start(S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
			q = k / 3 == 2 ? num_rings - 1 : k / 3;
			*(k % 3 == 0   ? &rings[q].desc_pa
			  : k % 3 == 1 ? &rings[q].driver_pa
				       : &rings[q].device_pa) = p[i].addr;
			drv_place(&rings[q]);
			hw_write8(STATUS, S_RUNNING);
			drv_kick(&rings[q]);
			pause_ms(5);
			check("area %u of queue %u at %s", k % 3, q, p[i].name);
		}
	}
	for (i = 0; i < LEN(sizes); i++) {
		for (q = 0; q < 3; q++) {
			drv_start(S_RUNNING);
			drv_traffic();
			hw_write16(Q_SELECT, q == 2 ? num_rings - 1 : q);
			hw_write16(Q_SIZE, sizes[i]);
			hw_write16(Q_ENABLE, 1);
			drv_kick(q == 2 ? CTRL : &rings[q]);
			pause_ms(2);
			check("queue %u made %u entries long while it runs", q, sizes[i]);
		}
	}
}

static void
run_life(void)
{
	unsigned int i, k;

	for (i = 0; i < 256; i++) {
		drv_start(i & 1 ? S_RUNNING : S_ACKNOWLEDGE | S_DRIVER);
		drv_traffic();
		hw_write8(STATUS, i);
		drv_kick(CTRL);
		hw_write8(STATUS, i ^ S_DRIVER_OK);
		check("status %#x", i);
	}
	for (i = 0; i < 30; i++) {
		for (k = 0; k < 4; k++) {
			drv_start(S_RUNNING);
			drv_traffic();
		}
		hw_write32(GFSELECT, i & 1);
		hw_write32(GF, i * 0x01010101);
		hw_config_write(4, 2, 2);
		hw_enable();
		hw_write16(Q_SELECT, 1);
		hw_write16(Q_RESET, 1);
		hw_write16(Q_SELECT, 0xffff);
		hw_write16(Q_ENABLE, 7);
		check("reset and started, round %u", i);
	}
}

static const struct place *
registers(unsigned int *num)
{
	static struct place r[9];

	r[0] = (struct place){"status", hw.common_pa + STATUS};
	r[1] = (struct place){"driver_feature", hw.common_pa + GF};
	r[2] = (struct place){"the upper half of driver_feature", hw.common_pa + GF + 2};
	r[3] = (struct place){"queue_select", hw.common_pa + Q_SELECT};
	r[4] = (struct place){"queue_size", hw.common_pa + Q_SIZE};
	r[5] = (struct place){"queue_enable", hw.common_pa + Q_ENABLE};
	r[6] = (struct place){"queue_reset", hw.common_pa + Q_RESET};
	r[7] = (struct place){"notification", hw.notify_pa + CTRL->noff * hw.notify_mul};
	r[8] = (struct place){"the MSI-X table", hw.msix_pa};
	*num = LEN(r);
	return r;
}

/* More answers than are given in one go: the last are given from a timer. */
static void
answers_to(const struct place *p, uint8_t status)
{
	unsigned int i, round;

	for (round = 0; round < 8; round++) {
		drv_start(status);
		hw_write32(GFSELECT, 0);
		hw_write16(Q_SELECT, num_rings - 1);
		for (i = 0; i < CTRL->size; i++)
			drv_post_one(CTRL, round & 1 ? MINE : p->addr, 1, D_WRITE);
		drv_kick(CTRL);
		for (i = 0; i < 3; i++)
			drv_post_one(CTRL, p->addr, 1, D_WRITE);
		pause_ms(3);
	}
	check("answers to %s, status %#x", p->name, status);
}

static void
run_answers(void)
{
	static const uint8_t status[] = {S_ACKNOWLEDGE | S_DRIVER,
					 S_ACKNOWLEDGE | S_DRIVER | S_DRIVER_OK, S_RUNNING};
	const struct place *r;
	unsigned int i, k, num;

	drv_start(S_RUNNING);
	r = registers(&num);
	for (k = 0; k < LEN(status); k++) {
		for (i = 0; i < num; i++)
			answers_to(&r[i], status[k]);
	}
}

static const char *
end_somehow(unsigned int how)
{
	switch (how) {
	case 0:
		return hw_flr() ? "function-level reset" : "nothing";
	case 1:
		hw_config_write(4, 2, 2);
		return "bus mastering off";
	case 2:
		hw_write8(STATUS, 0);
		return "reset";
	default:
		hw_write16(Q_SELECT, 1);
		hw_write16(Q_ENABLE, 0);
		return "an error";
	}
}

/* Interrupts that write the device's own registers, when the rings are taken back. */
static void
interrupts_to(const struct place *p, uint32_t data, unsigned int how)
{
	const char *end = "";
	unsigned int round;
	double begin;

	for (round = 0; round < 24; round++) {
		drv_start(S_RUNNING);
		hw_aim_vectors(p->addr, data);
		hw_write16(MSIX_CONFIG, 0);
		hw_write32(GFSELECT, 0);
		hw_write16(Q_SELECT, 1);
		if (round & 1)
			hw_write16(Q_SIZE, 1);
		hw_msix(true);
		drv_traffic();
		/* The interrupt is to be pending, but not raised. */
		for (begin = now_ms(); now_ms() < begin + round / 2 * 0.05;)
			;
		end = end_somehow(how);
		pause_ms(round % 2);
	}
	check("interrupts write %#x to %s, then %s", data, p->name, end);
}

static void
run_interrupts(void)
{
	static const uint32_t data[] = {0, 1, S_RUNNING};
	const struct place *r;
	unsigned int i, k, how, num;

	drv_start(S_RUNNING);
	r = registers(&num);
	for (how = 0; how < 4; how++) {
		for (i = 0; i < num; i++) {
			for (k = 0; k < LEN(data); k++)
				interrupts_to(&r[i], data[k], how);
		}
	}
}

static void
run_flood(void)
{
	double end = now_ms() + 1000;

	while (now_ms() < end) {
		drv_start(S_RUNNING);
		drv_post_one(CTRL, ~0ull, 72, 0);
		drv_post_one(TX, ~0ull, 72, 0);
		drv_kick(TX);
		drv_kick(CTRL);
	}
	check("rings broken and reset for a second");
}

static uint32_t
random32(void)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)state;
}

static void
run_random(void)
{
	unsigned int i, k, round;
	volatile uint32_t *word;

	for (round = 0; round < 150; round++) {
		drv_start(S_RUNNING);
		drv_traffic();
		for (i = 0; i < 8; i++) {
			for (k = 0; k < 64; k++) {
				word = (volatile uint32_t *)rings[random32() % num_rings].desc;
				word[random32() % 0x2000] = random32() >> random32() % 32;
			}
			drv_kick(&rings[random32() % num_rings]);
		}
		check("random words in the rings, round %u", round);
	}
}

const struct group groups[] = {
	{"addresses", run_addresses},   {"chains", run_chains}, {"flags", run_flags},
	{"rings", run_rings},           {"life", run_life},     {"answers", run_answers},
	{"interrupts", run_interrupts}, {"flood", run_flood},   {"random", run_random},
};
const unsigned int num_groups = LEN(groups);
