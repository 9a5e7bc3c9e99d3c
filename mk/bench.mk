# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# Measurements.  The programs are built twice: against Debian's DPDK in $(B), and
# against one that is compiled for this machine in $(B)/native.

.PHONY: bench bench-programs bench-native bench-test

HOSTBENCH := $(B)/tests/bench/hostbench
PROBE := $(B)/tests/bench/probe
COPYLIMIT := $(B)/tests/bench/copylimit
BENCH_NATIVE := $(B)/native

# No hardening: the loop around a burst call must cost little.  DT_RPATH instead of
# DT_RUNPATH, because DPDK's libraries find each other by it too; otherwise half of them
# would be Debian's.
HOSTBENCH_SRC := tests/bench/hostbench.c tests/bench/hostbench_run.c
$(HOSTBENCH): $(HOSTBENCH_SRC) tests/bench/hostbench.h tests/bench/cpu.h $(FLAGS_STAMP) \
		$(B)/dpdk.app.cflags $(B)/dpdk.app.libs
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(VQ_CPPFLAGS) -std=gnu11 -O3 -g $(WARN) @$(B)/dpdk.app.cflags -o $@ \
		-Wl,--disable-new-dtags $(HOSTBENCH_SRC) @$(B)/dpdk.app.libs

$(PROBE) $(COPYLIMIT): $(B)/tests/bench/%: tests/bench/%.c tests/bench/cpu.h $(FLAGS_STAMP)
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(VQ_CPPFLAGS) -std=gnu11 -O3 -g $(WARN) -march=native -o $@ $< -lpthread

bench-programs: $(PLUGIN) $(HOSTBENCH) $(VGUEST) $(PROBE) $(COPYLIMIT)

# make bench BASE=revision compares with the plugin of that revision, whose existence is
# checked before anything is built.
BENCH_BASE = CC='$(CC)' CPPFLAGS='$(CPPFLAGS)' CFLAGS='$(CFLAGS)' LDFLAGS='$(LDFLAGS)' \
	mk/bench-base.sh

bench-native:
	$(if $(BASE),$(Q)mk/bench-base.sh check "$$BASE")
	$(Q)mk/deps.sh config/deps.txt config/bench-deps.txt
	$(Q)mk/dpdk-native.sh build
	$(Q)PKG_CONFIG_PATH=$$(mk/dpdk-native.sh pkgconfig) $(MAKE) -s B=$(BENCH_NATIVE) \
		$(BENCH_NATIVE)/librte_net_virtq.so $(BENCH_NATIVE)/tests/bench/hostbench

bench: bench-native
	$(Q)$(MAKE) -s bench-programs
	$(if $(BASE),$(Q)$(BENCH_BASE) build "$$BASE")
	$(Q)PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tests $(PYTHON) -u tests/bench/bench.py \
		--build $(B) --native $$(mk/dpdk-native.sh path) \
		$(if $(BASE),--base $$($(BENCH_BASE) path "$$BASE"))

# Tests of the statistics of a comparison; measures nothing.
bench-test:
	$(Q)PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tests:tests/bench $(PYTHON) -m unittest -q \
		tests/bench/test_compare.py
