/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vhost_inflight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm_map.h"
#include "virtq_ipc.h"

#define MAGIC 0x66697176u /* "vqif" */
#define VERSION 1u
#define LINE 64u

/* The specification's regions: a head, and an entry for each descriptor. */
#define SPLIT_HEAD 16u
#define SPLIT_ENTRY 16u
#define PACKED_HEAD 32u
#define PACKED_ENTRY 32u

/* Our extension. */
struct inflight_ext {
	uint32_t magic;
	uint32_t version;
	uint32_t num_queues;
	uint32_t queue_size;
	uint8_t pad[LINE - 16];
	struct virtq_ipc_state_queue queue[];
};

_Static_assert(sizeof(struct inflight_ext) == LINE, "layout");
_Static_assert(sizeof(struct virtq_ipc_state_queue) == LINE + 8 * RING_JOURNAL, "layout");

struct vhost_inflight {
	uint32_t num_queues;
	struct shm_map map;       /* of the extension alone */
	struct inflight_ext *ext; /* NULL: no state */
};

static uint64_t
regions_size(uint32_t num_queues, uint32_t queue_size, uint32_t head, uint32_t entry)
{
	uint64_t one = head + (uint64_t)queue_size * entry;

	return num_queues * ((one + LINE - 1) & ~(uint64_t)(LINE - 1));
}

/* Where our extension is: after regions that fit both formats. */
static uint64_t
ext_offset(uint32_t num_queues, uint32_t queue_size)
{
	return regions_size(num_queues, queue_size, PACKED_HEAD, PACKED_ENTRY);
}

static uint64_t
ext_size(uint32_t num_queues)
{
	return sizeof(struct inflight_ext) +
	       num_queues * (uint64_t)sizeof(struct virtq_ipc_state_queue);
}

uint64_t
vhost_inflight_size(uint16_t num_queues, uint16_t queue_size)
{
	return ext_offset(num_queues, queue_size) + ext_size(num_queues);
}

/* Gives the file its size, our extension and seals.  Returns 0, or -1 with errno set. */
static int
file_fill(int fd, const struct vhost_user_inflight *area)
{
	const struct inflight_ext ext = {
		.magic = MAGIC,
		.version = VERSION,
		.num_queues = area->num_queues,
		.queue_size = area->queue_size,
	};
	const uint64_t at = ext_offset(area->num_queues, area->queue_size);

	if (ftruncate(fd, (off_t)area->size) != 0 ||
	    pwrite(fd, &ext, sizeof(ext), (off_t)at) != (ssize_t)sizeof(ext))
		return -1;
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

int
vhost_inflight_make(struct vhost_user_inflight *area, struct vhost_err *err)
{
	int fd = memfd_create("virtq-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	area->size = vhost_inflight_size(area->num_queues, area->queue_size);
	area->offset = 0;
	if (fd >= 0 && file_fill(fd, area) == 0)
		return fd;
	vhost_err_set(err, "no inflight area of %llu bytes: %s", (unsigned long long)area->size,
		      strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The area has room for what the message says. */
static int
check_size(const struct vhost_user_inflight *a, struct vhost_err *err)
{
	uint64_t least = regions_size(a->num_queues, a->queue_size, SPLIT_HEAD, SPLIT_ENTRY);

	if (a->num_queues == 0 || a->queue_size == 0 || a->size < least)
		return vhost_err_set(err,
				     "an inflight area of %llu bytes for %u queues of %u, which "
				     "take at least %llu",
				     (unsigned long long)a->size, a->num_queues, a->queue_size,
				     (unsigned long long)least);
	if (a->offset % LINE != 0 || a->offset > (uint64_t)INT64_MAX ||
	    a->size > (uint64_t)INT64_MAX - a->offset)
		return vhost_err_set(err,
				     "an inflight area of %llu bytes at offset %llu: that is not "
				     "aligned to %u bytes, or wraps",
				     (unsigned long long)a->size, (unsigned long long)a->offset,
				     LINE);
	return 0;
}

/* Looks for our extension in what is mapped. */
static int
find_ext(struct vhost_inflight *in, const struct vhost_user_inflight *a, struct vhost_err *err)
{
	struct inflight_ext *ext = in->map.addr;
	struct inflight_ext head;

	memcpy(&head, ext, sizeof(head));
	order_keep_copy(&head, sizeof(head));
	if (head.magic != MAGIC)
		return 0;
	if (head.version != VERSION)
		return vhost_err_set(err, "the inflight area is of version %u: %u is known",
				     head.version, VERSION);
	if (head.num_queues != a->num_queues || head.queue_size != a->queue_size)
		return vhost_err_set(err,
				     "the inflight area is for %u queues of %u, and the message "
				     "says %u of %u",
				     head.num_queues, head.queue_size, a->num_queues,
				     a->queue_size);
	in->ext = ext;
	return 0;
}

static int
ext_map(struct vhost_inflight *in, const struct vhost_user_inflight *a, int fd,
	struct vhost_err *err)
{
	const uint64_t at = ext_offset(a->num_queues, a->queue_size);
	char why[128];

	/* no room for it: another back end's */
	if (a->size < at + ext_size(a->num_queues))
		return 0;
	if (shm_map(&in->map, fd, a->offset + at, ext_size(a->num_queues), 0, why, sizeof(why)) !=
	    0)
		return vhost_err_set(err, "an inflight area of %llu bytes at offset %llu: %s",
				     (unsigned long long)a->size, (unsigned long long)a->offset,
				     why);
	if (find_ext(in, a, err) != 0)
		return -1;
	if (!in->ext)
		shm_unmap(&in->map);
	return 0;
}

struct vhost_inflight *
vhost_inflight_open(const struct vhost_user_inflight *area, int fd, struct vhost_err *err)
{
	struct vhost_inflight *in;

	if (check_size(area, err) != 0)
		return NULL;
	in = calloc(1, sizeof(*in));
	if (!in) {
		vhost_err_set(err, "out of memory");
		return NULL;
	}
	in->num_queues = area->num_queues;
	if (ext_map(in, area, fd, err) != 0) {
		vhost_inflight_free(in);
		return NULL;
	}
	return in;
}

void
vhost_inflight_free(struct vhost_inflight *in)
{
	if (!in)
		return;
	shm_unmap(&in->map);
	free(in);
}

bool
vhost_inflight_has_state(const struct vhost_inflight *in)
{
	return in->ext != NULL;
}

struct ring_state
vhost_inflight_ring(const struct vhost_inflight *in, uint32_t index)
{
	struct ring_state st = ring_state_none;

	if (in->ext && index < in->num_queues) {
		st.pos = (uint64_t *)&in->ext->queue[index].pos;
		st.journal = (uint64_t *)in->ext->queue[index].journal;
	}
	return st;
}

void
vhost_inflight_forget(const struct vhost_inflight *in, uint32_t index)
{
	const struct ring_state st = vhost_inflight_ring(in, index);

	if (st.pos)
		order_release64(st.pos, 0);
}

void
vhost_inflight_on_loss(const struct vhost_inflight *in, void (*lost)(void *arg), void *arg)
{
	if (in->ext)
		shm_on_loss(&in->map, lost, arg);
}

bool
vhost_inflight_lost(const struct vhost_inflight *in)
{
	return in->ext && shm_lost(&in->map);
}
