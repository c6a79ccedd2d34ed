/*
 * cli/errand.h - one life, here and now: what `mayfly run` and `mayfly replay` share. It runs in a thread of
 * its own: where a vCPU runs the processor's clock faults, and with it the C library's.
 */
#ifndef CLI_ERRAND_H
#define CLI_ERRAND_H

#include "cli/gdb/session.h"
#include "cli/life.h"
#include "cli/run_json.h"
#include "image/capsule.h"

struct errand {
	const struct life_options *options;
	const struct life_setup *setup;
	struct gdb_link *gdb; /* holds the life; NULL: nobody debugs */
	const char *core;     /* file for what is left of a life that crashes; NULL: none */
	/* Its calls get the answers of then, as long as they ask the same; where one asks something else the life ends
	 * (life.suspended). NULL: calls aren't served. */
	const struct capsule *then;
};

/* Fills *record, judged; errand_free it then. 0, or an exit status, having said why. */
int errand_run(const struct errand *errand, struct run_record *record);
void errand_free(struct run_record *record);

#endif
