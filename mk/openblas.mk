# The modules blas and lapack, for services that compute with matrices: OpenBLAS and LAPACK from Debian's
# source packages, as mk/need.sh unpacks them, against musl. One thread, one processor's code a build:
# build/lib/posix/libblas.a for any x86-64, build/lib/posix/VARIANT/libblas.a for those with more.
# OpenBLAS's own Makefile compiles in a copy of its tree, and only what is listed here: the routines of
# mk/openblas.mk's first lines and what these call, 400 objects of 1900. docs/linalg-build.md has the list.

BLAS_SRC   := $(wildcard build/need/src/openblas/Makefile.rule)
LAPACK_SRC := $(wildcard build/need/src/lapack/SRC/dgesv.f)
FC         := $(shell command -v gfortran)

# The default and its target in OpenBLAS's words
BLAS_VARIANTS := haswell skylakex
BLAS_TARGET_portable := PRESCOTT
BLAS_TARGET_haswell  := HASWELL
BLAS_TARGET_skylakex := SKYLAKEX
# and what each needs of a processor, in the compiler's words (image/cpu.h)
BLAS_FEATURES_portable := sse3
BLAS_FEATURES_haswell  := sse3 ssse3 sse4.1 avx avx2 fma
BLAS_FEATURES_skylakex := sse3 ssse3 sse4.1 sse4.2 popcnt avx fma bmi bmi2 avx2 avx512f avx512cd avx512bw avx512dq avx512vl
# What blas_memory_alloc gives at a time: 32 << this bytes, of which a product touches what it packs. How many columns of B
# that is, R, their param.h says as a number for some targets, that fits 32 MiB; here it is reckoned from these bytes for all.
BLAS_BUFFER := 18

# ger copies an x whose elements lie apart there, however long it is: here as many rows at a time as there is room for
BLAS_GER := for (BLASLONG i = 0, most = BUFFER_SIZE \/ sizeof(FLOAT); i < m; i += most) \
	GER(MIN(most, m - i), n, 0, alpha, x + i * incx, incx, y, incy, a + i, lda, buffer);

# So do products of a matrix and a vector: x, and y too with some kernels. Parts of the matrix add up
blas-gemv = for (BLASLONG most = BUFFER_SIZE \/ sizeof(FLOAT) \/ 8, i = 0; i < m; i += most) for (BLASLONG j = 0; j < n; j += most) \
	(gemv[(int)trans])(MIN(most, m - i), MIN(most, n - j), 0, $(2), a + (i + j * lda) * $(1), lda, \
	x + (trans \& 1 ? i : j) * incx * $(1), incx, y + (trans \& 1 ? j : i) * incy * $(1), incy, buffer);

# s and d of all, c and z of products. Level 1 is there for LAPACK.
both = $(foreach t,s d,$(addprefix $(t),$(1)))
four = $(foreach t,s d c z,$(addprefix $(t),$(1)))
sides := LN LT RN RT
# LNUN: side, transposed, upper or lower, unit diagonal
cross = $(foreach x,$(1),$(addprefix $(x),$(2)))
uplo_diag := UU UN LU LN
triangles = $(call cross,$(sides),$(uplo_diag))

BLAS_interface := $(call four,gemm gemv scal) \
	$(call both,asum axpy copy dot ger nrm2 rot swap symm symv syr syr2 syr2k syrk trmm trmv trsm trsv) \
	$(call both,gesv getrf getrs laswp potrf trtri trtrs) isamax idamax \
	$(addprefix cblas_,$(call four,gemm gemv) $(call both,symm syr2k syrk trmm trsm))
BLAS_driver/level2 := $(call both,$(call cross,syr_ syr2_,U L) $(call cross,trmv_ trsv_,$(call cross,N T,$(uplo_diag))))
BLAS_driver/level3 := $(foreach t,s d,$(addprefix $(t)gemm_,nn nt tn tt)) \
	$(foreach t,c z,$(addprefix $(t)gemm_,$(call cross,n t r c,n t r c))) \
	$(call both,$(addprefix symm_,LL LU RL RU) $(call cross,syrk_ syr2k_,UN UT LN LT) \
		$(call cross,syrk_kernel_ syr2k_kernel_,U L) $(call cross,trmm_ trsm_,$(triangles)))
