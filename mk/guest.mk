# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project

.PHONY: guest demo
PKTCHECK := $(B)/tests/pktcheck

guest: $(PKTCHECK)
	$(Q)mk/guest.sh build

# The same program runs in the guest and on the host.
PKTCHECK_SRC := $(wildcard tests/guest/*.c)
$(PKTCHECK): $(PKTCHECK_SRC) $(wildcard tests/guest/*.h) $(FLAGS_STAMP)
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(VQ_CPPFLAGS) $(CPPFLAGS) $(VQ_CFLAGS) $(CFLAGS) -static -o $@ $(PKTCHECK_SRC)

# Runs in the guest, and is no part of its image.
HOSTILE := $(B)/tests/hostile
$(HOSTILE): $(wildcard tests/hostile/*.c) $(wildcard tests/hostile/*.h) $(FLAGS_STAMP)
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(VQ_CPPFLAGS) $(CPPFLAGS) $(VQ_CFLAGS) $(CFLAGS) -static -o $@ \
		$(wildcard tests/hostile/*.c)

demo:
	$(Q)$(MAKE) deps
	$(Q)$(MAKE) -j$$(nproc) all
	$(Q)$(MAKE) qemu
	$(Q)$(MAKE) guest
	$(Q)PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -u examples/demo/demo.py
