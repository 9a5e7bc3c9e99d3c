/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VRING_TYPES_H
#define VIRTQ_VRING_TYPES_H

/*
 * vring_types.h - one virtqueue as the device side sees it, and its faults.  The control
 * thread makes a vring (vring.h), hands it to one data thread, and takes it back before
 * it frees it.  In between only the data thread accesses it, but for vring_watch_overdue()
 * and `fault`.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest_mem.h"
#include "ring_state.h"
#include "virtio_abi.h"

#define VRING_MAX_SIZE 32768u

/* Descriptors of one chain, indirect ones included.  The specification allows the queue
 * size, but some drivers exceed it with indirect tables; QEMU has the same limit. */
#define VRING_MAX_CHAIN 1024u

/* How the guest violated the specification; the ring is then broken. */
enum vring_fault {
	VRING_OK = 0,
	VRING_FAULT_AVAIL_JUMP, /* avail index ahead by more than the ring's size */
	VRING_FAULT_HEAD,       /* avail entry names no descriptor */
	VRING_FAULT_NEXT,       /* next names no descriptor */
	VRING_FAULT_LOOP,       /* chain longer than the ring or VRING_MAX_CHAIN */
	VRING_FAULT_ADDRESS,    /* a buffer outside the guest's memory */
	VRING_FAULT_DIRECTION,  /* readable in a receive chain, writable in a transmit chain */
	VRING_FAULT_INDIRECT, /* indirect table: length, nesting, NEXT beside it, not negotiated */
	VRING_FAULT_SHORT_BUFFER, /* receive chain shorter than the header */
};

struct vring_call;

struct vring {
	/* the guest's memory */
	union {
		struct vring_desc *desc;
		struct vring_packed_desc *slot;
	};
	union {
		struct vring_avail *avail;
		struct vring_packed_event *driver_event;
	};
	union {
		struct vring_used *used;
		struct vring_packed_event *device_event;
	};
	const struct guest_mem *mem;

	struct ring_state state;

	uint16_t size;
	uint16_t mask;       /* split only */
	uint16_t last_avail; /* next avail entry to read; packed: next slot */
	uint16_t last_used;  /* next used entry to write; packed: the same slot */
	uint16_t avail_idx;  /* split: the guest's index when last read */
	uint16_t event_used; /* last_used when the driver's event area was last read */
	uint32_t bursts;     /* count of those that returned used buffers */
	uint32_t enabled_at; /* `bursts` when interrupts were last found enabled */
	uint8_t hdr_len;     /* of the network header, bytes */
	bool packed;
	bool wrap; /* packed: wrap counter of last_avail and last_used */
	bool in_order;
	bool event_idx;
	bool indirect;
	bool mergeable;
	uint8_t fault; /* enum vring_fault; set once, by the data thread */

	int call_fd; /* -1: the guest must not be interrupted */
	struct vring_call *call;

	/* NULL: writes to guest memory are not logged.  The control thread changes it under a
	 * burst (order_acquire_ptr()); the burst then logs all of its writes or none. */
	void *log;              /* struct guest_log * */
} __attribute__((aligned(64))); /* what a burst reads of it is in two lines */

#endif /* VIRTQ_VRING_TYPES_H */
