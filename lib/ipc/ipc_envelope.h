/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_ENVELOPE_H
#define VIRTQ_IPC_ENVELOPE_H

/*
 * ipc_envelope.h - may this message arrive here and now?  The check of the envelope:
 * header, size, descriptors, state.  Pure functions on bytes and counts: nothing
 * here reads a socket, touches a descriptor or keeps a state.
 *
 * What the messages are is in a table of rows, one table for each end of the
 * connection: ipc_messages.c has the server's (the PMD's).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc_err.h"
#include "virtq_ipc.h"

/* State of a connection.  Bits, because a message may be allowed in several. */
enum ipc_state {
	IPC_NEW = 1 << 0,     /* connected, HELLO has to come */
	IPC_IDLE = 1 << 1,    /* HELLO was accepted, there is no memory yet */
	IPC_READY = 1 << 2,   /* has memory, is stopped */
	IPC_RUNNING = 1 << 3, /* between START and STOP */
	IPC_DEAD = 1 << 4,    /* to be closed by its owner */
};
#define IPC_AFTER_HELLO (IPC_IDLE | IPC_READY | IPC_RUNNING)

/* What arrived. */
struct ipc_msg_in {
	const void *data; /* header and payload, 8-byte aligned */
	size_t len;       /* bytes at data */
	unsigned int nfds;
	bool cut_data; /* the message was longer than the buffer (MSG_TRUNC) */
	bool cut_fds;  /* descriptors were lost on the way (MSG_CTRUNC) */
};

/* What the receiver knows when a message arrives. */
struct ipc_msg_ctx {
	enum ipc_state state;
	uint32_t seq;        /* number of the message before, 0 at first */
	uint32_t max_pairs;  /* of HELLO; 0 before it */
	uint64_t features;   /* VIRTQ_IPC_F_* agreed in HELLO */
	uint64_t mem_last;   /* last guest-physical byte of the table in force, 0: none */
	uint64_t log_size;   /* bytes of the dirty log in force, 0: none */
	uint32_t generation; /* of the START before, 0: none */
};

struct ipc_session;

/*
 * One message type.  A message that this end sends and never receives has a type,
 * a name and a size, and no states: it is refused with its name if it arrives, and
 * its size is what the sender puts into the header.
 */
struct ipc_msg_row {
	uint16_t type; /* enum virtq_ipc_type */
	const char *name;
	uint32_t size;        /* payload bytes, exactly */
	unsigned int min_fds; /* both included */
	unsigned int max_fds;
	unsigned int states; /* enum ipc_state bits: where it may arrive */
	uint64_t feature;    /* VIRTQ_IPC_F_* that must be agreed, 0: none */
	bool answers;        /* reply_to is not 0 */
	uint32_t cost;       /* IPC_COST_*, besides that of any message and of its fds */
	/* Of the payload.  0, or -1 with *err filled in.  NULL: the envelope is all there
	 * is to check. */
	int (*check)(const void *payload, unsigned int nfds, const struct ipc_msg_ctx *ctx,
		     struct ipc_err *err);
	/* What a session does with a checked message.  0, or -1 with *err filled in.
	 * NULL in the table of an end that has no struct ipc_session. */
	int (*handle)(struct ipc_session *s, const void *payload, unsigned int nfds,
		      struct ipc_err *err);
};

/* Every message that one end of a connection may receive or send. */
struct ipc_msg_table {
	const char *end; /* which one, for people: "PMD" or "device" */
	const struct ipc_msg_row *row;
	size_t count;
};

/* The row of a type; NULL if there is none. */
const struct ipc_msg_row *ipc_msg_row(const struct ipc_msg_table *table, uint16_t type);
/* Its name for people; "unknown" if there is none. */
const char *ipc_msg_name(const struct ipc_msg_table *table, uint16_t type);

/* The name of a state for people. */
const char *ipc_state_name(enum ipc_state state);

/*
 * Checks one received message against the table of the end that received it:
 * header, size, descriptors, state, sequence number and every field.  0, or -1
 * with *err filled in.  After 0 the table has a row for the type, the payload may
 * be cast to its struct, and every rule of doc/protocol.md that can be checked on
 * the message alone holds.
 */
int ipc_msg_check(const struct ipc_msg_table *table, const struct ipc_msg_in *in,
		  const struct ipc_msg_ctx *ctx, struct ipc_err *err);

#endif /* VIRTQ_IPC_ENVELOPE_H */
