/*
 * image/yaml_tree.c - see image/yaml_tree.h. The recursion is as deep as the
 * schema, never as deep as the file.
 */
#include "image/yaml_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/nearest.h"

struct check {
	struct yaml_tree *tree;
	struct yaml_problem *problem;
};

static struct yaml_place place_of(yaml_mark_t mark)
{
	return (struct yaml_place){mark.line + 1, mark.column + 1};
}

__attribute__((format(printf, 3, 4))) static int bad(
	struct yaml_problem *problem, yaml_mark_t mark, const char *format, ...)
{
	va_list ap;

	problem->place = place_of(mark);
	va_start(ap, format);
	vsnprintf(problem->text, sizeof(problem->text), format, ap);
	va_end(ap);
	return -EINVAL;
}

static yaml_node_t *node(struct yaml_tree *tree, int index)
{
	return yaml_document_get_node(&tree->document, index);
}

static bool is_text(const yaml_node_t *n, const char *text)
{
	return n && n->type == YAML_SCALAR_NODE &&
		mf_str_is(mf_str_of(n->data.scalar.value, n->data.scalar.length), text);
}

/* ------------------------------------------------------------------ open */

static int load(struct yaml_tree *tree, yaml_parser_t *parser, struct yaml_problem *problem)
{
	yaml_document_t next;
	yaml_node_t *second;

	if (!yaml_parser_load(parser, &tree->document))
		return bad(problem, parser->problem_mark, "%s",
			parser->problem ? parser->problem : "this is no YAML");
	if (!yaml_document_get_root_node(&tree->document)) {
		yaml_document_delete(&tree->document);
		return bad(problem, parser->mark, "there is nothing in it");
	}
	if (!yaml_parser_load(parser, &next)) {
		yaml_document_delete(&tree->document);
		return bad(problem, parser->problem_mark, "%s",
			parser->problem ? parser->problem : "this is no YAML");
	}
	second = yaml_document_get_root_node(&next);
	if (second) {
		bad(problem, second->start_mark, "a second document begins here; one is allowed");
		yaml_document_delete(&tree->document);
	}
	yaml_document_delete(&next);
	return second ? -EINVAL : 0;
}

int yaml_tree_open(struct yaml_tree *tree, struct mf_str text, struct yaml_problem *problem)
{
	yaml_parser_t parser;
	int rc;

	memset(tree, 0, sizeof(*tree));
	if (!yaml_parser_initialize(&parser))
		return bad(problem, (yaml_mark_t){0}, "no memory");
	yaml_parser_set_input_string(&parser, text.p, text.n);
	rc = load(tree, &parser, problem);
	yaml_parser_delete(&parser);
	return rc;
}

void yaml_tree_close(struct yaml_tree *tree)
{
	yaml_document_delete(&tree->document);
}

/* ----------------------------------------------------------------- check */

static const char *kind_of(const yaml_node_t *n)
{
	switch (n->type) {
	case YAML_SCALAR_NODE: return "a text";
	case YAML_SEQUENCE_NODE: return "a list";
	case YAML_MAPPING_NODE: return "a set of keys";
	default: return "nothing";
	}
}

static int check_value(struct check *c, const yaml_node_t *n, const char *name,
	const cyaml_schema_value_t *schema);

static const cyaml_schema_field_t *field_of(
	const cyaml_schema_field_t *fields, const yaml_node_t *key)
{
	for (; fields->key; fields++)
		if (is_text(key, fields->key))
			return fields;
	return NULL;
}

static int unknown_key(struct check *c, const yaml_node_t *key, const cyaml_schema_field_t *fields)
{
	char typed[64];
	struct nearest nearest = {.typed = typed};

	if (key->type != YAML_SCALAR_NODE)
		return bad(c->problem, key->start_mark, "a key must be a word, this is %s",
			kind_of(key));
	snprintf(typed, sizeof(typed), "%.*s", (int)key->data.scalar.length,
		(const char *)key->data.scalar.value);
	for (; fields->key; fields++)
		nearest_offer(&nearest, fields->key);
	if (nearest.best)
		return bad(c->problem, key->start_mark, "unknown key '%s'; did you mean '%s'?",
			typed, nearest.best);
	return bad(c->problem, key->start_mark, "unknown key '%s'; %s lists those that there are",
		typed, c->tree->manual);
}

