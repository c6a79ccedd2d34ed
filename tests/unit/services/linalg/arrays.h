/*
 * tests/unit/services/linalg/arrays.h - a request made of matrices, and its answer as matrices. Numbers are complex doubles
 * here, whatever type they travel in.
 */
#ifndef TESTS_LINALG_ARRAYS_H
#define TESTS_LINALG_ARRAYS_H

#include <complex.h>
#include <stdbool.h>
#include <stdint.h>

#include "services/linalg/linalg.h"

struct array {
	enum npy_type type;
	unsigned dims;
	uint64_t rows, columns;
	double complex *at; /* in columns; freed by arrays_forget */
};

/* At row i, column j. */
#define AT(m, i, j) ((m)->at[(j) * (m)->rows + (i)])

struct array array_of(enum npy_type type, unsigned dims, uint64_t rows, uint64_t columns);
/* The same numbers each time the program runs, between -1 and 1. */
struct array array_random(enum npy_type type, uint64_t rows, uint64_t columns);
struct array array_vector(enum npy_type type, uint64_t n);
/* op(a): 'n' 't' 'c' */
struct array array_turned(const struct array *a, char op);
struct array array_product(const struct array *a, const struct array *b);
/* What part of the largest number two of one shape differ by. */
double array_distance(const struct array *a, const struct array *b);
/* As far as rounding may lead: about 30 times the type's. */
double array_tolerance(enum npy_type type);
/* Asserts shape, type and that every number is near. */
void array_near(const struct array *a, const struct array *expected);

/* The next request: arrays are added to its body. */
void request_begin(void);
void request_add(const struct array *a, bool fortran);
void request_bytes(const void *bytes, size_t n);
/* Sends it; the answer's arrays are answer_array(0) ..., in whichever order they came. Memory: as much as there is
 * unless request_memory said otherwise. */
extern size_t request_memory;
/* Special hardware, of which request_send says where operands and results lie; NULL: there is none. */
extern struct hardware *request_hardware;
const struct problem *request_send(const char *op, const char *query);
extern unsigned answer_arrays;
extern double answer_flop;
extern unsigned answer_levels;
extern char answer_device[DEVICE_TEXT];
const struct array *answer_array(unsigned i);
bool answer_fortran(unsigned i);
/* Sends it, and there must be as many arrays. */
void request_ask(const char *op, const char *query, unsigned arrays);
/* Sends it, and it must be refused so; the problem's words hold these. */
const struct problem *request_refused(
	const char *op, const char *query, unsigned status, const char *words);

void arrays_forget(void);

#endif
