#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: e2e.sh [pytest argument...]
#
# Runs the end-to-end tests; the logs of a failing one stay in build/e2e-logs/.
#
# environment: JOBS (tests at a time, default 2 or half of the processors: a guest,
# a testpmd that polls and its traffic are two or three busy threads)
set -eu
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ]; then
	echo "e2e: network namespaces and guests need root; run it as root" >&2
	exit 1
fi
half=$(($(nproc) / 2))
jobs=${JOBS:-$((half > 2 ? half : 2))}
mkdir -p build
PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 exec /usr/bin/python3 -m pytest -p no:cacheprovider \
	-n "$jobs" --dist loadgroup -q -rfE tests/e2e "$@"
