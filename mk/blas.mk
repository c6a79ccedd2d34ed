# client/blas: the drop-in BLAS. libmayfly-blas.so is preloaded; mayfly-blas/libblas.so.3 is the same under the name that
# Debian's alternatives have, with every other routine of BLAS passed on. Neither is linked with libmayfly, which is
# loaded when something goes out: from the same directory, or the one above.

BLAS_ASK_SRC   := $(filter-out client/blas/forward.c,$(wildcard client/blas/*.c)) wire/npy.c wire/decimal.c sys/library.c
BLAS_ASK_OBJ   := $(BLAS_ASK_SRC:%.c=$(B)/pic/%.o)
BLAS_ASK_ALL   := $(BLAS_ASK_OBJ) $(B)/pic/client/blas/forward.o
BLAS_ASK_FILES := $(B)/libmayfly-blas.so $(B)/mayfly-blas/libblas.so.3
-include $(BLAS_ASK_ALL:.o=.d)

$(eval $(call list-rule,$(B)/pic/blas.objects,$(BLAS_ASK_OBJ)))
# for unit tests, and bench/blas
$(B)/pic/blas.a: $(BLAS_ASK_OBJ) $(B)/pic/blas.objects
	$(call say,ar,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(BLAS_ASK_OBJ)
$(B)/bench/blas: $(B)/pic/blas.a
$(B)/bench/blas: LIBS_BENCH += -lm

blas-link = $(Q)$(CC) $(CFLAGS) $(HOST_LDFLAGS) $(if $(SAN),,-Wl$(comma)-z$(comma)defs) -shared -Wl,-soname,$(@F) \
	'-Wl,-rpath,$(1)' -o $@ $(filter %.o,$^) -lm -pthread
$(B)/libmayfly-blas.so: $(BLAS_ASK_OBJ) $(B)/pic/blas.objects mk/blas.mk
	$(call say,link,$@)
	$(call blas-link,$$ORIGIN)
$(B)/mayfly-blas/libblas.so.3: $(BLAS_ASK_ALL) $(B)/pic/blas.objects mk/blas.mk
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(call blas-link,$$ORIGIN/..)

# what is loaded by it
$(B)/tests/unit/client/blas/threads_test: | $(B)/libmayfly.so.0

.PHONY: install-blas
install-blas: $(BLAS_ASK_FILES)
	install -D -m 755 $(B)/libmayfly-blas.so $(INSTALL_TO)/lib/libmayfly-blas.so
	install -D -m 755 $(B)/mayfly-blas/libblas.so.3 $(INSTALL_TO)/lib/mayfly-blas/libblas.so.3
