/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_PORT_H
#define VG_PORT_H

/*
 * vg_port.h - the guest's network device: its queues with their buffers, and the
 * backend that serves it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vg_mem.h"
#include "vg_opts.h"
#include "vg_ring.h"

/* Between the pieces of a buffer, and behind it: nobody may write there. */
#define VG_GAP 32u
#define VG_CANARY 0xa5u

struct vg_port;

/* Two backends, one set of rings.  All return 0, or -1 after vg_err(). */
struct vg_backend {
	const char *name;
	/* rings stop one after the other: what the backend holds for one may come by another */
	bool one_by_one;
	int (*connect)(struct vg_port *p);
	int (*start)(struct vg_port *p); /* each queue at q->pos */
	int (*stop)(struct vg_port *p);  /* sets q->pos; nobody touches the rings any more */
	int (*poll)(struct vg_port *p);  /* what the backend says unasked; p->event */
	int (*lost)(struct vg_port *p);  /* it died: finishes its rings, sets p->pos_known */
	/* how far it is with a burst; NULL: nobody can tell */
	enum vg_moment (*moment)(struct vg_port *p);
	void (*close)(struct vg_port *p);
};
extern const struct vg_backend vg_backend_virtq, vg_backend_vhost;

/* A buffer for one packet or a part of one, cut into pieces. */
struct vg_layout {
	uint32_t stride;
	uint32_t count; /* buffers */
	uint32_t cap;   /* bytes of all pieces, header included */
	uint16_t nseg;
	struct vg_span {
		uint32_t off, len;
	} seg[VG_MAX_SEGS]; /* receive: fixed; transmit: of the longest packet */
};

struct vg_queue {
	struct vg_ring ring;
	bool rx;
	uint32_t index; /* as the device counts: 2 * pair, and + 1 for transmit */
	uint64_t bufs;  /* guest-physical */
	uint16_t pos;
	const struct vg_layout *lay;
	uint32_t *spare; /* transmit: stack of buffers */
	uint32_t nspare;
	bool frozen; /* a fault was put in, or the backend called it broken */
	char name[40];
};

enum vg_event {
	VG_EV_NONE,
	VG_EV_DEAD,
	VG_EV_BROKEN
};

struct vg_port {
	const struct vg_opts *o;
	uint32_t nid;
	const struct vg_backend *be;
	void *priv; /* the backend's */
	uint64_t features;
	uint32_t hdr_len;
	struct vg_mem mem;
	struct vg_layout rx, tx;
	uint32_t nqueue;
	struct vg_queue *q;
	bool running;
	bool again; /* the backend refused, and may not do so a little later */
	/* vg_backend.poll() */
	enum vg_event event;
	uint32_t broken_queue;
	char broken_text[256];
	bool link_up;
	pid_t peer_pid;
	char path[256]; /* of the backend's socket */
	bool pos_known; /* vg_backend.lost(): q->pos is what the dead backend left */
	/* the same: packets of each transmit ring that may come back and go nowhere */
	uint32_t taken;
	uint64_t recovered[VG_MOMENTS]; /* packed rings, by how it left them */
};

/* Whether buffers of these options fit their rings: 0, or -1 after vg_err(). */
int vg_layout_check(const struct vg_opts *o);

int vg_port_init(struct vg_port *p, const struct vg_opts *o, uint32_t nid);
void vg_port_free(struct vg_port *p);

/* All rings empty, all buffers ours. */
void vg_port_reset(struct vg_port *p);

static inline uint8_t *
vg_buf(const struct vg_port *p, const struct vg_queue *q, uint32_t i)
{
	return vg_mem_ptr(&p->mem, q->bufs + (uint64_t)i * q->lay->stride);
}

/* Where the pieces of a buffer of `len` bytes, header included, lie in it. */
uint16_t vg_layout_cut(const struct vg_port *p, const struct vg_layout *lay, uint32_t len,
		       struct vg_span *span);

/* Chain of buffer i with these pieces. */
void vg_queue_segs(const struct vg_queue *q, uint32_t i, const struct vg_span *span, uint16_t n,
		   struct vdriver_seg *seg);

/* Whether a chain of this queue goes into a table. */
bool vg_queue_table(const struct vg_port *p, const struct vg_queue *q, uint64_t nth);

#endif /* VG_PORT_H */
