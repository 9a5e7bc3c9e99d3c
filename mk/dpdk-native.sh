#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: dpdk-native.sh build|path|pkgconfig
#
#   build      builds the installed version of DPDK for this very machine (-O3
#              -march=native) into the cache, unless it is there
#   path       prints where build puts it
#   pkgconfig  prints the folder of its libdpdk.pc
#
# Debian compiles DPDK for any x86-64; a comparison with that one would flatter
# whatever is compiled for the machine at hand.  The source is Debian's own, of
# the version that is installed, with the drivers that "make bench" compares and
# the headers that drivers are written against.
#
# environment: VIRTQ_CACHE (folder for results, default ~/.cache/virtq), V=1
# (show the build), JOBS (default: all cores)
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
cache=${VIRTQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/virtq}
jobs=${JOBS:-$(nproc)}
cc=${CC:-gcc}
drivers=bus/pci,bus/vdev,mempool/ring,net/memif,net/null,net/vhost,net/virtio
flags="--buildtype=release --optimization=3 --libdir=lib -Dplatform=native
	-Denable_driver_sdk=true -Dtests=false -Ddisable_apps=* -Dmax_ethports=128
	-Ddeveloper_mode=disabled -Denable_drivers=$drivers"

say() { echo "  DPDK    $*"; }
die() { echo "dpdk-native: $*" >&2; exit 1; }

# A cache may be on a disk that moves to another machine: what "native" means
# here is part of the name.
version=$(dpkg-query -W -f '${Version}' libdpdk-dev 2>/dev/null) ||
	die "Debian's libdpdk-dev is not installed, so there is no version to build: make deps"
hash=$({
	echo "$version $flags"
	"$cc" --version
	"$cc" -march=native -Q --help=target
	cat "$top/mk/dpdk-native.sh"
} | sha256sum | cut -c1-16)
prefix=$cache/dpdk-native-$hash

# One line for each tenth of the work.
progress() {
	if [ "${V:-0}" != 0 ]; then
		tee "$1"
	else
		awk -v log_file="$1" '
			{ print >log_file }
			match($0, /^\[[0-9]+\/[0-9]+\]/) {
				split(substr($0, 2, RLENGTH - 2), n, "/")
				tenth = int(10 * n[1] / n[2])
				if (tenth > last) {
					last = tenth
					printf "  DPDK    compiling, %d%%\n", 10 * tenth
					fflush()
				}
			}'
	fi
}

# Meson writes the prefix into the files it installs: configured for the final
# place, installed beside it, moved there in one step.
compile() {
	say "building $version for this machine (once; a few minutes)"
	# The system's Python and Meson: others in PATH may lack modules.
	PATH=/usr/bin:/bin:$PATH
	# shellcheck disable=SC2086
	(set -f && CC=$cc meson setup --prefix="$prefix" $flags "$1/build" "$1/tree") \
		>"$1/setup.log" 2>&1 || {
		tail -n 20 "$1/setup.log" >&2
		die "meson failed; are the packages of config/bench-deps.txt installed?"
	}
	{
		nice ninja -C "$1/build" -j "$jobs" 2>&1 && : >"$1/compiled"
	} | progress "$1/build.log"
	[ -e "$1/compiled" ] || {
		grep -A 20 -m 1 -E '^FAILED|error:' "$1/build.log" >&2 ||
			tail -n 20 "$1/build.log" >&2
		die "the build failed"
	}
	DESTDIR=$1/out ninja -C "$1/build" install >"$1/install.log" 2>&1 || {
		tail -n 20 "$1/install.log" >&2
		die "the installation failed"
	}
	mv "$1/out$prefix" "$prefix"
}

build() {
	[ ! -d "$prefix" ] || return 0
	mkdir -p "$cache"
	exec 9>"$prefix.lock"
	flock -n 9 || {
		say "waiting for another build of the same"
		flock 9
	}
	[ ! -d "$prefix" ] || return 0
	work=$(mktemp -d "$cache/dpdk-build.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' INT TERM HUP
	say "fetching Debian's source package, $version"
	dsc=$(sh "$top/mk/apt-source.sh" dpdk "$version" "$work/src" | tail -n 1)
	[ -n "$dsc" ] || die "no source package of dpdk $version"
	dpkg-source --no-check -x "$dsc" "$work/tree" >"$work/unpack.log" 2>&1 || {
		tail -n 20 "$work/unpack.log" >&2
		die "Debian's source package cannot be unpacked"
	}
	compile "$work"
	say "ready in $prefix"
}

case ${1:-} in
build) build ;;
path) echo "$prefix" ;;
pkgconfig) echo "$prefix/lib/pkgconfig" ;;
*)
	sed -n 's/^# \{0,1\}//; 4,19p' "$0" >&2
	exit 2
	;;
esac
