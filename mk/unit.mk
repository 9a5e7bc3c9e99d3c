# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
#
# tests/unit/<suite>/*.c together with lib/ make one program, built twice: as
# the product is, and under the address and undefined-behaviour sanitizers.

UNIT_SUITES := $(patsubst tests/unit/%/,%,$(filter %/,$(wildcard tests/unit/*/)))
UNIT_SUITES := $(foreach s,$(UNIT_SUITES),$(if $(wildcard tests/unit/$(s)/*.c),$(s)))
UNIT_PLAIN := $(UNIT_SUITES:%=$(B)/tests/unit-%)
UNIT_ASAN := $(UNIT_SUITES:%=$(B)/asan/unit-%)
UNIT_TESTS := $(UNIT_PLAIN) $(UNIT_ASAN)
UNIT_COMMON := $(wildcard tests/unit/*.c)

unit_src = $(sort $(wildcard tests/unit/$(1)/*.c)) $(UNIT_COMMON)
UNIT_SRC := $(sort $(foreach s,$(UNIT_SUITES),$(call unit_src,$(s))))
UNIT_OBJ := $(UNIT_SRC:%.c=$(B)/obj/%.o)
ASAN_OBJ := $(patsubst %.c,$(B)/asan/obj/%.o,$(LIB_SRC) $(UNIT_SRC))
UNIT_INC := $(LIB_INC) -Itests/unit

$(UNIT_OBJ): $(B)/obj/%.o: %.c $(FLAGS_STAMP)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(compile) $(UNIT_INC) -I$(dir $<) -c -o $@ $<

$(ASAN_OBJ): $(B)/asan/obj/%.o: %.c $(FLAGS_STAMP)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(compile) $(SANITIZE) -O1 -U_FORTIFY_SOURCE $(UNIT_INC) -I$(dir $<) -c -o $@ $<

define unit_program
$(B)/tests/unit-$(1): $(patsubst %.c,$(B)/obj/%.o,$(LIB_SRC) $(call unit_src,$(1)))
	$$(call say,LD)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -o $$@ $$(VQ_LDFLAGS) $$(LDFLAGS) $$^ -lcunit -lpthread

$(B)/asan/unit-$(1): $(patsubst %.c,$(B)/asan/obj/%.o,$(LIB_SRC) $(call unit_src,$(1)))
	$$(call say,LD)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -o $$@ $$(SANITIZE) $$(VQ_LDFLAGS) $$(LDFLAGS) $$^ -lcunit -lpthread
endef
$(foreach s,$(UNIT_SUITES),$(eval $(call unit_program,$(s))))

-include $(UNIT_OBJ:.o=.d) $(ASAN_OBJ:.o=.d)
