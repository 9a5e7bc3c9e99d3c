/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vg_vhost_msg.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ipc_fd.h"

#include "vg_log.h"
#include "vg_sock.h"

#define ANSWER_MS 10000u

static int
gone(struct vg_vhost_conn *c, uint32_t request, const char *why)
{
	c->p->event = VG_EV_DEAD;
	return vg_err("vhost: the backend went away during request %u: %s", request, why);
}

static int
send_msg(struct vg_vhost_conn *c, const struct vhost_user_hdr *hdr, const void *payload,
	 const int *fds, uint32_t nfd)
{
	unsigned char bytes[VHOST_USER_HDR_SIZE + sizeof(union vhost_payload)];

	memcpy(bytes, hdr, VHOST_USER_HDR_SIZE);
	if (hdr->size > 0)
		memcpy(bytes + VHOST_USER_HDR_SIZE, payload, hdr->size);
	if (vg_sock_send(c->sock, bytes, VHOST_USER_HDR_SIZE + hdr->size, fds, nfd) == 0)
		return 0;
	return gone(c, hdr->request, strerror(errno));
}

/* Waits for the rest of the answer. */
static int
receive(struct vg_vhost_conn *c, uint32_t request, size_t want)
{
	uint64_t until = vg_now_ms() + ANSWER_MS, now;

	for (;;) {
		switch (vhost_sock_recv(c->sock, &c->in, want)) {
		case VHOST_RECV_ALL:
			return 0;
		case VHOST_RECV_CLOSED:
			return gone(c, request, "it closed the connection");
		case VHOST_RECV_FAILED:
			return gone(c, request, strerror(errno));
		case VHOST_RECV_NONE:
			break;
		}
		now = vg_now_ms();
		if (now >= until)
			return vg_err("vhost: no reply to request %u within %u ms", request,
				      ANSWER_MS);
		(void)vg_sock_readable(c->sock, (uint32_t)(until - now));
	}
}

static int
check_answer(const struct vg_vhost_conn *c, uint32_t request, uint32_t size, uint32_t max_fds)
{
	const struct vhost_user_hdr *h = &c->in.hdr;

	if (h->request != request)
		return vg_err("vhost: a reply to request %u, and one to %u was due", h->request,
			      request);
	if (h->flags != (VHOST_USER_VERSION | VHOST_USER_REPLY))
		return vg_err("vhost: the reply to request %u has flags 0x%x", request, h->flags);
	if (h->size != size)
		return vg_err("vhost: the reply to request %u has %u bytes, expected %u", request,
			      h->size, size);
	if (c->in.nfds > max_fds || c->in.cut_fds || c->in.late_fds)
		return vg_err("vhost: the reply to request %u has %u descriptors, expected %u",
			      request, c->in.nfds, max_fds);
	return 0;
}

/* The header is checked before its size is used. */
static int
answer(struct vg_vhost_conn *c, uint32_t request, uint32_t size, int *fd)
{
	uint32_t max_fds = fd ? 1 : 0;
	int err;

	vhost_in_reset(&c->in);
	err = receive(c, request, VHOST_USER_HDR_SIZE);
	if (err == 0)
		err = check_answer(c, request, size, max_fds);
	if (err == 0)
		err = receive(c, request, VHOST_USER_HDR_SIZE + size);
	if (err == 0)
		err = check_answer(c, request, size, max_fds);
	if (err == 0 && fd) {
		*fd = c->in.fds[0];
		c->in.fds[0] = -1;
	}
	ipc_fds_close(c->in.fds, c->in.nfds);
	return err;
}

int
vg_vhost_tell(struct vg_vhost_conn *c, uint32_t request, const void *payload, uint32_t size,
	      const int *fds, uint32_t nfd)
{
	struct vhost_user_hdr hdr = {request, VHOST_USER_VERSION, size};

	hdr.flags |= c->acks ? VHOST_USER_NEED_REPLY : 0;
	if (send_msg(c, &hdr, payload, fds, nfd) != 0)
		return -1;
	if (!c->acks)
		return 0;
	if (answer(c, request, sizeof(uint64_t), NULL) != 0)
		return -1;
	if (c->in.payload.u64 != 0)
		return vg_err("vhost: the backend refuses request %u", request);
	return 0;
}

int
vg_vhost_tell_u64(struct vg_vhost_conn *c, uint32_t request, uint64_t value)
{
	return vg_vhost_tell(c, request, &value, sizeof(value), NULL, 0);
}

int
vg_vhost_tell_state(struct vg_vhost_conn *c, uint32_t request, uint32_t index, uint32_t num)
{
	const struct vhost_user_vring_state state = {index, num};

	return vg_vhost_tell(c, request, &state, sizeof(state), NULL, 0);
}

int
vg_vhost_tell_fd(struct vg_vhost_conn *c, uint32_t request, uint32_t index, int fd)
{
	uint64_t word = index;

	return vg_vhost_tell(c, request, &word, sizeof(word), &fd, 1);
}

const union vhost_payload *
vg_vhost_ask(struct vg_vhost_conn *c, uint32_t request, const void *payload, uint32_t size, int *fd)
{
	const struct vhost_user_hdr hdr = {request, VHOST_USER_VERSION, size};

	if (send_msg(c, &hdr, payload, NULL, 0) != 0 ||
	    answer(c, request, size ? size : sizeof(uint64_t), fd) != 0)
		return NULL;
	return &c->in.payload;
}

int
vg_vhost_ask_u64(struct vg_vhost_conn *c, uint32_t request, uint64_t *value)
{
	const union vhost_payload *got = vg_vhost_ask(c, request, NULL, 0, NULL);

	if (!got)
		return -1;
	*value = got->u64;
	return 0;
}
