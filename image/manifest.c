/*
 * image/manifest.c - mayfly.yaml from text to struct manifest: the tree is
 * checked against the schema (yaml_tree.c), libcyaml loads it as texts, the
 * tables here turn texts into numbers, manifest_check.c says what belongs
 * together.
 */
#include "image/manifest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/image.h"
#include "image/manifest_raw.h"
#include "image/nearest.h"
#include "image/units.h"

#define KIB   1024ull
#define MSEC  1000000ull
#define SEC   1000000000ull
#define HOUR  (3600 * SEC)
#define COUNT UINT32_MAX

/* ---------------------------------------------------------------- errors */

static int problem_to_error(const struct reading *r, const struct yaml_problem *problem)
{
	snprintf(r->error, MANIFEST_ERROR_MAX, "%s:%zu:%zu: %s", r->where, problem->place.line,
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
	return problem_to_error(r, &problem);
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

enum kind { KIND_SIZE, KIND_TIME, KIND_NUMBER };

struct number {
	const char *path;
	enum kind kind;
	size_t raw, to, width;
	uint64_t otherwise, least, most, multiple;
};

#define NUMBER(path, kind, raw, member, ...)                                                       \
	{                                                                                          \
		path, kind, offsetof(struct raw_manifest, raw), offsetof(struct manifest, member), \
			sizeof(((struct manifest *)0)->member), __VA_ARGS__                        \
	}
#define AREA(name, otherwise, least, most)                                                         \
	NUMBER("memory." #name, KIND_SIZE, memory.name, memory.name, otherwise, least, most,       \
		MF_PAGE)

#define WINDOW_MAX (MF_ADDR_WINDOW_END - MF_ADDR_WINDOW)

static const struct number numbers[] = {
	NUMBER("counter", KIND_NUMBER, counter, counter, 0, 0, INT64_MAX, 1),
	AREA(window, MF_WINDOW_DEFAULT, MF_WINDOW_MIN, WINDOW_MAX),
	AREA(event, MF_EVENT_DEFAULT, MF_EVENT_MIN, WINDOW_MAX),
	AREA(effects, MF_EFFECTS_DEFAULT, MF_EFFECTS_MIN, WINDOW_MAX),
	AREA(stack, MF_STACK_DEFAULT, MF_STACK_MIN, WINDOW_MAX),
	AREA(init, 0, 0, MF_ADDR_INIT_END - MF_ADDR_INIT),
	AREA(input, 0, 0, MF_ADDR_INPUT_END - MF_ADDR_INPUT),
	AREA(output, 0, 0, MF_ADDR_OUTPUT_END - MF_ADDR_OUTPUT),
	NUMBER("limits.deadline", KIND_TIME, limits.deadline, limits.deadline_ns, SEC, 1000, HOUR,
		1),
	NUMBER("limits.cpu", KIND_TIME, limits.cpu, limits.cpu_ns, 100 * MSEC, 1000, HOUR, 1),
	NUMBER("limits.init", KIND_TIME, limits.init, limits.init_ns, 10 * SEC, 1000, HOUR, 1),
	NUMBER("limits.queue", KIND_NUMBER, limits.queue, limits.queue, 1024, 1, 65536, 1),
	NUMBER("limits.parallel", KIND_NUMBER, limits.parallel, limits.parallel, 0, 0, 1024, 1),
	NUMBER("budget", KIND_SIZE, budget, budget, 64 * KIB, KIB, MFI_FILE_MAX, 1),
	NUMBER("price.per_unit", KIND_NUMBER, price.per_unit, price.per_unit, 0, 0, INT64_MAX, 1),
};

static bool read_plain(const char *text, uint64_t *value)
{
	return text[strspn(text, "0123456789")] == '\0' && units_size(text, value);
}

static const struct {
	bool (*read)(const char *text, uint64_t *value);
	const char *(*show)(uint64_t value, char *to, size_t size);
	const char *help;
} kinds[] = {
	[KIND_SIZE] = {units_size, units_show_size,
		"a size: a whole number and KiB, MiB or GiB, as in 64KiB"},
	[KIND_TIME] = {units_time, units_show_time,
		"a time: a whole number and us, ms, s, m or h, as in 100ms"},
	[KIND_NUMBER] = {read_plain, NULL, "a whole number"},
};

static const char *show(enum kind kind, uint64_t value, char to[static 40])
{
	if (kinds[kind].show)
		return kinds[kind].show(value, to, 40);
	snprintf(to, 40, "%llu", (unsigned long long)value);
	return to;
}

static int read_number(
	const struct reading *r, const struct number *n, const char *text, uint64_t *value)
{
	char least[40], most[40];

	if (!kinds[n->kind].read(text, value))
		return reading_bad(
			r, n->path, "%s: '%.60s' is not %s", n->path, text, kinds[n->kind].help);
	if (*value < n->least || *value > n->most)
		return reading_bad(r, n->path, "%s: '%.60s' is out of bounds: from %s to %s",
			n->path, text, show(n->kind, n->least, least),
			show(n->kind, n->most, most));
	if (*value % n->multiple)
		return reading_bad(r, n->path,
			"%s: '%.60s' is not a multiple of a page, %llu bytes", n->path, text,
			(unsigned long long)n->multiple);
	return 0;
}

static int read_numbers(
	const struct reading *r, const struct raw_manifest *raw, struct manifest *manifest)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const struct number *n = &numbers[i];
		uint64_t value = n->otherwise;
		const char *text;
		int rc = 0;

		memcpy(&text, (const char *)raw + n->raw, sizeof(text));
		if (text)
			rc = read_number(r, n, text, &value);
		if (rc)
			return rc;
		/* little-endian: the low bytes come first */
		memcpy((char *)manifest + n->to, &value, n->width);
	}
	return 0;
}

