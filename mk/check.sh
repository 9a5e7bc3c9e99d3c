#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: check.sh
#
# Everything that "make check" runs, in the order of how fast it tells, and one
# summary.  Nothing stops at the first failure.
set -u
cd "$(dirname "$0")/.." || exit 1

logs=build/check-logs
rm -rf "$logs"
mkdir -p "$logs"
passed=0 failed=0 failures=

note() {
	passed=$((passed + $1))
	failed=$((failed + $2))
	[ "$2" = 0 ] || failures="$failures $3"
}

# step NAME COMMAND...: one test; its output is shown when it fails.
step() {
	name=$1
	shift
	if "$@" >"$logs/$name.log" 2>&1; then
		echo "  PASS    $name"
		note 1 0 "$name"
	else
		echo "  FAIL    $name ($logs/$name.log)"
		tail -n 40 "$logs/$name.log" | sed 's/^/          /'
		note 0 1 "$name"
	fi
}

# need NAME COMMAND...: what the tests cannot do without.
need() {
	name=$1
	shift
	if ! "$@"; then
		echo "check: make $name failed, nothing was tested"
		echo "0 passed, 1 failed"
		exit 1
	fi
}

# counted NAME COMMAND...: pytest, shown as it runs, counted by its summary.
counted() {
	name=$1
	shift
	{
		"$@" 2>&1
		echo "status $?"
	} | tee "$logs/$name.log" | grep --line-buffered -v '^status [0-9]*$'
	good=$(sed -nE 's/^(.*[^0-9])?([0-9]+) passed.*$/\2/p' "$logs/$name.log" | tail -n 1)
	bad=$(sed -nE 's/^(.*[^0-9])?([0-9]+) failed.*$/\2/p' "$logs/$name.log" | tail -n 1)
	errors=$(sed -nE 's/^(.*[^0-9])?([0-9]+) errors?.*$/\2/p' "$logs/$name.log" | tail -n 1)
	bad=$((${bad:-0} + ${errors:-0}))
	# A run that broke off says nothing of failures.
	if [ "$bad" = 0 ] && ! grep -q '^status 0$' "$logs/$name.log"; then
		bad=1
	fi
	note "${good:-0}" "$bad" "$name"
}

need deps make deps
need all make -j"$(nproc)" all

for test in build/tests/unit-* build/asan/unit-*; do
	[ -x "$test" ] || continue
	step "$(echo "${test#build/}" | tr / -)" timeout 600 "$test"
done
step models make models
step layering make layering
step doc-check make doc-check
step format-check make format-check
step wire-check make wire-check
step bench-test make bench-test

counted loopback make loopback

need qemu make qemu
need guest make guest
step qemu-check make qemu-check
counted e2e make e2e

echo
[ -z "$failures" ] || echo "failed:$failures (logs: $logs/, build/loopback-logs/, build/e2e-logs/)"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
