#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: dpdk-flags.sh OUTDIR
#
# Writes OUTDIR/dpdk.cflags (driver), OUTDIR/dpdk.app.cflags (application),
# OUTDIR/dpdk.libs (what the plugin links), OUTDIR/dpdk.app.libs and OUTDIR/dpdk.rpath
# (for programs that link dpdk.libs), as gcc @files.  A file is rewritten only when its
# content changes, so make rebuilds when the DPDK changes and only then.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$1
mkdir -p "$out"

if ! command -v pkg-config >/dev/null; then
	echo "dpdk: pkg-config is missing: run \"make deps\"" >&2
	exit 1
fi
if ! pkg-config --exists libdpdk; then
	echo "dpdk: pkg-config does not find libdpdk: run \"make deps\" for Debian's, or set" >&2
	echo "dpdk: PKG_CONFIG_PATH to the folder that holds the libdpdk.pc of your own" >&2
	exit 1
fi

update() {
	if ! [ -e "$1" ] || [ "$(cat "$1")" != "$2" ]; then
		printf '%s\n' "$2" >"$1.$$"
		mv "$1.$$" "$1"
	fi
}

# -isystem: our warnings are off in DPDK's headers.
app=$(pkg-config --cflags libdpdk | sed 's/\(^\| \)-I/\1-isystem /g')
sdk=
for dir in $(pkg-config --cflags-only-I libdpdk | sed 's/-I//g'); do
	[ -e "$dir/ethdev_driver.h" ] && sdk=$dir && break
done
if [ -z "$sdk" ]; then
	extra=$(sh "$here/dpdk-headers.sh")
	cflags="-isystem $extra $app"
else
	cflags=$app
fi

libdir=$(pkg-config --variable=libdir libdpdk)
update "$out/dpdk.cflags" "-DALLOW_INTERNAL_API -DALLOW_EXPERIMENTAL_API $cflags"
update "$out/dpdk.app.cflags" "$app"
update "$out/dpdk.libs" "-L$libdir -lrte_bus_vdev -lrte_ethdev -lrte_net -lrte_mbuf -lrte_mempool
-lrte_ring -lrte_telemetry -lrte_kvargs -lrte_eal"
# Programs find a DPDK in a prefix of its own by its rpath.
case $libdir in
/usr/lib | /usr/lib/*) rpath= ;;
*) rpath="-Wl,-rpath,$libdir" ;;
esac
update "$out/dpdk.rpath" "$rpath"
update "$out/dpdk.app.libs" "-L$libdir $rpath -Wl,--as-needed -lrte_bus_vdev $(pkg-config --libs libdpdk)"
