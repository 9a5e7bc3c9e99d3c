/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_field.h"

#include <string.h>

bool
ipc_all_zero(const void *p, size_t len)
{
	const unsigned char *b = p;

	for (size_t i = 0; i < len; i++)
		if (b[i])
			return false;
	return true;
}

int
ipc_field_name(const char *what, const char *name, struct ipc_err *err)
{
	for (size_t i = 0; i < VIRTQ_IPC_NAME_LEN; i++) {
		if (name[i] == '\0')
			return 0;
		if (name[i] < 0x20 || name[i] > 0x7e)
			return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED,
					   "%s has a byte that is not printable ASCII at %zu", what,
					   i);
	}
	return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED, "%s is not terminated within %u bytes", what,
			   VIRTQ_IPC_NAME_LEN);
}

int
ipc_field_reserved(const char *what, bool zero, struct ipc_err *err)
{
	if (zero)
		return 0;
	return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED, "%s has reserved bits that are not zero",
			   what);
}

int
ipc_field_text(const char *what, const char *text, struct ipc_err *err)
{
	if (memchr(text, '\0', VIRTQ_IPC_TEXT_LEN))
		return 0;
	return ipc_err_set(err, VIRTQ_IPC_E_MALFORMED, "%s has a text that is not terminated",
			   what);
}

bool
ipc_field_pos(const struct virtq_ipc_ring_pos *pos)
{
	return !pos->pending && !(pos->flags & ~VIRTQ_IPC_POS_VALID);
}
