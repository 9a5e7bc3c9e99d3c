# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# "make help" lists what there is to make.  Quiet by default; V=1 shows the
# commands.

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:

B := build

include config/version.mk
include config/flags.mk
include mk/quiet.mk
include mk/build.mk
include mk/dpdk.mk
include mk/unit.mk
include mk/guest.mk
include mk/vguest.mk
include mk/install.mk
include mk/check.mk
include mk/peers.mk
-include mk/bench.mk
-include $(wildcard mk/qemu.mk)

.PHONY: all help deps clean

all: $(PLUGIN) $(STATIC) $(UNIT_TESTS) $(EXAMPLES) $(PKTCHECK)

help:
	@echo 'make            the plugin, the static library, unit tests and examples, in build/'
	@echo 'make deps       install the Debian packages that are missing (root)'
	@echo 'make qemu       QEMU with the virtio-net-ipc-pci device (fetched, patched, cached)'
	@echo 'make guest      kernel and initramfs of the guests that demo and tests boot (cached)'
	@echo 'make peers      front ends of newer Debian suites: QEMU 10 and 11, DPDK (cached; root)'
	@echo 'make demo       the whole path in one command: deps, all, qemu, guest, traffic (root)'
	@echo 'make bench      measures against net_vhost (QUICK=1: five minutes; doc/benchmarks.md; root)'
	@echo 'make bench BASE=revision  measures against the plugin of that revision: is it slower?'
	@echo 'make check      every test, one summary (root; twenty minutes once QEMU is built)'
	@echo 'make unit layering models format-check wire-check doc-check words bench-test'
	@echo '     qemu-check loopback e2e    its parts (JOBS= tests of loopback and e2e at a time)'
	@echo 'make check-matrix  a hostile driver against every kind of device (root; ten minutes)'
	@echo 'make check-fronts  every vhost-user front end, killed twenty times each (root; several hours)'
	@echo 'make install    to PREFIX=/usr/local and, the plugin, to DPDK'"'"'s plugin folder'
	@echo '                (PLUGINDIR= to leave that out, PLUGINDIR=dir for another, DESTDIR=)'
	@echo 'make uninstall  remove what install put there'
	@echo 'make format     reformat the C sources'
	@echo 'make clean      remove build/ (caches stay in VIRTQ_CACHE, default ~/.cache/virtq)'
	@echo
	@echo 'V=1 shows the commands; HUGE=0 runs demo and tests without hugepages.'

deps:
	$(Q)mk/deps.sh config/deps.txt $(wildcard config/qemu-deps.txt)

clean:
	$(Q)rm -rf $(B)
