#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: apt-source.sh PACKAGE VERSION DIR
#
# Downloads one Debian source package into DIR, through the package sources
# that this machine is configured with.  A machine often lists binary packages
# only ("deb" without "deb-src"); the matching source lines are derived here
# and live in a folder of their own, so the system's configuration and its
# package lists stay as they are.  VERSION may be "" for the newest one.
set -eu

pkg=$1 version=$2 dir=$3
mkdir -p "$dir"
work=$(mktemp -d "$dir/.apt.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
mkdir -p "$work/lists/partial"

apt-get indextargets --format '$(CREATED_BY) $(SITE) $(RELEASE) $(COMPONENT)' |
	awk '$1 == "Packages" { print "deb-src", $2, $3, $4 }' | sort -u >"$work/sources.list"
if ! [ -s "$work/sources.list" ]; then
	echo "apt-source: no package source is configured on this machine (see sources.list(5))" >&2
	exit 1
fi

apt() {
	apt-get -q -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$work/lists" -o APT::Sandbox::User=root "$@"
}

if ! apt update >"$work/log" 2>&1; then
	cat "$work/log" >&2
	exit 1
fi
cd "$dir"
if ! apt source --download-only "$pkg${version:+=$version}" >"$work/log" 2>&1; then
	cat "$work/log" >&2
	echo "apt-source: Debian's source package $pkg ${version:-(any version)} cannot be had here" >&2
	exit 1
fi
ls "$dir"/*.dsc
