/*
 * image/manifest_raw.h - mayfly.yaml as libcyaml reads it, before texts become
 * sizes and times. Private to image/manifest*.c.
 */
#ifndef IMAGE_MANIFEST_RAW_H
#define IMAGE_MANIFEST_RAW_H

#include <cyaml/cyaml.h>

#include "image/manifest.h"
#include "image/reading.h"

struct raw_trigger {
	char *type, *method, *path, *host, *topic, *qos, *every, *cron, *missed, *framing, *name,
		*protocol, *example;
	char **headers;
	unsigned headers_count;
};

struct raw_memory {
	char *window, *event, *effects, *stack, *init, *input, *output;
};

struct raw_limits {
	char *cpu, *deadline, *init, *queue, *parallel;
};

struct raw_retry {
	char *times, *wait;
};

struct raw_quantity {
	char *path, *quantity;
};

struct raw_price {
	char *unit, *per_unit, *minimum, *quantity;
	struct raw_quantity *quantities;
	unsigned quantities_count;
};

struct raw_manifest {
	char *mayfly, *name, *version, *counter, *budget, *key, *durability, *life, *birth;
	struct raw_memory memory;
	struct raw_limits limits;
	struct raw_retry retry;
	struct raw_price price;
	struct raw_trigger *triggers;
	unsigned triggers_count;
	char **modules, **variants, **reads, **writes, **emits, **calls, **upstream, **data;
	unsigned modules_count, variants_count, reads_count, writes_count, emits_count, calls_count,
		upstream_count, data_count;
	struct manifest_pair *config;
	unsigned config_count;
};

extern const cyaml_schema_value_t manifest_schema;

/* Fills manifest->triggers (malloc'ed) from raw and checks each by its type. 0, -EINVAL, -ENOMEM. */
int manifest_triggers(
	const struct reading *r, const struct raw_manifest *raw, struct manifest *manifest);
/* Fills manifest->price, behind its triggers; formulas are malloc'ed. 0, -EINVAL, -ENOMEM. */
int manifest_price(const struct reading *r, const struct raw_price *raw, struct manifest *manifest);
void manifest_price_free(struct manifest *manifest);
/* Checks names and lists, once all of *manifest is filled. 0 or -EINVAL. */
int manifest_check(const struct reading *r, const struct manifest *manifest);

/* Of any list, and of any text. */
#define MANIFEST_LIST_MAX 64
#define MANIFEST_TEXT_MAX 255

#endif