BLAS_driver/others := parameter
BLAS_kernel := $(call four,$(addprefix gemm_,beta incopy itcopy oncopy otcopy) scal_k) \
	$(call both,gemm_kernel gemv_n gemv_t amin_k asum_k axpy_k copy_k dot_k ger_k nrm2_k rot_k swap_k symv_U symv_L \
		$(addprefix symm_,iutcopy iltcopy outcopy oltcopy) $(call cross,trmm_kernel_ trsm_kernel_,$(sides)) \
		$(call cross,trmm_ trsm_,$(addsuffix copy,$(call cross,i o,$(call cross,ln lt un ut,n u))))) \
	$(foreach t,c z,$(addprefix $(t)gemm_kernel_,n l r b) $(addprefix $(t)gemv_,n t r c o u s d)) \
	isamax_k isamin_k idamax_k idamin_k
BLAS_lapack/getf2 := $(call both,getf2_k)
BLAS_lapack/getrf := $(call both,getrf_single)
BLAS_lapack/getrs := $(call both,getrs_N_single getrs_T_single)
BLAS_lapack/laswp := $(call both,laswp_plus laswp_minus)
BLAS_lapack/potf2 := $(call both,potf2_U potf2_L)
BLAS_lapack/potrf := $(call both,potrf_U_single potrf_L_single)
BLAS_lapack/trti2 := $(call both,$(addprefix trti2_,$(uplo_diag)))
BLAS_lapack/trtri := $(call both,$(addsuffix _single,$(addprefix trtri_,$(uplo_diag))))
BLAS_lapack/trtrs := $(call both,$(addsuffix _single,$(addprefix trtrs_,$(call cross,U L,$(call cross,N T,U N)))))
# Of a target whose blocks are square, one way of copying them is enough
BLAS_NOT_portable := $(foreach t,d z,$(addprefix $(t)gemm_,incopy itcopy))
BLAS_PARTS := $(patsubst BLAS_%,%,$(filter BLAS_interface BLAS_driver/% BLAS_kernel BLAS_lapack/%,$(.VARIABLES)))

BLAS_CFLAGS := @$(CURDIR)/libos/cflags -fhosted -nostdinc -isystem $(CURDIR)/$(POSIX)/include \
	-isystem $(shell $(CC) -print-file-name=include) -w -g0
BLAS_MAKE = $(MAKE) --no-print-directory -C build/blas/$(1)/$(2) CC='$(CC) $(BLAS_CFLAGS)' HOSTCC='$(CC)' AR='$(AR)' \
	TARGET=$(BLAS_TARGET_$(1)) BINARY=64 CROSS=1 NOFORTRAN=1 USE_THREAD=0 USE_LOCKING=0 NO_AFFINITY=1 NO_WARMUP=1 \
	NO_LAPACKE=1 NO_SHARED=1 CFLAGS= LDFLAGS= BUILD_BFLOAT16=0 SMALL_MATRIX_OPT=0 MAX_STACK_ALLOC=0 NEED_PIC=0 BUFFERSIZE=$(BLAS_BUFFER)
BLAS_LOG = >build/blas/$(1)/$(subst /,-,$(2)).log 2>&1 || { tail -n 20 build/blas/$(1)/$(subst /,-,$(2)).log >&2; exit 1; }
BLAS_TAKEN = $(filter-out %/debian %/test %/ctest %/utest %/make.inc,$(wildcard $(dir $(BLAS_SRC))*))
blas-objects = $(addprefix build/blas/$(1)/$(2)/,$(addsuffix .o,$(filter-out $(BLAS_NOT_$(1)),$(BLAS_$(2)))))
blas-archive = $(POSIX)/$(if $(filter-out portable,$(1)),$(1)/)libblas.a

