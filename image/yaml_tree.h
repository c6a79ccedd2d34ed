/*
 * image/yaml_tree.h - where things stand in a YAML file. libcyaml loads values but
 * tells their places only roughly, so the file is also kept as libyaml's tree:
 * it gives line and column of any key, and says, against the same schema, what
 * is unknown, twice, missing or of the wrong kind.
 */
#ifndef IMAGE_YAML_TREE_H
#define IMAGE_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include <cyaml/cyaml.h>
#include <yaml.h>

#include "base/str.h"

struct yaml_place {
	size_t line, column; /* from 1 */
};

struct yaml_tree {
	yaml_document_t document;
	const char *manual; /* where all keys are listed, "mayfly.yaml(5)"; set it after opening */
};

struct yaml_problem {
	struct yaml_place place;
	char text[320];
};

/* 0 or -EINVAL with *problem: no YAML, more than one document, none. Close it if 0. */
int yaml_tree_open(struct yaml_tree *tree, struct mf_str text, struct yaml_problem *problem);
void yaml_tree_close(struct yaml_tree *tree);

/* 0 or -EINVAL with *problem: the first thing that the schema doesn't have. */
int yaml_tree_check(
	struct yaml_tree *tree, const cyaml_schema_value_t *schema, struct yaml_problem *problem);

/* The place of "memory.window" or "triggers.2.path" (from 0); of the nearest thing above it if
 * it isn't there. */
struct yaml_place yaml_tree_find(struct yaml_tree *tree, const char *path);

/* Does something stand at this path, be it an empty value? */
bool yaml_tree_has(struct yaml_tree *tree, const char *path);

/* A set of keys that no schema lists, at `path`: the i-th, from 0. 1; 0: there are no more, or
 * no such set; -EINVAL with *problem: one is not a text. */
struct yaml_pair {
	struct mf_str key, value; /* the value ends with a zero byte */
	struct yaml_place place;
};
int yaml_tree_pair(struct yaml_tree *tree, const char *path, size_t i, struct yaml_pair *pair,
	struct yaml_problem *problem);

#endif
