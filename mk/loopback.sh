#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: loopback.sh [pytest argument...]
#
# Runs the plugin in testpmd against vguest; the logs of failed tests stay in
# build/loopback-logs/.
#
# environment: JOBS (tests at a time, default 2 or half of the processors)
set -eu
cd "$(dirname "$0")/.."

half=$(($(nproc) / 2))
jobs=${JOBS:-$((half > 2 ? half : 2))}
mkdir -p build
PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 exec /usr/bin/python3 -m pytest -p no:cacheprovider \
	-n "$jobs" -q -rfE tests/loopback "$@"
