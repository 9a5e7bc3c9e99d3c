#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: loopback.sh [pytest argument...]
#
# Runs the plugin in testpmd against vguest; the logs of what failed stay in
# build/loopback-logs/.
set -eu
cd "$(dirname "$0")/.."

mkdir -p build
PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 exec /usr/bin/python3 -m pytest -p no:cacheprovider \
	-q -rfE tests/loopback "$@"
