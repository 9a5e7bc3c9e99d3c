/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_OPTS_H
#define VG_OPTS_H

/* vg_opts.h - what vguest is asked to do. */

#include <stdbool.h>
#include <stdint.h>

#define VG_BIT(n) (1ull << (n))

#define VG_MAX_PAIRS 128u
#define VG_MAX_PORTS 256u
#define VG_MAX_FRAME 65535u

enum vg_mode {
	VG_RX,
	VG_TX,
	VG_LOOP,
	VG_PINGPONG
};
enum vg_touch {
	VG_TOUCH_NONE,
	VG_TOUCH_FIRST,
	VG_TOUCH_ALL
};
enum vg_indirect {
	VG_IND_OFF,
	VG_IND_TX,
	VG_IND_RX,
	VG_IND_ALL,
	VG_IND_MIX
};

/* Where a backend is when it is killed: anywhere, or in the returning of a burst to
 * a packed ring: noted in the journal and not a descriptor written; some of them
 * written, and not the first; all written, and not yet said so. */
enum vg_moment {
	VG_AT_ANY,
	VG_AT_NOTED,
	VG_AT_TORN,
	VG_AT_MADE,
	VG_AT_WRONG, /* the first one written before others: never */
	VG_MOMENTS
};

struct vg_opts {
	/* the other side */
	const char *path;
	bool vhost;
	bool server, plain, slots, inflight;
	bool nid_given;
	uint32_t nid, ports; /* port i has nid + i */
	/* the device */
	uint32_t pairs;
	uint32_t rx_ring, tx_ring;
	bool packed, mergeable, in_order, event_idx, legacy, any_layout;
	enum vg_indirect indirect;
	/* memory */
	bool hugetlb;
	uint32_t regions;
	uint32_t hdr_off;
	bool hdr_own; /* the network header has a descriptor of its own */
	uint32_t rx_buf, rx_seg, tx_seg;
	/* packets */
	uint32_t size_min, size_max;
	bool imix;
	enum vg_touch touch;
	/* the run */
	enum vg_mode mode;
	bool perf;
	bool notify;
	uint64_t packets;
	uint32_t ms;
	uint32_t window; /* 0: as many as surely come back */
	uint64_t rate;   /* packets a second and queue, 0: no limit */
	uint32_t batch;
	uint32_t min_batch;
	int cpu;
	uint32_t wait_ms, timeout_ms;
	/* lives */
	uint64_t restart_every;
	bool reconnect;
	enum vg_moment kill_at;
	uint32_t kills;
	uint64_t kill_every;
	/* faults */
	const char *fault;
	uint64_t fault_at;
	bool fault_rx;
};

uint64_t vg_opts_features(const struct vg_opts *o);
uint32_t vg_opts_hdr_len(const struct vg_opts *o);

#endif /* VG_OPTS_H */
