/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_FDS_H
#define TEST_FDS_H

/* fds.h - descriptors in tests, and what ends a test that cannot go on. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

/* Ends the program if cond is false, and prints where: the test cannot go on. */
#define must(cond) must_at((cond), #cond, __FILE__, __LINE__)
void must_at(bool ok, const char *what, const char *file, int line);

/* Open descriptors of this process. */
unsigned int fds_count(void);
/* A new eventfd. */
int fd_event(void);

/* Opens copies of fd until `left` more can be opened in this process; fds_release() closes
 * them.  Not more than FDS_LIMIT are open meanwhile. */
#define FDS_LIMIT 64
struct fds_used {
	int fd[FDS_LIMIT];
	unsigned int count;
	rlim_t limit; /* before */
};
void fds_use_up(struct fds_used *used, int fd, unsigned int left);
void fds_release(struct fds_used *used);

/* The most that one sendmsg() takes. */
#define FDS_MOST 253u
/* Sends exactly len bytes and nfds copies of fd. */
void fds_send(int sock, const void *data, size_t len, int fd, unsigned int nfds);

#endif /* TEST_FDS_H */
