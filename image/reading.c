/*
 * image/reading.c - see image/reading.h. The tree is checked against the schema
 * (yaml_tree.c), libcyaml loads it as texts, the tables of whoever reads turn texts
 * into numbers.
 */
#include "image/reading.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/nearest.h"
#include "image/units.h"

/* ---------------------------------------------------------------- errors */

int reading_problem(const struct reading *r, const struct yaml_problem *problem)
{
	snprintf(r->error, r->error_size, "%s:%zu:%zu: %s", r->where, problem->place.line,
		problem->place.column, problem->text);
	for (char *p = r->error; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return -EINVAL;
}

int reading_bad(const struct reading *r, const char *path, const char *format, ...)
{
	struct yaml_problem problem = {.place = yaml_tree_find(r->tree, path)};
	va_list ap;

	va_start(ap, format);
	vsnprintf(problem.text, sizeof(problem.text), format, ap);
	va_end(ap);
	return reading_problem(r, &problem);
}

int reading_choice(
	const struct reading *r, const char *path, const char *text, const char *const *names)
{
	const char *last = strrchr(path, '.');
	struct nearest nearest = {.typed = text};
	char list[160] = "";

	for (int i = 0; names[i]; i++) {
		if (strcmp(names[i], text) == 0)
			return i;
		nearest_offer(&nearest, names[i]);
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "",
			names[i]);
	}
	if (nearest.best)
		return reading_bad(r, path, "%s: '%.60s' is not known; did you mean '%s'?",
			last ? last + 1 : path, text, nearest.best);
	return reading_bad(r, path, "%s: '%.60s' is not known; there are %s",
		last ? last + 1 : path, text, list);
}

/* --------------------------------------------------------------- numbers */

static bool read_plain(const char *text, uint64_t *value)
{
	return text[strspn(text, "0123456789")] == '\0' && units_size(text, value);
}

static const struct {
	bool (*read)(const char *text, uint64_t *value);
	const char *(*show)(uint64_t value, char *to, size_t size);
	const char *help;
} kinds[] = {
	[READING_SIZE] = {units_size, units_show_size,
		"a size: a whole number and KiB, MiB or GiB, as in 64KiB"},
	[READING_TIME] = {units_time, units_show_time,
		"a time: a whole number and us, ms, s, m or h, as in 100ms"},
	[READING_NUMBER] = {read_plain, NULL, "a whole number"},
};

static const char *show(enum reading_kind kind, uint64_t value, char to[static 40])
{
	if (kinds[kind].show)
		return kinds[kind].show(value, to, 40);
	snprintf(to, 40, "%llu", (unsigned long long)value);
	return to;
}

static int read_number(const struct reading *r, const struct reading_number *n, const char *path,
	const char *text, uint64_t *value)
{
	char least[40], most[40];

	if (!kinds[n->kind].read(text, value))
		return reading_bad(
			r, path, "%s: '%.60s' is not %s", path, text, kinds[n->kind].help);
	if (*value < n->least || *value > n->most)
		return reading_bad(r, path, "%s: '%.60s' is out of bounds: from %s to %s", path,
			text, show(n->kind, n->least, least), show(n->kind, n->most, most));
	if (*value % n->multiple)
		return reading_bad(r, path, "%s: '%.60s' is not a multiple of a page, %llu bytes",
			path, text, (unsigned long long)n->multiple);
	return 0;
}

int reading_numbers(const struct reading *r, const char *prefix, const struct reading_number *table,
	size_t count, const void *raw, void *to)
{
	for (size_t i = 0; i < count; i++) {
		const struct reading_number *n = &table[i];
		uint64_t value = n->otherwise;
		char path[96];
		const char *text;
		int rc = 0;

		memcpy(&text, (const char *)raw + n->raw, sizeof(text));
		snprintf(path, sizeof(path), "%s%s", prefix, n->path);
		if (text)
			rc = read_number(r, n, path, text, &value);
		if (rc)
			return rc;
		/* little-endian: the low bytes come first */
		memcpy((char *)to + n->to, &value, n->width);
	}
	return 0;
}

/* ------------------------------------------------------------------- load */

static void keep_first(cyaml_log_t level, void *ctx, const char *format, va_list ap)
{
	struct yaml_problem *problem = ctx;

	(void)level;
	if (!problem->text[0])
		vsnprintf(problem->text, sizeof(problem->text), format, ap);
}

static const cyaml_config_t cyaml_base = {
	.log_fn = keep_first,
	.mem_fn = cyaml_mem,
	.log_level = CYAML_LOG_ERROR,
	.flags = CYAML_CFG_NO_ALIAS,
};

/* What the tree's check let pass libcyaml may still refuse: aliases, out of memory. */
static int load(
	const struct reading *r, const cyaml_schema_value_t *schema, struct mf_str text, void **raw)
{
	struct yaml_problem problem = {.place = {1, 1}};
	cyaml_config_t config = cyaml_base;
	cyaml_data_t *data = NULL;
	cyaml_err_t e;

	config.log_ctx = &problem;
	e = cyaml_load_data(text.p, text.n, &config, schema, &data, NULL);
	if (e == CYAML_OK && data) {
		*raw = data;
		return 0;
	}
	if (e == CYAML_ERR_ALIAS)
		return reading_bad(r, "", "anchors and aliases (&x, *x) are not used here");
	snprintf(problem.text, sizeof(problem.text), "can't be loaded: %s", cyaml_strerror(e));
	return reading_problem(r, &problem);
}

int reading_load(
	const struct reading *r, const cyaml_schema_value_t *schema, struct mf_str text, void **raw)
{
	struct yaml_problem problem = {.text = ""};
	int rc = yaml_tree_check(r->tree, schema, &problem);

	*raw = NULL;
	return rc ? reading_problem(r, &problem) : load(r, schema, text, raw);
}

void reading_free(const cyaml_schema_value_t *schema, void *raw)
{
	cyaml_config_t config = cyaml_base;
	struct yaml_problem problem = {.text = ""};

	config.log_ctx = &problem;
	if (raw)
		cyaml_free(&config, schema, raw, 0);
}
