# The module posix: musl's sources, as Debian has them and unpacked by mk/need.sh (borrow_source), are
# compiled by musl's own Makefile, out of its tree: ours is only the header by which system calls
# become calls of a function (libos/posix/musl), which is found before musl's own. The files lie in
# build/lib/posix, and so does what is built on it: liblua.a. Without the sources, of both, there is no
# posix, and images that name it are left out.

MUSL_SRC := $(wildcard build/need/src/musl/Makefile)
LUA_SRC  := $(wildcard build/need/src/lua5.4/src/lapi.c)
POSIX    := build/lib/posix

# What of musl: what a life has no use for is left out, so that a service which calls it doesn't link:
# processes, users, threads, signals, sockets, terminals, waiting; and what libos/arch has.
MUSL_DIRS := complex conf ctype dirent env errno exit fcntl fenv internal locale malloc malloc/mallocng \
	math misc mman multibyte prng regex search setjmp stat stdio stdlib string temp time unistd
MUSL_MORE := thread/__lock thread/__syscall_cp thread/default_attr thread/vmlock thread/__wait \
	thread/pthread_setcancelstate linux/getrandom linux/sysinfo
MUSL_NOT  := exit/abort exit/abort_lock misc/forkpty misc/initgroups misc/login_tty misc/openpty \
	misc/pty misc/ptsname misc/syslog misc/wordexp misc/syscall misc/lockf misc/getresgid misc/getresuid \
	stdio/popen stdio/pclose setjmp/sigsetjmp string/$(ARCH)/mem% string/memcmp string/strlen \
	env/__reset_tls time/clock_nanosleep time/nanosleep time/timer_% unistd/alarm unistd/dup% \
	unistd/faccessat unistd/get%id unistd/set%id unistd/setpgrp unistd/getpgrp unistd/getgroups \
	unistd/getlogin% unistd/nice unistd/pause unistd/pipe% unistd/sleep unistd/tc% unistd/ualarm \
	unistd/usleep unistd/setxid unistd/acct unistd/chown unistd/%chown% mman/shm_open
MUSL_YES  := unistd/getpid unistd/dup3

MUSL_OWN   := -fno-builtin -ffreestanding -std=c99 -g0 -Os -nostdinc -fno-strict-aliasing \
	-fexcess-precision=standard -frounding-math -w -I$(CURDIR)/libos/posix/musl
MUSL_MAKE   = $(MAKE) --no-print-directory -C build/posix -f $(CURDIR)/$(dir $(MUSL_SRC))Makefile \
	srcdir=$(CURDIR)/$(patsubst %/,%,$(dir $(MUSL_SRC))) ARCH=$(ARCH) CC='$(CC)' AR='$(AR)' RANLIB='$(AR) s' \
	CFLAGS_C99FSE='@$(CURDIR)/libos/cflags $(MUSL_OWN)' CFLAGS_AUTO= CFLAGS= CPPFLAGS= \
	CFLAGS_MEMOPS=-fno-tree-loop-distribute-patterns \
	SRC_DIRS='$(MUSL_DIRS:%=$$(srcdir)/src/%)' \
	OPTIMIZE_GLOBS='malloc/mallocng/*.c string/*.c' \
	AOBJS='$$(filter-out $(MUSL_NOT:%=obj/src/%.o),$$(LIBC_OBJS)) $(MUSL_MORE:%=obj/src/%.o) $(MUSL_YES:%=obj/src/%.o)'

ifneq ($(and $(MUSL_SRC),$(LUA_SRC)),)
POSIX_FILES := $(POSIX)/libc.a

# All of it anew: musl's Makefile knows nothing of what is ours. Some of its headers it makes.
$(POSIX)/libc.a: mk/posix.mk libos/cflags $(wildcard libos/posix/musl/*) $(MUSL_SRC)
	@rm -rf build/posix/obj $(POSIX)/include
	@mkdir -p $(addprefix build/posix/obj/src/,$(sort $(dir $(MUSL_MORE)))) $(POSIX)
	$(call say,musl,$(POSIX)/libc.a)
	$(Q)+$(MUSL_MAKE) lib/libc.a >build/posix/log 2>&1 || { tail -n 20 build/posix/log >&2; exit 1; }
	$(Q)$(CC) @libos/cflags -Wall -Wextra -Werror -c libos/posix/musl/ends.c -o build/posix/ends.o
	$(Q)cp -r $(dir $(MUSL_SRC))include $(POSIX)/include
	$(Q)cp -r $(dir $(MUSL_SRC))arch/generic/bits $(dir $(MUSL_SRC))arch/$(ARCH)/bits build/posix/obj/include/bits \
		$(POSIX)/include/
	$(Q)cp $(dir $(MUSL_SRC))debian/copyright $(POSIX)/libc.copyright
	$(Q)cp build/posix/lib/libc.a $@.new && $(AR) rcsD $@.new build/posix/ends.o && mv $@.new $@

POSIX_FILES += $(POSIX)/liblua.a
LUA_OBJ := $(patsubst $(dir $(LUA_SRC))%.c,build/posix/lua/%.o,$(filter-out %/lua.c %/luac.c,$(wildcard $(dir $(LUA_SRC))*.c)))
# Debian's luaconf.h wants the name of the directory where a machine's libraries lie. A guest has none.
$(POSIX)/include/lua5.4-deb-multiarch.h: $(POSIX)/libc.a
	@echo '#define DEB_HOST_MULTIARCH ""' >$@
$(LUA_OBJ): build/posix/lua/%.o: $(dir $(LUA_SRC))%.c $(POSIX)/include/lua5.4-deb-multiarch.h libos/cflags
	@mkdir -p $(@D)
	$(call say,guest cc,lua/$*.c)
	$(Q)$(CC) @libos/cflags -fhosted -nostdinc -isystem $(POSIX)/include \
		-isystem $$($(CC) -print-file-name=include) $(HERE) -w -c $< -o $@
$(POSIX)/liblua.a: $(LUA_OBJ)
	$(call say,ar,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(LUA_OBJ)
	$(Q)cp $(dir $(LUA_SRC))../debian/copyright $(POSIX)/liblua.copyright
	$(Q)cp $(addprefix $(dir $(LUA_SRC)),lua.h luaconf.h lauxlib.h lualib.h) $(POSIX)/include/
endif
