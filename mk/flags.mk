# Compilers, warnings, and where things go. Every object is rebuilt when this file changes.

CC      ?= gcc
AR      ?= ar
SAN     ?=
TSAN    ?=
VALGRIND ?=
# A sanitizer names functions and lines, no variables. With -O2 these builds would take half as long again.
ifneq ($(SAN)$(TSAN),)
CFLAGS  ?= -O1 -g1
endif
CFLAGS  ?= -O2 -g
ifneq ($(TSAN)$(VALGRIND),)
SAN := 1
endif

WARN := -Wall -Wextra -Wconversion -Wshadow -Wimplicit-fallthrough -Wstrict-prototypes \
	-Wmissing-prototypes -Werror
# The same objects wherever the tree lies
HERE := '-ffile-prefix-map=$(CURDIR)=.'

# Quoted includes start at the root; -iquote and not -I, or <sys/mman.h> would look into sys/.
HOST_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) $(WARN) $(HERE) -iquote .
# only what a program uses: mayfly-worker and the benchmarks need few of the libraries
HOST_LDFLAGS := -Wl,--as-needed -Wl,-z,relro,-z,now $(LDFLAGS)

comma := ,
# What stops a write past an object's end before it is worth something (docs/security.md, "How the programs
# are built"). glibc's checks of lengths need a compiler that optimises; musl has none.
FORTIFY := $(if $(filter-out -O0,$(filter -O%,$(CFLAGS))),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
CHECKED := -fstack-protector-strong -fstack-clash-protection $(FORTIFY)
WORKER_LDFLAGS := -static-pie
MUSL := $(shell command -v musl-gcc)

# B: where the programs of this build go. Guest code is the same in all.
ifeq ($(SAN),)
B := build
else ifneq ($(VALGRIND),)
# As they are shipped, but without lists of system calls and Landlock, of which valgrind knows nothing
B := build/valgrind/real
HOST_CFLAGS += -DSANDBOX_SANITIZED=1
# so the plain build's objects will do, of all sources but these
OTHER_CODE := $(wildcard tests/valgrind/*.c) \
	$(patsubst ./%,%,$(shell grep -rl --include='*.c' --exclude-dir=build SANDBOX_SANITIZED .))
ifneq ($(shell grep -rl --include='*.h' --exclude-dir=build SANDBOX_SANITIZED .),./sys/sandbox.h)
$(error only sys/sandbox.h and sources may ask for SANDBOX_SANITIZED: mk/flags.mk)
endif
else
B := $(if $(TSAN),build/tsan,build/san)
# ThreadSanitizer knows no fences. There are two, between `sleeping` of a ring and its indices
# (abi/worker.h), all of them atomic: it neither warns of nor misses anything there.
SANITIZE := $(if $(TSAN),-fsanitize=thread -Wno-tsan,-fsanitize=address$(comma)undefined)
FORTIFY :=
CHECKED := $(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
# What gcc says only when it follows values through a function it says rightly with -O2, in the plain build.
CHECKED += $(addprefix -Wno-,format-truncation format-overflow maybe-uninitialized stringop-overflow array-bounds)
HOST_LDFLAGS += $(SANITIZE)
WORKER_LDFLAGS :=
MUSL :=
endif
HOST_CFLAGS += $(CHECKED)

ifneq ($(MUSL),)
MUSL_LIB := $(patsubst %/,%,$(dir $(filter %/Scrt1.o,$(shell $(MUSL) -o /dev/null '-###' -x c /dev/null 2>&1))))
# its specs know nothing of -static-pie
MUSL_LDFLAGS := -Wl,-static,-pie,--no-dynamic-linker,-z,text,-z,relro,-z,now,--gc-sections
# its ioctl takes an int; the kernel's headers lie among those of glibc: after all others
MUSL_CFLAGS := -fPIE -ffunction-sections -fdata-sections -Wno-sign-conversion \
	-idirafter /usr/include -idirafter /usr/include/$(shell $(CC) -print-multiarch)
endif

# $(call cc,COMPILER AND FLAGS): $@ and its .d of $<, or both as the plain build made them
PLAIN := $(if $(VALGRIND),plain)
cc = $(Q)$(if $(and $(VALGRIND),$(filter-out $(OTHER_CODE),$<)),$(call as-plain,$(@:$(B)/%=build/%)),\
	$(1) -MMD -MP -c $< -o $@)
as-plain = cp $(1) $@ && sed 's,^build/,$(B)/,' $(1:.o=.d) >$(@:.o=.d)

GUEST_CFLAGS := @libos/cflags $(WARN) $(HERE) -iquote . -Ilibos

# HTTP's parser: C sources of a Debian package that is installed, or unpacked by mk/need.sh
LLHTTP := $(firstword $(patsubst %/llhttp/api.c,%,$(wildcard /usr/share/llhttp/api.c \
	build/need/llhttp/usr/share/llhttp/api.c)))
ifeq ($(LLHTTP),)
ifneq ($(filter-out clean help format check-format check-layers,$(or $(MAKECMDGOALS),all)),)
$(error llhttp is missing. ./run and ./test unpack it into build/ without installing it; or type: \
	sudo apt-get install --no-install-recommends node-llhttp)
endif
endif
LLHTTP_FLAGS := -isystem $(LLHTTP)/include -DLLHTTP_STRICT_MODE=1
HOST_CFLAGS += $(LLHTTP_FLAGS)

LIBS_CLI    := -lcyaml -lyaml -lsodium -ljansson -ldw -lsqlite3 -pthread
LIBS_HUB    := -lcyaml -lyaml -lsodium -ljansson -lseccomp -lsqlite3 -pthread
LIBS_TEST   := -lcmocka -lcyaml -lyaml -lsodium -ljansson -lseccomp -ldw -lsqlite3 -pthread
LIBS_BENCH   = $(LIBS_HUB) -ldw
