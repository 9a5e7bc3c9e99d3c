/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VHOST_INFLIGHT_H
#define VIRTQ_VHOST_INFLIGHT_H

/*
 * vhost_inflight.h - the inflight area (GET_INFLIGHT_FD, SET_INFLIGHT_FD): memory that the
 * front end keeps for the back end while no back end is connected.
 *
 * It begins with the regions that the specification lays out, one a queue.  This back end
 * returns all buffers in the order in which it took them and keeps none, so the regions stay
 * zero, which is version 0: not in use.  After them comes an extension of our own, which
 * holds for each ring what the state page of the ipc front holds (struct
 * virtq_ipc_state_queue): with it a packed ring goes on after this process was killed.
 * Control thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "ring_state.h"
#include "vhost_err.h"
#include "vhost_user.h"

struct vhost_inflight;

/* Bytes of an area, with our extension. */
uint64_t vhost_inflight_size(uint16_t num_queues, uint16_t queue_size);

/*
 * Makes an area for area->num_queues of area->queue_size, both at least 1: fills in size and
 * offset.  Returns the fd of a memfd, which is the caller's; or -1 with *err filled in.
 */
int vhost_inflight_make(struct vhost_user_inflight *area, struct vhost_err *err);

/*
 * Maps what SET_INFLIGHT_FD brought; the fd stays the caller's.  An area that another back
 * end made has no state for us, and is left alone.  Returns NULL with *err filled in if the
 * area is too short for its queues or for its file, is not aligned, is no shared memory, or
 * has an extension that contradicts the message.  The peer may change it at any moment, and
 * truncate it.
 */
struct vhost_inflight *vhost_inflight_open(const struct vhost_user_inflight *area, int fd,
					   struct vhost_err *err);

/* No ring may still have its words.  NULL is allowed. */
void vhost_inflight_free(struct vhost_inflight *in);

/* Whether the area has our extension. */
bool vhost_inflight_has_state(const struct vhost_inflight *in);

/* The words of ring `index`; ring_state_none if the area has none.  The ring may always be
 * accessed: nobody takes it from this process. */
struct ring_state vhost_inflight_ring(const struct vhost_inflight *in, uint32_t index);

/* The position of ring `index` is not valid any more: the ring has stopped and the front end
 * knows its position, or it is set up anew.  No data thread uses the ring. */
void vhost_inflight_forget(const struct vhost_inflight *in, uint32_t index);

/* As guest_mem_on_loss() and guest_mem_lost(). */
void vhost_inflight_on_loss(const struct vhost_inflight *in, void (*lost)(void *arg), void *arg);
bool vhost_inflight_lost(const struct vhost_inflight *in);

#endif /* VIRTQ_VHOST_INFLIGHT_H */
