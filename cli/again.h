/*
 * cli/again.h - the life of a capsule once more, on any image, and how the two compare: what `mayfly
 * replay` and `mayfly rehearse` share.
 */
#ifndef CLI_AGAIN_H
#define CLI_AGAIN_H

#include "cli/compare.h"
#include "cli/life.h"
#include "cli/run_json.h"
#include "image/capsule.h"

struct again {
	struct run_record record;
	struct compare compare; /* of capsule and record, into which it points */
	bool same_image, same_snapshot;
};

/* `setup` is loaded, its event is replaced; `name` is the capsule's, for messages. 0, or an exit status, having said
 * why. again_free in both cases. */
int again_run(struct again *again, const struct life_options *options, struct life_setup *setup,
	const struct capsule *capsule, const char *name);
void again_free(struct again *again);

/* How the capsule's life ended: "ok", "crashed", "denied" ... */
const char *again_result(const struct capsule *capsule);

#endif
