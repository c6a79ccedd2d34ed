/* lapack.c - see lapack.h */
#include "lapack.h"

#define PRODUCTS(P)                                                                                \
	void P##gemm_(flag, flag, in, in, in, const void *, const void *, in, const void *, in,    \
		const void *, void *, in, size_t, size_t);                                         \
	void P##gemv_(flag, in, in, const void *, const void *, in, const void *, in,              \
		const void *, void *, in, size_t);

#define LAPACK(P)                                                                                  \
	void P##trsm_(flag, flag, flag, flag, in, in, const void *, const void *, in, void *, in,  \
		size_t, size_t, size_t, size_t);                                                   \
	void P##syrk_(flag, flag, in, in, const void *, const void *, in, const void *, void *,    \
		in, size_t, size_t);                                                               \
	void P##getrf_(in, in, void *, in, int32_t *, int32_t *);                                  \
	void P##getrs_(                                                                            \
		flag, in, in, const void *, in, const int32_t *, void *, in, int32_t *, size_t);   \
	void P##getri_(in, void *, in, const int32_t *, void *, in, int32_t *);                    \
	void P##laswp_(in, void *, in, in, in, const int32_t *, in);                               \
	void P##sytrf_(flag, in, void *, in, int32_t *, void *, in, int32_t *, size_t);            \
	void P##sytrs_(                                                                            \
		flag, in, in, const void *, in, const int32_t *, void *, in, int32_t *, size_t);   \
	void P##potrf_(flag, in, void *, in, int32_t *, size_t);                                   \
	void P##geqrf_(in, in, void *, in, void *, void *, in, int32_t *);                         \
	void P##orgqr_(in, in, in, void *, in, const void *, void *, in, int32_t *);               \
	void P##gelsd_(in, in, in, void *, in, void *, in, void *, const void *, int32_t *,        \
		void *, in, int32_t *, int32_t *);                                                 \
	void P##syevd_(flag, flag, in, void *, in, void *, void *, in, int32_t *, in, int32_t *,   \
		size_t, size_t);                                                                   \
	void P##gesdd_(flag, in, in, void *, in, void *, void *, in, void *, in, void *, in,       \
		int32_t *, int32_t *, size_t);

PRODUCTS(s)
PRODUCTS(d)
PRODUCTS(c)
PRODUCTS(z)
LAPACK(s)
LAPACK(d)

#define PRODUCT(P)                                                                                 \
	{                                                                                          \
		P##gemm_, P##gemv_                                                                 \
	}
#define ROUTINES(P)                                                                                \
	{                                                                                          \
		P##trsm_, P##syrk_, P##getrf_, P##getrs_, P##getri_, P##laswp_, P##sytrf_,         \
			P##sytrs_, P##potrf_, P##geqrf_, P##orgqr_, P##gelsd_, P##syevd_,          \
			P##gesdd_                                                                  \
	}

const struct products products[4] = {PRODUCT(s), PRODUCT(d), PRODUCT(c), PRODUCT(z)};
const struct lapack lapack[2] = {ROUTINES(s), ROUTINES(d)};
