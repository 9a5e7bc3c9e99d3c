#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: guest.sh build | path
#
# Makes what the guests of demo and tests boot, from Debian's packages: a folder
# with vmlinuz, initrd (busybox and test tools) and initrd-dpdk (the same with
# dpdk-testpmd).  Nothing is installed on this machine.  The folder is kept in
# the cache under a name that changes with everything it was made of; "path"
# prints it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=${here%/mk}
cache=${VIRTQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/virtq}
. "$top/config/guest.conf"

die() {
	echo "guest: $*" >&2
	exit 1
}

# The kernel's package of the version that this machine's package lists offer.
find_kernel() {
	apt-cache depends --no-recommends --no-suggests "$KERNEL_PACKAGE" 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1
}

kernel_version() {
	apt-cache policy "$1" | sed -n 's/^ *Candidate: //p'
}

fetch_kernel() {
	dir=$1 pkg=$2
	work=$(mktemp -d "$cache/.kernel.XXXXXX")
	echo "  FETCH   $pkg $version" >&2
	(cd "$work" && apt-get -q -o APT::Sandbox::User=root download "$pkg=$version") \
		>"$work/log" 2>&1 || {
		cat "$work/log" >&2
		die "the kernel package $pkg $version cannot be downloaded (apt-get update?)"
	}
	dpkg-deb -x "$work"/*.deb "$work/x"
	mkdir "$work/out" "$work/out/modules"
	cp "$work"/x/boot/vmlinuz-* "$work/out/vmlinuz"
	n=10
	for mod in $KERNEL_MODULES; do
		ko=$(find "$work/x" -name "$mod.ko*" | head -n 1)
		case $ko in
		*.ko) cp "$ko" "$work/out/modules/$n-$mod.ko" ;;
		*.ko.xz) xz -dc "$ko" >"$work/out/modules/$n-$mod.ko" ;;
		*.ko.zst) zstd -qdc "$ko" >"$work/out/modules/$n-$mod.ko" ;;
		*) die "the kernel $version has no module $mod (config/guest.conf)" ;;
		esac
		n=$((n + 1))
	done
	rm -rf "$dir"
	mv "$work/out" "$dir"
	rm -rf "$work"
}

# copy_program ROOT NAME: a program of this machine and the libraries it loads.
copy_program() {
	prog=$(command -v "$2") || die "$2 is missing: run \"make deps\""
	mkdir -p "$1/usr/bin"
	cp -L "$prog" "$1/usr/bin/"
	copy_libs "$1" "$prog"
}

# A library keeps its place and its names: the loader takes copies of one file
# for two libraries.
copy_libs() {
	ldd "$2" 2>/dev/null | sed -n 's/^.* => \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p' |
		while read -r lib; do
			copy_link "$1" "$lib"
		done
}

# copy_link ROOT FILE: the file under its real path, and a link where it was found.
copy_link() {
	real=$(readlink -f "$2")
	mkdir -p "$1$(dirname "$real")" "$1$(dirname "$2")"
	[ -e "$1$real" ] || cp "$real" "$1$real"
	[ -L "$1$2" ] || [ -e "$1$2" ] || ln -s "$real" "$1$2"
}

make_base() {
	root=$1
	mkdir -p "$root/bin" "$root/sbin" "$root/dev" "$root/proc" "$root/sys" "$root/root" \
		"$root/etc" "$root/usr/sbin" "$root/usr/lib" "$root/lib/modules/boot" "$root/run" "$root/var"
	ln -s /run "$root/var/run"
	# Merged /usr, as where the programs come from.
	cp "$(command -v busybox)" "$root/bin/busybox"
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s /bin/busybox "$root/bin/$applet"
	done
	for tool in $GUEST_TOOLS; do
		rm -f "$root/bin/$tool"
		copy_program "$root" "$tool"
	done
	cp "$kernel"/modules/*.ko "$root/lib/modules/boot/"
	cp "$top/tests/guest/init" "$root/init"
	chmod 755 "$root/init"
	echo root:x:0:0:root:/root:/bin/sh >"$root/etc/passwd"
	gcc -static -std=gnu11 -O2 -D_GNU_SOURCE -o "$root/bin/pktcheck" "$top"/tests/guest/*.c
	gcc -static -std=gnu11 -O2 -D_GNU_SOURCE -o "$root/bin/agent" "$top"/tests/agent/*.c
}

make_dpdk() {
	root=$1
	for tool in $DPDK_TOOLS; do
		copy_program "$root" "$tool"
	done
	pmds=$(ls -d /usr/lib/*/dpdk/pmds-* | head -n 1)
	mkdir -p "$root$pmds"
	for p in $DPDK_PLUGINS; do
		so=$(ls "$pmds/librte_$p".so.*.* | head -n 1)
		copy_libs "$root" "$so"
		copy_link "$root" "$so"
	done
}

# Not compressed: an emulated processor takes longer to unpack than to load.
pack() {
	(cd "$1" && find . -print0 | LC_ALL=C sort -z |
		cpio -0 -o -H newc -R 0:0 --reproducible --quiet) >"$2"
}

inputs() {
	cat "$here/guest.sh" "$top/config/guest.conf" "$top"/tests/guest/init \
		"$top"/tests/guest/*.[ch] "$top"/tests/agent/*.c
	# shellcheck disable=SC2086
	dpkg-query -W $GUEST_PACKAGES $DPDK_PACKAGES 2>/dev/null || :
	echo "$pkg $version"
}

pkg=$(find_kernel)
if [ -z "$pkg" ] && [ "$(id -u)" = 0 ]; then
	apt-get -q update >/dev/null 2>&1 || :
	pkg=$(find_kernel)
fi
[ -n "$pkg" ] || die "no package source offers $KERNEL_PACKAGE (see sources.list(5))"
version=$(kernel_version "$pkg")
image=$cache/guest-$(inputs | sha256sum | cut -c 1-16)

case ${1-} in
path) ;;
build)
	mkdir -p "$cache"
	exec 9>"$cache/.guest.lock"
	flock 9
	if ! [ -e "$image/initrd-dpdk" ]; then
		kernel=$cache/kernel-$version-$(echo "$KERNEL_MODULES" | sha256sum | cut -c 1-8)
		[ -e "$kernel/vmlinuz" ] || fetch_kernel "$kernel" "$pkg"
		echo "  GUEST   $image" >&2
		work=$(mktemp -d "$cache/.guest.XXXXXX")
		trap 'rm -rf "$work"' EXIT INT TERM
		mkdir "$work/base" "$work/dpdk" "$work/out"
		make_base "$work/base"
		pack "$work/base" "$work/out/initrd"
		cp -a "$work/base/." "$work/dpdk/"
		make_dpdk "$work/dpdk"
		pack "$work/dpdk" "$work/out/initrd-dpdk"
		cp "$kernel/vmlinuz" "$work/out/"
		rm -rf "$image"
		mv "$work/out" "$image"
	fi
	;;
*) die "usage: guest.sh build | path" ;;
esac
echo "$image"
