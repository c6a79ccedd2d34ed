/*
 * client/blas/local.h - finds the routines that do the work here: those that the program would have called without
 * this library. Once, at the first call of any routine. In this order:
 *
 *   1. the library that MAYFLY_BLAS_LOCAL names (a path, or a name for the linker's search)
 *   2. what stands behind this library in the program's own search order (RTLD_NEXT)
 *   3. libraries that are loaded already, for somebody else: Python loads its extensions' ones apart (RTLD_LOCAL)
 *   4. installed ones: libopenblas.so.0, then those names of Debian's directories that local.c lists
 *
 * and never one of this library's own. CBLAS and LAPACK may come from other files than BLAS; a routine that is
 * nowhere is a line on stderr and abort() when it is called, as the linker would have had it.
 */
#ifndef CLIENT_BLAS_LOCAL_H
#define CLIENT_BLAS_LOCAL_H

/* Fills the pointers of `routines` (client/blas/call.h): of BLAS, at the first call of any routine, and of LAPACK, at the
 * first call of a solver. Not thread-safe. Thresholds stay as they are. */
void local_find(void);
void local_find_solvers(void);
/* A function of the local libraries by its name, or NULL. */
void (*local_function(const char *name))(void);
/* The file that dgemm_ came from: by that speeds are kept. "" if it isn't known. */
const char *local_file(void);
/* How many threads a large product has there; 1 if the library doesn't say. */
unsigned local_threads(void);

#endif
