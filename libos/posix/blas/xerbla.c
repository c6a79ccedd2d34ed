/*
 * The module blas: what a routine calls that was given a wrong argument: a line in the log, and the routine
 * returns without having done anything. A service with an xerbla_ of its own is linked with that.
 */
#include "libos/mayfly.h"

/* SUBROUTINE XERBLA(SRNAME, INFO): 6 letters, no zero behind; which argument, from 1. */
int xerbla_(const char *name, const int *argument, size_t length);
int xerbla_(const char *name, const int *argument, size_t length)
{
	char shown[8];
	size_t n = 0;

	for (; n < length && n < sizeof(shown) - 1 && name[n] > ' '; n++)
		shown[n] = name[n];
	shown[n] = '\0';
	mf_log_at(MF_LEVEL_WARN, "%s: its argument %d is wrong", shown, *argument);
	return 0;
}
