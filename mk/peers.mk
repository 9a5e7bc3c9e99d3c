# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# Front ends of newer suites of Debian; mk/peers.sh says how.

.PHONY: peers
peers:
	$(Q)mk/deps.sh config/deps.txt
	$(Q)mk/peers.sh build
