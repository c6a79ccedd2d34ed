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
};

struct ask {
	enum service_op op;
	char query[192];
	unsigned operands, results;
	struct expected operand[3]; /* flat ones: pivots */
	struct expected result[ANSWER_ARRAYS];
	double deadline; /* seconds */
};

struct told {
	struct trip trip;
	char event[40]; /* the life's */
	char text[160]; /* what went wrong, one line */
};

/* Appends to a query: "&alpha=" and a number without a plus sign, which means something else there. */
void ask_number(char to[static 60], const char *name, double value);
enum outcome service_ask(const struct ask *ask, struct told *told);
/* After fork(), in the child: connections are the parent's. */
void service_forget(void);

#endif
