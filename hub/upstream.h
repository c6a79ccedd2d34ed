/*
 * hub/upstream.h - whom results are for, `upstream` of hub.yaml: what lives send with mf_upstream, and what the outbox
 * says of what it dropped. The address's scheme says which kind of input takes it there; whatever the kind, it is the
 * way of OUTBOX_UPSTREAM, one of hub->inputs, and `apart`.
 *
 * A message has arrived when the upstream has said so. Until then it is in the database, whoever is killed.
 */
#ifndef HUB_UPSTREAM_H
#define HUB_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

struct config_upstream;
struct hub;
struct input;
struct plan;

struct upstream_kind {
	/* Beside what runs: reads files, loads libraries, connects to nobody. `name`: the hub's, where the configuration
	 * gives it none; a copy is made of what is needed. 0, or an exit status with one line in error (HUB_ERROR_MAX). */
	int (*open)(struct input **input, struct hub *hub, const struct config_upstream *config,
		const char *name, char *error);
	/* Two that `open` made: would one do for the other? */
	bool (*same)(const struct input *a, const struct input *b);
	/* From the next round of the loop on it connects. */
	void (*start)(struct input *input);
	/* The hub has an outbox: outbox_way. A second time is free. Its `stop` takes it back. */
	void (*attach)(struct input *input);
};

/* hub->upstream. */
struct upstream {
	const struct upstream_kind *kind; /* NULL: the configuration names none */
	struct input *input;
	uint64_t bytes,
		age_ns; /* bounds of what waits; of what was left, where there is none any more */
};

/* 0, or an exit status with one line in error. */
int upstream_plan_make(struct plan *plan, char *error);
void upstream_plan_commit(struct plan *plan);
void upstream_plan_drop(struct plan *plan);

/* The hub has an outbox now. */
void upstream_attach(struct hub *hub);

#endif
