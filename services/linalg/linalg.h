/*
 * linalg.h - a request for one operation on matrices, from its bytes to the bytes of its answer. Nothing here knows how
 * the request came: main.c runs it in a life, unit tests on the host.
 *
 * An operation is a row of a table (ops.h): its `shape` checks the operands' shapes and says how large results and
 * work memory are, before anything is computed; then its `run` computes. Results are written where the answer
 * is sent from, as arrays with their headers in place; work memory lies behind them. Operands are read where they came,
 * and copied only if LAPACK overwrites them.
 *
 * Order costs nothing: rows that lie together are, for BLAS, the columns of the transpose (`flipped`), so transposes and
 * triangles are swapped instead of elements.
 */
#ifndef LINALG_LINALG_H
#define LINALG_LINALG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/guest.h"
#include "base/str.h"
#include "options.h"
#include "wire/npy.h"

#define OPERANDS_MOST 3u
#define RESULTS_MOST  3u
#define WORKS_MOST    4u

/* What a client is told if it isn't 200: problem details as JSON (RFC 9457). */
struct problem {
	unsigned status; /* 0: none */
	char detail[256];
	char argument;                /* 'a', 'b' ...; 0: of none */
	char found[128], wanted[128]; /* "" : not said */
	unsigned pivot;               /* from 1, as LAPACK's info; 0: of none */
};

/* A matrix as BLAS sees it. A vector is one column. */
struct matrix {
	void *at; /* of an operand: never written to */
	enum npy_type type;
	uint64_t rows, columns;
	unsigned dims; /* 1: it came, or goes, as a vector; 0: a number */
	bool flipped;  /* its rows lie together */
};

#define DEVICE_TEXT 64u

/* Special hardware that may be asked for a product; see accelerate.h. */
struct hardware {
	double least; /* additions and multiplications that are worth it */
	/* What products' operands and results lie in. */
	const uint8_t *input, *output;
	size_t input_n, output_n;
	/* As mf_gemm in mayfly.h: its status; if that is 200, what the device is called. */
	unsigned (*gemm)(const struct mf_gemm *gemm, char *device, size_t size);
};

struct call {
	const struct op *op;
	struct options options;
	struct matrix in[OPERANDS_MOST];
	unsigned operands;
	struct matrix out[RESULTS_MOST];
	unsigned results;
	/* what `run` needs besides, in bytes, and where it is: aligned to 64 */
	uint64_t work[WORKS_MOST];
	void *work_at[WORKS_MOST];
	double flop;     /* what the operation costs, by the formulas in README.md */
	size_t capacity; /* bytes for all of the above; before shape is called */
	const struct hardware *hardware; /* NULL: there is none */
	char device[DEVICE_TEXT];        /* that computed; "": it was this life */
	unsigned levels;                 /* of Strassen's way */
	double bound; /* of the error, as strassen_bound has it; only where an algorithm was chosen */
	struct problem problem;
};

/* ------------------------------------------------------------------ the request */

struct request {
	struct mf_str method, path, query, body;
	uint8_t *output; /* where results go, aligned to 64; work memory too */
	size_t capacity;
	const struct hardware *hardware; /* NULL: there is none */
};

struct answer {
	size_t bytes; /* of arrays, in `output` */
	double flop;
	bool chosen; /* the client chose an algorithm, or a tolerance; then also: */
	unsigned levels;
	double bound;
	char device[DEVICE_TEXT]; /* special hardware that computed it; "": none did */
	struct problem problem;   /* or this */
};

void linalg_answer(const struct request *request, struct answer *answer);

/* ------------------------------------------------- for operations, and their tests */

/* Sets the problem, once; returns false, so that a check may end with it. */
bool wrong(struct call *c, unsigned status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* 400: the next operand is none, and why; `bytes` are where it should begin. */
bool wrong_array(struct call *c, const char *text, struct mf_str bytes);
/* 422: the shape of operand i isn't what it has to be. */
bool wrong_shape(struct call *c, unsigned i, const char *wanted, ...)
	__attribute__((format(printf, 3, 4)));
/* 422: the matrix can't be factored; LAPACK's info. */
bool wrong_pivot(struct call *c, unsigned i, int32_t info, const char *what);

/* What stands behind the last member of `problem` in JSON's text; its length. */
size_t problem_text(const struct problem *p, struct mf_str id, char *to, size_t size);

/* Adds a result of this shape. */
void result(struct call *c, enum npy_type type, bool flipped, unsigned dims, uint64_t rows,
	uint64_t columns);
/* rows * columns * size, but never so much that a sum of a few wraps. */
uint64_t bytes_of(uint64_t rows, uint64_t columns, uint64_t size);
#define BYTES_MOST ((uint64_t)1 << 60)
/* Of all results with their headers, and of work memory behind them. */
uint64_t results_bytes(const struct call *c);
uint64_t needed_bytes(const struct call *c);

#endif
