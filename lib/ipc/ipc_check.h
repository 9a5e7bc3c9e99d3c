/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_CHECK_H
#define VIRTQ_IPC_CHECK_H

/*
 * ipc_check.h - checks of the payloads that a PMD receives, as the rows in
 * ipc_messages.c name them: ipc_check_<message>() is in ipc_check_<message>.c.
 *
 * Each gets a private copy of the payload of exactly the right size, and the number
 * of descriptors that came with it.  All lengths are 64-bit, and no sum is formed
 * before it is known not to wrap.  0, or -1 with *err filled in.
 */

#include "ipc_envelope.h"

int ipc_check_hello(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		    struct ipc_err *err);
int ipc_check_mem_table(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
			struct ipc_err *err);
int ipc_check_queue_fds(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
			struct ipc_err *err);
int ipc_check_start(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		    struct ipc_err *err);
int ipc_check_rxstate(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		      struct ipc_err *err);
int ipc_check_log(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		  struct ipc_err *err);
/* A device receives this one as well. */
int ipc_check_error(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		    struct ipc_err *err);

/* The last guest-physical byte that a checked table names. */
uint64_t ipc_mem_last(const struct virtq_ipc_mem_table *table);

/* Does a dirty log of log_size bytes reach to the page of mem_last?  One that does
 * not would be written to after its end. */
int ipc_check_log_covers(uint64_t log_size, uint64_t mem_last, struct ipc_err *err);

#endif /* VIRTQ_IPC_CHECK_H */
