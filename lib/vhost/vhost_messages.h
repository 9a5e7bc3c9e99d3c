/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VHOST_MESSAGES_H
#define VIRTQ_VHOST_MESSAGES_H

/* vhost_messages.h - the requests of a front end, one row each. */

#include "vhost_envelope.h"

extern const struct vhost_msg_table vhost_messages;

#endif /* VIRTQ_VHOST_MESSAGES_H */
