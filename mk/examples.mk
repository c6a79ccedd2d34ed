# examples/: programs of somebody else, as it were, which know nothing of mayfly. weather needs a BLAS with CBLAS, and
# LAPACK (Debian: libblas-dev, liblapack-dev); where they are not, it isn't built, and its tests are skipped.

EXAMPLES_SRC := $(wildcard examples/*/*.c)
HAS_LAPACK := $(and $(wildcard /usr/include/cblas.h /usr/include/*/cblas.h),\
	$(wildcard /usr/lib/liblapack.so /usr/lib/*/liblapack.so))
EXAMPLES := $(if $(HAS_LAPACK),$(B)/examples/weather)

$(B)/examples/weather: $(call host-object,$(wildcard examples/weather/*.c))
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(CC) $(CFLAGS) $(HOST_LDFLAGS) -o $@ $^ -llapack -lblas -lm
-include $(patsubst %.o,%.d,$(call host-object,$(EXAMPLES_SRC)))
