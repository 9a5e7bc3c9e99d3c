#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: bench-base.sh check|build|path REVISION
#
#   check  ends with an error unless REVISION is a commit of this repository
#   build  builds the plugin of that commit, by its own makefile, against the DPDK
#          that dpdk-native.sh built, into the cache, unless it is there
#   path   prints the plugin that build makes
#
# environment: VIRTQ_CACHE (folder for results, default ~/.cache/virtq), CC,
# CPPFLAGS, CFLAGS, LDFLAGS (as the other side is built with), JOBS (default: all
# cores)
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
cache=${VIRTQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/virtq}
jobs=${JOBS:-$(nproc)}
cc=${CC:-gcc}
plugin=librte_net_virtq.so
revision=${2:-}

die() { echo "bench: $*" >&2; exit 1; }

commit_of() {
	git -C "$top" rev-parse --git-dir >/dev/null 2>&1 ||
		die "BASE=$revision: $top is not a git checkout, so there is no revision to" \
			"compare with; run it in a clone"
	git -C "$top" rev-parse --verify --quiet --end-of-options "$revision^{commit}" ||
		die "BASE=$revision: no such commit, branch or tag here; \"git log --oneline\"" \
			"lists commits, \"git fetch --tags\" gets what only the origin has"
}

# Folder of the result: its name depends on the revision, DPDK, compiler and flags.
folder_of() {
	key=$({
		sh "$top/mk/dpdk-native.sh" path
		"$cc" --version
		echo "${CPPFLAGS:-} ${CFLAGS:-} ${LDFLAGS:-}"
	} | sha256sum | cut -c1-16)
	echo "$cache/bench-base-$1-$key"
}

# Runs the revision's own makefile, without the variables of the make that runs now.
# Warnings are off: a compiler newer than the revision may have new ones.
compile() {
	native=$(sh "$top/mk/dpdk-native.sh" pkgconfig)
	env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u MAKELEVEL -u BASE -u V \
		PKG_CONFIG_PATH="$native" make -C "$1/tree" -j "$jobs" CC="$cc" WARN=-w B=build \
		"build/$plugin" >"$1/log" 2>&1 </dev/null || {
		tail -n 20 "$1/log" >&2
		die "BASE=$revision: its own makefile does not build $plugin here, see above;" \
			"choose another revision"
	}
}

build() {
	[ ! -e "$2/$plugin" ] || return 0
	mkdir -p "$cache"
	work=$(mktemp -d "$cache/bench-base.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' INT TERM HUP
	echo "  BASE    building $plugin of $revision ($1)"
	mkdir "$work/tree" "$work/out"
	git -C "$top" archive --format=tar -o "$work/tar" "$1"
	tar -x -f "$work/tar" -C "$work/tree"
	compile "$work"
	cp "$work/tree/build/$plugin" "$work/out/"
	# Another build may have finished first; its result is the same.
	mv -T "$work/out" "$2" 2>/dev/null || [ -e "$2/$plugin" ]
}

commit=
case ${1:-} in check | build | path) [ -z "$revision" ] || commit=$(commit_of) ;; esac
[ -n "$commit" ] || {
	sed -n 's/^# \{0,1\}//; 4,15p' "$0" >&2
	exit 2
}
case $1 in
build) build "$commit" "$(folder_of "$commit")" ;;
path) echo "$(folder_of "$commit")/$plugin" ;;
esac
