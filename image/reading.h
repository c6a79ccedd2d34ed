/*
 * image/reading.h - read a YAML file by a schema, so that each mistake is told with its
 * file, line and column, quoted, and with what was probably meant. Used for mayfly.yaml
 * and hub.yaml.
 *
 * All scalars are loaded as text; tables turn them into numbers.
 */
#ifndef IMAGE_READING_H
#define IMAGE_READING_H

#include <cyaml/cyaml.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "image/yaml_tree.h"

/* A file while it is read: where to say what is wrong. */
struct reading {
	struct yaml_tree *tree;
	const char *where; /* "dns/mayfly.yaml" */
	char *error;
	size_t error_size;
};

/* Writes "where:line:column: ..." for the value at `path` ("limits.cpu", "triggers.0.path").
 * Returns -EINVAL. */
int reading_bad(const struct reading *r, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int reading_problem(const struct reading *r, const struct yaml_problem *problem);

/* Is it one of `names` (NULL-terminated)? Its index, or -EINVAL. */
int reading_choice(
	const struct reading *r, const char *path, const char *text, const char *const *names);

enum reading_kind { READING_SIZE, READING_TIME, READING_NUMBER };

/* A text of the raw struct that is a number of the other one. */
struct reading_number {
	const char *path;
	enum reading_kind kind;
	size_t raw, to, width; /* offset of the char *; offset and size of the number */
	uint64_t otherwise, least, most, multiple;
};
/* `prefix` comes before each path: "services.0.". 0 or -EINVAL. */
int reading_numbers(const struct reading *r, const char *prefix, const struct reading_number *table,
	size_t count, const void *raw, void *to);

/* Checks the tree and loads its text; *raw is what the schema says, freed with reading_free. */
int reading_load(const struct reading *r, const cyaml_schema_value_t *schema, struct mf_str text,
	void **raw);
void reading_free(const cyaml_schema_value_t *schema, void *raw);

#endif
