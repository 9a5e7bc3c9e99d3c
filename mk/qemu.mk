# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# QEMU with the device; mk/qemu.sh says what QEMU_PROFILE, QEMU_SRC and
# VIRTQ_CACHE do.

QEMU_SH := mk/qemu.sh

export QEMU_PROFILE QEMU_SRC VIRTQ_CACHE V

.PHONY: qemu qemu-tree qemu-patches qemu-check qemu-wire-check

qemu:
	@sh $(QEMU_SH) build

qemu-tree:
	@sh $(QEMU_SH) tree

qemu-patches:
	@sh $(QEMU_SH) patches

qemu-check:
	@sh $(QEMU_SH) check

qemu-wire-check:
	@sh $(QEMU_SH) wire-check
