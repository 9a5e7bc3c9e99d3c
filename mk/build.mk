# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# Plugin, static library and examples.  lib/ is compiled without DPDK's include
# paths, so that it cannot come to depend on DPDK by accident.

PLUGIN := $(B)/librte_net_virtq.so
STATIC := $(B)/librte_net_virtq.a
DRIVER := drivers/net/virtq
VERSION_MAP := $(wildcard $(DRIVER)/version.map)

LIB_SRC := $(sort $(wildcard lib/mem/*.c lib/vring/*.c lib/ipc/*.c lib/vhost/*.c))
DRIVER_SRC := $(sort $(wildcard $(DRIVER)/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/obj/%.o)
DRIVER_OBJ := $(DRIVER_SRC:%.c=$(B)/obj/%.o)
# The driver's side of a ring: for the tests, in neither plugin nor library.
VDRIVER_SRC := $(sort $(wildcard lib/vdriver/*.c))
VDRIVER_OBJ := $(VDRIVER_SRC:%.c=$(B)/obj/%.o)
VDRIVER_INC := -Ilib/include -Ilib/vdriver

LIB_INC := -Ilib/include -Ilib/mem -Ilib/vring -Ilib/ipc -Ilib/vhost

EXAMPLE_DIRS := $(patsubst examples/%/main.c,%,$(wildcard examples/*/main.c))
EXAMPLES := $(EXAMPLE_DIRS:%=$(B)/examples/%)

file_cflags = $(CFLAGS_$(basename $(notdir $<)))
compile = $(CC) $(VQ_CPPFLAGS) $(CPPFLAGS) $(VQ_CFLAGS) $(CFLAGS) -MMD -MP

# Objects are rebuilt when the flags change.
FLAGS_STAMP := $(B)/flags
FLAGS_NOW := $(CC) $(VQ_CPPFLAGS) $(CPPFLAGS) $(VQ_CFLAGS) $(CFLAGS) $(VQ_LDFLAGS) $(LDFLAGS) \
	$(SANITIZE) $(CFLAGS_virtq_burst_avx2) $(CFLAGS_virtq_burst_avx512)
.PHONY: FORCE
$(FLAGS_STAMP): FORCE
	@mkdir -p $(@D); new='$(FLAGS_NOW)'; \
	[ "$$(cat $@ 2>/dev/null)" = "$$new" ] || printf '%s\n' "$$new" >$@

$(LIB_OBJ): $(B)/obj/%.o: %.c $(FLAGS_STAMP)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(compile) $(LIB_INC) -fPIC -c -o $@ $<

$(VDRIVER_OBJ): $(B)/obj/%.o: %.c $(FLAGS_STAMP)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(compile) $(VDRIVER_INC) -c -o $@ $<

$(DRIVER_OBJ): $(B)/obj/%.o: %.c $(FLAGS_STAMP) $(B)/dpdk.cflags
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(compile) $(LIB_INC) -I$(DRIVER) @$(B)/dpdk.cflags $(file_cflags) -fPIC -c -o $@ $<

$(PLUGIN): $(LIB_OBJ) $(DRIVER_OBJ) $(VERSION_MAP) $(B)/dpdk.libs
	$(call say,LD)
	$(Q)$(CC) -shared -o $@ $(VQ_LDFLAGS) $(LDFLAGS) -Wl,-z,defs -Wl,-soname,$(@F) \
		$(VERSION_MAP:%=-Wl,--version-script,%) $(LIB_OBJ) $(DRIVER_OBJ) \
		-Wl,--as-needed @$(B)/dpdk.libs -lpthread

$(STATIC): $(LIB_OBJ) $(DRIVER_OBJ)
	$(call say,AR)
	@rm -f $@
	$(Q)$(AR) rcsD $@ $^

# Nothing refers to the driver's constructor, hence --whole-archive.
$(EXAMPLES): $(B)/examples/%: $(B)/obj/examples/%/main.o $(STATIC) $(B)/dpdk.app.libs
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) -o $@ $(VQ_LDFLAGS) $(LDFLAGS) $(filter %.o,$^) \
		-Wl,--whole-archive $(STATIC) -Wl,--no-whole-archive @$(B)/dpdk.app.libs -lpthread

# Examples include what a user can include: DPDK and the public header.
$(B)/obj/examples/%.o: examples/%.c $(FLAGS_STAMP) $(B)/dpdk.app.cflags $(B)/include/rte_eth_virtq.h
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(compile) -I$(B)/include @$(B)/dpdk.app.cflags -c -o $@ $<

$(B)/include/rte_eth_virtq.h: $(DRIVER)/rte_eth_virtq.h
	@mkdir -p $(@D)
	$(Q)cp $< $@

-include $(LIB_OBJ:.o=.d) $(VDRIVER_OBJ:.o=.d) $(DRIVER_OBJ:.o=.d) $(wildcard $(B)/obj/examples/*/*.d)
