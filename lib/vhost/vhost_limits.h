/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_VHOST_LIMITS_H
#define VIRTQ_VHOST_LIMITS_H

/* vhost_limits.h - what the fields of a message are bounded by. */

#include <stddef.h>

#include "vhost_user.h"

/* Entries of a ring (virtio 2.7, 2.8). */
#define VHOST_MAX_RING 32768u

/* The least MTU of IPv4 and the largest that the field holds. */
#define VHOST_MIN_MTU 68u
#define VHOST_MAX_MTU 65535u

/* The struct without its padding. */
#define VHOST_INFLIGHT_MIN offsetof(struct vhost_user_inflight, padding)

#define VHOST_CONFIG_HDR offsetof(struct vhost_user_config, data)

#endif /* VIRTQ_VHOST_LIMITS_H */
