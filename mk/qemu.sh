#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: qemu.sh build|path|tree|patches|check|wire-check
#
#   build       builds QEMU with the device into the cache, unless it is there
#   path        prints where build puts it (the folder with bin/)
#   tree        makes build/qemu-tree, a git tree with one commit a patch
#   patches     writes qemu-patches/ back from build/qemu-tree
#   check       runs QEMU's own test of the device (builds first if needed)
#   wire-check  fails if the series carries another wire header than lib/
#
# environment: VIRTQ_CACHE (folder for results, default ~/.cache/virtq),
# QEMU_PROFILE (small or full), QEMU_SRC (a QEMU tarball or tree, default
# Debian's source package), V=1 (show the build), JOBS (default: all cores)
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/config/qemu.conf"
cache=${VIRTQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/virtq}
profile=${QEMU_PROFILE:-small}
src=${QEMU_SRC:-}
jobs=${JOBS:-$(nproc)}
series=$top/qemu-patches
tree=$top/build/qemu-tree
device=hw/net/virtio-net-ipc.c
wire=include/standard-headers/virtq/virtq_ipc.h
test=virtio-net-ipc-test

say() { echo "  QEMU    $*"; }
die() { echo "qemu: $*" >&2; exit 1; }

case $profile in
small) flags="$QEMU_COMMON $QEMU_small" ;;
full) flags="$QEMU_COMMON $QEMU_full" ;;
*) die "QEMU_PROFILE=$profile is not known; use small or full" ;;
esac

# The user's git configuration may not change what is built or written.
vgit() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null \
		GIT_COMMITTER_DATE='2026-01-01T00:00:00Z' \
		git -c user.name='The virtq project' -c user.email=virtq@localhost.invalid \
		-c core.abbrev=12 -c commit.gpgSign=false -c core.autocrlf=false "$@"
}

