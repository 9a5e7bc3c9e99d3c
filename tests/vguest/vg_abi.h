/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_ABI_H
#define VG_ABI_H

/*
 * vg_abi.h - what the virtio specification lays down in guest memory, written
 * down a second time: a mistake in lib/vring must not be made here as well.
 */

#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian hosts only");

#define VG_BIT(n) (1ull << (n))

/* Feature bits (virtio 1.1, 5.1.3 and 6). */
#define VG_F_MRG_RXBUF VG_BIT(15)
#define VG_F_CTRL_VQ VG_BIT(17)
#define VG_F_MQ VG_BIT(22)
#define VG_F_ANY_LAYOUT VG_BIT(27)
#define VG_F_INDIRECT VG_BIT(28)
#define VG_F_EVENT_IDX VG_BIT(29)
#define VG_F_VERSION_1 VG_BIT(32)
#define VG_F_PACKED VG_BIT(34)
#define VG_F_IN_ORDER VG_BIT(35)

/* Descriptor flags of both formats (2.6.5, 2.7.13). */
#define VG_DESC_NEXT 1u
#define VG_DESC_WRITE 2u
#define VG_DESC_INDIRECT 4u
#define VG_DESC_AVAIL 0x80u  /* packed */
#define VG_DESC_USED 0x8000u /* packed */

struct vg_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct vg_avail {
	uint16_t flags; /* 1: no interrupt */
	uint16_t idx;
	uint16_t ring[]; /* then used_event */
};

struct vg_used_elem {
	uint32_t id;
	uint32_t len;
};

struct vg_used {
	uint16_t flags; /* 1: no notification */
	uint16_t idx;
	struct vg_used_elem ring[]; /* then avail_event */
};

struct vg_pdesc {
	uint64_t addr;
	uint32_t len;
	uint16_t id;
	uint16_t flags;
};

struct vg_pevent {
	uint16_t off_wrap;
	uint16_t flags; /* VG_EVENT_* */
};
#define VG_EVENT_ENABLE 0u
#define VG_EVENT_DISABLE 1u
#define VG_EVENT_DESC 2u

/* Network header (5.1.6). */
struct vg_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers; /* not in legacy headers without MRG_RXBUF */
};

_Static_assert(sizeof(struct vg_desc) == 16, "2.6.5");
_Static_assert(sizeof(struct vg_pdesc) == 16, "2.7.13");
_Static_assert(sizeof(struct vg_net_hdr) == 12, "5.1.6");

#endif /* VG_ABI_H */
