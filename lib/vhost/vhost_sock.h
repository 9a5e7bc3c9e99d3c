/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VHOST_SOCK_H
#define VIRTQ_VHOST_SOCK_H

/*
 * vhost_sock.h - bytes and descriptors of vhost_user.h's messages over a connected
 * SOCK_STREAM socket.  Nothing here looks into a message.  Nothing here blocks.
 */

#include <stdbool.h>
#include <stddef.h>

#include "vhost_user.h"

/* No message carries more. */
#define VHOST_MAX_FDS VHOST_USER_MAX_REGIONS

union vhost_payload {
	uint64_t u64;
	struct vhost_user_vring_state state;
	struct vhost_user_vring_addr addr;
	struct vhost_user_mem_table mem;
	struct vhost_user_mem_reg reg;
	struct vhost_user_log log;
	struct vhost_user_inflight inflight;
	struct vhost_user_config config;
};

/* One message, which may arrive in any pieces. */
struct vhost_in {
	struct vhost_user_hdr hdr;
	union vhost_payload payload;
	size_t have; /* bytes of header and payload that are here */
	int fds[VHOST_MAX_FDS];
	unsigned int nfds; /* in fds, close-on-exec */
	bool cut_fds;      /* descriptors were lost: there was no room for them */
	bool late_fds;     /* descriptors did not come with the first byte; they are closed */
};

enum vhost_recv {
	VHOST_RECV_ALL,    /* in->have is what was wanted */
	VHOST_RECV_NONE,   /* what is missing is not here yet */
	VHOST_RECV_CLOSED, /* the peer left */
	VHOST_RECV_FAILED, /* errno says why */
};

/* Nothing has arrived; the payload is zeroed.  Descriptors are the caller's to close. */
void vhost_in_reset(struct vhost_in *in);

/*
 * Receives until in->have is `want`: the header's size, or header and payload once the
 * caller has found that the payload fits.  Never reads a byte of the next message,
 * so that the descriptors of that one stay with it.
 */
enum vhost_recv vhost_sock_recv(int sock, struct vhost_in *in, size_t want);

/*
 * Sends a header and its payload (hdr->size bytes) with fd (-1: none), which stays the
 * caller's.  0 or -errno.  -EAGAIN: the peer does not read; a part of the message may have
 * been sent, so that the connection is of no more use.
 */
int vhost_sock_send(int sock, const struct vhost_user_hdr *hdr, const void *payload, int fd);

/* Closes a connection so that the peer still finds what it was sent last.  (With unread
 * messages in the receive queue of sock, the kernel would report ECONNRESET to it.) */
void vhost_sock_close(int sock);

#endif /* VIRTQ_VHOST_SOCK_H */
