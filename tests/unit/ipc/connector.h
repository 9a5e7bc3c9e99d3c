/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_IPC_CONNECTOR_H
#define TEST_IPC_CONNECTOR_H

/*
 * connector.h - a directory of its own for each test of the listener, and the
 * socket in it.  The suites run once for each type of socket.
 */

#include "fixture.h"
#include "ipc_listener.h"

/* SOCK_SEQPACKET or SOCK_STREAM, of the suite that runs.  The two functions choose it;
 * each is the init function of a suite. */
extern int conn_type;
int conn_seqpacket(void);
int conn_stream(void);
/* The other one of the two. */
int conn_other_type(void);

/* Of the test that runs: <new directory>/c, and the same with .lock. */
extern char conn_dir[64];
extern char conn_path[80];
extern char conn_lock[88];

/* conn_begin() makes the directory, conn_end() removes it: nothing but the socket and
 * its lock file may be left in it. */
void conn_begin(void);
void conn_end(void);

/* ipc_listener_open() without another owner; NULL with *err filled in. */
struct ipc_listener *conn_try(const char *path, struct ipc_err *err);
/* An open that must succeed; one that must fail, with `why` in its sentence. */
struct ipc_listener *conn_open(void);
void conn_refused(const char *path, const char *why);

/* A connected socket of that type, or -errno. */
int conn_connect(void);
bool conn_exists(const char *path);

/* The exit status of a child that was forked; 200 if a signal ended it. */
int conn_wait(int pid);

#endif /* TEST_IPC_CONNECTOR_H */
