/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_IPC_ERR_H
#define VIRTQ_IPC_ERR_H

/*
 * ipc_err.h - why something was refused: a code for the machine and one sentence
 * for people.
 */

#include <stddef.h>
#include <stdint.h>

#include "virtq_ipc.h"

/* Both fit into the ERROR message; the sentence goes to the log as well. */
struct ipc_err {
	uint32_t code; /* enum virtq_ipc_code; 0: none */
	char text[VIRTQ_IPC_TEXT_LEN];
};

/* Fills *err in; a sentence that is too long is cut.  Always returns -1, so that
 * a check can end in "return ipc_err_set(...)". */
int ipc_err_set(struct ipc_err *err, uint32_t code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Copies at most size - 1 bytes of text that a peer supplied (at most len of them
 * are read), with a question mark for every byte that is not printable ASCII, and
 * terminates dst.  size is at least 1. */
void ipc_text_copy(char *dst, size_t size, const char *src, size_t len);

#endif /* VIRTQ_IPC_ERR_H */
