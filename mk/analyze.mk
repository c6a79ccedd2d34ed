# `make analyze`: three tools that look for bugs without running anything. Each looks at a file again
# only when it, a header of it, or what it is told to look for has changed. docs/decisions/031 says
# what each is for; reasons for exceptions stand beside the code, or in .clang-tidy.
#
#	make analyze          what ./test does; clang's analyser follows 20,000 states a function
#	make analyze DEEP=1   225,000: five times the time; so far it found nothing more

DEEP ?=
A := build/analyze$(if $(DEEP),/deep)
# What is looked at: all that runs on Linux, and what guests are made of
ANALYZED_HOST  := $(HOST_SRC:%.S=) $(filter-out $(BARE),$(wildcard bench/*.c)) $(wildcard client/c/*.c client/blas/*.c) $(if $(EXAMPLES),$(EXAMPLES_SRC))
ANALYZED_HOST  := $(filter %.c,$(ANALYZED_HOST))
ANALYZED_MODULES := $(wildcard libos/posix/blas/*.c libos/posix/lapack/*.c)
ANALYZED_GUEST := $(filter %.c,$(GUEST_SRC)) $(ANALYZED_MODULES)
# on musl's headers, where they are
ANALYZED_POSIX := $(filter $(foreach i,$(POSIX_IMAGES),services/$(i)/%),$(ANALYZED_GUEST))
ifeq ($(POSIX_FILES),)
ANALYZED_GUEST := $(filter-out $(ANALYZED_POSIX),$(ANALYZED_GUEST))
endif
ANALYZED       := $(ANALYZED_HOST) $(ANALYZED_GUEST)

# Without optimisation: gcc's analyser then sees the branches as they were written. Not its search for
# leaks: version 12 loses sight of what is stored behind a pointer that it knows nothing of (eleven
# finds, none a leak). ASan's leak check and clang's unix.Malloc look for those.
ANALYZE_CFLAGS := $(filter-out -O% $(FORTIFY),$(HOST_CFLAGS)) -O0 -fanalyzer -Wno-analyzer-malloc-leak
TIDY_FLAGS = $(filter-out -W% $(HERE) $(FORTIFY),$(HOST_CFLAGS)) -Xclang -analyzer-config \
	-Xclang max-nodes=$(if $(DEEP),225000,20000)
$(ANALYZED_GUEST:%.c=$(A)/gcc/%.o) $(ANALYZED_GUEST:%.c=$(A)/tidy/%.ok): EXTRA = -Ilibos -ffreestanding
$(ANALYZED_MODULES:%.c=$(A)/gcc/%.o) $(ANALYZED_MODULES:%.c=$(A)/tidy/%.ok): EXTRA = -Ilibos -ffreestanding -DBLAS_BUFFER=$(BLAS_BUFFER)
$(ANALYZED_POSIX:%.c=$(A)/gcc/%.o) $(ANALYZED_POSIX:%.c=$(A)/tidy/%.ok): EXTRA = -Ilibos -nostdinc -isystem $(POSIX)/include
$(ANALYZED_POSIX:%.c=$(A)/gcc/%.o) $(ANALYZED_POSIX:%.c=$(A)/tidy/%.ok): | $(POSIX_FILES)

$(A)/gcc/%.o: %.c mk/flags.mk mk/analyze.mk
	@mkdir -p $(@D)
	$(call say,gcc -fanalyzer,$<)
	$(Q)$(CC) $(ANALYZE_CFLAGS) $(EXTRA) -MMD -MP -c $< -o $@

# gcc's list of headers is made beside: both tools read the same ones
$(A)/tidy/%.ok: %.c .clang-tidy mk/flags.mk mk/analyze.mk
	@mkdir -p $(@D)
	$(call say,clang-tidy,$<)
	$(Q)$(CC) $(HOST_CFLAGS) $(EXTRA) -MM -MP -MT $@ -MF $(@:.ok=.d) $<
	$(Q)clang-tidy --quiet $< -- $(TIDY_FLAGS) $(EXTRA) 2>$@.err || { cat $@.err >&2; exit 1; }
	@mv $@.err $@

# All files in one go; what didn't change it takes from its own directory.
# ctuuninitvar takes a structure that is filled piece by piece for an uninitialised one (four finds, all
# wrong); gcc and clang follow its members. jansson's headers aren't read, so its loop is told as one.
CPPCHECK := --enable=warning,performance,portability --inline-suppr --error-exitcode=1 --quiet \
	--std=c11 --platform=unix64 --template=gcc --suppress=ctuuninitvar \
	-D_GNU_SOURCE -DBLAS_BUFFER=$(BLAS_BUFFER) -D__x86_64__ -D__linux__ -DLLHTTP_STRICT_MODE=1 -I. -Ilibos \
	"-Djson_array_foreach(array,index,value)=while(index=1,(value=json_array_get(array,index)))"
$(A)/cppcheck.ok: $(ANALYZED) $(filter %.h,$(LAYERED)) mk/analyze.mk
	@mkdir -p $(A)/cppcheck
	$(call say,cppcheck,$(words $(ANALYZED)) files)
	$(Q)cppcheck $(CPPCHECK) --cppcheck-build-dir=$(A)/cppcheck $(ANALYZED)
	@touch $@

-include $(ANALYZED:%.c=$(A)/gcc/%.d) $(ANALYZED:%.c=$(A)/tidy/%.d)

ANALYSERS := gcc $(foreach t,clang-tidy cppcheck,$(if $(shell command -v $(t)),$(t)))
analyze-gcc: $(ANALYZED:%.c=$(A)/gcc/%.o)
analyze-clang-tidy: $(ANALYZED:%.c=$(A)/tidy/%.ok)
analyze-cppcheck: $(A)/cppcheck.ok
analyze: $(ANALYSERS:%=analyze-%)
	@$(foreach t,$(filter-out $(ANALYSERS),clang-tidy cppcheck),echo "$(t) isn't installed: not run";) :
.PHONY: analyze analyze-gcc analyze-clang-tidy analyze-cppcheck
