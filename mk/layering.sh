#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: layering.sh
#
# Who may include whom, where atomics and fences may stand, and that every
# source file says whose it is.  Prints each offending line.
set -u
cd "$(dirname "$0")/.." || exit 1
found=$(mktemp)
trap 'rm -f "$found"' EXIT INT TERM

# report WHAT: prints the lines on standard input, if any, under the rule that
# they break.
report() {
	lines=$(cat)
	[ -n "$lines" ] || return 0
	echo "$1:" >>"$found"
	echo "$lines" | sed 's/^/    /' >>"$found"
}

c_files() {
	for dir in "$@"; do
		[ -d "$dir" ] && find "$dir" -name '*.[ch]' -print
	done | sort
}

# includes FILES...: file:line:header
includes() {
	[ $# = 0 ] || grep -nHE '^[[:space:]]*#[[:space:]]*include' "$@" |
		sed -E 's/^([^:]*:[0-9]+:).*[<"]([^>"]*)[>"].*/\1\2/'
}

# ours_except REGEX: of file:line:header lines, those that name a header of this
# project which REGEX does not allow.
ours=$(c_files lib drivers examples tests | sed -n 's|.*/\([^/]*\.h\)$|\1|p' | sort -u | paste -sd '|')
ours_except() {
	grep -E ":([^:]*/)?($ours)$" | grep -vE ":($1)$"
}

includes $(c_files lib) | grep -E ':(.*/)?(rte_|ethdev_|bus_|dev_driver|cmdline)' |
	report "lib/ must not include DPDK"
includes $(c_files lib/include) | ours_except "" |
	report "lib/include/ stands alone"
includes $(c_files lib/vring) | ours_except "(vring|guest_mem|sigbus|order|virtio_abi)[a-z_]*\.h" |
	report "lib/vring/ includes nothing above it"
includes $(c_files lib/vdriver) | ours_except "(vdriver[a-z_]*|virtio_abi)\.h" |
	report "lib/vdriver/ includes virtio_abi.h and its own headers only"
includes $(c_files lib/ipc) | ours_except "(ipc_[a-z_]*|guest_mem|virtq_ipc)\.h" |
	report "lib/ipc/ includes guest_mem.h, virtq_ipc.h and its own headers only"
includes $(c_files examples) | ours_except "rte_eth_virtq\.h" |
	report "examples/ use DPDK's public API and rte_eth_virtq.h only"
includes $(c_files examples) | grep -E ':(.*/)?(ethdev_driver|ethdev_vdev|bus_.*_driver|dev_driver)\.h' |
	report "examples/ must not include DPDK's driver headers"
includes $(c_files drivers) | grep -E ':.*\.\./|:(.*/)?(examples|tests)/' |
	report "drivers/ include lib and DPDK only"

# The only atomics and fences are those of order.h; lib/vdriver, which shares no code
# with what it tests, has its own.
order='__atomic_|__sync_|\batomic_[a-z]|_mm_[a-z]*fence|rte_[a-z_]*mb\(|rte_atomic|asm +volatile|__asm|"memory"|stdatomic'
grep -nHE "$order" $(c_files lib drivers | grep -vE '(mem/order|vdriver/vdriver_order)\.h$') /dev/null |
	report "atomics and fences outside lib/mem/order.h and lib/vdriver/vdriver_order.h"

# Licence and owner in every source file.
for f in $(git ls-files -co --exclude-standard -- '*.[ch]' '*.sh' '*.py' '*.mk' '*.map' '*.txt' \
	Makefile .ci/run 'config/*' 'mk/*'); do
	[ -f "$f" ] || continue
	head -n 3 "$f" | grep -q 'SPDX-License-Identifier: ' || echo "$f"
done | report "no SPDX-License-Identifier in the first three lines"

cat "$found"
! [ -s "$found" ]
