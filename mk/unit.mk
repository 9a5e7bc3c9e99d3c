# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# tests/unit/<suite>/*.c and tests/unit/*.c together with lib/ make one program,
# built twice: as the product is, and under the address and undefined-behaviour
# sanitizers.  The suites of the driver have the driver and DPDK besides.

UNIT_SUITES := $(patsubst tests/unit/%/,%,$(filter %/,$(wildcard tests/unit/*/)))
UNIT_SUITES := $(foreach s,$(UNIT_SUITES),$(if $(wildcard tests/unit/$(s)/*.c),$(s)))
UNIT_DRIVER := burst port queues
UNIT_PLAIN := $(UNIT_SUITES:%=$(B)/tests/unit-%)
UNIT_ASAN := $(UNIT_SUITES:%=$(B)/asan/unit-%)
UNIT_TESTS := $(UNIT_PLAIN) $(UNIT_ASAN)
UNIT_COMMON := $(wildcard tests/unit/*.c)

# The suite of lib/ipc tests both ends; the client's checks of messages are vguest's.
UNIT_ALSO_ipc := tests/vguest/vg_msg.c
# mbufs without EAL
UNIT_ALSO_queues := tests/unit/burst/pool.c
unit_src = $(sort $(wildcard tests/unit/$(1)/*.c)) $(UNIT_COMMON) $(UNIT_ALSO_$(1))
UNIT_SRC := $(sort $(foreach s,$(UNIT_SUITES),$(call unit_src,$(s))))
UNIT_OBJ := $(UNIT_SRC:%.c=$(B)/obj/%.o)
ASAN_OBJ := $(patsubst %.c,$(B)/asan/obj/%.o,$(LIB_SRC) $(VDRIVER_SRC) $(UNIT_SRC))
ASAN_DRIVER_OBJ := $(DRIVER_SRC:%.c=$(B)/asan/obj/%.o)
UNIT_INC := $(LIB_INC) -Ilib/vdriver -Itests/unit -Itests/unit/burst -Itests/vguest
asan_compile = $(compile) $(SANITIZE) -O1 -U_FORTIFY_SOURCE

# What a suite is linked with, and what its sources include.
unit_product = $(LIB_SRC) $(VDRIVER_SRC) $(if $(filter $(1),$(UNIT_DRIVER)),$(DRIVER_SRC))
unit_libs = $(if $(filter $(1),$(UNIT_DRIVER)),@$(B)/dpdk.libs @$(B)/dpdk.rpath)
DRIVER_TEST_OBJ := $(filter $(foreach s,$(UNIT_DRIVER),$(B)/obj/tests/unit/$(s)/% \
	$(B)/asan/obj/tests/unit/$(s)/%),$(UNIT_OBJ) $(ASAN_OBJ))
$(DRIVER_TEST_OBJ): UNIT_INC += -I$(DRIVER) @$(B)/dpdk.cflags
$(DRIVER_TEST_OBJ): $(B)/dpdk.cflags

$(UNIT_OBJ): $(B)/obj/%.o: %.c $(FLAGS_STAMP)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(compile) $(UNIT_INC) -I$(dir $<) $(file_cflags) -c -o $@ $<

$(ASAN_OBJ): $(B)/asan/obj/%.o: %.c $(FLAGS_STAMP)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(asan_compile) $(UNIT_INC) -I$(dir $<) $(file_cflags) -c -o $@ $<

$(ASAN_DRIVER_OBJ): $(B)/asan/obj/%.o: %.c $(FLAGS_STAMP) $(B)/dpdk.cflags
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(asan_compile) $(LIB_INC) -I$(DRIVER) @$(B)/dpdk.cflags $(file_cflags) -c -o $@ $<

define unit_program
$(B)/tests/unit-$(1): $(patsubst %.c,$(B)/obj/%.o,$(call unit_product,$(1)) $(call unit_src,$(1)))
	$$(call say,LD)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -o $$@ $$(VQ_LDFLAGS) $$(LDFLAGS) $$(filter %.o,$$^) -lcunit -lpthread \
		$(call unit_libs,$(1))

$(B)/asan/unit-$(1): $(patsubst %.c,$(B)/asan/obj/%.o,$(call unit_product,$(1)) $(call unit_src,$(1)))
	$$(call say,LD)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -o $$@ $$(SANITIZE) $$(VQ_LDFLAGS) $$(LDFLAGS) $$(filter %.o,$$^) -lcunit \
		-lpthread $(call unit_libs,$(1))
endef
$(foreach s,$(UNIT_SUITES),$(eval $(call unit_program,$(s))))
$(foreach s,$(UNIT_DRIVER),$(B)/tests/unit-$(s) $(B)/asan/unit-$(s)): $(B)/dpdk.libs $(B)/dpdk.rpath

-include $(UNIT_OBJ:.o=.d) $(ASAN_OBJ:.o=.d) $(ASAN_DRIVER_OBJ:.o=.d)
