# client/c: libmayfly, a library for programs of others. One object with all that it needs of ours, in which
# only what mayfly-client.h declares has a name: in the archive as in the shared library, nothing of it can
# be taken for something of the program's. The drop-in BLAS is linked with the archive.

SONAME := libmayfly.so.0
CLIENT_SRC := $(wildcard client/c/*.c) wire/npy.c wire/decimal.c sys/secret.c sys/fd.c sys/pace.c
CLIENT_OBJ := $(CLIENT_SRC:%.c=$(B)/pic/%.o)
CLIENT_LIBS := -lcurl -ljansson -lcrypto
CLIENT_FILES := $(B)/libmayfly.a $(B)/$(SONAME) $(B)/libmayfly.so

# whatever is to lie in a shared library: $(B)/pic/X.o of X.c, its names hidden
$(B)/pic/%.o: %.c mk/flags.mk mk/client.mk | $(PLAIN)
	@mkdir -p $(@D)
	$(call say,cc pic,$<)
	$(call cc,$(CC) $(HOST_CFLAGS) -fPIC -fvisibility=hidden)
-include $(CLIENT_OBJ:.o=.d)

# for unit tests, which look inside
$(eval $(call list-rule,$(B)/pic/client.objects,$(CLIENT_OBJ)))
$(B)/pic/client.a: $(CLIENT_OBJ) $(B)/pic/client.objects
	$(call say,ar,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(CLIENT_OBJ)

$(B)/libmayfly.a: $(CLIENT_OBJ) $(B)/pic/client.objects
	$(call say,ar,$@)
	$(Q)ld -r -o $(B)/pic/libmayfly.o $(CLIENT_OBJ) && objcopy --localize-hidden $(B)/pic/libmayfly.o
	$(Q)rm -f $@ && $(AR) rcsD $@ $(B)/pic/libmayfly.o
$(B)/$(SONAME): $(CLIENT_OBJ) $(B)/pic/client.objects
	$(call say,link,$@)
	$(Q)$(CC) $(CFLAGS) $(HOST_LDFLAGS) $(if $(SAN),,-Wl$(comma)-z$(comma)defs) -shared -Wl,-soname,$(SONAME) \
		-o $@ $(CLIENT_OBJ) $(CLIENT_LIBS) -pthread
$(B)/libmayfly.so: $(B)/$(SONAME)
	$(Q)ln -sfn $(SONAME) $@

# What end-to-end tests ask with: a program of somebody else, linked as he would
CLIENT_ASK := $(if $(wildcard tests/client/ask.c),$(B)/tests/client-ask)
$(B)/host/tests/client/ask.o: EXTRA = -Iclient/c
$(B)/tests/client-ask: $(B)/host/tests/client/ask.o $(B)/libmayfly.so
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(CC) $(CFLAGS) $(HOST_LDFLAGS) -o $@ $< -L$(B) -lmayfly -ljansson -Wl,-rpath,'$$ORIGIN/..'
-include $(B)/host/tests/client/ask.d

define PKG_CONFIG
prefix=$(PREFIX)
libdir=$${prefix}/lib
includedir=$${prefix}/include

Name: mayfly
Description: asks services of a mayfly hub
Version: $(shell sed -n 's/^.define MAYFLY_VERSION "\(.*\)"/\1/p' base/version.h)
Cflags: -I$${includedir}
Libs: -L$${libdir} -lmayfly
Libs.private: -pthread
Requires.private: libcurl >= 7.87, jansson, libcrypto
endef
export PKG_CONFIG
.PHONY: install-client
install-client: $(CLIENT_FILES)
	install -D -m 644 client/c/mayfly-client.h $(INSTALL_TO)/include/mayfly-client.h
	install -D -m 644 $(B)/libmayfly.a $(INSTALL_TO)/lib/libmayfly.a
	install -m 755 $(B)/$(SONAME) $(INSTALL_TO)/lib/$(SONAME)
	ln -sfn $(SONAME) $(INSTALL_TO)/lib/libmayfly.so
	install -d $(INSTALL_TO)/lib/pkgconfig
	printf '%s\n' "$$PKG_CONFIG" >$(INSTALL_TO)/lib/pkgconfig/mayfly.pc
