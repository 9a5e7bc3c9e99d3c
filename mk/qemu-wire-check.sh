#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# Fails if the wire header in qemu-patches/ differs from lib/include/virtq_ipc.h.
exec sh "$(dirname "$0")/qemu.sh" wire-check
