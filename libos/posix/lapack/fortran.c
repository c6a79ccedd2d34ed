/*
 * The module lapack: what gfortran's code calls of its own library (libgfortran, caf and string functions),
 * which needs files and threads and isn't linked. LAPACK puts options together: SIDE // TRANS.
 */
#include "libos/mayfly.h"

/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the compiler's name */
void _gfortran_concat_string(
	size_t to_length, char *to, size_t a_length, const char *a, size_t b_length, const char *b);

/* a and b one after the other, cut off at the end of `to` or filled up with blanks. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void _gfortran_concat_string(
	size_t to_length, char *to, size_t a_length, const char *a, size_t b_length, const char *b)
{
	size_t n = a_length < to_length ? a_length : to_length, m = to_length - n;

	if (b_length < m)
		m = b_length;
	memcpy(to, a, n);
	memcpy(to + n, b, m);
	memset(to + n + m, ' ', to_length - n - m);
}
