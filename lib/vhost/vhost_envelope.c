/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vhost_envelope.h"

#include <inttypes.h>

const struct vhost_msg_row *
vhost_msg_row(const struct vhost_msg_table *table, uint32_t request)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->row[i].request == request)
			return &table->row[i];
	return NULL;
}

static int
check_flags(const struct vhost_user_hdr *hdr, struct vhost_err *err)
{
	uint32_t known = VHOST_USER_VERSION_MASK | VHOST_USER_REPLY | VHOST_USER_NEED_REPLY;

	if ((hdr->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION)
		return vhost_err_set(
			err, "request %" PRIu32 " has version %" PRIu32 ", expected %u",
			hdr->request, hdr->flags & VHOST_USER_VERSION_MASK, VHOST_USER_VERSION);
	if (hdr->flags & VHOST_USER_REPLY)
		return vhost_err_set(err, "request %" PRIu32 " is marked as a reply", hdr->request);
	if (hdr->flags & ~known)
		return vhost_err_set(err, "request %" PRIu32 " has unknown flags %#" PRIx32,
				     hdr->request, hdr->flags & ~known);
	return 0;
}

static int
check_row(const struct vhost_msg_row *row, const struct vhost_user_hdr *hdr,
	  const struct vhost_msg_ctx *ctx, struct vhost_err *err)
{
	if (row->refused)
		return vhost_err_set(err, "%s: %s", row->name, row->refused);
	if ((row->agreed & ~ctx->protocol) || (row->offered & ~ctx->protocol_offered))
		return vhost_err_set(err,
				     "%s needs the protocol feature %s, which was not agreed on",
				     row->name, row->feature);
	if (hdr->size < row->min_size || hdr->size > row->max_size)
		return vhost_err_set(
			err, "%s carries %" PRIu32 " bytes, expected %" PRIu32 " to %" PRIu32,
			row->name, hdr->size, row->min_size, row->max_size);
	return 0;
}

const struct vhost_msg_row *
vhost_msg_check_hdr(const struct vhost_msg_table *table, const struct vhost_user_hdr *hdr,
		    const struct vhost_msg_ctx *ctx, struct vhost_err *err)
{
	const struct vhost_msg_row *row = vhost_msg_row(table, hdr->request);

	if (check_flags(hdr, err))
		return NULL;
	if (!row) {
		vhost_err_set(err, "request %" PRIu32 " is not known here", hdr->request);
		return NULL;
	}
	return check_row(row, hdr, ctx, err) ? NULL : row;
}

static int
check_fds(const struct vhost_msg_row *row, const struct vhost_in *in, struct vhost_err *err)
{
	if (in->late_fds)
		return vhost_err_set(err,
				     "%s carries descriptors that did not come with its first "
				     "byte",
				     row->name);
	/* The kernel also drops descriptors when this process has no free slot for them: then
	 * fewer arrive than there is room for. */
	if (in->cut_fds && in->nfds < VHOST_MAX_FDS)
		return vhost_err_set(
			err,
			"descriptors of %s could not be received: too many open files, "
			"raise the limit (ulimit -n)",
			row->name);
	if (in->cut_fds)
		return vhost_err_set(err, "%s carries more than %u descriptors", row->name,
				     VHOST_MAX_FDS);
	if (in->nfds < row->min_fds || in->nfds > row->max_fds)
		return vhost_err_set(err, "%s carries %u descriptors, expected %u to %u", row->name,
				     in->nfds, row->min_fds, row->max_fds);
	return 0;
}

int
vhost_msg_check(const struct vhost_msg_row *row, const struct vhost_in *in,
		const struct vhost_msg_ctx *ctx, struct vhost_err *err)
{
	struct vhost_msg m = {in->hdr.size, in->nfds, &in->payload};

	if (check_fds(row, in, err))
		return -1;
	return row->check ? row->check(&m, ctx, err) : 0;
}
