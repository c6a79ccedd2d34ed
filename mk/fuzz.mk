# Fuzzers: fuzz/NAME.c -> build/fuzz/NAME, a program by clang with libFuzzer and both sanitizers, which
# takes what it needs from the host's layers, the guest's library OS and the dns service, all
# compiled for the host with edges counted. fuzz/run runs them; docs/decisions/029 says why so.

FUZZ_CC ?= clang-14

F := build/fuzz
FUZZ_TARGETS := $(patsubst fuzz/%.c,$(F)/%,$(wildcard fuzz/*.c))
FUZZ_LAYERS := base wire sys image store market monitor hub cli libos services/dns
# warnings are gcc's business in make; here only the fuzzers' own are shown
FUZZ_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -g1 $(HERE) -iquote . -Ilibos $(LLHTTP_FLAGS) \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

fuzz-src = $(sort $(filter-out $(MAINS),$(wildcard $(1)/*.c $(1)/*/*.c $(1)/arch/$(ARCH)/*.c \
	$(1)/arch/$(ARCH)/*.S)))
fuzz-object = $(patsubst %,$(F)/obj/%.o,$(basename $(1)))
# of the command line what a session with gdb may need
FUZZ_NOT := $(filter-out cli/gdb/%,$(wildcard cli/*/*.c))
FUZZ_OBJ := $(filter-out $(call fuzz-object,$(FUZZ_NOT)),$(foreach l,$(FUZZ_LAYERS),$(call fuzz-object,$(call fuzz-src,$(l)))))
# every target's, and what it names itself: /* with: tests/unit/services/dns/host.c */
fuzz-with = fuzz/lib/fuzz.c fuzz/lib/effects.c $(call test-with,$(1))
FUZZ_WITH := $(sort $(call fuzz-object,$(foreach t,$(wildcard fuzz/*.c),$(call fuzz-with,$(t)))))
FUZZ_MAIN_OBJ := $(FUZZ_TARGETS:$(F)/%=$(F)/obj/fuzz/%.o)

$(F)/obj/fuzz/%.o: FUZZ_WARN := $(WARN)
$(F)/obj/%.o: FUZZ_WARN ?= -w
$(F)/obj/libos/%.o $(F)/obj/services/%.o: FUZZ_EXTRA := -ffreestanding
define fuzz-compile
	@mkdir -p $(@D)
	$(call say,cc fuzz,$<)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) $(FUZZ_EXTRA) $(FUZZ_WARN) -MMD -MP -c $< -o $@
endef
$(F)/obj/%.o: %.c mk/fuzz.mk mk/flags.mk
	$(fuzz-compile)
$(F)/obj/%.o: %.S mk/fuzz.mk mk/flags.mk
	@mkdir -p $(@D)
	$(call say,cc,$<)
	$(Q)$(CC) -iquote . -MMD -MP -c $< -o $@
$(F)/obj/llhttp/%.o: $(LLHTTP)/llhttp/%.c mk/fuzz.mk mk/flags.mk
	@mkdir -p $(@D)
	$(call say,cc fuzz,llhttp/$*.c)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -I$(LLHTTP)/include/llhttp -w -c $< -o $@

# Only what a target needs is linked, so that it can put its own in the place of a file: a worker
# without a process, a clock that it turns.
FUZZ_LLHTTP := $(patsubst %,$(F)/obj/llhttp/%.o,llhttp api http)
$(eval $(call list-rule,$(F)/all.objects,$(FUZZ_OBJ)))
$(F)/all.a: $(FUZZ_OBJ) $(FUZZ_LLHTTP) $(F)/all.objects
	$(call say,ar,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(filter %.o,$^)

define fuzz-rule
$(F)/$(1): $(F)/obj/fuzz/$(1).o $(call fuzz-object,$(call fuzz-with,fuzz/$(1).c)) $(F)/all.a
	$$(call say,link,$$@)
	$$(Q)$$(FUZZ_CC) -g -fsanitize=fuzzer,address,undefined $$(call test-link,fuzz/$(1).c) -o $$@ \
		$$(filter %.o,$$^) $(F)/all.a -Wl,--as-needed $(LIBS_HUB) -ldl
endef
$(foreach t,$(FUZZ_TARGETS:$(F)/%=%),$(eval $(call fuzz-rule,$(t))))
-include $(FUZZ_OBJ:.o=.d) $(FUZZ_WITH:.o=.d) $(FUZZ_MAIN_OBJ:.o=.d)

.PHONY: fuzz
fuzz: $(FUZZ_TARGETS)
