/*
 * cli/outcome.h - judge a finished life as the hub would: are its effects well
 * formed, did the manifest grant them, what is the exit status. Pure.
 */
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "image/image.h"
#include "image/manifest.h"
#include "monitor/monitor.h"
#include "wire/effects.h"

struct outcome {
	enum mfw_result result; /* the life's, or what its effects say */
	bool denied;            /* it asked for what it may not have */
	bool readable;          /* effects_open accepts its effects */
	bool replied;
	struct effect
		reply; /* points into the life's effects; a blob's body is the caller's to put there */
	int exit;      /* exit status of the command */
	unsigned status;   /* as an HTTP status: the reply's own, or what the hub would say */
	const char *name;  /* "ok", "crashed", "denied" ... */
	char message[512]; /* why it isn't ok; else empty */
};

void outcome_judge(struct outcome *outcome, const struct image *image,
	const struct manifest *manifest, const struct life *life);

/* How many bytes of its output area a life that went well replied with, 0: none. */
uint64_t outcome_blob(const struct image *image, const struct life *life);

/* The same for a monitor that didn't open. */
void outcome_unborn(struct outcome *outcome, enum mfw_result result, const char *error);

#endif