static int check_mapping(struct check *c, const yaml_node_t *n, const cyaml_schema_field_t *fields)
{
	const yaml_node_pair_t *start = n->data.mapping.pairs.start;
	const yaml_node_pair_t *top = n->data.mapping.pairs.top;

	for (const yaml_node_pair_t *pair = start; pair < top; pair++) {
		const yaml_node_t *key = node(c->tree, pair->key);
		const cyaml_schema_field_t *field = field_of(fields, key);
		int rc;

		if (!field)
			return unknown_key(c, key, fields);
		for (const yaml_node_pair_t *other = start; other < pair; other++)
			if (is_text(node(c->tree, other->key), field->key))
				return bad(c->problem, key->start_mark,
					"'%s' stands here for the second time", field->key);
		rc = check_value(c, node(c->tree, pair->value), field->key, &field->value);
		if (rc)
			return rc;
	}
	for (; fields->key; fields++) {
		const yaml_node_pair_t *pair = start;

		while (pair < top && !is_text(node(c->tree, pair->key), fields->key))
			pair++;
		if (pair == top && !(fields->value.flags & CYAML_FLAG_OPTIONAL))
			return bad(c->problem, n->start_mark, "'%s' is missing", fields->key);
	}
	return 0;
}

static int check_list(
	struct check *c, const yaml_node_t *n, const char *name, const cyaml_schema_value_t *schema)
{
	const yaml_node_item_t *start = n->data.sequence.items.start;
	const yaml_node_item_t *top = n->data.sequence.items.top;

	if ((size_t)(top - start) > schema->sequence.max)
		return bad(c->problem, n->start_mark,
			"'%s' has %zu entries, at most %u are allowed", name, (size_t)(top - start),
			schema->sequence.max);
	for (const yaml_node_item_t *item = start; item < top; item++) {
		const yaml_node_t *entry = node(c->tree, *item);
		int rc;

		if (schema->sequence.entry->type == CYAML_MAPPING &&
			entry->type != YAML_MAPPING_NODE)
			return bad(c->problem, entry->start_mark,
				"an entry of '%s' is %s, it should be a set of keys: {key: value, "
				"...}",
				name, kind_of(entry));
		rc = check_value(c, entry, name, schema->sequence.entry);

		if (rc)
			return rc;
	}
	return 0;
}

/* Of what a file says all can be seen, in its order: no controls (C0, DEL, C1), nothing without a
 * width, nothing that turns the direction of writing (U+200B to 200F, 202A to 202E, 2060 to 206F,
 * FEFF). p is UTF-8 with a zero behind it: libyaml saw to that. */
static bool is_control(const uint8_t *p)
{
	if (p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0))
		return true;
	if (p[0] == 0xe2 && p[1] == 0x80)
		return (p[2] >= 0x8b && p[2] <= 0x8f) || (p[2] >= 0xaa && p[2] <= 0xae);
	if (p[0] == 0xe2 && p[1] == 0x81)
		return p[2] >= 0xa0 && p[2] <= 0xaf;
	return p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf;
}

static int check_text(
	struct check *c, const yaml_node_t *n, const char *name, const cyaml_schema_value_t *schema)
{
	size_t length = n->data.scalar.length;

	if (length < schema->string.min)
		return bad(c->problem, n->start_mark, "'%s' is empty", name);
	if (length > schema->string.max)
		return bad(c->problem, n->start_mark,
			"'%s' has %zu characters, at most %u are allowed", name, length,
			schema->string.max);
	for (size_t i = 0; i < length; i++)
		if (is_control(n->data.scalar.value + i))
			return bad(
				c->problem, n->start_mark, "'%s' holds a control character", name);
	return 0;
}

