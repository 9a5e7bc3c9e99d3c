#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: model.sh
#
# Checks doc/models/*.pml with Spin: each has to hold, and to fail without the part that
# -DNO_WATCHDOG removes.
set -eu
cd "$(dirname "$0")/.."
top=$PWD

# search MODEL [DEFINE]: 0 if no order of events is an error
search()
{
	dir=build/models/$(basename "$1" .pml)${2:+-without}
	rm -rf "$dir"
	mkdir -p "$dir"
	(
		cd "$dir"
		spin -a ${2:-} "$top/$1" >spin.log
		gcc -O2 -w -o pan pan.c
		./pan -m100000 >pan.log
		grep -q "errors: 0" pan.log && ! grep -q "max search depth too small" pan.log
	)
}

for model in doc/models/*.pml; do
	if ! search "$model"; then
		echo "model: $model does not hold; see build/models/" >&2
		exit 1
	fi
	if search "$model" -DNO_WATCHDOG; then
		echo "model: $model holds without its watchdog, so it proves nothing" >&2
		exit 1
	fi
	echo "$model: $(grep -o '[0-9]* states, stored' "build/models/$(basename "$model" .pml)/pan.log")"
done