/* --------------------------------------------------------------- the rest */

static int read_life(const struct reading *r, const char *life, uint64_t *idle_ns)
{
	*idle_ns = 0;
	if (!life || strcmp(life, "once") == 0)
		return 0;
	if (strncmp(life, "idle ", 5) == 0 && units_time(life + 5, idle_ns) && *idle_ns > 0 &&
		*idle_ns <= 24 * HOUR)
		return 0;
	return reading_bad(r, "life",
		"life: '%.60s' is neither 'once' nor 'idle' and a time up to 24h, as in 'idle 5s'",
		life);
}

static int read_choices(
	const struct reading *r, const struct raw_manifest *raw, struct manifest *manifest)
{
	static const char *const durabilities[] = {"none", "batch", "sync", NULL};
	static const char *const births[] = {"pooled", "fresh", NULL};
	int durability = DURABILITY_BATCH, birth = BIRTH_POOLED;

	if (raw->durability)
		durability = reading_choice(r, "durability", raw->durability, durabilities);
	if (durability < 0)
		return durability;
	if (raw->birth)
		birth = reading_choice(r, "birth", raw->birth, births);
	if (birth < 0)
		return birth;
	manifest->durability = (enum manifest_durability)durability;
	manifest->birth = (enum manifest_birth)birth;
	if (strcmp(raw->mayfly, "1") != 0)
		return reading_bad(r, "mayfly",
			"mayfly: schema '%.20s' is not known, this mayfly reads 1", raw->mayfly);
	manifest->schema = 1;
	return read_life(r, raw->life, &manifest->idle_ns);
}

