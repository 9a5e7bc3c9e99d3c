/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_IPC_FIXTURE_H
#define TEST_IPC_FIXTURE_H

/*
 * fixture.h - valid messages, for a test to spoil, and a session on one end of a
 * socket pair: its owner records the calls, and the test is the device.
 */

#include <CUnit/CUnit.h>

#include "end.h"
#include "fds.h"
#include "ipc_check.h"
#include "ipc_messages.h"
#include "ipc_session.h"
#include "ipc_sock.h"
#include "vg_msg.h"

/* Queue pairs of every device here, unless a test says otherwise. */
#define PAIRS 2u
#define QUEUES (2u * PAIRS)

/* ---- messages ---- */

struct msg {
	struct virtq_ipc_hdr hdr;
	union {
		struct virtq_ipc_hello hello;
		struct virtq_ipc_hello_ok hello_ok;
		struct virtq_ipc_mem_table mem;
		struct virtq_ipc_queue_fds queue_fds;
		struct virtq_ipc_start start;
		struct virtq_ipc_rxstate rx;
		struct virtq_ipc_log log;
		struct virtq_ipc_link link;
		struct virtq_ipc_stopped stopped;
		struct virtq_ipc_counters counters;
		struct virtq_ipc_broken broken;
		struct virtq_ipc_error error;
		unsigned char bytes[sizeof(struct virtq_ipc_start)];
	} u;
};

/* The tables of the two ends. */
#define TO_PMD (&ipc_messages)
#define TO_DEVICE (&vg_msgs)

/* The table of the end that receives the type (the PMD's if both do), NULL if none does. */
const struct ipc_msg_table *msg_table(uint16_t type);
/* The row of the type in that table. */
const struct ipc_msg_row *msg_row(uint16_t type);

/* A valid message of that type, with number 1. */
void msg_make(struct msg *m, uint16_t type);
/* How many descriptors it carries. */
unsigned int msg_fds(const struct msg *m);

/* What a receiver knows: a device of PAIRS pairs, all protocol features. */
struct ipc_msg_ctx ctx_make(enum ipc_state state);

/* The code that ipc_msg_check() gives it against that table, 0 if it is valid. */
uint32_t msg_code(const struct ipc_msg_table *to, const struct msg *m, unsigned int nfds,
		  const struct ipc_msg_ctx *ctx);
/* The same at the end that receives the type, in the first state that allows it. */
uint32_t msg_code_here(const struct msg *m);

/* A valid message of that type with one thing changed gives that code. */
#define SPOILED(type, change, code)                       \
	do {                                              \
		struct msg m;                             \
		msg_make(&m, type);                       \
		change;                                   \
		CU_ASSERT_EQUAL(msg_code_here(&m), code); \
	} while (0)

/* ---- a session and its peer ---- */

struct fix {
	struct ipc_session *s;
	struct end end;           /* the device's end */
	uint32_t seq;             /* of the device's last message */
	uint32_t seen;            /* of the PMD's last message */
	struct ipc_err hello_err; /* code not 0: the callback fails with it */
	struct ipc_err mem_err;
	struct ipc_err start_err;
	struct ipc_err log_err;
	bool fail_inside;  /* callbacks call ipc_session_fail() */
	uint64_t features; /* that the owner can do */
	unsigned int hellos, mems, starts, stops, rxs, logs, counters, failings;
	bool told_first; /* the device had a message before the owner was called */
	struct virtq_ipc_hello hello;
	struct virtq_ipc_mem_table mem;
	struct virtq_ipc_start start;
	struct virtq_ipc_rxstate rx;
	struct virtq_ipc_log log;
};

void fix_open(struct fix *f);
void fix_close(struct fix *f);
/* Opens and brings the session to that state. */
void fix_open_at(struct fix *f, enum ipc_state state);

/* Sends as the device, with the right number and size, and with as many eventfds as
 * msg_fds() says. */
void fix_send(struct fix *f, struct msg *m);
void fix_send_type(struct fix *f, uint16_t type);
/* Sends exactly len bytes and nfds copies of fd. */
void fix_send_raw(struct fix *f, const void *data, size_t len, int fd, unsigned int nfds);

/* Receives as the device, and asserts that the message passes the device's checks.
 * False if there is none. */
bool fix_recv(struct fix *f, struct msg *m);
/* One input call, after which the session is in that state. */
void fix_input(struct fix *f, enum ipc_state state);
/* Sends, lets the session handle it and expects that answer (0: none). */
void fix_ask(struct fix *f, struct msg *m, uint16_t answer);
void fix_ask_type(struct fix *f, uint16_t type, uint16_t answer);
/* One input call: the session is dead with that code, and the device was sent
 * the same code and sentence. */
void fix_refused(struct fix *f, uint32_t code);

/* One suite a file: test_<name>.c. */
extern CU_TestInfo envelope_tests[], budget_tests[], hello_tests[], mem_table_tests[],
	queue_fds_tests[], start_tests[], stop_tests[], rxstate_tests[], log_tests[],
	counters_tests[], error_tests[], unsolicited_tests[], matrix_tests[], sock_tests[],
	peer_tests[], repeat_tests[], listener_tests[], listener_race_tests[], dialer_tests[];

#endif /* TEST_IPC_FIXTURE_H */
