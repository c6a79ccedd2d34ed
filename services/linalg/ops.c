/* ops.c - the operations; README.md says what each does, and its formula of work. */
#include "ops.h"

#define NAMED(name) #name, .shape = name##_shape, .run = name##_run

const struct op ops[] = {
	{NAMED(multiply), .least = 2, .most = 3, .is_complex = true,
		.options = OPTION(ALPHA) | OPTION(BETA) | OPTION(TRANSA) | OPTION(TRANSB) |
			OPTION(ORDER) | OPTION(ALGORITHM) | OPTION(TOLERANCE)},
	{NAMED(matvec), .least = 2, .most = 3, .is_complex = true,
		.options = OPTION(ALPHA) | OPTION(BETA) | OPTION(TRANS)},
	{NAMED(solve), .least = 2, .most = 2, .options = OPTION(ASSUME) | OPTION(UPLO)},
	{NAMED(cholesky), .least = 1, .most = 1, .options = OPTION(UPLO)},
	{NAMED(lu), .least = 1, .most = 1},
	{NAMED(qr), .least = 1, .most = 1, .options = OPTION(MODE)},
	{NAMED(lstsq), .least = 2, .most = 2, .options = OPTION(RCOND), .finite = true},
	{NAMED(eigh), .least = 1, .most = 1, .options = OPTION(VECTORS) | OPTION(UPLO)},
	{NAMED(svd), .least = 1, .most = 1, .options = OPTION(FULL) | OPTION(VECTORS),
		.finite = true},
	{NAMED(inverse), .least = 1, .most = 1},
	{NAMED(det), .least = 1, .most = 1},
	{NAMED(trsm), .least = 2, .most = 2,
		.options = OPTION(SIDE) | OPTION(UPLO) | OPTION(TRANSA) | OPTION(DIAG) |
			OPTION(ALPHA)},
	{NAMED(syrk), .least = 1, .most = 2,
		.options = OPTION(UPLO) | OPTION(TRANS) | OPTION(ALPHA) | OPTION(BETA)},
	{NAMED(getrs), .least = 3, .most = 3, .pivots = true, .options = OPTION(TRANS)},
	{NAMED(potrs), .least = 2, .most = 2, .options = OPTION(UPLO)},
};
const size_t ops_count = sizeof(ops) / sizeof(ops[0]);
