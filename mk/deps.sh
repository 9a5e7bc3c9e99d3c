#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: deps.sh LIST...
#
# Installs the Debian packages named in the lists (one a line, # comments) that
# this machine does not have yet.  Prints nothing if none is missing.
set -eu

wanted=$(cat "$@" | sed 's/#.*//' | tr -s ' \t' '\n\n' | sort -u)
missing=
for pkg in $wanted; do
	case $(dpkg-query -W -f '${db:Status-Abbrev}' "$pkg" 2>/dev/null || :) in
	ii*) ;;
	*) missing="$missing $pkg" ;;
	esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "deps: these packages are missing and only root can install them:$missing" >&2
	echo "deps: run \"make deps\" as root, or install them yourself" >&2
	exit 1
fi

# Waits for another apt-get that is running instead of failing.
apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=900 "$@"
}

echo "  DEPS    installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT INT TERM
# shellcheck disable=SC2086
if apt install --no-install-recommends $missing >"$log" 2>&1; then
	exit 0
fi
# The package lists may be missing or outdated.
if apt update >"$log" 2>&1 && apt install --no-install-recommends $missing >"$log" 2>&1; then
	exit 0
fi
cat "$log" >&2
echo "deps: apt-get could not install:$missing" >&2
echo "deps: the reason is above; the package sources of this machine are in sources.list(5)" >&2
exit 1