static int check_value(
	struct check *c, const yaml_node_t *n, const char *name, const cyaml_schema_value_t *schema)
{
	static const struct {
		cyaml_type_e type;
		yaml_node_type_t node;
		const char *kind;
	} kinds[] = {
		{CYAML_STRING, YAML_SCALAR_NODE, "a text"},
		{CYAML_SEQUENCE, YAML_SEQUENCE_NODE,
			"a list: [one, two], or lines that begin with '- '"},
		{CYAML_MAPPING, YAML_MAPPING_NODE, "a set of keys, each on a line 'key: value'"},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].type == schema->type && kinds[i].node != n->type)
			return bad(c->problem, n->start_mark, "'%s' is %s, it should be %s", name,
				kind_of(n), kinds[i].kind);
	switch (schema->type) {
	case CYAML_MAPPING: return check_mapping(c, n, schema->mapping.fields);
	case CYAML_SEQUENCE: return check_list(c, n, name, schema);
	case CYAML_STRING: return check_text(c, n, name, schema);
	default: return 0;
	}
}

int yaml_tree_check(
	struct yaml_tree *tree, const cyaml_schema_value_t *schema, struct yaml_problem *problem)
{
	struct check c = {tree, problem};

	return check_value(&c, yaml_document_get_root_node(&tree->document), "the file", schema);
}

/* ------------------------------------------------------------------ find */

static yaml_node_t *step(struct yaml_tree *tree, const yaml_node_t *n, const char *name)
{
	if (n->type == YAML_SEQUENCE_NODE) {
		size_t count = (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
		size_t i = strtoul(name, NULL, 10);

		return i < count ? node(tree, n->data.sequence.items.start[i]) : NULL;
	}
	if (n->type == YAML_MAPPING_NODE)
		for (const yaml_node_pair_t *pair = n->data.mapping.pairs.start;
			pair < n->data.mapping.pairs.top; pair++)
			if (is_text(node(tree, pair->key), name))
				return node(tree, pair->value);
	return NULL;
}

/* The node at path, or the nearest above it; *whole: it is the one. */
static yaml_node_t *walk(struct yaml_tree *tree, const char *path, bool *whole)
{
	yaml_node_t *n = yaml_document_get_root_node(&tree->document);

	*whole = true;
	while (*path) {
		size_t length = strcspn(path, ".");
		char name[64];
		yaml_node_t *next;

		snprintf(name, sizeof(name), "%.*s", (int)length, path);
		next = step(tree, n, name);
		*whole = next != NULL;
		if (!next)
			break;
		n = next;
		path += length + (path[length] == '.');
	}
	return n;
}

bool yaml_tree_has(struct yaml_tree *tree, const char *path)
{
	bool whole;

	walk(tree, path, &whole);
	return whole;
}

struct yaml_place yaml_tree_find(struct yaml_tree *tree, const char *path)
{
	bool whole;

	return place_of(walk(tree, path, &whole)->start_mark);
}

int yaml_tree_pair(struct yaml_tree *tree, const char *path, size_t i, struct yaml_pair *pair,
	struct yaml_problem *problem)
{
	bool whole;
	const yaml_node_t *n = walk(tree, path, &whole), *key, *value;

	if (!whole)
		return 0;
	if (n->type != YAML_MAPPING_NODE)
		return bad(problem, n->start_mark, "this is %s, it should be lines 'name: value'",
			kind_of(n));
	if (i >= (size_t)(n->data.mapping.pairs.top - n->data.mapping.pairs.start))
		return 0;
	key = node(tree, n->data.mapping.pairs.start[i].key);
	value = node(tree, n->data.mapping.pairs.start[i].value);
	if (key->type != YAML_SCALAR_NODE)
		return bad(problem, key->start_mark, "a name must be a word, this is %s",
			kind_of(key));
	if (value->type != YAML_SCALAR_NODE)
		return bad(problem, value->start_mark, "'%.60s' should be a text, this is %s",
			(const char *)key->data.scalar.value, kind_of(value));
	pair->key = mf_str_of(key->data.scalar.value, key->data.scalar.length);
	pair->value = mf_str_of(value->data.scalar.value, value->data.scalar.length);
	pair->place = place_of(key->start_mark);
	return 1;
}
