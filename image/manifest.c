/*
 * image/manifest.c - mayfly.yaml from text to struct manifest: the tree is
 * checked against the schema (yaml_tree.c), libcyaml loads it as texts, the
 * tables here turn texts into numbers, manifest_check.c says what belongs
 * together.
 */
#include "image/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/image.h"
#include "image/manifest_raw.h"
#include "image/units.h"

#define KIB  1024ull
#define MSEC 1000000ull
#define SEC  1000000000ull
#define HOUR (3600 * SEC)

/* --------------------------------------------------------------- numbers */

#define NUMBER(path, kind, raw, member, ...)                                                       \
	{                                                                                          \
		path, kind, offsetof(struct raw_manifest, raw), offsetof(struct manifest, member), \
			sizeof(((struct manifest *)0)->member), __VA_ARGS__                        \
	}
#define AREA(name, otherwise, least, most)                                                         \
	NUMBER("memory." #name, READING_SIZE, memory.name, memory.name, otherwise, least, most,    \
		MF_PAGE)

#define WINDOW_MAX (MF_ADDR_WINDOW_END - MF_ADDR_WINDOW)

static const struct reading_number numbers[] = {
	NUMBER("counter", READING_NUMBER, counter, counter, 0, 0, INT64_MAX, 1),
	AREA(window, MF_WINDOW_DEFAULT, MF_WINDOW_MIN, WINDOW_MAX),
	AREA(event, MF_EVENT_DEFAULT, MF_EVENT_MIN, WINDOW_MAX),
	AREA(effects, MF_EFFECTS_DEFAULT, MF_EFFECTS_MIN, WINDOW_MAX),
	AREA(stack, MF_STACK_DEFAULT, MF_STACK_MIN, WINDOW_MAX),
	AREA(init, 0, 0, MF_ADDR_INIT_END - MF_ADDR_INIT),
	AREA(input, 0, 0, MF_ADDR_INPUT_END - MF_ADDR_INPUT),
	AREA(output, 0, 0, MF_ADDR_OUTPUT_END - MF_ADDR_OUTPUT),
	NUMBER("limits.deadline", READING_TIME, limits.deadline, limits.deadline_ns, SEC, 1000,
		HOUR, 1),
	NUMBER("limits.cpu", READING_TIME, limits.cpu, limits.cpu_ns, 100 * MSEC, 1000, HOUR, 1),
	NUMBER("limits.init", READING_TIME, limits.init, limits.init_ns, 10 * SEC, 1000, HOUR, 1),
	NUMBER("limits.queue", READING_NUMBER, limits.queue, limits.queue, 1024, 1, 65536, 1),
	NUMBER("limits.parallel", READING_NUMBER, limits.parallel, limits.parallel, 0, 0, 1024, 1),
	NUMBER("retry.times", READING_NUMBER, retry.times, retry.times, 3, 0, 100, 1),
	NUMBER("retry.wait", READING_TIME, retry.wait, retry.wait_ns, SEC, MSEC, HOUR, 1),
	NUMBER("budget", READING_SIZE, budget, budget, 64 * KIB, KIB, MFI_FILE_MAX, 1),
};

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
static void take(const struct reading *r, const struct raw_manifest *raw, struct manifest *m)
{
	m->name = raw->name;
	m->version = raw->version ? raw->version : (char *)(uintptr_t) "0";
	m->key = raw->key;
	m->modules = raw->modules, m->modules_count = raw->modules_count;
	m->variants = raw->variants, m->variants_count = raw->variants_count;
	m->reads = raw->reads, m->reads_count = raw->reads_count;
	m->writes = raw->writes, m->writes_count = raw->writes_count;
	if (!yaml_tree_has(r->tree, "writes")) /* an empty list says: none */
		m->writes = raw->reads, m->writes_count = raw->reads_count;
	m->emits = raw->emits, m->emits_count = raw->emits_count;
	m->calls = raw->calls, m->calls_count = raw->calls_count;
	m->upstream = raw->upstream, m->upstream_count = raw->upstream_count;
	m->data = raw->data, m->data_count = raw->data_count;
	m->config = raw->config, m->config_count = raw->config_count;
}

static int convert(
	const struct reading *r, const struct raw_manifest *raw, struct manifest *manifest)
{
	int rc;

	take(r, raw, manifest);
	rc = read_choices(r, raw, manifest);
	if (rc == 0)
		rc = reading_numbers(
			r, "", numbers, sizeof(numbers) / sizeof(numbers[0]), raw, manifest);
	if (rc == 0 && !raw->limits.cpu && manifest->limits.cpu_ns > manifest->limits.deadline_ns)
		manifest->limits.cpu_ns = manifest->limits.deadline_ns;
	if (rc == 0)
		rc = manifest_triggers(r, raw, manifest);
	if (rc == 0)
		rc = manifest_price(r, &raw->price, manifest);
	if (rc == 0)
		rc = manifest_check(r, manifest);
	return rc;
}

/* ----------------------------------------------------------------- public */

static int parse(const struct reading *r, struct mf_str text, struct manifest *manifest)
{
	void *raw;
	int rc = reading_load(r, &manifest_schema, text, &raw);

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
	struct reading r = {&tree, where, error, MANIFEST_ERROR_MAX};
	int rc;

	memset(manifest, 0, sizeof(*manifest));
	if (text.n > MFI_MANIFEST_MAX) {
		snprintf(error, MANIFEST_ERROR_MAX, "%s: has %zu bytes, at most %u are allowed",
			where, text.n, MFI_MANIFEST_MAX);
		return -EINVAL;
	}
	if (yaml_tree_open(&tree, text, &problem))
		return reading_problem(&r, &problem);
	tree.manual = "mayfly.yaml(5)";
	rc = parse(&r, text, manifest);
	yaml_tree_close(&tree);
	if (rc)
		manifest_free(manifest);
	return rc;
}

void manifest_free(struct manifest *manifest)
{
	free(manifest->triggers);
	manifest_price_free(manifest);
	reading_free(&manifest_schema, manifest->owned);
	memset(manifest, 0, sizeof(*manifest));
}
