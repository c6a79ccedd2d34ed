#include "client/blas/factors.h"

#include <string.h>

static bool alike(const struct factor_kind_of *a, const struct factor_kind_of *b)
{
	return a->type == b->type && a->uplo == b->uplo && a->n == b->n;
}

void factors_drop(struct factors *factors, const char *name)
{
	for (unsigned i = 0; i < FACTORS; i++)
		if (strcmp(factors->of[i].name, name) == 0)
			factors->of[i].until = 0;
}

void factors_add(
	struct factors *factors, const struct factor_kind_of *kind, const char *name, double until)
{
	unsigned at = 0;

	if (strlen(name) + 1 != FACTOR_NAME)
		return;
	factors_drop(factors, name);
	for (unsigned i = 1; i < FACTORS; i++)
		if (factors->of[i].until < factors->of[at].until)
			at = i;
	factors->of[at].kind = *kind;
	strcpy(factors->of[at].name, name);
	factors->of[at].until = until;
	factors->kept++;
}

void factors_used(struct factors *factors)
{
	factors->used++;
}

bool factors_wanted(const struct factors *factors)
{
	return factors->kept / 4 <= factors->used;
}

bool factors_may(const struct factors *factors, const struct factor_kind_of *kind, double now)
{
	for (unsigned i = 0; i < FACTORS; i++)
		if (factors->of[i].until > now && alike(&factors->of[i].kind, kind))
			return true;
	return false;
}

bool factors_has(const struct factors *factors, const struct factor_kind_of *kind, const char *name,
	double now)
{
	for (unsigned i = 0; i < FACTORS; i++)
		if (factors->of[i].until > now && alike(&factors->of[i].kind, kind) &&
			strcmp(factors->of[i].name, name) == 0)
			return true;
	return false;
}
