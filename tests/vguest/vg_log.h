/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VG_LOG_H
#define VG_LOG_H

/* Says what went wrong, once: the first error counts, what follows from it is
 * not shown.  Returns -1. */
int vg_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* From now on errors wait: vg_err_forget() drops them, vg_err_show() says the
 * first one; both end the waiting. */
void vg_err_hold(void);
void vg_err_forget(void);
void vg_err_show(void);

/* The first error, or an empty string. */
const char *vg_err_text(void);

/* Prints s as a JSON string. */
void vg_json_string(const char *s);

#endif /* VG_LOG_H */
