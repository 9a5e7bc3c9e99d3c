/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VHOST_ERR_H
#define VIRTQ_VHOST_ERR_H

/* vhost_err.h - why something was refused: one sentence for the log. */

struct vhost_err {
	char text[256];
};

/* Fills *err in; a sentence that is too long is cut.  Always returns -1, so that a check
 * can end in "return vhost_err_set(...)". */
int vhost_err_set(struct vhost_err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* VIRTQ_VHOST_ERR_H */
