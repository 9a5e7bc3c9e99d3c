/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The one file of lib/vring that includes the wire header: it asserts that ring_state.h
 * and virtq_ipc.h lay out the state page in the same way. */

#include "ring_state.h"

#include <stddef.h>

#include "virtq_ipc.h"

static const uint32_t run_always;

const struct ring_state ring_state_none = {.run = &run_always, .generation = 0};

#define AT(type, field, bit) _Static_assert(offsetof(type, field) == (bit) / 8, "state page")

/* ring_state_pos() */
_Static_assert(sizeof(struct virtq_ipc_ring_pos) == sizeof(uint64_t), "state page");
AT(struct virtq_ipc_ring_pos, avail, 0);
AT(struct virtq_ipc_ring_pos, used, 16);
AT(struct virtq_ipc_ring_pos, flags, 32);
AT(struct virtq_ipc_ring_pos, pending, 48);
_Static_assert(VIRTQ_IPC_POS_VALID == 1, "state page");

/* ring_state_used() */
_Static_assert(sizeof(struct virtq_ipc_used) == sizeof(uint64_t), "state page");
AT(struct virtq_ipc_used, slot, 0);
AT(struct virtq_ipc_used, id, 16);
AT(struct virtq_ipc_used, len, 32);

_Static_assert(RING_JOURNAL == VIRTQ_IPC_JOURNAL, "state page");
