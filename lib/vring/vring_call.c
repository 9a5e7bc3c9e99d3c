/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vring_call.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "order.h"

/* The head of the ring of completions, which the kernel maps at the address that is the
 * context's number, as linux/fs/aio.c has it. */
struct aio_ring {
	uint32_t id;
	uint32_t nr;
	uint32_t head; /* next completion to take: ours to write */
	uint32_t tail;
	uint32_t magic;
	uint32_t compat_features;
	uint32_t incompat_features;
	uint32_t header_length;
};
#define AIO_RING_MAGIC 0xa10a10a1u

static struct vring_call *unused;
static int sink = -1; /* /dev/null, for the whole process */
static pthread_mutex_t unused_lock = PTHREAD_MUTEX_INITIALIZER;

static void
aio_open(struct vring_call *c)
{
	const struct aio_ring *ring;

	if (sink < 0)
		sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (sink < 0 || syscall(SYS_io_setup, 1, &c->aio) != 0) {
		c->aio = 0;
		return;
	}
	ring = (const struct aio_ring *)c->aio;
	c->mapped = ring->magic == AIO_RING_MAGIC && ring->incompat_features == 0;
}

struct vring_call *
vring_call_get(int wake_fd)
{
	struct vring_call *c;

	pthread_mutex_lock(&unused_lock);
	c = unused;
	if (c)
		unused = c->next;
	else
		c = calloc(1, sizeof(*c));
	if (c) {
		c->wake_fd = wake_fd;
		c->left = 0;
		c->next = NULL;
		if (c->aio == 0)
			aio_open(c);
	}
	pthread_mutex_unlock(&unused_lock);
	return c;
}

void
vring_call_put(struct vring_call *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&unused_lock);
	c->next = unused;
	unused = c;
	pthread_mutex_unlock(&unused_lock);
}

/* There is room for more than one completion, but one is all that there ever is. */
static void
take_completion(const struct vring_call *c)
{
	struct aio_ring *ring = (struct aio_ring *)c->aio;
	struct timespec at_once = {0, 0};
	struct io_event done;

	if (c->mapped)
		order_write32(&ring->head, order_read32(&ring->tail));
	else
		syscall(SYS_io_getevents, c->aio, 1, 1, &done, &at_once);
}

static bool
by_kernel(const struct vring_call *c, int eventfd)
{
	struct iocb cb = {
		.aio_lio_opcode = IOCB_CMD_PWRITE,
		.aio_fildes = (uint32_t)sink,
		.aio_buf = (uintptr_t) "",
		.aio_nbytes = 1,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)eventfd,
	};
	struct iocb *list[] = {&cb};

	if (c->aio == 0 || syscall(SYS_io_submit, c->aio, 1, list) != 1)
		return false;
	take_completion(c);
	return true;
}

void
vring_call_send(struct vring_call *c, int eventfd)
{
	if (by_kernel(c, eventfd))
		return;
	/* J: if it is set still, the control thread has yet to look at this ring */
	if (order_read32(&c->left) != 0)
		return;
	order_release32(&c->left, 1);
	(void)eventfd_write(c->wake_fd, 1);
}

bool
vring_call_was_left(struct vring_call *c)
{
	return order_read32(&c->left) != 0 && order_take32(&c->left) != 0;
}

void
vring_call_send_here(struct vring_call *c, int eventfd)
{
	struct pollfd room = {.fd = eventfd, .events = POLLOUT};

	if (by_kernel(c, eventfd))
		return;
	(void)fcntl(eventfd, F_SETFL, O_RDWR | O_NONBLOCK);
	if (poll(&room, 1, 0) == 1 && (room.revents & POLLOUT))
		(void)eventfd_write(eventfd, 1);
}
