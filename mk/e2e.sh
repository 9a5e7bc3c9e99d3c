#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: e2e.sh [pytest argument...]
#
# Runs the end-to-end tests; the logs of a failing one stay in build/e2e-logs/.
set -eu
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ]; then
	echo "e2e: network namespaces and guests need root; run it as root" >&2
	exit 1
fi
mkdir -p build
PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 exec /usr/bin/python3 -m pytest -p no:cacheprovider \
	-q -rfE tests/e2e "$@"