# What the source is, in one line that changes when it does.
source_id() {
	if [ -z "$src" ]; then
		version=$(apt-cache show --no-all-versions "$QEMU_VERSION_FROM" 2>/dev/null |
			sed -n 's/^Version: //p' | head -n 1)
		[ -n "$version" ] || die "apt does not know $QEMU_VERSION_FROM;" \
			"run apt-get update, or set QEMU_SRC to a QEMU tarball or tree"
		echo "$QEMU_PACKAGE $version"
	elif [ -f "$src" ]; then
		sha256sum <"$src"
	elif [ -d "$src" ]; then
		[ -x "$src/configure" ] || die "QEMU_SRC=$src is no QEMU tree: no configure in it"
		(cd "$src" && find . \( -name .git -o -path ./build \) -prune -o -type f -print0 |
			LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum
	else
		die "QEMU_SRC=$src does not exist; set it to a QEMU tarball or tree"
	fi
}

prefix_of() {
	id=$(source_id)
	hash=$({
		echo "$id $flags"
		cat "$series"/*.patch "$top/mk/qemu.sh"
	} | sha256sum | cut -c1-16)
	echo "$cache/qemu-$hash"
}

# Unpacks the source into the new folder $1.
unpack() {
	if [ -z "$src" ]; then
		id=$(source_id)
		say "fetching Debian's source package, $id"
		dsc=$(sh "$top/mk/apt-source.sh" "$QEMU_PACKAGE" "${id#* }" "$1.src")
		dpkg-source --no-check -x "$dsc" "$1" >"$1.log" 2>&1 || {
			tail -n 20 "$1.log" >&2
			die "Debian's source package cannot be unpacked"
		}
		rm -rf "$1.src" "$1.log" "$1/.pc" "$1/debian"
	elif [ -f "$src" ]; then
		say "unpacking $src"
		mkdir "$1"
		tar -xf "$src" -C "$1" --strip-components=1
	else
		say "copying $src"
		mkdir "$1"
		(cd "$src" && tar -cf - --exclude=./.git --exclude=./build .) | tar -xf - -C "$1"
	fi
}

# A tree of the user's may have the device already.
patch_plain() {
	[ ! -e "$1/$device" ] || return 0
	say "applying $(ls "$series"/*.patch | wc -l) patches"
	for p in "$series"/*.patch; do
		(cd "$1" && patch -p1 -s -f --no-backup-if-mismatch) <"$p" ||
			die "$(basename "$p") does not apply to this QEMU"
	done
}

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
					printf "  QEMU    compiling, %d%%\n", 10 * tenth
					fflush()
				}
			}'
	fi
}

compile() {
	set -- "$1" "$2" "$(cat "$1/VERSION")"
	mkdir "$1/build"
	case $3 in
	[4-7].*) modules=--with-git-submodules=ignore ;;
	*) modules=--disable-download ;;
	esac
	say "configuring $3, profile $profile"
	# The system's Python and Meson: another one in PATH may lack modules.
	# shellcheck disable=SC2086
	(cd "$1/build" && PATH=/usr/bin:/bin:$PATH ../configure $modules $flags) \
		>"$1/configure.log" 2>&1 || {
		tail -n 20 "$1/configure.log" >&2
		die "configure failed; are the packages of config/qemu-deps.txt installed" \
			"(make deps)?"
	}
	{
		ninja -C "$1/build" -j "$jobs" qemu-system-x86_64 "tests/qtest/$test" 2>&1 &&
			: >"$1/compiled"
	} | progress "$2.log"
	[ -e "$1/compiled" ] || {
		grep -A 20 -m 1 -E '^FAILED|error:' "$2.log" >&2 || tail -n 20 "$2.log" >&2
		die "the build failed, see $2.log"
	}
}

# All or nothing: a reader never finds half a result.
place() {
	mkdir -p "$1/out/bin" "$1/out/libexec"
	cp "$1/build/qemu-system-x86_64" "$1/out/bin/"
	cp "$1/build/tests/qtest/$test" "$1/out/libexec/"
	for tool in qemu-img qemu-io qemu-nbd; do
		[ ! -x "$1/build/$tool" ] || cp "$1/build/$tool" "$1/out/bin/"
	done
	"$1/out/bin/qemu-system-x86_64" -device virtio-net-ipc-pci,help >/dev/null ||
		die "the new QEMU does not have the device"
	mv "$1/out" "$2"
	rm -f "$2.log"
}

build() {
	prefix=$(prefix_of)
	[ ! -x "$prefix/bin/qemu-system-x86_64" ] || return 0
	mkdir -p "$cache"
	exec 9>"$prefix.lock"
	flock -n 9 || {
		say "waiting for another build of the same"
		flock 9
	}
	[ ! -x "$prefix/bin/qemu-system-x86_64" ] || return 0
	work=$(mktemp -d "$cache/qemu-build.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' INT TERM HUP
	rm -rf "$prefix"
	unpack "$work/qemu"
	patch_plain "$work/qemu"
	compile "$work/qemu" "$prefix"
	place "$work/qemu" "$prefix"
	say "ready in $prefix"
}

make_tree() {
	[ ! -e "$tree" ] || {
		say "$tree is there and stays as it is; remove it to start afresh"
		return 0
	}
	source_id >/dev/null
	mkdir -p "$top/build"
	work=$(mktemp -d "$top/build/qemu-tree.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' INT TERM HUP
	unpack "$work/qemu"
	vgit -C "$work/qemu" init -q
	vgit -C "$work/qemu" add -A -f
	GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' \
		vgit -C "$work/qemu" commit -q -m "QEMU $(cat "$work/qemu/VERSION"), as distributed"
	vgit -C "$work/qemu" tag virtq-base
	vgit -C "$work/qemu" am -q "$series"/*.patch
	mv "$work/qemu" "$tree"
	say "$tree has $(vgit -C "$tree" rev-list --count virtq-base..HEAD) patches on virtq-base"
}

write_patches() {
	[ -d "$tree/.git" ] || die "$tree does not exist; make it with: make qemu-tree"
	[ -z "$(vgit -C "$tree" status --porcelain --untracked-files=no)" ] ||
		die "$tree has changes that are not committed; commit them first"
	rm -f "$series"/*.patch
	vgit -C "$tree" format-patch -q -N --zero-commit --no-signature --full-index \
		--no-renames --stat=72 --no-base -o "$series" virtq-base..HEAD
	say "$(ls "$series"/*.patch | wc -l) patches in $series"
}

# The header as the series has it, taken from the patch that adds it.
wire_check() {
	got=$(mktemp)
	trap 'rm -f "$got"' EXIT
	cat "$series"/*.patch | awk -v start="+++ b/$wire" '
		/^diff --git / || /^-- $/ { on = 0 }
		on && /^\+/ { print substr($0, 2) }
		$0 == start { on = 1 }' >"$got"
	cmp -s "$got" "$top/lib/include/virtq_ipc.h" || {
		diff -u "$got" "$top/lib/include/virtq_ipc.h" | head -n 40 >&2 || :
		die "qemu-patches/ has another $(basename "$wire") than lib/include/:" \
			"copy it into build/qemu-tree (make qemu-tree), amend the commit" \
			"that adds it, then make qemu-patches"
	}
}

check() {
	build
	prefix=$(prefix_of)
	QTEST_QEMU_BINARY=$prefix/bin/qemu-system-x86_64 QTEST_QEMU_IMG=/bin/false \
		"$prefix/libexec/$test" --tap -k
}

case ${1:-} in
build) build ;;
path) prefix_of ;;
tree) make_tree ;;
patches) write_patches ;;
check) check ;;
wire-check) wire_check ;;
*)
	sed -n 's/^# \{0,1\}//; 4,17p' "$0" >&2
	exit 2
	;;
esac
