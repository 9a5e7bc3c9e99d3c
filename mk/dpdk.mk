# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# DPDK's flags: pkg-config runs every time, the files change only when its answer does.

DPDK_FLAGS := $(B)/dpdk.cflags $(B)/dpdk.app.cflags $(B)/dpdk.libs $(B)/dpdk.app.libs \
	$(B)/dpdk.rpath

$(DPDK_FLAGS): $(B)/dpdk.asked ;

.PHONY: $(B)/dpdk.asked
$(B)/dpdk.asked:
	@mk/dpdk-flags.sh $(B)
