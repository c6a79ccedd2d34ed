# client/blas: the drop-in BLAS. libmayfly-blas.so is preloaded. It isn't linked with libmayfly, which is loaded when
# something goes out, from the same directory.

BLAS_SRC   := $(wildcard client/blas/*.c) wire/npy.c wire/decimal.c sys/library.c
BLAS_OBJ   := $(BLAS_SRC:%.c=$(B)/pic/%.o)
BLAS_FILES := $(B)/libmayfly-blas.so

-include $(BLAS_OBJ:.o=.d)

$(eval $(call list-rule,$(B)/pic/blas.objects,$(BLAS_OBJ)))
# for unit tests
$(B)/pic/blas.a: $(BLAS_OBJ) $(B)/pic/blas.objects
	$(call say,ar,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(BLAS_OBJ)
$(B)/libmayfly-blas.so: $(BLAS_OBJ) $(B)/pic/blas.objects
	$(call say,link,$@)
	$(Q)$(CC) $(CFLAGS) $(HOST_LDFLAGS) $(if $(SAN),,-Wl$(comma)-z$(comma)defs) -shared -Wl,-soname,$(@F) \
		'-Wl,-rpath,$$ORIGIN' -o $@ $(BLAS_OBJ) -lm -pthread

.PHONY: install-blas
install-blas: $(BLAS_FILES)
	install -D -m 755 $(B)/libmayfly-blas.so $(INSTALL_TO)/lib/libmayfly-blas.so
