/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VIRTIO_ABI_H
#define VIRTQ_VIRTIO_ABI_H

/*
 * virtio_abi.h - what the virtio specification (1.1, and 0.9 for legacy) lays
 * down in guest memory, feature bits (1.3), and nothing else.  Little-endian hosts
 * only: there legacy (guest-endian) and modern (little-endian) devices look alike.
 */

#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "virtq runs on little-endian hosts");

/* Feature bits (5.1.3 and 6). */
#define VIRTIO_NET_F_GUEST_CSUM 1
#define VIRTIO_NET_F_MTU 3
#define VIRTIO_NET_F_MAC 5
#define VIRTIO_NET_F_GUEST_TSO4 7
#define VIRTIO_NET_F_GUEST_TSO6 8
#define VIRTIO_NET_F_GUEST_ECN 9
#define VIRTIO_NET_F_GUEST_UFO 10
#define VIRTIO_NET_F_MRG_RXBUF 15
#define VIRTIO_NET_F_STATUS 16
#define VIRTIO_NET_F_CTRL_VQ 17
#define VIRTIO_NET_F_CTRL_RX 18
#define VIRTIO_NET_F_CTRL_VLAN 19
#define VIRTIO_NET_F_CTRL_RX_EXTRA 20
#define VIRTIO_NET_F_GUEST_ANNOUNCE 21
#define VIRTIO_NET_F_MQ 22
#define VIRTIO_NET_F_CTRL_MAC_ADDR 23
#define VIRTIO_F_NOTIFY_ON_EMPTY 24
#define VIRTIO_F_ANY_LAYOUT 27
#define VIRTIO_F_INDIRECT_DESC 28
#define VIRTIO_F_EVENT_IDX 29
#define VIRTIO_F_BAD_FEATURE 30
#define VIRTIO_F_VERSION_1 32
#define VIRTIO_F_RING_PACKED 34
#define VIRTIO_F_IN_ORDER 35
#define VIRTIO_NET_F_GUEST_RSC4 41 /* RSC4, RSC6: legacy devices only */
#define VIRTIO_NET_F_GUEST_RSC6 42
#define VIRTIO_NET_F_GUEST_USO4 54
#define VIRTIO_NET_F_GUEST_USO6 55
#define VIRTIO_NET_F_SPEED_DUPLEX 63

/* Device status (2.1). */
#define VIRTIO_STATUS_FEATURES_OK 8u

/* Split virtqueue (2.6). */
#define VRING_DESC_F_NEXT 1u
#define VRING_DESC_F_WRITE 2u
#define VRING_DESC_F_INDIRECT 4u

#define VRING_USED_F_NO_NOTIFY 1u
#define VRING_AVAIL_F_NO_INTERRUPT 1u

#define VRING_DESC_ALIGN 16u
#define VRING_AVAIL_ALIGN 2u
#define VRING_USED_ALIGN 4u

struct vring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct vring_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[]; /* then used_event */
};

struct vring_used_elem {
	uint32_t id;
	uint32_t len;
};

struct vring_used {
	uint16_t flags;
	uint16_t idx;
	struct vring_used_elem ring[]; /* then avail_event */
};

#define VRING_DESC_BYTES(n) (16ull * (n))
#define VRING_AVAIL_BYTES(n, event) (4ull + 2ull * (n) + ((event) ? 2u : 0u))
#define VRING_USED_BYTES(n, event) (4ull + 8ull * (n) + ((event) ? 2u : 0u))

/* Packed virtqueue (2.7).  AVAIL and USED stand for the wrap counters. */
#define VRING_PACKED_F_AVAIL (1u << 7)
#define VRING_PACKED_F_USED (1u << 15)
#define VRING_PACKED_WRAP (1u << 15) /* in positions and off_wrap */

#define VRING_PACKED_EVENT_ENABLE 0u
#define VRING_PACKED_EVENT_DISABLE 1u
#define VRING_PACKED_EVENT_DESC 2u

#define VRING_PACKED_EVENT_ALIGN 4u

struct vring_packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id;
	uint16_t flags;
};

struct vring_packed_event {
	uint16_t off_wrap;
	uint16_t flags;
};

/* Network header in front of every packet (5.1.6).  Legacy devices without
 * mergeable buffers leave num_buffers out. */
struct virtio_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};
#define VIRTIO_NET_HDR_LEGACY 10u
#define VIRTIO_NET_HDR_MODERN 12u

_Static_assert(sizeof(struct vring_desc) == 16, "virtio 2.6.5");
_Static_assert(sizeof(struct vring_used_elem) == 8, "virtio 2.6.8");
_Static_assert(sizeof(struct vring_packed_desc) == 16, "virtio 2.7.13");
_Static_assert(sizeof(struct vring_packed_event) == 4, "virtio 2.7.14");
_Static_assert(sizeof(struct virtio_net_hdr) == VIRTIO_NET_HDR_MODERN, "virtio 5.1.6");

#endif /* VIRTQ_VIRTIO_ABI_H */
