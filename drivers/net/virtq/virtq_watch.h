/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_WATCH_H
#define VIRTQ_WATCH_H

/* virtq_watch.h - what the control thread calls when an fd is ready (virtq_control.h). */

/* An fd that is waited for.  Embedded in what the fd belongs to. */
struct virtq_watch {
	/* The fd is readable, or its other end is closed.  Control thread, with the lock. */
	void (*ready)(struct virtq_watch *w);
};

#endif /* VIRTQ_WATCH_H */
