/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_BUDGET_H
#define VIRTQ_IPC_BUDGET_H

/*
 * ipc_budget.h - bounds the work that a peer can cause a second: a token bucket.  What is
 * done for the peer is paid for afterwards; while the bucket is empty, nothing more is read
 * from its socket.  So no message is dropped, and a peer that sends too many waits.  For any
 * protocol; keeps no clock and takes no lock.
 */

#include <stdint.h>

/* Costs.  A token is 200 microseconds of waiting. */
#define IPC_COST_MESSAGE 1u
#define IPC_COST_FD 1u       /* each: it is looked at, mapped, unmapped, closed */
#define IPC_COST_FILE 5u     /* made and sent; or a batch of changes in a folder */
#define IPC_COST_RINGS 25u   /* rings made, taken back or freed: barriers in all threads */
/* A port with many rings: a token for each so many that have to be looked at, and for each so
 * many that are made. */
#define IPC_RINGS_SEEN 16u
#define IPC_RINGS_MADE 4u
#define IPC_COST_CONNECT 50u /* accepted, greeted, and taken apart at its end */

#define IPC_BUDGET_PER_MS 5
/* What a peer can use at once: a guest that boots, or all devices that reconnect. */
#define IPC_BUDGET_MAX 4000

struct ipc_budget {
	int64_t tokens; /* negative: overdrawn by the last message */
	uint64_t at_ms; /* when tokens was right */
};

void ipc_budget_init(struct ipc_budget *b, uint64_t now_ms);
void ipc_budget_spend(struct ipc_budget *b, uint32_t cost, uint64_t now_ms);
/* Milliseconds until there is a token; 0: now. */
uint64_t ipc_budget_wait(const struct ipc_budget *b, uint64_t now_ms);

#endif /* VIRTQ_IPC_BUDGET_H */
