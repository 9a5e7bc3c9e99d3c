# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# The other side of the ring, for the loopback tests and for measurements: light,
# and the same for every backend.

VGUEST := $(B)/tests/vguest
VGUEST_IPC := $(addprefix lib/ipc/ipc_,check_error.c err.c fd.c field.c msg.c sock.c)
VGUEST_SRC := $(wildcard tests/vguest/*.c) $(VGUEST_IPC)
VGUEST_CFLAGS = -std=gnu11 -O3 -g $(WARN) -march=x86-64-v2

$(VGUEST): $(VGUEST_SRC) $(wildcard tests/vguest/*.h lib/ipc/*.h) lib/include/virtq_ipc.h \
		$(FLAGS_STAMP)
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(VQ_CPPFLAGS) $(CPPFLAGS) $(VGUEST_CFLAGS) $(CFLAGS) -Ilib/include -Ilib/ipc \
		-o $@ $(VGUEST_SRC)
