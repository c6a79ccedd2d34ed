# mayfly's build. `make help` says what there is; docs/decisions/001-make.md says why Make.
# Sources are found by wildcard: a new file in a directory is built without a line here.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

V ?=
Q := $(if $(V),,@)
# one line a step; `make -s` says nothing but errors
say = @$(if $(findstring s,$(firstword -$(MAKEFLAGS))),:,printf '  %-12s %s\n' '$(1)' '$(2)')
define copy
@mkdir -p $(@D)
$(Q)cp $< $@
endef
# $(call list-rule,FILE,WORDS): FILE holds WORDS and changes only when they do, so that an archive
# notices a source that went away.
define list-rule
ifneq ($$(strip $(2)),$$(strip $$(file <$(1))))
.PHONY: $(1)
endif
$(1):
	@mkdir -p $$(@D)
	@printf '%s' '$(strip $(2))' >$$@
endef

include mk/flags.mk
include mk/posix.mk
include mk/openblas.mk
include mk/guest.mk
include mk/client.mk
include mk/blas.mk
include mk/host.mk
include mk/examples.mk
include mk/analyze.mk
include mk/fuzz.mk

.PHONY: all plain tests threads thread-tests svm layers check-layers format check-format install clean help sources

ifeq ($(SAN),)
all: layers $(PROGRAMS) $(BENCHES) $(LIB_FILES) $(IMAGES) $(TAKEN) $(CLIENT_FILES) $(CLIENT_ASK) $(BLAS_ASK_FILES) $(EXAMPLES)
	@:
else
all: plain $(PROGRAMS) $(BENCHES) $(SAN_LINKS) $(CLIENT_FILES) $(CLIENT_ASK) $(EXAMPLES)
	@:
plain:
	@+$(MAKE) --no-print-directory SAN= TSAN= VALGRIND= all
$(PROGRAMS) $(BENCHES): | plain
endif

tests: all $(TESTS)

layers: build/layers.ok
check-layers:
	@sh mk/layers
LAYERED := $(shell find . -name build -prune -o -name '.?*' -prune -o \( -name '*.[chS]' -o -name LAYERS \) -print)
build/layers.ok: mk/layers $(LAYERED)
	@mkdir -p $(@D)
	$(call say,layers,LAYERS)
	$(Q)sh mk/layers && touch $@

FORMATTED = $(shell find . -name build -prune -o -name '.?*' -prune -o -name '*.[ch]' -print)
format:
	$(Q)clang-format -i $(FORMATTED)
check-format:
	$(Q)clang-format --dry-run -Werror $(FORMATTED)

PREFIX  ?= /usr/local
DESTDIR ?=
INSTALL_TO = $(DESTDIR)$(PREFIX)
UNITS      := mayflyd.service mayflyd.socket
install: all install-client install-blas
	install -d $(INSTALL_TO)/bin $(INSTALL_TO)/lib/mayfly
	install -m 755 $(PROGRAMS) $(INSTALL_TO)/bin/
	cd build/lib && find . -type f -exec install -D -m 644 {} $(abspath $(INSTALL_TO))/lib/mayfly/{} \;
	chmod 755 $(INSTALL_TO)/lib/mayfly/mayfly-spawnee
	for page in $(wildcard man/*.[1-8]); do \
		install -D -m 644 $$page $(INSTALL_TO)/share/man/man$${page##*.}/$${page##*/}; done
	install -d $(INSTALL_TO)/lib/systemd/system
	for unit in $(UNITS); do sed 's,/usr/local/,$(PREFIX)/,' packaging/$$unit \
		>$(INSTALL_TO)/lib/systemd/system/$$unit; done
	chmod 644 $(UNITS:%=$(INSTALL_TO)/lib/systemd/system/%)
	install -D -m 644 packaging/mayfly.sysusers $(INSTALL_TO)/lib/sysusers.d/mayfly.conf
	for example in hub home; do install -D -m 644 packaging/$$example.yaml \
		$(INSTALL_TO)/share/doc/mayfly/$$example.yaml; done

# Installs what building takes, where that may be done; make builds then what was left out
sources:
	@bash -c '. mk/need.sh && need "$${PACKAGES_BUILD[@]}" && borrow_llhttp && borrow_source musl lua5.4 openblas lapack && need_fortran'

clean:
	rm -rf build

help:
	@echo 'make                 programs, library OS and images, into build/'
	@echo 'make SAN=1           the same programs with ASan and UBSan, into build/san/'
	@echo 'make TSAN=1          the same with ThreadSanitizer, into build/tsan/'
	@echo 'make VALGRIND=1      what tests/valgrind/run runs under valgrind, into build/valgrind/'
	@echo 'make sources         sources of musl, Lua, OpenBLAS and LAPACK, from Debian'"'"'s packages, for services/lua and linalg'
	@echo 'make variants        images for processors that can more, NAME+VARIANT.mfy: mayfly.yaml(5)'
	@echo 'make tests [SAN=1]   also the unit tests; ./test builds and runs everything'
	@echo 'make analyze         gcc -fanalyzer, clang-tidy and cppcheck; DEEP=1 looks further'
	@echo 'make fuzz            the fuzzers, into build/fuzz/; fuzz/run runs them'
	@echo 'make check-layers    who includes whom, against LAYERS'
	@echo 'make format          clang-format; make check-format only looks'
	@echo 'make install         to $$(DESTDIR)$$(PREFIX), PREFIX=/usr/local'
	@echo 'make clean           remove build/'
	@echo 'make V=1             show the commands'