# Their parameter.c asks the processor by CPUID (leaf 0x80000006) how large its cache of the second level is. A life may
# not, or it would compute in another order on another processor: it is told 1 MiB, as most have by now. What is
# made first, alone, is what their Makefiles read, Makefile.conf and config.h, which each of them would make again.
define blas-rules
build/blas/$(1)/done: $(BLAS_SRC) mk/openblas.mk libos/cflags | $(POSIX)/libc.a
	@rm -rf build/blas/$(1) && mkdir -p build/blas/$(1)
	$$(call say,openblas,$(BLAS_TARGET_$(1)))
	$$(Q)cp -r $$(BLAS_TAKEN) build/blas/$(1)/
	$$(Q)sed -i -E 's/^(#define (SGEMM|DGEMM|CGEMM|ZGEMM)_DEFAULT_R)[[:space:]]+[0-9]+$$$$/\1 \L\2_r/' build/blas/$(1)/param.h
	$$(Q)sed -i 's/^    GER(m, n, 0, alpha, x, incx, y, incy, a, lda, buffer);/    $(BLAS_GER)/' build/blas/$(1)/interface/ger.c
	$$(Q)sed -i 's/^    (gemv\[.*, alpha, .*buffer);/    $(call blas-gemv,1,alpha)/' build/blas/$(1)/interface/gemv.c
	$$(Q)sed -i 's/^    (gemv\[.*, alpha_r, .*buffer);/    $(call blas-gemv,2,alpha_r$(comma) alpha_i)/' build/blas/$(1)/interface/zgemv.c
	$$(Q)cd build/blas/$(1)/interface && for f in ger gemv zgemv; do grep -q 'most = BUFFER_SIZE' $$$$f.c || exit 1; done
	$$(Q)mv build/blas/$(1)/driver/others/parameter.c build/blas/$(1)/driver/others/parameter_asked.c
	$$(Q)printf '%s\n' '#include "common.h"' '#define cpuid(leaf, a, b, c, d) ((void)(a), (void)(b), (void)(d), *(c) = 1024 << 16)' \
		'#include "parameter_asked.c"' >build/blas/$(1)/driver/others/parameter.c
	$$(Q)+$$(call BLAS_MAKE,$(1),driver/others) parameter.o $$(call BLAS_LOG,$(1),driver/others)
	@echo all: >build/blas/$(1)/Makefile.prebuild
	@touch $$@
$(BLAS_PARTS:%=build/blas/$(1)/%.ok): build/blas/$(1)/%.ok: build/blas/$(1)/done
	$$(Q)+$$(call BLAS_MAKE,$(1),$$*) $$(notdir $$(call blas-objects,$(1),$$*)) $$(call BLAS_LOG,$(1),$$*)
	@touch $$@
$(call blas-archive,$(1)): $(BLAS_PARTS:%=build/blas/$(1)/%.ok) $(BLAS_OWN_OBJ)
	@mkdir -p $$(@D)
	$$(call say,ar,$$@)
	$$(Q)cp $(dir $(BLAS_SRC))debian/copyright $(POSIX)/libblas.copyright
	$$(Q)echo $(BLAS_FEATURES_$(1)) >$$(@:.a=.features)
	$$(Q)rm -f $$@ && $(AR) rcsD $$@ $(BLAS_OWN_OBJ) $(foreach p,$(BLAS_PARTS),$(call blas-objects,$(1),$(p)))
endef

ifneq ($(and $(BLAS_SRC),$(POSIX_FILES)),)
BLAS_OWN_OBJ := $(patsubst libos/posix/blas/%.c,build/blas/own/%.o,$(addprefix libos/posix/blas/,memory.c xerbla.c))
$(BLAS_OWN_OBJ): build/blas/own/%.o: libos/posix/blas/%.c libos/mayfly.h libos/posix/posix.h libos/cflags mk/openblas.mk
	@mkdir -p $(@D)
	$(call say,guest cc,$<)
	$(Q)$(CC) $(GUEST_CFLAGS) -DBLAS_BUFFER=$(BLAS_BUFFER) -c $< -o $@
