# Compilers, warnings, and where things go. Every object is rebuilt when this file changes.

CC      ?= gcc
AR      ?= ar
CFLAGS  ?= -O2 -g
SAN     ?=

WARN := -Wall -Wextra -Wconversion -Wshadow -Wimplicit-fallthrough -Wstrict-prototypes \
	-Wmissing-prototypes -Werror
# The same objects wherever the tree lies
HERE := -ffile-prefix-map=$(CURDIR)=.

# Quoted includes start at the root; -iquote and not -I, or <sys/mman.h> would look into sys/.
HOST_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) $(WARN) $(HERE) -iquote .
# only what a program uses: mayfly-worker and the benchmarks need few of the libraries
HOST_LDFLAGS := -Wl,--as-needed $(LDFLAGS)

# B: where the programs of this build go. Guest code is the same in both.
ifeq ($(SAN),)
B := build
WORKER_LDFLAGS := -static-pie
else
B := build/san
HOST_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
HOST_LDFLAGS += -fsanitize=address,undefined
WORKER_LDFLAGS :=
endif

GUEST_CFLAGS := @libos/cflags $(WARN) $(HERE) -iquote . -Ilibos

LIBS_CLI    := -lcyaml -lyaml -lsodium -ljansson
LIBS_HUB    := -lcyaml -lyaml -lsodium -ljansson -lseccomp
# Only what is used of a static library ends up in the worker; cyaml never does.
LIBS_WORKER := -lseccomp -lsodium
LIBS_TEST   := -lcmocka -lcyaml -lyaml -lsodium -ljansson -lseccomp
LIBS_BENCH  := $(LIBS_CLI) -lseccomp
