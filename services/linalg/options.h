/*
 * options.h - the options of a request, as they stand in its query: "alpha=2&transa=t". Each operation takes
 * some of them (ops.h); what it doesn't know is refused, so that no option is thought to work which doesn't.
 */
#ifndef LINALG_OPTIONS_H
#define LINALG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum option {
	OPTION_ALPHA,
	OPTION_BETA,
	OPTION_RCOND,
	OPTION_TOLERANCE,
	OPTION_NUMBERS, /* those above are numbers, those below one of some words */
	OPTION_TRANS = OPTION_NUMBERS,
	OPTION_TRANSA,
	OPTION_TRANSB,
	OPTION_UPLO,
	OPTION_SIDE,
	OPTION_DIAG,
	OPTION_ORDER,
	OPTION_ASSUME,
	OPTION_MODE,
	OPTION_FULL,
	OPTION_VECTORS,
	OPTION_ALGORITHM,
	OPTION_PLAN,
	OPTIONS
};

struct number {
	double re, im;
};

enum { ASSUME_GENERAL, ASSUME_SYMMETRIC, ASSUME_POSITIVE, ASSUME_UPPER, ASSUME_LOWER };
enum { MODE_REDUCED, MODE_COMPLETE, MODE_R, MODE_RAW };
enum { ALGORITHM_CLASSIC, ALGORITHM_STRASSEN, ALGORITHM_AUTO };

struct options {
	uint32_t given; /* bits by enum option */
	struct number number[OPTION_NUMBERS];
	unsigned word[OPTIONS]; /* which of the words, from 0; the default's without one */
};

#define OPTION(name) (1u << OPTION_##name)

/* Reads the query; `taken` are bits of the options that the operation has. False: text says why. */
bool options_read(struct mf_str query, uint32_t taken, struct options *to, char *text, size_t size);
/* The letter that BLAS knows the word by: 'N', 'T', 'C', 'U', 'L', 'R'. */
char option_letter(const struct options *options, enum option option);

/* A number as Python prints it: "1", "-2.5e3", "nan", "inf", "1.5-2j", "(1.5-2j)", "2j". False: it is none. */
bool number_read(struct mf_str text, struct number *to);

#endif
