/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VHOST_USER_H
#define VIRTQ_VHOST_USER_H

/*
 * vhost_user.h - messages of the vhost-user protocol (docs/interop/vhost-user.rst of
 * QEMU), as far as a network back end uses them.  All fields are in the byte order of the
 * machine; a message is a header and `size` bytes of payload on a SOCK_STREAM socket, and
 * its file descriptors come with its first byte.
 */

#include <stdint.h>

/* Requests of the front end. */
enum vhost_user_request {
	VHOST_USER_NONE = 0,
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_LOG_FD = 7,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SEND_RARP = 19,
	VHOST_USER_NET_SET_MTU = 20,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_IOTLB_MSG = 22,
	VHOST_USER_SET_VRING_ENDIAN = 23,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_POSTCOPY_ADVISE = 28,
	VHOST_USER_POSTCOPY_LISTEN = 29,
	VHOST_USER_POSTCOPY_END = 30,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
};

/* Feature bits of SET_FEATURES that are not virtio's. */
#define VHOST_F_LOG_ALL 26
#define VHOST_USER_F_PROTOCOL_FEATURES 30

/* Protocol features. */
#define VHOST_USER_PROTOCOL_F_MQ 0
#define VHOST_USER_PROTOCOL_F_LOG_SHMFD 1
#define VHOST_USER_PROTOCOL_F_RARP 2
#define VHOST_USER_PROTOCOL_F_REPLY_ACK 3
#define VHOST_USER_PROTOCOL_F_NET_MTU 4
#define VHOST_USER_PROTOCOL_F_CONFIG 9
#define VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD 12
#define VHOST_USER_PROTOCOL_F_RESET_DEVICE 13
#define VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS 15
#define VHOST_USER_PROTOCOL_F_STATUS 16

/* Header flags. */
#define VHOST_USER_VERSION 1u
#define VHOST_USER_VERSION_MASK 3u
#define VHOST_USER_REPLY 4u
#define VHOST_USER_NEED_REPLY 8u

struct vhost_user_hdr {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* bytes of payload */
};
#define VHOST_USER_HDR_SIZE 12u

/* SET_VRING_KICK, _CALL, _ERR: a u64 with a ring's number. */
#define VHOST_USER_VRING_INDEX 0xffu
#define VHOST_USER_VRING_NOFD 0x100u

struct vhost_user_vring_state {
	uint32_t index;
	uint32_t num;
};

#define VHOST_USER_VRING_F_LOG 1u
struct vhost_user_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc; /* the front end's virtual addresses */
	uint64_t used;
	uint64_t avail;
	uint64_t log; /* guest-physical, of the used ring; with VHOST_USER_VRING_F_LOG */
};

struct vhost_user_region {
	uint64_t guest_addr;
	uint64_t size;
	uint64_t user_addr;
	uint64_t fd_offset;
};

#define VHOST_USER_MAX_REGIONS 8u
struct vhost_user_mem_table {
	uint32_t count;
	uint32_t padding;
	struct vhost_user_region region[VHOST_USER_MAX_REGIONS]; /* `count` of them are sent */
};

/* ADD_MEM_REG, REM_MEM_REG */
struct vhost_user_mem_reg {
	uint64_t padding;
	struct vhost_user_region region;
};

struct vhost_user_log {
	uint64_t size;
	uint64_t offset;
};

struct vhost_user_inflight {
	uint64_t size;
	uint64_t offset;
	uint16_t num_queues;
	uint16_t queue_size;
	uint32_t padding; /* not sent by all front ends */
};

#define VHOST_USER_MAX_CONFIG 256u
struct vhost_user_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t data[VHOST_USER_MAX_CONFIG]; /* `size` bytes are sent */
};

#endif /* VIRTQ_VHOST_USER_H */
