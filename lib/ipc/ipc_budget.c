/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_budget.h"

static int64_t
tokens_at(const struct ipc_budget *b, uint64_t now_ms)
{
	uint64_t missing = (uint64_t)(IPC_BUDGET_MAX - b->tokens), elapsed = now_ms - b->at_ms;

	if (elapsed > missing / IPC_BUDGET_PER_MS)
		return IPC_BUDGET_MAX;
	return b->tokens + (int64_t)elapsed * IPC_BUDGET_PER_MS;
}

void
ipc_budget_init(struct ipc_budget *b, uint64_t now_ms)
{
	*b = (struct ipc_budget){.tokens = IPC_BUDGET_MAX, .at_ms = now_ms};
}

void
ipc_budget_spend(struct ipc_budget *b, uint32_t cost, uint64_t now_ms)
{
	b->tokens = tokens_at(b, now_ms) - cost;
	b->at_ms = now_ms;
}

uint64_t
ipc_budget_wait(const struct ipc_budget *b, uint64_t now_ms)
{
	int64_t tokens = tokens_at(b, now_ms);

	return tokens > 0 ? 0 : (uint64_t)-tokens / IPC_BUDGET_PER_MS + 1;
}
