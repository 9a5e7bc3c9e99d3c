# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project

.PHONY: check unit layering format format-check wire-check models loopback e2e

check:
	$(Q)mk/check.sh

unit: $(UNIT_TESTS)
	$(Q)mk/unit.sh $(UNIT_TESTS)

layering:
	@mkdir -p $(B)
	$(Q)$(PYTHON) mk/layering.py $(B)/includes.dot

.PHONY: doc-check words

# Fails if doc/ explains a message that no source prints.
doc-check:
	$(Q)$(PYTHON) mk/doc-messages.py

words:
	$(Q)mk/words.sh

models:
	$(Q)mk/model.sh

wire-check:
	$(Q)if [ -e mk/qemu-wire-check.sh ]; then sh mk/qemu-wire-check.sh; fi

e2e: $(PLUGIN) $(VGUEST) $(HOSTILE)
	$(Q)mk/e2e.sh $(E2E)

# All that tests/hostile tries, on every kind of device: ten minutes.
.PHONY: check-matrix
check-matrix: $(PLUGIN) $(VGUEST) $(HOSTILE)
	$(Q)JOBS=1 mk/e2e.sh --matrix -k hostile_guest $(MATRIX)

# All vhost-user front ends, those of newer suites included, and twenty kills of each.
.PHONY: check-fronts
check-fronts: $(PLUGIN) peers
	$(Q)$(MAKE) guest
	$(Q)mk/e2e.sh --matrix -k vhost_ $(FRONTS)

loopback: $(PLUGIN) $(VGUEST)
	$(Q)mk/loopback.sh $(LOOPBACK)

# The QEMU series follows QEMU's own style, not this one.
# The wire header is left as it is: the QEMU series carries the same bytes.
FORMATTED = $(shell git ls-files -co --exclude-standard -- '*.c' '*.h' ':!qemu-patches' ':!lib/include/virtq_ipc.h')

format:
	$(Q)$(CLANG_FORMAT) -i $(FORMATTED)

format-check:
	$(Q)$(CLANG_FORMAT) --dry-run -Werror --ferror-limit=3 $(FORMATTED)
