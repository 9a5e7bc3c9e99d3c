/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_PEER_H
#define VIRTQ_IPC_PEER_H

/*
 * ipc_peer.h - who is at the other end of an AF_UNIX socket, as the kernel says.
 * For any protocol.
 */

#include <sys/socket.h>
#include <sys/types.h>

#include "ipc_err.h"

/* Who connected: 0, or -1 with errno. */
int ipc_peer_cred(int sock, struct ucred *cred);

/*
 * May this peer connect?  Root, the user of this process and extra_uid
 * ((uid_t)-1: nobody else) may.  0, or -1 with *err filled in
 * (VIRTQ_IPC_E_PEER).
 */
int ipc_peer_allowed(int sock, uid_t extra_uid, struct ipc_err *err);

#endif /* VIRTQ_IPC_PEER_H */
