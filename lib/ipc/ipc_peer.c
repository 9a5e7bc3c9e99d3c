/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_peer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
ipc_peer_cred(int sock, struct ucred *cred)
{
	socklen_t len = sizeof(*cred);

	return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, cred, &len);
}

int
ipc_peer_allowed(int sock, uid_t extra_uid, struct ipc_err *err)
{
	struct ucred cred;
	char extra[32] = "";

	if (ipc_peer_cred(sock, &cred))
		return ipc_err_set(err, VIRTQ_IPC_E_PEER,
				   "cannot find out which user connected: %s", strerror(errno));
	/* (uid_t)-1 is no user's id: as extra_uid it allows nobody */
	if (cred.uid == 0 || cred.uid == geteuid() ||
	    (extra_uid != (uid_t)-1 && cred.uid == extra_uid))
		return 0;
	if (extra_uid != (uid_t)-1)
		snprintf(extra, sizeof(extra), " or %" PRIu32, (uint32_t)extra_uid);
	return ipc_err_set(err, VIRTQ_IPC_E_PEER,
			   "user id %" PRIu32 " (process %d) may not connect: give the port "
			   "uid=%" PRIu32 ", or run QEMU as root or as user id %" PRIu32 "%s",
			   (uint32_t)cred.uid, (int)cred.pid, (uint32_t)cred.uid,
			   (uint32_t)geteuid(), extra);
}
