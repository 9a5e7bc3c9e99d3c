/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "end.h"

#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"
#include "ipc_fd.h"

int
end_open(struct end *e, int type)
{
	int sv[2];

	must(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv) == 0);
	e->sock = sv[1];
	e->keep = false;
	e->num_kept = 0;
	return sv[0];
}

void
end_close(struct end *e)
{
	end_drop(e);
	ipc_fds_close(&e->sock, 1);
}

void
end_keep(struct end *e, int *fds, unsigned int count)
{
	for (unsigned int i = 0; e->keep && i < count; i++) {
		if (fds[i] < 0)
			continue;
		must(e->num_kept < END_KEPT);
		e->kept[e->num_kept++] = fds[i];
		fds[i] = -1;
	}
}

void
end_drop(struct end *e)
{
	ipc_fds_close(e->kept, e->num_kept);
	e->num_kept = 0;
}

void
end_send(struct end *e, const void *data, size_t len, unsigned int nfds)
{
	int fd = fd_event();

	fds_send(e->sock, data, len, fd, nfds);
	ipc_fds_close(&fd, 1);
}
