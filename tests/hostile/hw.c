/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "hostile.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define VENDOR_VIRTIO 0x1af4u
#define NET_MODERN 0x1041u
#define NET_TRANSITIONAL 0x1000u

#define COMMAND 4u
#define COMMAND_MEMORY 2u
#define COMMAND_MASTER 4u
#define CAP_LIST 0x34u
#define CAP_VENDOR 9u
#define CAP_EXPRESS 0x10u
#define CAP_MSIX 0x11u

struct hw hw;
uint8_t *area[AREAS];
uint64_t area_pa[AREAS];

static int config = -1;
static char folder[300];
static uint8_t *bar[6];
static uint64_t bar_pa[6];
static unsigned int msix_cap;
static uint32_t saved_bars[6];

double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

void
pause_ms(double ms)
{
	const struct timespec t = {(time_t)(ms / 1e3), (long)(ms * 1e6) % 1000000000};

	nanosleep(&t, NULL);
}

uint32_t
hw_config_read(unsigned int offset, unsigned int len)
{
	uint32_t value = 0;

	return pread(config, &value, len, offset) == (ssize_t)len ? value : 0;
}

void
hw_config_write(unsigned int offset, uint32_t value, unsigned int len)
{
	if (pwrite(config, &value, len, offset) != (ssize_t)len)
		perror("configuration space");
}

static bool
find_device(void)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *entry;
	char path[400];
	uint32_t id;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%s", entry->d_name);
		snprintf(path, sizeof(path), "%s/config", folder);
		config = open(path, O_RDWR);
		id = config < 0 ? 0 : hw_config_read(0, 4);
		if (id == (NET_MODERN << 16 | VENDOR_VIRTIO) ||
		    id == (NET_TRANSITIONAL << 16 | VENDOR_VIRTIO))
			break;
		close(config);
		config = -1;
	}
	if (dir)
		closedir(dir);
	return config >= 0;
}

static void
map_bar(unsigned int i, uint64_t start, uint64_t end)
{
	char path[400];
	void *p;
	int fd;

	snprintf(path, sizeof(path), "%s/resource%u", folder, i);
	fd = open(path, O_RDWR | O_SYNC);
	if (fd < 0)
		return;
	p = mmap(NULL, end - start + 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return;
	bar[i] = p;
	bar_pa[i] = start;
}

static void
put(const char *file, const char *text)
{
	char path[400];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	f = fopen(path, "w");
	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

static void
map_bars(void)
{
	unsigned long long start, end, flags;
	char path[400];
	unsigned int i;
	FILE *f;

	/* virtio_pci has it, also without virtio_net. */
	put("driver/unbind", strrchr(folder, '/') + 1);
	put("enable", "1");
	snprintf(path, sizeof(path), "%s/resource", folder);
	f = fopen(path, "r");
	for (i = 0; f && i < 6 && fscanf(f, "%llx %llx %llx", &start, &end, &flags) == 3; i++) {
		if (end && !(flags & 0x100))
			map_bar(i, start, end);
	}
	if (f)
		fclose(f);
	for (i = 0; i < 6; i++)
		saved_bars[i] = hw_config_read(0x10 + 4 * i, 4);
}

static void
take_virtio_cap(unsigned int at)
{
	unsigned int type = hw_config_read(at + 3, 1), b = hw_config_read(at + 4, 1);
	uint32_t offset = hw_config_read(at + 8, 4);

	if (type == 5)
		hw.window_cap = at;
	if (b > 5 || !bar[b])
		return;
	if (type == 1) {
		hw.common = bar[b] + offset;
		hw.common_pa = bar_pa[b] + offset;
	} else if (type == 2) {
		hw.notify = bar[b] + offset;
		hw.notify_pa = bar_pa[b] + offset;
		hw.notify_mul = hw_config_read(at + 16, 4);
	}
}

static void
take_msix_cap(unsigned int at)
{
	uint32_t table = hw_config_read(at + 4, 4);

	msix_cap = at;
	hw.vectors = (hw_config_read(at + 2, 2) & 0x7ff) + 1;
	if (bar[table & 7]) {
		hw.msix = bar[table & 7] + (table & ~7u);
		hw.msix_pa = bar_pa[table & 7] + (table & ~7u);
	}
}

static void
take_caps(void)
{
	unsigned int at, id;

	for (at = hw_config_read(CAP_LIST, 1); at; at = hw_config_read(at + 1, 1)) {
		id = hw_config_read(at, 1);
		if (id == CAP_VENDOR)
			take_virtio_cap(at);
		else if (id == CAP_MSIX)
			take_msix_cap(at);
		else if (id == CAP_EXPRESS)
			hw.exp_cap = at;
	}
}

static uint64_t
physical(const void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;

	if (fd < 0 || pread(fd, &entry, 8, (uintptr_t)p / 4096 * 8) != 8)
		perror("pagemap");
	close(fd);
	return (entry & ((1ull << 55) - 1)) * 4096;
}

static bool
get_memory(void)
{
	unsigned int i;

	for (i = 0; i < AREAS; i++) {
		area[i] = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
		if (area[i] == MAP_FAILED)
			return false;
		area_pa[i] = physical(area[i]);
	}
	return true;
}

int
hw_open(void)
{
	if (!find_device() || !get_memory())
		return -1;
	map_bars();
	hw_enable();
	take_caps();
	return hw.common && hw.notify && hw.msix ? 0 : -1;
}

void
hw_enable(void)
{
	unsigned int i;

	for (i = 0; i < 6; i++)
		hw_config_write(0x10 + 4 * i, saved_bars[i], 4);
	hw_config_write(COMMAND, hw_config_read(COMMAND, 2) | COMMAND_MEMORY | COMMAND_MASTER, 2);
}

bool
hw_flr(void)
{
	if (!hw.exp_cap || !(hw_config_read(hw.exp_cap + 4, 4) & 1u << 28))
		return false;
	hw_config_write(hw.exp_cap + 8, hw_config_read(hw.exp_cap + 8, 2) | 1u << 15, 2);
	hw_enable();
	return true;
}

uint8_t
hw_read8(unsigned int reg)
{
	return hw.common[reg];
}

uint16_t
hw_read16(unsigned int reg)
{
	return *(volatile uint16_t *)(hw.common + reg);
}

void
hw_write8(unsigned int reg, uint8_t value)
{
	hw.common[reg] = value;
}

void
hw_write16(unsigned int reg, uint16_t value)
{
	*(volatile uint16_t *)(hw.common + reg) = value;
}

void
hw_write32(unsigned int reg, uint32_t value)
{
	*(volatile uint32_t *)(hw.common + reg) = value;
}

void
hw_write64(unsigned int reg, uint64_t value)
{
	hw_write32(reg, (uint32_t)value);
	hw_write32(reg + 4, value >> 32);
}

void
hw_aim_vectors(uint64_t addr, uint32_t data)
{
	unsigned int i;

	for (i = 0; i < hw.vectors; i++) {
		volatile uint32_t *entry = (volatile uint32_t *)(hw.msix + 16 * i);

		entry[0] = (uint32_t)addr;
		entry[1] = addr >> 32;
		entry[2] = data;
		entry[3] = 0;
	}
}

void
hw_msix(bool on)
{
	hw_config_write(msix_cap + 2, on ? 0x8000 : 0, 2);
}
