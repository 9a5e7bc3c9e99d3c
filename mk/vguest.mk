# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# A guest for the loopback tests and for measurements, the same for every backend.
# Compiled in one go with lib/vdriver, which implements its rings.

VGUEST := $(B)/tests/vguest
VGUEST_IPC := $(addprefix lib/ipc/ipc_,check_error.c envelope.c err.c fd.c field.c sock.c)
VGUEST_SRC := $(wildcard tests/vguest/*.c) $(VDRIVER_SRC) $(VGUEST_IPC) lib/vhost/vhost_sock.c
VGUEST_HDR := $(wildcard tests/vguest/*.h lib/vdriver/*.h lib/ipc/*.h lib/vhost/*.h lib/include/*.h)
VGUEST_CFLAGS = -std=gnu11 -O3 -g $(WARN) -march=x86-64-v2

$(VGUEST): $(VGUEST_SRC) $(VGUEST_HDR) $(FLAGS_STAMP)
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(VQ_CPPFLAGS) $(CPPFLAGS) $(VGUEST_CFLAGS) $(CFLAGS) $(VDRIVER_INC) -Ilib/ipc -Ilib/vhost \
		-o $@ $(VGUEST_SRC)
