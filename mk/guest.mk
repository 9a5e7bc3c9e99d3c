# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project

.PHONY: guest demo
guest:
	$(Q)mk/guest.sh build

demo:
	$(Q)$(MAKE) deps
	$(Q)$(MAKE) -j$$(nproc) all
	$(Q)$(MAKE) qemu
	$(Q)$(MAKE) guest
	$(Q)PYTHONPATH=tests $(PYTHON) -u examples/demo/demo.py
