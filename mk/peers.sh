#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: peers.sh build [SUITE...] | path SUITE | run SUITE COMMAND...
#
#   build  makes a folder of Debian with the packages of config/peers-SUITE.txt for each
#          SUITE (default: all of them) in the cache, unless it is there
#   path   prints the folder
#   run    runs COMMAND with the programs and libraries of SUITE; all other files are this
#          machine's
#
# SUITE is bookworm, trixie or sid.  sid moves: remove its folder and run build for today's.
#
# Nothing is installed on this machine, and "run" leaves no mount: what it mounts is in a
# namespace of its own, which ends with COMMAND.
#
# environment: VIRTQ_CACHE (folder for results, default ~/.cache/virtq)
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
cache=${VIRTQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/virtq}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
suites="bookworm trixie sid"

die() { echo "peers: $*" >&2; exit 1; }

packages() {
	sed 's/#.*//' "$top/config/peers-$1.txt" | tr -s ' \t\n' ' '
}

folder_of() {
	key=$({
		cat "$top/mk/peers.sh"
		packages "$1"
	} | sha256sum | cut -c1-16)
	echo "$cache/peers-$1-$key"
}

# The archive from which this machine takes its own suite of Debian.
archive() {
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	apt-get indextargets --format '$(CREATED_BY) $(SITE) $(RELEASE) $(ORIGIN)' |
		awk -v suite="$codename" '$1 == "Packages" && $3 == suite && $4 == "Debian" {
			print $2
			exit
		}'
}

# in_folder DIR COMMAND...: COMMAND as root of the folder.  Whatever it starts ends with it.
in_folder() {
	# shellcheck disable=SC2016
	unshare --mount --propagation private --pid --fork --kill-child sh -euc '
		dir=$1
		shift
		mount -t proc proc "$dir/proc"
		mount --rbind /dev "$dir/dev"
		for file in /etc/resolv.conf /etc/hosts; do
			[ -e "$file" ] || continue
			: >>"$dir$file"
			mount --bind "$file" "$dir$file"
		done
		exec chroot "$dir" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"' sh "$@"
}

# make_folder SUITE DIR: a minimal Debian, whose signatures debootstrap checks, and the
# packages.
make_folder() {
	from=$(archive)
	[ -n "$from" ] || die "apt has no archive of this machine's suite of Debian" \
		"(see sources.list(5))"
	debootstrap --variant=minbase --keyring="$keyring" "$1" "$2" "$from"
	# No service starts, and nothing is kept that is not used.
	printf '#!/bin/sh\nexit 101\n' >"$2/usr/sbin/policy-rc.d"
	chmod 755 "$2/usr/sbin/policy-rc.d"
	# shellcheck disable=SC2046
	in_folder "$2" apt-get -q -y -o APT::Sandbox::User=root \
		-o Dpkg::Options::=--force-unsafe-io -o APT::Install-Recommends=false \
		install $(packages "$1")
	in_folder "$2" apt-get clean
	rm -rf "$2"/var/lib/apt/lists/*
}

build() {
	dir=$(folder_of "$1")
	mkdir -p "$cache"
	exec 9>"$dir.lock"
	flock 9
	[ ! -d "$dir" ] || return 0
	[ "$(id -u)" = 0 ] || die "debootstrap needs root; run \"make peers\" as root"
	echo "  PEERS   $1, $dir"
	work=$(mktemp -d "$cache/.peers-$1.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' INT TERM HUP
	chmod 755 "$work"
	# The children do not keep the lock.
	make_folder "$1" "$work" >"$dir.log" 2>&1 9>&- || {
		tail -n 20 "$dir.log" >&2
		die "no folder of $1, see above; all of it is in $dir.log"
	}
	rm -f "$dir.log"
	mv -T "$work" "$dir"
	exec 9>&-
}

# The folder's /usr and /etc take the places of this machine's: sockets, logs, guest
# images, /dev and hugepages stay where they are.  One process, so that its id is
# COMMAND's.
run() {
	dir=$(folder_of "$1")
	[ -d "$dir" ] || die "$dir does not exist: run \"make peers\""
	shift
	# shellcheck disable=SC2016
	exec unshare --mount --propagation private sh -euc '
		mount --bind "$1/usr" /usr
		mount --bind "$1/etc" /etc
		shift
		exec "$@"' sh "$dir" "$@"
}

known() {
	case " $suites " in
	*" $1 "*) ;;
	*) die "SUITE is one of: $suites" ;;
	esac
}

case ${1-} in
build)
	shift
	[ $# != 0 ] || eval "set -- $suites"
	for suite; do
		known "$suite"
		build "$suite"
		folder_of "$suite"
	done
	;;
path)
	known "${2-}"
	folder_of "$2"
	;;
run)
	known "${2-}"
	shift
	[ $# -gt 1 ] || die "run SUITE COMMAND..."
	run "$@"
	;;
*)
	sed -n 's/^# \{0,1\}//; 4,12p' "$0" >&2
	exit 2
	;;
esac
