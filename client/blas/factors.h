/*
 * client/blas/factors.h - which factors the service keeps, so that solving with one needs to send the right sides only.
 *
 * A factor goes by what it holds. Programs overwrite matrices, so neither where it lies nor that it lay there before
 * says anything: its bytes are hashed each time, as they would be sent, and only if the SHA-256 is the name of what is
 * kept the service is told that name. So a wrong entry here costs time, nothing else.
 *
 * A table of a few names, the oldest goes first. Pure; not thread-safe: a part of the model (client/blas/model.h).
 */
#ifndef CLIENT_BLAS_FACTORS_H
#define CLIENT_BLAS_FACTORS_H

#include <stdbool.h>
#include <stdint.h>

enum { FACTORS = 16, FACTOR_NAME = 65 };

/* What is solved with it: another one than these wouldn't fit. */
struct factor_kind_of {
	char type, uplo; /* uplo: 0 of an LU */
	int64_t n;
};

struct factors {
	struct {
		struct factor_kind_of kind;
		char name[FACTOR_NAME];
		double until; /* monotonic seconds; 0: none */
	} of[FACTORS];
	unsigned kept, used; /* how often */
};

void factors_add(
	struct factors *factors, const struct factor_kind_of *kind, const char *name, double until);
/* Is there one that could be it? */
bool factors_may(const struct factors *factors, const struct factor_kind_of *kind, double now);
bool factors_has(const struct factors *factors, const struct factor_kind_of *kind, const char *name,
	double now);
/* It was solved with. */
void factors_used(struct factors *factors);
/* Shall one more be kept? Not for a program that only factors: of four that it never used it learns that. They take room
 * at the service. */
bool factors_wanted(const struct factors *factors);
/* The service hasn't got it any more. */
void factors_drop(struct factors *factors, const char *name);

#endif
