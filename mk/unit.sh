#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: unit.sh PROGRAM...
#
# Runs the unit-test programs one after the other; prints one line for each, and the
# output of those that failed.
set -u

log=$(mktemp)
trap 'rm -f "$log"' EXIT INT TERM
passed=0 failed=0
for t in "$@"; do
	if timeout 900 "$t" >"$log" 2>&1 </dev/null; then
		passed=$((passed + 1))
		echo "  PASS    $t"
	else
		echo "  FAIL    $t (exit status $?)"
		failed=$((failed + 1))
		sed 's/^/          /' "$log"
	fi
done
[ "$failed" = 0 ]
