# What runs on the host: one static archive a layer (so that a program gets only what it uses),
# the programs, and the unit tests.

LAYERS_HOST := base wire sys image store market monitor hub accelerator cli
MAINS := cli/main.c hub/main.c monitor/worker_main.c accelerator/main.c

host-object = $(patsubst %,$(B)/host/%.o,$(basename $(1)))
layer-src = $(sort $(filter-out $(MAINS),$(wildcard $(1)/*.c $(1)/*/*.c $(1)/arch/$(ARCH)/*.c \
	$(1)/arch/$(ARCH)/*.S)))
host-archive = $(if $(call layer-src,$(1)),$(B)/host/$(1).a)

HOST_SRC := $(foreach l,$(LAYERS_HOST),$(call layer-src,$(l))) $(wildcard $(MAINS))

$(B)/host/%.o: %.c mk/flags.mk | $(PLAIN)
	@mkdir -p $(@D)
	$(call say,cc,$<)
	$(call cc,$(CC) $(HOST_CFLAGS) $(EXTRA))

$(B)/host/%.o: %.S mk/flags.mk
	@mkdir -p $(@D)
	$(call say,cc,$<)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

define archive-rule
$(call list-rule,$(B)/host/$(1).objects,$(call host-object,$(2)))
$(B)/host/$(1).a: $(call host-object,$(2)) $(B)/host/$(1).objects
	$$(call say,ar,$$@)
	$$(Q)rm -f $$@ && $$(AR) rcsD $$@ $(call host-object,$(2))
endef
$(foreach l,$(LAYERS_HOST),$(if $(call layer-src,$(l)),$(eval $(call archive-rule,$(l),$(call layer-src,$(l))))))
-include $(patsubst %.o,%.d,$(call host-object,$(HOST_SRC)))

# llhttp, which the hub is linked with: generated code, compiled as it is
LLHTTP_OBJ := $(B)/host/llhttp/llhttp.o $(B)/host/llhttp/api.o $(B)/host/llhttp/http.o
$(B)/host/llhttp/%.o: $(LLHTTP)/llhttp/%.c mk/flags.mk
	@mkdir -p $(@D)
	$(call say,cc,llhttp/$*.c)
	$(Q)$(CC) -std=gnu11 $(CFLAGS) $(CHECKED) $(LLHTTP_FLAGS) \
		-I$(LLHTTP)/include/llhttp -w -c $< -o $@
$(eval $(call list-rule,$(B)/host/llhttp.objects,$(LLHTTP)))
$(B)/host/llhttp.a: $(LLHTTP_OBJ) $(B)/host/llhttp.objects
	$(call say,ar,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(LLHTTP_OBJ)

# --- programs: their main file and the layers that LAYERS lets them use
CLI_LIBS    := $(foreach l,cli monitor market store image wire sys base,$(call host-archive,$(l)))
HUB_LIBS    := $(foreach l,hub market store image wire sys base,$(call host-archive,$(l))) $(B)/host/llhttp.a
ACCELERATOR_LIBS := $(foreach l,accelerator wire sys base,$(call host-archive,$(l)))
WORKER_LIBS := $(foreach l,monitor image wire sys base,$(call host-archive,$(l)))

PROGRAMS := $(if $(wildcard cli/main.c),$(B)/mayfly) $(if $(wildcard hub/main.c),$(B)/mayflyd) \
	$(if $(wildcard monitor/worker_main.c),$(B)/mayfly-worker) \
	$(if $(wildcard accelerator/main.c),$(B)/mayfly-accelerator)

# $(call link,objects and archives,libraries,flags)
define link
	$(call say,link,$@)
	$(Q)$(CC) $(CFLAGS) $(HOST_LDFLAGS) $(3) -o $@ $(filter %.o,$(1)) -Wl,--start-group \
		$(filter %.a,$(1)) -Wl,--end-group $(2)
endef

# what valgrind doesn't know
HUB_CALLS := $(if $(VALGRIND),$(B)/host/tests/valgrind/calls.o)
CLI_CALLS := $(if $(VALGRIND),$(B)/host/tests/valgrind/processor.o)
wrap = $(addprefix -Wl$(comma)--wrap=,$(1))
$(B)/mayfly: $(B)/host/cli/main.o $(CLI_CALLS) $(CLI_LIBS)
	$(call link,$^,$(LIBS_CLI) -lseccomp,$(if $(VALGRIND),$(call wrap,getauxval)))
# for libmosquitto: hub/mqtt/read.h
$(B)/mayflyd: $(B)/host/hub/main.o $(HUB_CALLS) $(HUB_LIBS)
	$(call link,$^,$(LIBS_HUB),-Wl$(comma)--export-dynamic-symbol=__assert_fail $(if $(VALGRIND),$(call wrap,pidfd_open pidfd_send_signal setrlimit syscall)))

# It loads a GPU's libraries itself, if it is ever started.
$(B)/mayfly-accelerator: $(B)/host/accelerator/main.o $(ACCELERATOR_LIBS)
	$(call link,$^,-ldl)

# The worker is linked with musl where there is one: glibc asks the processor some sixty times about
# its caches before main, and in a virtual machine each CPUID is a way out: a millisecond of every
# first event (docs/decisions/015). So it uses no library but the C library. What holds lives for a
# debugger (monitor/debug*) is no part of it.
WORKER_SRC := monitor/worker_main.c $(filter-out monitor/debug%,\
	$(foreach l,base wire monitor,$(call layer-src,$(l)))) \
	$(addprefix image/,image.c elf.c fault.c) $(addprefix sys/,sandbox.c landlock.c fd.c net.c random.c)
ifneq ($(MUSL),)
WORKER_OBJ := $(patsubst %,$(B)/musl/%.o,$(basename $(WORKER_SRC) $(if $(VALGRIND),tests/valgrind/processor.c)))
MUSL_LDFLAGS += $(if $(VALGRIND),$(call wrap,getauxval))
$(B)/musl/%.o: %.c mk/flags.mk | $(PLAIN)
	@mkdir -p $(@D)
	$(call say,cc musl,$<)
	$(call cc,$(MUSL) $(HOST_CFLAGS) $(MUSL_CFLAGS))
$(B)/musl/%.o: %.S mk/flags.mk
	@mkdir -p $(@D)
	$(call say,cc musl,$<)
	$(Q)$(MUSL) $(HOST_CFLAGS) -MMD -MP -c $< -o $@
-include $(WORKER_OBJ:.o=.d)
$(B)/mayfly-worker: $(WORKER_OBJ)
	$(call say,link musl,$@)
	$(Q)$(MUSL) $(CFLAGS) -nostartfiles $(LDFLAGS) $(MUSL_LDFLAGS) -o $@ \
		$(MUSL_LIB)/rcrt1.o $(MUSL_LIB)/crti.o $^ $(MUSL_LIB)/crtn.o
else
$(B)/mayfly-worker: $(B)/host/monitor/worker_main.o $(WORKER_LIBS)
	$(call link,$^,,$(WORKER_LDFLAGS))
endif

# The worker taken over by somebody (tests/taken): the product's, source for source, with another main.
# Never with sanitizers, which have no jail.
TAKEN_SRC := $(wildcard tests/taken/*.c)
TAKEN := $(if $(TAKEN_SRC),build/tests/mayfly-worker-taken)
ifeq ($(SAN),)
ifneq ($(MUSL),)
TAKEN_OBJ := $(filter-out %/worker_main.o,$(WORKER_OBJ)) $(patsubst %.c,$(B)/musl/%.o,$(TAKEN_SRC))
-include $(TAKEN_OBJ:.o=.d)
$(TAKEN): $(TAKEN_OBJ)
	@mkdir -p $(@D)
	$(call say,link musl,$@)
	$(Q)$(MUSL) $(CFLAGS) -nostartfiles $(LDFLAGS) $(MUSL_LDFLAGS) -o $@ \
		$(MUSL_LIB)/rcrt1.o $(MUSL_LIB)/crti.o $^ $(MUSL_LIB)/crtn.o
else
$(TAKEN): $(call host-object,$(TAKEN_SRC)) $(WORKER_LIBS)
	@mkdir -p $(@D)
	$(call link,$^,,$(WORKER_LDFLAGS))
-include $(patsubst %.o,%.d,$(call host-object,$(TAKEN_SRC)))
endif
endif

# What a birth is compared with: the smallest processes there are, no libc. `mayfly bench` has the one,
# bench/hub the other.
BARE := bench/spawnee.c bench/press_cgi.c
LIB_FILES += build/lib/mayfly-spawnee
build/lib/mayfly-spawnee build/bench/press_cgi: mk/flags.mk
	@mkdir -p $(@D)
	$(call say,cc no libc,$(filter %.c,$^))
	$(Q)$(CC) -std=gnu11 -O2 $(WARN) $(HERE) -ffreestanding -fno-stack-protector -static -nostdlib \
		-no-pie -s -Wl,--build-id=none -o $@ $(filter %.c,$^)
build/lib/mayfly-spawnee: bench/spawnee.c
build/bench/press_cgi: bench/press_cgi.c

# bench/X.c -> $(B)/bench/X, a program with all that the command line and the hub have
BENCHES := $(patsubst bench/%.c,$(B)/bench/%,$(filter-out $(BARE),$(wildcard bench/*.c)))
$(B)/bench/%: $(B)/host/bench/%.o $(CLI_LIBS) $(HUB_LIBS)
	@mkdir -p $(@D)
	$(call link,$^,$(LIBS_BENCH))
-include $(BENCHES:$(B)/bench/%=$(B)/host/bench/%.d)
BENCHES += build/bench/press_cgi

# The other builds find the library OS and the images where the plain one put them.
SAN_LINKS := $(addprefix $(B)/,lib services guest)
ifneq ($(VALGRIND),)
# What tests start: the programs above under valgrind, by a script; the worker by a program, for the
# hub gives it no environment and runs it by its descriptor
UNDER := build/valgrind
$(UNDER)/mayfly $(UNDER)/mayflyd $(UNDER)/control: tests/valgrind/under
	@mkdir -p $(@D) && install -m 755 $< $@
$(UNDER)/mayfly-worker: $(B)/host/tests/valgrind/worker.o
	$(call link,$^)
-include $(B)/host/tests/valgrind/worker.d $(HUB_CALLS:.o=.d) $(CLI_CALLS:.o=.d)
$(B)/control: $(B)/host/tests/valgrind/control.o
	$(call link,$^)
SAN_LINKS += $(addprefix $(UNDER)/,mayfly mayflyd mayfly-worker control lib services guest) $(B)/control
endif
$(filter %/lib %/services %/guest,$(SAN_LINKS)):
	@mkdir -p $(@D) && ln -sfn $(abspath build/$(@F)) $@

# --- unit tests: tests/unit/wire/dns_test.c -> $(B)/tests/unit/wire/dns_test, with the
# host's layers at hand (the programs' own only for their own tests); tests of libos/ and services/
# get those too, compiled for the host.
TEST_SRC := $(sort $(shell [ ! -d tests/unit ] || find tests/unit -name '*_test.c'))
TESTS := $(TEST_SRC:%.c=$(B)/%)
test-libs = $(if $(filter tests/unit/client/%,$(1)),$(B)/pic/client.a $(B)/pic/blas.a) $(foreach l,$(filter cli hub accelerator,$(word 3,$(subst /, ,$(1)))) market store monitor image wire sys base,\
	$(call host-archive,$(l))) $(B)/host/llhttp.a
TEST_OBJ := $(TEST_SRC:%.c=$(B)/host/%.o)
# What tests and fuzzers say of themselves, in lines /* WORD: ... */: read in one go, FILE:WORD:..., with | for blanks
NOTES := $(shell awk '/^\/\* (with|link): .* \*\/$$/ { \
	word = $$2; sub(/^[^:]*: /, ""); sub(/ \*\/$$/, ""); gsub(/ /, "|"); print FILENAME ":" word $$0 }' \
	/dev/null $(TEST_SRC) $(wildcard fuzz/*.c))
note = $(subst |, ,$(patsubst $(1):$(2):%,%,$(filter $(1):$(2):%,$(NOTES))))
# helpers that several tests share: any other .c file in a directory of tests, and those of other
# directories that a test names: /* with: tests/unit/libos/guest.c */
test-with = $(call note,$(1),with)
TEST_HELPERS = $(call host-object,$(filter-out %_test.c,$(wildcard $(dir $(1))*.c)) $(call test-with,$(1)))

GUEST_SRC := $(sort $(wildcard libos/*/*.c services/*/*.c))
GUEST_HOST_OBJ := $(call host-object,$(GUEST_SRC))
$(GUEST_HOST_OBJ): EXTRA = -Ilibos -ffreestanding
-include $(GUEST_HOST_OBJ:.o=.d) $(TEST_OBJ:.o=.d)
-include $(sort $(patsubst %.o,%.d,$(foreach t,$(TEST_SRC),$(call TEST_HELPERS,$(t)))))

LIBOS_HOST := $(if $(wildcard libos/*/*.c),$(B)/host/libos.a)
$(if $(LIBOS_HOST),$(eval $(call archive-rule,libos,$(sort $(wildcard libos/*/*.c)))))
# of all of them, also those whose images can't be built here
$(foreach n,$(patsubst services/%/mayfly.yaml,%,$(wildcard services/*/mayfly.yaml)),$(if $(wildcard services/$(n)/*.c),$(eval \
	$(call archive-rule,services/$(n),$(sort $(wildcard services/$(n)/*.c))))))

# tests/unit/services/dns/zone_test.c -> services/dns
test-service = $(word 4,$(subst /, ,$(filter tests/unit/services/%,$(1))))
test-guest-libs = $(if $(filter tests/unit/libos/% tests/unit/services/%,$(1)),$(foreach n,\
	$(call test-service,$(1)),$(if $(wildcard services/$(n)/*.c),$(B)/host/services/$(n).a)) $(LIBOS_HOST))
# a test may ask the linker for more: /* link: -Wl,--wrap=mmap */
test-link = $(call note,$(1),link)

define test-rule
$(B)/$(1:.c=): $(B)/host/$(1:.c=.o) $(call TEST_HELPERS,$(1)) $(call test-guest-libs,$(1)) \
		$(call test-libs,$(1))
	@mkdir -p $$(@D)
	$$(call link,$$^,$(LIBS_TEST) $(if $(filter tests/unit/client/%,$(1)),$(CLIENT_LIBS) -lm),$(subst $(comma),$$(comma),$(call test-link,$(1))))
endef
$(foreach t,$(TEST_SRC),$(eval $(call test-rule,$(t))))
$(TEST_OBJ): EXTRA = -Ilibos

# What runs under ThreadSanitizer in ./test: what has threads, the worker, the store, libmayfly and the drop-in BLAS, and their tests
THREAD_TESTS := $(patsubst %,$(B)/tests/unit/monitor/%_test,monitor ring socket watchdog worker) \
	$(patsubst %,$(B)/tests/unit/store/%_test,store state events outbox faults) \
	$(patsubst %,$(B)/tests/unit/client/%/threads_test,blas c)
threads: plain $(PROGRAMS) $(SAN_LINKS) $(THREAD_TESTS)
thread-tests:
	@printf '%s\n' $(THREAD_TESTS)

# --- tests/svm/run: what runs on the emulated machine
build/svm/probe: tests/svm/probe.c mk/flags.mk
	@mkdir -p $(@D)
	$(call say,cc static,$<)
	$(Q)$(CC) $(HOST_CFLAGS) -static -o $@ $<
build/svm/tss.so: tests/svm/tss.c mk/flags.mk
	@mkdir -p $(@D)
	$(call say,cc shared,$<)
	$(Q)$(CC) $(HOST_CFLAGS) -shared -fPIC -o $@ $<
build/svm/mayfly-worker: build/host/monitor/worker_main.o $(WORKER_LIBS)
	@mkdir -p $(@D)
	$(call link,$^)
svm: all $(addprefix build/svm/,probe tss.so mayfly-worker) $(patsubst %.c,build/%,\
	$(wildcard tests/unit/monitor/*_test.c) tests/unit/sys/cgroup_test.c)
