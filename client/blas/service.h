/*
 * client/blas/service.h - asks the service one thing: operands go as they lie in memory, results come to where they are
 * wanted. By libmayfly, which is loaded when it is first needed: a program that never multiplies anything large has
 * no more libraries than before. Any thread; blocks.
 */
#ifndef CLIENT_BLAS_SERVICE_H
#define CLIENT_BLAS_SERVICE_H

#include "client/blas/answer.h"
#include "client/blas/model.h"

enum outcome {
	ASK_DONE,  /* all results are there */
	ASK_AWAY,  /* can't be reached, broke off, or was too late */
	ASK_BUSY,  /* would do it, but not now */
	ASK_LACKS, /* has no such operation, or not for such operands */
	ASK_LARGE, /* takes none as large */
	ASK_REFUSED, /* these numbers can't be computed with: singular, say; the local routine will tell how */
	ASK_WRONG, /* what came is no such answer */
	ASK_GONE,  /* the blob isn't there, or not any more */
};

struct ask {
	enum service_op op;
	char query[192];
	unsigned operands, results;
	struct expected operand[3]; /* flat ones: pivots */
	struct expected result[ANSWER_ARRAYS];
	const char *
		blob; /* the name of all operands but the last, which are there; NULL: all are sent */
	uint64_t keep_s; /* the answer is kept there so long; 0: it isn't */
	double deadline; /* seconds */
};

struct told {
	struct trip trip;
	char event[40];         /* the life's */
	char blob[FACTOR_NAME]; /* the name of an answer that is kept; "" if it isn't */
	char text[160];         /* what went wrong, one line */
};

/* Appends to a query: "&alpha=" and a number without a plus sign, which means something else there. */
void ask_number(char to[static 60], const char *name, double value);
/* The name that all operands but the last would have. False: it can't be made. */
bool service_name(const struct ask *ask, char name[static FACTOR_NAME]);
enum outcome service_ask(const struct ask *ask, struct told *told);
/* After fork(), in the child: connections are the parent's. */
void service_forget(void);

#endif
