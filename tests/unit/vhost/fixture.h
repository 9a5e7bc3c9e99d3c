/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_VHOST_FIXTURE_H
#define TEST_VHOST_FIXTURE_H

/*
 * fixture.h - valid messages, for a test to spoil, and a session on one end of a socket
 * pair: its owner records the calls, and the test is the front end.
 */

#include <CUnit/CUnit.h>

#include "end.h"
#include "fds.h"
#include "vhost_session.h"
#include "vhost_sock.h"

#define BIT(n) (1ull << (n))
#define F(name) BIT(VHOST_USER_PROTOCOL_F_##name)

/* What every owner here can do. */
#define VRINGS 8u
#define REGIONS 32u
#define FEATURES (BIT(32) | BIT(34) | BIT(VHOST_F_LOG_ALL)) /* VERSION_1, RING_PACKED */
#define F_PROTOCOL BIT(VHOST_USER_F_PROTOCOL_FEATURES)
#define PROTOCOL                                                                  \
	(F(MQ) | F(LOG_SHMFD) | F(RARP) | F(REPLY_ACK) | F(NET_MTU) | F(CONFIG) | \
	 F(INFLIGHT_SHMFD) | F(RESET_DEVICE) | F(CONFIGURE_MEM_SLOTS) | F(STATUS))

/* Requests beyond the last that has a name are tried as well. */
#define REQUESTS 64u

/* ---- messages ---- */

struct msg {
	struct vhost_user_hdr hdr;
	union vhost_payload u;
	unsigned int nfds;
};

/* A valid message; of one that no back end takes, a header alone. */
void msg_make(struct msg *m, uint32_t request);
/* It has a reply of its own; the others are acknowledged if that is asked for. */
bool msg_has_reply(uint32_t request);
/* Header and payload as they are sent, up to size bytes of payload; returns their length. */
#define MSG_BYTES (VHOST_USER_HDR_SIZE + sizeof(union vhost_payload))
size_t msg_bytes(const struct msg *m, unsigned char *bytes);

/* ---- a session and its peer ---- */

enum op {
	OP_NONE,
	OP_FEATURES,
	OP_MEM_TABLE,
	OP_MEM_ADD,
	OP_MEM_REMOVE,
	OP_NUM,
	OP_BASE,
	OP_ADDR,
	OP_KICK,
	OP_CALL,
	OP_ERR,
	OP_ENABLE,
	OP_STOP,
	OP_LOG,
	OP_GET_INFLIGHT,
	OP_SET_INFLIGHT,
	OP_GET_CONFIG,
	OP_MTU,
	OP_RARP,
	OP_STATUS,
	OP_RESET,
	OPS,
};

struct fix {
	struct vhost_session *s;
	struct end end;   /* the front end's end */
	int result;       /* of every callback: 0, 1 or -1 */
	bool fail_inside; /* callbacks call vhost_session_fail() */
	unsigned int calls[OPS];
	unsigned int failings;
	bool told_first; /* the front end had a message before the owner was called */
	unsigned int refusals;
	char refused[256];
	/* what the last callback was given */
	uint64_t features;
	bool enabled;
	uint32_t index, num;
	struct vhost_user_vring_addr addr;
	struct vhost_user_region region[VHOST_USER_MAX_REGIONS];
	struct vhost_user_log log;
	struct vhost_user_inflight area;
	uint8_t mac[6];
	int fd; /* was one given? -1: no */
};

/* Opens, with all protocol features agreed on. */
void fix_open(struct fix *f);
/* Opens, with nothing said yet. */
void fix_open_new(struct fix *f);
/* Opens, and agrees on those. */
void fix_open_with(struct fix *f, uint64_t protocol);
void fix_close(struct fix *f);
/* Calls of all callbacks. */
unsigned int fix_calls(const struct fix *f);

/* Sends as the front end, with eventfds. */
void fix_send(struct fix *f, const struct msg *m);
/* Receives as the front end; the descriptor of a reply, if it has one, goes to *fd.  False
 * if there is no reply. */
bool fix_recv(struct fix *f, struct msg *reply, int *fd);
/* The front end finds the end of the connection, and nothing before it. */
bool fix_at_end(struct fix *f);

/* Sends, and one input call: the session goes on. */
void fix_input(struct fix *f, const struct msg *m);
/* The same, and there is that u64 for an answer. */
void fix_asked(struct fix *f, const struct msg *m, uint64_t answer);
/* The same, and the session is over, with a reason that has these words; no reply. */
void fix_ends(struct fix *f, const struct msg *m, const char *words);
/* One input call: over, and the front end has not been answered. */
void fix_over(struct fix *f, const char *words);

/* A valid message with one thing changed, to a new session: accepted; refused with a
 * negative answer; the end of the session. */
#define ACCEPTED(name, change) SPOILED(name, change, 0)
#define REFUSED(name, change) SPOILED(name, change, 1)
#define ENDS(name, change) SPOILED(name, change, -1)
#define SPOILED(name, change, verdict)                     \
	do {                                               \
		struct msg m;                              \
		msg_make(&m, VHOST_USER_##name);           \
		change;                                    \
		CU_ASSERT_EQUAL(fix_verdict(&m), verdict); \
	} while (0)
int fix_verdict(const struct msg *m);

/* One suite a file: test_<name>.c. */
extern CU_TestInfo envelope_tests[], matrix_tests[], features_tests[], mem_tests[], vring_tests[];
extern CU_TestInfo net_tests[], shared_tests[], stream_tests[], answer_tests[], end_tests[];
extern CU_TestInfo repeat_tests[], random_tests[];

#endif /* TEST_VHOST_FIXTURE_H */
