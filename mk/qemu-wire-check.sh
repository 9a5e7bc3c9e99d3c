#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# Fails if qemu-patches/ carries another wire header than lib/include/.
exec sh "$(dirname "$0")/qemu.sh" wire-check
