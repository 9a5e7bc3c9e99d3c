#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: check.sh [step NAME]
#
# Runs all steps of "make check", the fastest first, prints the seconds that each took,
# and ends with one summary.  A failure does not stop the others.
# Steps that keep one processor busy or wait run beside each other; loopback and e2e
# share the processors out among their own tests.  "step" runs one of the former, as
# this script itself does.
set -u
cd "$(dirname "$0")/.." || exit 1

logs=build/check-logs

now() {
	date +%s
}

# record NAME PASSED FAILED SECONDS: a line of the summary.
record() {
	echo "$*" >>"$logs/summary"
}

# command_of NAME: what a step runs.
command_of() {
	case $1 in
	tests-unit-* | asan-unit-*) echo "timeout 600 build/${1%%-*}/${1#*-}" ;;
	*) echo "make $1" ;;
	esac
}

# step NAME: one test; its output is shown when it fails, in one piece.
step() {
	begin=$(now)
	# shellcheck disable=SC2046
	if $(command_of "$1") >"$logs/$1.log" 2>&1; then
		verdict=PASS passed=1
	else
		verdict=FAIL passed=0
	fi
	seconds=$(($(now) - begin))
	{
		flock 9
		printf '  %s    %-20s %4d s\n' "$verdict" "$1" "$seconds"
		[ "$passed" = 1 ] || tail -n 40 "$logs/$1.log" | sed 's/^/          /'
		record "$1" "$passed" $((1 - passed)) "$seconds"
	} 9>"$logs/.lock"
}

if [ "${1-}" = step ]; then
	step "$2"
	exit 0
fi

# need NAME COMMAND...: what the tests cannot do without.
need() {
	name=$1 begin=$(now)
	shift
	if ! "$@"; then
		echo "check: make $name failed, nothing more was tested"
		record "$name" 0 1 $(($(now) - begin))
		summary
	fi
	record "$name" 0 0 $(($(now) - begin))
}

# counted NAME: pytest, shown as it runs, counted by its summary.
counted() {
	begin=$(now)
	{
		make "$1" 2>&1
		echo $? >"$logs/$1.status"
	} | tee "$logs/$1.log"
	good=$(sed -nE 's/^(.*[^0-9])?([0-9]+) passed.*$/\2/p' "$logs/$1.log" | tail -n 1)
	bad=$(sed -nE 's/^(.*[^0-9])?([0-9]+) failed.*$/\2/p' "$logs/$1.log" | tail -n 1)
	errors=$(sed -nE 's/^(.*[^0-9])?([0-9]+) errors?.*$/\2/p' "$logs/$1.log" | tail -n 1)
	bad=$((${bad:-0} + ${errors:-0}))
	# A run that broke off prints no count of failures.
	if [ "$bad" = 0 ] && [ "$(cat "$logs/$1.status")" != 0 ]; then
		bad=1
	fi
	record "$1" "${good:-0}" "$bad" $(($(now) - begin))
}

# summary: the end of the run.
summary() {
	total=$(($(now) - start))
	awk -v total="$total" -v logs="$logs" '
		{
			passed += $2
			failed += $3
			times = times (NR > 1 ? ", " : "") $1 " " $4
			if ($3)
				names = names " " $1
		}
		END {
			printf "\nseconds: %s; all %d\n", times, total
			if (names)
				printf "failed:%s (logs: %s/, build/loopback-logs/, build/e2e-logs/)\n",
					names, logs
			printf "%d passed, %d failed\n", passed, failed
			exit failed != 0
		}' "$logs/summary"
	exit
}

# units FOLDER: the unit tests in it, as steps.
units() {
	ls "build/$1" | sed -n "s/^unit-/$1-&/p"
}

# beside NAME...: steps one after the other, in the background; collect prints their
# output.
beside() {
	setsid sh -c 'for name; do mk/check.sh step "$name"; done' sh "$@" >"$logs/$1.said" &
	groups="$groups $!"
	said="$said $logs/$1.said"
}

# collect: waits for the steps in the background and prints their output.
collect() {
	# shellcheck disable=SC2086
	wait $groups
	# shellcheck disable=SC2086
	cat $said
	groups= said=
}

groups= said=
trap 'for group in $groups; do kill -- "-$group"; done' EXIT
trap 'exit 1' INT TERM HUP
start=$(now)
rm -rf "$logs"
mkdir -p "$logs"
: >"$logs/summary"

need deps make deps
need all make -j"$(nproc)" all

# The sanitizers take longer than all the others together.
# shellcheck disable=SC2046
beside $(units asan)
for name in layering format-check wire-check doc-check words bench-test models $(units tests); do
	step "$name"
done
counted loopback
collect

need qemu make qemu
need guest make guest
# qemu-check mostly waits.
beside qemu-check
counted e2e
collect

summary