$(foreach v,portable $(BLAS_VARIANTS),$(eval $(call blas-rules,$(v))))
BLAS_FILES := $(POSIX)/libblas.a
endif

# LAPACK: getrf getrs gesv potrf potrs potri geqrf orgqr ormqr gels gelsd gesdd getri sysv sytrf sytrs syevd trtri
# trtrs gecon, lange and what they call, s and d; some of them OpenBLAS has, faster. The same for all processors.
LAPACK_PAIRS := bdsdc bdsqr gebd2 gebrd gecon gelq2 gelqf gels gelsd geqr2 geqrf gesdd getri isnan labad labrd \
	lacn2 lacpy lae2 laed0 laed1 laed2 laed3 laed4 laed5 laed6 laed7 laed8 laed9 laeda laev2 laisnan \
	lals0 lalsa lalsd lamch lamrg lange lanst lansy lapy2 larf larfb larfg larft lartg las2 lascl \
	lasd0 lasd1 lasd2 lasd3 lasd4 lasd5 lasd6 lasd7 lasd8 lasda lasdq lasdt laset lasq1 lasq2 lasq3 \
	lasq4 lasq5 lasq6 lasr lasrt lassq lasv2 lasyf latrd latrs lauu2 lauum org2r orgbr orgl2 orglq \
	orgqr orm2l orm2r ormbr orml2 ormlq ormql ormqr ormtr potri potrs roundup_lwork rscl stedc steqr \
	sterf syconv syevd sysv sytd2 sytf2 sytrd sytrf sytrs sytrs2
LAPACK_OTHERS := ieeeck iladlc iladlr ilaenv ilaslc ilaslr iparmq la_xisnan lsame
# Modules of Fortran 90, and who reads them
LAPACK_FIRST  := la_constants la_xisnan
LAPACK_NEXT   := $(call both,lartg lassq)

ifneq ($(and $(LAPACK_SRC),$(BLAS_FILES),$(FC)),)
LAPACK_OBJ := $(addprefix build/lapack/,$(addsuffix .o,$(sort la_constants $(call both,$(LAPACK_PAIRS)) $(LAPACK_OTHERS))))
# What libos/cflags says, but what is of C only
LAPACK_FFLAGS := $(filter-out -std=% -ffreestanding -fbuiltin -g,$(file <libos/cflags)) -g0 -w -J build/lapack
lapack-source = $(firstword $(wildcard $(foreach d,SRC INSTALL,$(addprefix $(patsubst %/SRC/,%,$(dir $(LAPACK_SRC)))/$(d)/$(1),.f .f90 .F90))))
define lapack-rule
build/lapack/$(1).o: $(call lapack-source,$(1)) libos/cflags mk/openblas.mk
	@mkdir -p $$(@D)
	$$(call say,gfortran,lapack/$(1))
	$$(Q)$(FC) $$(LAPACK_FFLAGS) -c $$< -o $$@
endef
$(foreach o,$(LAPACK_OBJ:build/lapack/%.o=%),$(eval $(call lapack-rule,$(o))))
build/lapack/la_xisnan.o: build/lapack/la_constants.o
$(LAPACK_NEXT:%=build/lapack/%.o): $(LAPACK_FIRST:%=build/lapack/%.o)
build/lapack/fortran.o: libos/posix/lapack/fortran.c libos/cflags mk/openblas.mk
	@mkdir -p $(@D)
	$(call say,guest cc,$<)
	$(Q)$(CC) $(GUEST_CFLAGS) -c $< -o $@
$(POSIX)/liblapack.a: $(LAPACK_OBJ) build/lapack/fortran.o
	@mkdir -p $(@D)
	$(call say,ar,$@)
	$(Q)cp $(dir $(LAPACK_SRC))../debian/copyright $(POSIX)/liblapack.copyright
	$(Q)rm -f $@ && $(AR) rcsD $@ $^
BLAS_FILES += $(POSIX)/liblapack.a
endif
