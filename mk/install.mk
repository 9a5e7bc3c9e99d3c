# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# DPDK applications load every plugin in the plugin folder of the DPDK they were linked
# with, so the plugin is installed there unless PLUGINDIR names another folder.

PREFIX = /usr/local
LIBDIR = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include/virtq
PKGCONFIGDIR = $(LIBDIR)/pkgconfig
PLUGINDIR ?= $(firstword $(wildcard \
	$(shell pkg-config --variable=libdir libdpdk 2>/dev/null)/dpdk/pmds-*))

PUBLIC_HEADERS := $(DRIVER)/rte_eth_virtq.h lib/include/virtq_ipc.h

# What "install" installs and "uninstall" removes.
installed = $(LIBDIR)/librte_net_virtq.a $(PKGCONFIGDIR)/librte_net_virtq.pc \
	$(addprefix $(INCLUDEDIR)/,$(notdir $(PUBLIC_HEADERS))) \
	$(LIBDIR)/librte_net_virtq.so $(if $(PLUGINDIR),$(PLUGINDIR)/librte_net_virtq.so)

$(B)/librte_net_virtq.pc: mk/librte_net_virtq.pc.in FORCE
	@sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' $< >$@

.PHONY: install uninstall
install: $(PLUGIN) $(STATIC) $(B)/librte_net_virtq.pc
	$(Q)install -d $(addprefix $(DESTDIR),$(LIBDIR) $(PKGCONFIGDIR) $(INCLUDEDIR) $(PLUGINDIR))
	$(Q)install -m 644 $(STATIC) $(DESTDIR)$(LIBDIR)/
	$(Q)install -m 755 $(PLUGIN) $(DESTDIR)$(LIBDIR)/
	$(Q)install -m 644 $(B)/librte_net_virtq.pc $(DESTDIR)$(PKGCONFIGDIR)/
	$(Q)install -m 644 $(PUBLIC_HEADERS) $(DESTDIR)$(INCLUDEDIR)/
	$(Q)$(if $(PLUGINDIR),ln -sf $(LIBDIR)/librte_net_virtq.so $(DESTDIR)$(PLUGINDIR)/)
	@for f in $(installed); do echo "  INSTALL $(DESTDIR)$$f"; done

uninstall:
	$(Q)rm -f $(addprefix $(DESTDIR),$(installed))
	$(Q)rmdir $(DESTDIR)$(INCLUDEDIR) 2>/dev/null || :
