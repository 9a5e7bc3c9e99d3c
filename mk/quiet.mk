# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# $(Q) hides a command and $(call say,WORD) names what it makes, unless V=1.

V ?= 0
ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n' '$(1)' '$@'
MAKEFLAGS += --no-print-directory
endif
