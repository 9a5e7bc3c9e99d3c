#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: dpdk-headers.sh
#
# Debian ships DPDK without the headers that drivers are written against.  This
# takes them from the source package of the version that is installed, keeps
# them in a cache, and prints the folder.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${VIRTQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/virtq}
headers="lib/ethdev/ethdev_driver.h lib/ethdev/ethdev_vdev.h
	lib/eal/include/dev_driver.h drivers/bus/vdev/bus_vdev_driver.h"

have=$(pkg-config --modversion libdpdk)
debian=$(dpkg-query -W -f '${Version}' libdpdk-dev 2>/dev/null || :)
remedy="build DPDK $have with -Denable_driver_sdk=true, or point PKG_CONFIG_PATH to another DPDK"
if [ -z "$debian" ]; then
	echo "dpdk: pkg-config finds DPDK $have, which has no driver headers (ethdev_driver.h)," >&2
	echo "dpdk: and it is not Debian's package, so they cannot be fetched: $remedy" >&2
	exit 1
fi
if [ "${debian%-*}" != "$have" ]; then
	echo "dpdk: version mismatch: pkg-config finds DPDK $have without driver headers, but the" >&2
	echo "dpdk: headers at hand would be of Debian's libdpdk-dev $debian: $remedy" >&2
	exit 1
fi

dir=$cache/dpdk-headers-$debian
if ! [ -e "$dir/VERSION" ]; then
	mkdir -p "$cache"
	exec 9>"$cache/.dpdk-headers.lock"
	flock 9
fi
if ! [ -e "$dir/VERSION" ]; then
	echo "  FETCH   driver headers of DPDK $debian (source package, 15 MB)" >&2
	work=$(mktemp -d "$cache/.dpdk-headers.XXXXXX")
	trap 'rm -rf "$work"' EXIT INT TERM
	if ! dsc=$(sh "$here/apt-source.sh" dpdk "$debian" "$work" | tail -n 1); then
		echo "dpdk: no driver headers for the installed libdpdk-dev $debian; if the archive" >&2
		echo "dpdk: has a newer version, install that (apt-get install libdpdk-dev), else $remedy" >&2
		exit 1
	fi
	dpkg-source --no-check -x "$dsc" "$work/tree" >"$work/log" 2>&1 || {
		cat "$work/log" >&2
		exit 1
	}
	mkdir "$work/out"
	for h in $headers; do
		cp "$work/tree/$h" "$work/out/"
	done
	cp "$work/tree/VERSION" "$work/out/VERSION"
	rm -rf "$dir"
	mv "$work/out" "$dir"
fi

got=$(cat "$dir/VERSION")
if [ "$got" != "$have" ]; then
	echo "dpdk: version mismatch: the driver headers in $dir are of DPDK $got, the installed" >&2
	echo "dpdk: one is $have: remove that folder and run make again" >&2
	exit 1
fi
echo "$dir"
