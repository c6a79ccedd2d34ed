/*
 * client/blas/answer.h - reads .npy arrays that come in pieces, straight into matrices that lie with gaps between
 * their columns. Pure: any bytes are safe. What was written before a piece turned out wrong stays written.
 */
#ifndef CLIENT_BLAS_ANSWER_H
#define CLIENT_BLAS_ANSWER_H

#include "client/blas/matrix.h"
#include "wire/npy.h"

enum { ANSWER_ARRAYS = 3 };

/* One expected array: of m.type ('i': int32), m.rows by m.cols; `flat`: it has one dimension, of m.rows. */
struct expected {
	struct matrix m;
	bool flat;
};

struct reader {
	const struct expected *expected;
	unsigned count, at;
	size_t have, want; /* of a header: bytes that are here, that are needed to go on */
	uint64_t done,
		all; /* bytes of the elements of array `at`; all is 0 until its header was read */
	bool fortran;
	const char *wrong; /* what is, once something is; else NULL */
	uint8_t head[NPY_HEADER_MOST + 16];
};

void reader_begin(struct reader *reader, const struct expected *expected, unsigned count);
/* false: wrong says why. */
bool reader_take(struct reader *reader, const void *bytes, size_t n);
/* Was that all that was expected? */
bool reader_whole(struct reader *reader);

enum npy_type npy_type_of(char type);

#endif
