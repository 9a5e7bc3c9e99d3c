/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_MEM_LIMIT_H
#define VIRTQ_MEM_LIMIT_H

/*
 * virtq_mem_limit.h - how much address space guests may make this process use: of one
 * guest, and of all guests of the application.  With the lock of the control thread held.
 */

#include "virtq.h"

/*
 * Whether the port's guest may have so many bytes of memory, in the place of what it has.
 * Returns 0; or -1 with one sentence in err (err_size bytes) that says which limit is in
 * the way, and what to do.
 */
int virtq_mem_allowed(const struct virtq_port *port, uint64_t bytes, char *err, size_t err_size);

#endif /* VIRTQ_MEM_LIMIT_H */
