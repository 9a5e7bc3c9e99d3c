/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* A driver in the guest's user space that does to a virtio network device what no driver
 * should.  It runs as root, without a kernel driver, on hugepages. */

#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

/* Common configuration, virtio 1.1, 4.1.4.3. */
enum {
	DFSELECT = 0,
	DF = 4,
	GFSELECT = 8,
	GF = 12,
	MSIX_CONFIG = 16,
	STATUS = 20,
	Q_SELECT = 22,
	Q_SIZE = 24,
	Q_MSIX = 26,
	Q_ENABLE = 28,
	Q_NOFF = 30,
	Q_DESC = 32,
	Q_DRIVER = 40,
	Q_DEVICE = 48,
	Q_RESET = 58,
};

#define S_ACKNOWLEDGE 1u
#define S_DRIVER 2u
#define S_DRIVER_OK 4u
#define S_FEATURES_OK 8u
#define S_NEEDS_RESET 0x40u
#define S_RUNNING (S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK)

#define F_MQ (1ull << 22)
#define F_EVENT_IDX (1ull << 29)
#define F_PACKED (1ull << 34)
#define F_IN_ORDER (1ull << 35)

#define D_NEXT 1u
#define D_WRITE 2u
#define D_INDIRECT 4u
#define D_AVAIL (1u << 7)
#define D_USED (1u << 15)

#define NO_VECTOR 0xffffu

/* hw.c: the PCI device and memory whose guest-physical address is known */

struct hw {
	volatile uint8_t *common;
	volatile uint8_t *notify;
	volatile uint8_t *msix;
	uint64_t common_pa;
	uint64_t notify_pa;
	uint64_t msix_pa;
	uint32_t notify_mul;
	unsigned int vectors;
	unsigned int exp_cap;    /* PCI express, 0: none */
	unsigned int window_cap; /* access to BARs through configuration space */
};

extern struct hw hw;

int hw_open(void);
uint32_t hw_config_read(unsigned int offset, unsigned int len);
void hw_config_write(unsigned int offset, uint32_t value, unsigned int len);
/* Bus mastering and memory space, which resets of the function clear. */
void hw_enable(void);
bool hw_flr(void);

uint8_t hw_read8(unsigned int reg);
uint16_t hw_read16(unsigned int reg);
void hw_write8(unsigned int reg, uint8_t value);
void hw_write16(unsigned int reg, uint16_t value);
void hw_write32(unsigned int reg, uint32_t value);
void hw_write64(unsigned int reg, uint64_t value);

/* All vectors write `data` to `addr`. */
void hw_aim_vectors(uint64_t addr, uint32_t data);
void hw_msix(bool on);

#define AREA_SIZE (2u << 20)
#define AREAS 3u
/* Rings; buffers; and what the cases want to have. */
extern uint8_t *area[AREAS];
extern uint64_t area_pa[AREAS];

double now_ms(void);
void pause_ms(double ms);

/* driver.c: enough of a driver to bring the device to any state */

struct seg {
	uint64_t addr;
	uint32_t len;
	uint16_t flags; /* D_WRITE, D_INDIRECT and nonsense; D_NEXT comes by itself */
};

struct ring {
	unsigned int index;
	unsigned int size;
	volatile uint8_t *desc, *driver, *device;
	uint64_t desc_pa, driver_pa, device_pa;
	unsigned int slot; /* the next descriptor */
	bool wrap;
	uint16_t avail;
	uint16_t noff;
	unsigned int posted; /* chains */
};

#define MAX_RINGS 9u
extern struct ring rings[MAX_RINGS];
extern unsigned int num_rings; /* with the control queue, the last */
extern bool want_packed;

#define RX (&rings[0])
#define TX (&rings[1])
#define CTRL (&rings[num_rings - 1])

int drv_reset(void);
/* Up to the status that is given. */
int drv_start(uint8_t status);
void drv_place(struct ring *r);
void drv_post(struct ring *r, const struct seg *segs, unsigned int num);
void drv_post_one(struct ring *r, uint64_t addr, uint32_t len, uint16_t flags);
void drv_kick(struct ring *r);
unsigned int drv_used(const struct ring *r);
bool drv_wait_used(const struct ring *r, unsigned int num, double ms);
/* Packets to and from, as many as the rings have room for. */
void drv_traffic(void);

/* cases.c */

struct group {
	const char *name;
	void (*run)(void);
};

extern const struct group groups[];
extern const unsigned int num_groups;

/* main.c: after each case, a device that works is expected */

extern bool no_server;
void check(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* HOSTILE_H */
