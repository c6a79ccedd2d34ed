/*
 * client/blas/model.h - what a call would take here and at the service, from what calls took. Times are seconds,
 * speeds flops (or bytes) a second. Nothing is measured for its own sake here: whoever ran something says so.
 * Not thread-safe: under the lock of client/blas/state.h.
 *
 * Speeds depend on size: they are kept by powers of two of the work, and one that was never seen is that of the
 * nearest size that was. A measurement counts a third of what was known before, so that one odd call does
 * no harm. A call to the service takes
 *     latency + bytes up / bandwidth up + flops / speed + bytes down / bandwidth down
 * and what it took beside what was expected corrects the parts that made it.
 */
#ifndef CLIENT_BLAS_MODEL_H
#define CLIENT_BLAS_MODEL_H

#include <stdbool.h>
#include <stdio.h>

#include "client/blas/call.h"
#include "client/blas/factors.h"
#include "client/blas/matrix.h"

enum service_op {
#define X(name) OP_##name,
	BLAS_OPS(X)
#undef X
		OPS
};
extern const char *const op_names[OPS];

enum { SIZES = 40, FIRST_SIZE = 12, TYPES = 4 }; /* from 2^12 flops on; no call takes 2^52 */

struct speeds {
	float of[SIZES];   /* 0: never seen */
	unsigned measured; /* how often, in this process */
};

/* How one call to the service went. */
struct trip {
	double sent, first,
		whole; /* seconds until: the request was out, the answer began, it was there */
};

struct model {
	struct speeds local[KINDS][TYPES];
	struct speeds remote[OPS][TYPES];
	double remote_when[OPS]
			  [TYPES]; /* monotonic seconds of the last one; 0: this process saw none */
	double latency, up, down;  /* up 0: the link was never measured */
	double checked;            /* bytes a second of the check of answers */
	double hashed;             /* bytes a second of hashing a factor */
	struct factors factors;    /* that the service keeps; not saved */
	bool changed;              /* since it was saved */
};

void model_begin(struct model *model);
/* 0 1 2 3 for s d c z */
unsigned type_number(char type);

/* Seconds; HUGE_VAL: nothing is known. */
double model_local(const struct model *model, enum kind kind, char type, double flops);
void model_saw_local(struct model *model, enum kind kind, char type, double flops, double seconds);

/* The work of one call as the service would do it. */
struct load {
	enum service_op op;
	char type;
	double flops, up, down; /* flops at the service; bytes */
	double beside;          /* bytes that are looked at here for it: copies, the check */
	double hashed;          /* bytes of a factor that isn't sent if its hash is known there */
};
/* Seconds; *guessed: the service's speed isn't known, or was found long ago, and counts as endless. */
double model_remote(const struct model *model, const struct load *load, double now, bool *guessed);
void model_saw_remote(
	struct model *model, const struct load *load, const struct trip *trip, double now);
void model_saw_check(struct model *model, double bytes, double seconds);
void model_saw_hash(struct model *model, double bytes, double seconds);
/* Is it worth keeping a factor of so many bytes there? It is hashed there, and here each time it is used; that must
 * cost less than half of what sending it does. */
bool model_keeps(const struct model *model, double bytes);
/* An unknown local speed is taken for this one where something must be assumed. */
double model_assumed(char type);

/* Below this product of dimensions the service can't pay for routine `kind`, whatever the shape; HUGE_VAL: never. While
 * little is known of the local speed, calls above MEASURED are worth timing. */
#define MEASURED 2097152.0 /* 128^3, some 40 us: timing costs 0.1 us */
double model_threshold(const struct model *model, enum kind kind, enum service_op op, char type);

/* As lines of text, for the cache file. Lines that make no sense are left out. */
void model_write(const struct model *model, FILE *to);
void model_read_line(struct model *model, const char *line);

#endif
