/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_MSG_H
#define VIRTQ_IPC_MSG_H

/*
 * ipc_msg.h - is this message one that may arrive here and now?  Pure functions
 * on bytes and counts: nothing here reads a socket, touches a descriptor or
 * keeps a state.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc_err.h"
#include "virtq_ipc.h"

/* Where a connection stands.  Bits, because a message may be allowed in several. */
enum ipc_state {
	IPC_NEW = 1 << 0,     /* connected, HELLO has to come */
	IPC_IDLE = 1 << 1,    /* said HELLO, has no memory yet */
	IPC_READY = 1 << 2,   /* has memory, is stopped */
	IPC_RUNNING = 1 << 3, /* between START and STOP */
	IPC_DEAD = 1 << 4,    /* to be closed by its owner */
};

/* Who receives the message. */
enum ipc_dir {
	IPC_TO_PMD = 1 << 0,
	IPC_TO_DEVICE = 1 << 1,
};

/* What arrived. */
struct ipc_msg_in {
	const void *data; /* header and payload, 8-byte aligned */
	size_t len;       /* bytes at data */
	unsigned int nfds;
	bool cut_data; /* the message was longer than the buffer (MSG_TRUNC) */
	bool cut_fds;  /* descriptors were lost on the way (MSG_CTRUNC) */
};

/* What the receiver knows when it arrives. */
struct ipc_msg_ctx {
	enum ipc_dir dir;
	enum ipc_state state;
	uint32_t seq;        /* number of the message before, 0 at first */
	uint32_t max_pairs;  /* of HELLO; 0 before it */
	uint64_t features;   /* VIRTQ_IPC_F_* agreed in HELLO */
	uint64_t mem_last;   /* last guest-physical byte of the table in force, 0: none */
	uint64_t log_size;   /* bytes of the dirty log in force, 0: none */
	uint32_t generation; /* of the START before, 0: none */
};

/* One message type. */
struct ipc_msg_row {
	uint16_t type;
	const char *name;
	uint32_t size;        /* payload bytes, exactly */
	unsigned int min_fds; /* both included */
	unsigned int max_fds;
	unsigned int dirs;   /* enum ipc_dir bits */
	unsigned int states; /* enum ipc_state bits */
	uint64_t feature;    /* VIRTQ_IPC_F_* that must be agreed, 0: none */
	bool answers;        /* reply_to is not 0 */
	/* NULL: nothing but the above.  0, or -1 with *err filled in. */
	int (*check)(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		     struct ipc_err *err);
};

/* The row of a type; NULL if there is none. */
const struct ipc_msg_row *ipc_msg_row(uint16_t type);
/* Its name for people; "unknown" if there is none. */
const char *ipc_msg_name(uint16_t type);
/* The rows, for those who want all; *count is set. */
const struct ipc_msg_row *ipc_msg_rows(size_t *count);

/* The name of a state for people. */
const char *ipc_state_name(enum ipc_state state);

/*
 * Checks one received message: header, size, descriptors, direction, state,
 * sequence number and every field.  0, or -1 with *err filled in.  After 0 the
 * payload may be cast to its struct and every rule of doc/protocol.md that can
 * be told from the message alone holds.
 */
int ipc_msg_check(const struct ipc_msg_in *in, const struct ipc_msg_ctx *ctx, struct ipc_err *err);

/* Checks of single payloads, as the rows name them. */
int ipc_check_hello(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		    struct ipc_err *err);
int ipc_check_hello_ok(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
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
int ipc_check_link(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		   struct ipc_err *err);
int ipc_check_stopped(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		      struct ipc_err *err);
int ipc_check_counters(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		       struct ipc_err *err);
int ipc_check_broken(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		     struct ipc_err *err);
int ipc_check_error(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		    struct ipc_err *err);

/* The last guest-physical byte that a checked table names. */
uint64_t ipc_mem_last(const struct virtq_ipc_mem_table *table);

bool ipc_all_zero(const void *p, size_t len);

#endif /* VIRTQ_IPC_MSG_H */
