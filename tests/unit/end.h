/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_END_H
#define TEST_END_H

/*
 * end.h - one end of a socket pair, the test's, whose other end a session has; and the
 * descriptors that the owner of the session kept.
 */

#include <stdbool.h>
#include <stddef.h>

/* Those of the longest session of a test. */
#define END_KEPT 1024u

struct end {
	int sock;  /* -1 once closed */
	bool keep; /* callbacks of the owner take descriptors */
	int kept[END_KEPT];
	unsigned int num_kept;
};

/* Makes the pair, of SOCK_SEQPACKET or SOCK_STREAM; returns the session's end. */
int end_open(struct end *e, int type);
/* Closes the test's end, and what the owner kept. */
void end_close(struct end *e);

/* The owner takes fds[count], if it is to; each is -1 then. */
void end_keep(struct end *e, int *fds, unsigned int count);
/* Closes what it kept. */
void end_drop(struct end *e);

/* Sends len bytes, with nfds copies of an eventfd. */
void end_send(struct end *e, const void *data, size_t len, unsigned int nfds);

#endif /* TEST_END_H */