/* Texts and lists stay where libcyaml put them; manifest->owned frees them. */
static void take(const struct raw_manifest *raw, struct manifest *m)
{
	m->name = raw->name;
	m->version = raw->version ? raw->version : (char *)(uintptr_t) "0";
	m->key = raw->key;
	m->modules = raw->modules, m->modules_count = raw->modules_count;
	m->reads = raw->reads, m->reads_count = raw->reads_count;
	m->writes = raw->writes, m->writes_count = raw->writes_count;
	if (!raw->writes)
		m->writes = raw->reads, m->writes_count = raw->reads_count;
	m->emits = raw->emits, m->emits_count = raw->emits_count;
	m->calls = raw->calls, m->calls_count = raw->calls_count;
	m->upstream = raw->upstream, m->upstream_count = raw->upstream_count;
	m->data = raw->data, m->data_count = raw->data_count;
	m->config = raw->config, m->config_count = raw->config_count;
	m->price.unit = raw->price.unit;
	m->price.quantity = raw->price.quantity;
	m->price.currency = raw->price.currency;
}

static int convert(
	const struct reading *r, const struct raw_manifest *raw, struct manifest *manifest)
{
	int rc;

	take(raw, manifest);
	rc = read_choices(r, raw, manifest);
	if (rc == 0)
		rc = read_numbers(r, raw, manifest);
	if (rc == 0 && !raw->limits.cpu && manifest->limits.cpu_ns > manifest->limits.deadline_ns)
		manifest->limits.cpu_ns = manifest->limits.deadline_ns;
	if (rc == 0)
		rc = manifest_triggers(r, raw, manifest);
	if (rc == 0)
		rc = manifest_check(r, manifest);
	return rc;
}

/* ----------------------------------------------------------------- public */

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
static int load(const struct reading *r, struct mf_str text, struct raw_manifest **raw)
{
	struct yaml_problem problem = {.place = {1, 1}};
	cyaml_config_t config = cyaml_base;
	cyaml_data_t *data = NULL;
	cyaml_err_t e;

	config.log_ctx = &problem;
	e = cyaml_load_data(text.p, text.n, &config, &manifest_schema, &data, NULL);
	if (e == CYAML_OK && data) {
		*raw = data;
		return 0;
	}
	if (e == CYAML_ERR_ALIAS)
		return reading_bad(r, "", "anchors and aliases (&x, *x) are not used here");
	snprintf(problem.text, sizeof(problem.text), "can't be loaded: %s", cyaml_strerror(e));
	return problem_to_error(r, &problem);
}

static int parse(const struct reading *r, struct mf_str text, struct manifest *manifest)
{
	struct yaml_problem problem = {.text = ""};
	struct raw_manifest *raw = NULL;
	int rc = yaml_tree_check(r->tree, &manifest_schema, &problem);

	if (rc)
		return problem_to_error(r, &problem);
	rc = load(r, text, &raw);
	if (rc)
		return rc;
	manifest->owned = raw;
	return convert(r, raw, manifest);
}

int manifest_parse(struct manifest *manifest, struct mf_str text, const char *where,
	char error[MANIFEST_ERROR_MAX])
{
	struct yaml_problem problem = {.place = {1, 1}};
	struct yaml_tree tree;
	struct reading r = {&tree, where, error};
	int rc;

	memset(manifest, 0, sizeof(*manifest));
	if (text.n > MFI_MANIFEST_MAX) {
		snprintf(error, MANIFEST_ERROR_MAX, "%s: has %zu bytes, at most %u are allowed",
			where, text.n, MFI_MANIFEST_MAX);
		return -EINVAL;
	}
	if (yaml_tree_open(&tree, text, &problem))
		return problem_to_error(&r, &problem);
	rc = parse(&r, text, manifest);
	yaml_tree_close(&tree);
	if (rc)
		manifest_free(manifest);
	return rc;
}

void manifest_free(struct manifest *manifest)
{
	cyaml_config_t config = cyaml_base;
	struct yaml_problem problem = {.text = ""};

	config.log_ctx = &problem;
	free(manifest->triggers);
	if (manifest->owned)
		cyaml_free(&config, &manifest_schema, manifest->owned, 0);
	memset(manifest, 0, sizeof(*manifest));
}
