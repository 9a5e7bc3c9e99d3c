#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# usage: words.sh
#
# Prints each line of sources and documents that has a word of our own instead of the
# field's, and fails if there is one.
set -u
cd "$(dirname "$0")/.." || exit 1

# what is said                                  should be
# ask for the lines, look ahead                 prefetch
# give back                                     return used buffers
# quiet, loud, heard                            interrupts disabled, enabled, found enabled
# tell the guest                                interrupt the guest
# plain C, by call                              scalar, memcpy
# behind                                        after, following
strays='ask(s|ed|ing)? for (the |its |their |a )?(first |next )?lines?\b|\blook(s|ed)? ahead\b|'
strays="$strays"'\b(gives?|gave|giving|given) (them |it |buffers |chains )?back\b|'
strays="$strays"'\bplain C\b|\bby call\b|\bquiet(ly)?\b|\bloud\b|\bheard\b|'
strays="$strays"'\b(tells?|told|telling) the guest\b|\bbehind\b'

# shellcheck disable=SC2046
! grep -nHiE "$strays" $(git ls-files -co --exclude-standard -- 'lib/*.[ch]' 'drivers/*.[ch]' \
	'examples/*.c' 'doc/*.md' README.md ':!lib/include/virtq_ipc.h')
