/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "order.h"

#include <time.h>

/* Far more than a processor takes to write out its stores, which it does without being
 * asked; a thread that does not run has passed a barrier when it was switched out. */
#define ORDER_WAIT_MS 20

static bool
membarrier(int cmd)
{
	return syscall(SYS_membarrier, cmd, 0, 0) == 0;
}

enum order_way
order_barrier_slow(void)
{
	struct timespec left = {.tv_nsec = ORDER_WAIT_MS * 1000000};

	if (order_membarrier_register() && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		return ORDER_EXPEDITED;
	/* some tens of milliseconds; refused where a processor is nohz_full */
	if (membarrier(MEMBARRIER_CMD_GLOBAL))
		return ORDER_GLOBAL;
	while (nanosleep(&left, &left) != 0)
		;
	order_fence();
	return ORDER_WAITED;
}
