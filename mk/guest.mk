# What runs in a guest: the library OS as one archive, and the images built with it.

ARCH := x86_64

LIBOS_SRC := $(sort $(wildcard libos/*/*.c) $(wildcard libos/arch/$(ARCH)/*.c libos/arch/$(ARCH)/*.S) \
	$(wildcard wire/*.c) $(wildcard base/*.c))

# libos/event/reply.c -> event__reply.o: the builder reads the module from the name
guest-member = $(subst /,__,$(patsubst libos/%,%,$(subst /$(ARCH)/,/,$(basename $(1))))).o
guest-object = build/guest-obj/$(call guest-member,$(1))
LIBOS_OBJ := $(foreach s,$(LIBOS_SRC),$(call guest-object,$(s)))

define guest-rule
$(call guest-object,$(1)): $(1) libos/cflags mk/flags.mk mk/guest.mk
	@mkdir -p $$(@D)
	$$(call say,guest cc,$(1))
	$$(Q)$$(CC) $$(GUEST_CFLAGS) -MMD -MP -c $(1) -o $$@
endef
$(foreach s,$(LIBOS_SRC),$(eval $(call guest-rule,$(s))))
-include $(LIBOS_OBJ:.o=.d)

$(eval $(call list-rule,build/guest-obj/objects,$(LIBOS_OBJ)))

build/lib/libmayfly-os.a: $(LIBOS_OBJ) build/guest-obj/objects
	@mkdir -p $(@D)
	$(call say,ar,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(LIBOS_OBJ)

# Everything that `mayfly build` needs, as `make install` lays it out.
LIB_INCLUDE := $(addprefix build/lib/include/,mayfly.h $(wildcard abi/*.h base/*.h wire/*.h) libos/home/home.h)
LIB_FILES := $(if $(LIBOS_SRC),build/lib/libmayfly-os.a) build/lib/cflags \
	$(if $(wildcard libos/service.ld),build/lib/service.ld) $(LIB_INCLUDE)

build/lib/include/%.h: %.h
	$(copy)
build/lib/include/mayfly.h: libos/mayfly.h
	$(copy)
build/lib/cflags: libos/cflags
	$(copy)
build/lib/service.ld: libos/service.ld
	$(copy)

# Images: services/NAME -> build/services/NAME.mfy, tests/guest/NAME -> build/guest/NAME.mfy
SERVICES := $(patsubst services/%/mayfly.yaml,%,$(wildcard services/*/mayfly.yaml))
GUESTS   := $(patsubst tests/guest/%/mayfly.yaml,%,$(wildcard tests/guest/*/mayfly.yaml))

# What names the module posix is built where musl is
POSIX_IMAGES := $(notdir $(patsubst %/,%,$(dir $(shell grep -ls '^modules:.*posix' $(SERVICES:%=services/%/mayfly.yaml) \
	$(GUESTS:%=tests/guest/%/mayfly.yaml)))))
ifeq ($(POSIX_FILES),)
SERVICES := $(filter-out $(POSIX_IMAGES),$(SERVICES))
GUESTS   := $(filter-out $(POSIX_IMAGES),$(GUESTS))
endif

# and what names blas or lapack where those are
BLAS_IMAGES := $(notdir $(patsubst %/,%,$(dir $(shell grep -lsE '^modules:.*[[ ,](blas|lapack)' $(SERVICES:%=services/%/mayfly.yaml) \
	$(GUESTS:%=tests/guest/%/mayfly.yaml)))))
LAPACK_IMAGES := $(notdir $(patsubst %/,%,$(dir $(shell grep -lsE '^modules:.*[[ ,]lapack' $(SERVICES:%=services/%/mayfly.yaml) \
	$(GUESTS:%=tests/guest/%/mayfly.yaml)))))
BLAS_MISSING := $(if $(BLAS_FILES),,$(BLAS_IMAGES)) $(if $(filter %/liblapack.a,$(BLAS_FILES)),,$(LAPACK_IMAGES))
SERVICES := $(filter-out $(BLAS_MISSING),$(SERVICES))
GUESTS   := $(filter-out $(BLAS_MISSING),$(GUESTS))

define image-rule
build/$(1)/$(3).mfy: $(wildcard $(2)/$(3)/*) build/mayfly $(LIB_FILES) $(if $(filter $(3),$(POSIX_IMAGES)),$(POSIX_FILES)) \
	$(if $(filter $(3),$(BLAS_IMAGES)),$(BLAS_FILES))
	@mkdir -p $$(@D)
	$$(call say,mayfly build,$(2)/$(3))
	$$(Q)build/mayfly build $(2)/$(3) -o $$@ >/dev/null
endef
ifneq ($(wildcard cli/main.c),)
ifeq ($(SAN),)
$(foreach n,$(SERVICES),$(eval $(call image-rule,services,services,$(n))))
$(foreach n,$(GUESTS),$(eval $(call image-rule,guest,tests/guest,$(n))))
endif
# For processors that can more: NAME+VARIANT.mfy, not part of `all` (make variants)
# $(call variants-of,DIRECTORY): what its mayfly.yaml names, in one line
variants-of = $(shell sed -n 's/^variants: *\[\(.*\)\].*/\1/p' $(1)/mayfly.yaml | tr ',' ' ')
define variant-rule
build/$(1)/$(3)+$(4).mfy: $(wildcard $(2)/$(3)/*) build/mayfly $(LIB_FILES) $(POSIX_FILES) $(BLAS_FILES) $(call blas-archive,$(4))
	@mkdir -p $$(@D)
	$$(call say,mayfly build,$(2)/$(3) --variant $(4))
	$$(Q)build/mayfly build $(2)/$(3) --variant $(4) -o $$@ >/dev/null
VARIANT_IMAGES += build/$(1)/$(3)+$(4).mfy
endef
ifneq ($(BLAS_FILES),)
$(foreach n,$(filter $(BLAS_IMAGES),$(SERVICES)),$(foreach v,$(filter $(BLAS_VARIANTS),$(call variants-of,services/$(n))),\
	$(eval $(call variant-rule,services,services,$(n),$(v)))))
$(foreach n,$(filter $(BLAS_IMAGES),$(GUESTS)),$(foreach v,$(filter $(BLAS_VARIANTS),$(call variants-of,tests/guest/$(n))),\
	$(eval $(call variant-rule,guest,tests/guest,$(n),$(v)))))
endif
.PHONY: variants
variants: $(VARIANT_IMAGES)
IMAGES := $(SERVICES:%=build/services/%.mfy) $(GUESTS:%=build/guest/%.mfy)
endif
