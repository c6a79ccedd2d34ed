/* hub/config.c - hub.yaml from text to struct config. */
#include "hub/config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/circuit.h"
#include "hub/config_raw.h"
#include "image/reading.h"
#include "sys/clock.h"
#include "sys/fd.h"

#define HOUR (3600 * CLOCK_S)

struct building {
	const struct reading *r;
	const char *directory; /* relative paths of the file start here; "" is the working one */
	const char *backend;   /* for all services that don't say */
};

static int no_memory(const struct reading *r)
{
	snprintf(r->error, r->error_size, "%s: no memory", r->where);
	return -ENOMEM;
}

/* ------------------------------------------------------------------ numbers */

#define LIMIT(name, kind, member, otherwise, least, most)                                          \
	{                                                                                          \
		"limits." #name, kind, offsetof(struct raw_service, limits.name),                  \
			offsetof(struct config_service, member),                                   \
			sizeof(((struct config_service *)0)->member), otherwise, least, most, 1    \
	}

static const struct reading_number service_numbers[] = {
	LIMIT(queue, READING_NUMBER, queue, 0, 1, 65536),
	LIMIT(threads, READING_NUMBER, threads, 0, 1, 64),
	LIMIT(idle, READING_TIME, idle_ns, 10 * CLOCK_S, 10 * CLOCK_MS, 24 * HOUR),
	LIMIT(deadline, READING_TIME, deadline_ns, 0, CLOCK_MS, HOUR),
	LIMIT(cpu, READING_TIME, cpu_ns, 0, CLOCK_US, HOUR),
	LIMIT(failures, READING_NUMBER, failures, CIRCUIT_FAILURES, 0, 1000000),
};

static const struct reading_number config_numbers[] = {
	{"limits.connections", READING_NUMBER, offsetof(struct raw_config, limits.connections),
		offsetof(struct config, connections), sizeof(unsigned), 1024, 1, 1000000, 1},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ------------------------------------------------------------------- pieces */

static int take_path(const struct building *b, const char *path, char **out)
{
	bool as_is = path[0] == '/' || b->directory[0] == '\0';

	if (asprintf(out, "%s%s%s", as_is ? "" : b->directory, as_is ? "" : "/", path) < 0) {
		*out = NULL;
		return no_memory(b->r);
	}
	return 0;
}

/* "NAME=VALUE" of one pair; the value of data is a path. */
static int take_pair(
	const struct building *b, const struct yaml_pair *pair, bool is_path, char **out)
{
	char *value = NULL;
	int rc = is_path ? take_path(b, (const char *)pair->value.p, &value) : 0;

	if (rc < 0)
		return rc;
	rc = asprintf(out, "%.*s=%s", (int)pair->key.n, (const char *)pair->key.p,
		is_path ? value : (const char *)pair->value.p);
	free(value);
	if (rc >= 0)
		return 0;
	*out = NULL;
	return no_memory(b->r);
}

/* The set of pairs at services.N.<key>. */
static int take_pairs(const struct building *b, unsigned service, const char *key, bool are_paths,
	char ***list, unsigned *count)
{
	struct yaml_problem problem;
	struct yaml_pair pair;
	char path[64];
	int more;

	snprintf(path, sizeof(path), "services.%u.%s", service, key);
	*list = calloc(CONFIG_LIST_MAX, sizeof(char *));
	if (!*list)
		return no_memory(b->r);
	while ((more = yaml_tree_pair(b->r->tree, path, *count, &pair, &problem)) > 0) {
		int rc;

		if (*count == CONFIG_LIST_MAX)
			return reading_bad(
				b->r, path, "'%s' has more than %u names", key, CONFIG_LIST_MAX);
		rc = take_pair(b, &pair, are_paths, &(*list)[*count]);
		if (rc < 0)
			return rc;
		(*count)++;
	}
	return more < 0 ? reading_problem(b->r, &problem) : 0;
}

static int take_addresses(const struct building *b, unsigned service, const char *key,
	char *const *texts, unsigned count, struct net_address **list)
{
	*list = calloc(count + 1, sizeof(struct net_address));
	if (!*list)
		return no_memory(b->r);
	for (unsigned i = 0; i < count; i++) {
		char path[64];

		snprintf(path, sizeof(path), "services.%u.%s.%u", service, key, i);
		if (net_parse(&(*list)[i], texts[i]) < 0)
			return reading_bad(b->r, path,
				"%s: '%.60s' is not an address and a port, as in 127.0.0.1:5353, "
				"[::1]:5353 or *:5353",
				key, texts[i]);
	}
	return 0;
}

static int take_choices(const struct building *b, unsigned i, const struct raw_service *raw,
	struct config_service *s)
{
	static const char *const backends[] = {"auto", "kvm", "process", NULL};
	static const char *const births[] = {"pooled", "fresh", NULL};
	const char *backend = raw->backend ? raw->backend : b->backend;
	char path[64];
	int choice;

	snprintf(path, sizeof(path), raw->backend ? "services.%u.backend" : "backend", i);
	choice = backend ? reading_choice(b->r, path, backend, backends) : MFW_BACKEND_AUTO;
	if (choice < 0)
		return choice;
	s->backend = (enum mfw_backend)choice;
	snprintf(path, sizeof(path), "services.%u.birth", i);
	s->birth_given = raw->birth != NULL;
	choice = raw->birth ? reading_choice(b->r, path, raw->birth, births) : MFW_POOLED;
	s->birth = (enum mfw_birth_mode)choice;
	return choice < 0 ? choice : 0;
}

static int take_core(
	const struct building *b, unsigned i, const char *text, struct config_service *s)
{
	char path[64], *end;
	long n;

	s->core = CORE_AUTO;
	if (!text || strcmp(text, "auto") == 0)
		return 0;
	s->core = CORE_ANY;
	if (strcmp(text, "any") == 0)
		return 0;
	s->core = CORE_HUB;
	if (strcmp(text, "hub") == 0)
		return 0;
	n = strtol(text, &end, 10);
	s->core = (int)n;
	if (*end == '\0' && n >= 0 && n < sysconf(_SC_NPROCESSORS_CONF))
		return 0;
	snprintf(path, sizeof(path), "services.%u.core", i);
	return reading_bad(b->r, path,
		"core: '%.20s' is neither 'auto', nor 'any', nor 'hub', nor a core's number from 0 "
		"to %ld",
		text, sysconf(_SC_NPROCESSORS_CONF) - 1);
}

static int take_service(const struct building *b, unsigned i, const struct raw_service *raw,
	struct config_service *s)
{
	struct yaml_place place;
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "services.%u.", i);
	place = yaml_tree_find(b->r->tree, path);
	snprintf(
		s->place, sizeof(s->place), "%.90s:%zu:%zu", b->r->where, place.line, place.column);
	s->udp_count = raw->udp_count;
	s->tcp_count = raw->tcp_count;
	if (raw->name && !(s->name = strdup(raw->name)))
		return no_memory(b->r);
	rc = reading_numbers(b->r, path, service_numbers, COUNT(service_numbers), raw, s);
	if (rc == 0)
		rc = take_choices(b, i, raw, s);
	if (rc == 0)
		rc = take_core(b, i, raw->core, s);
	if (rc == 0)
		rc = take_path(b, raw->image, &s->image);
	if (rc == 0)
		rc = take_pairs(b, i, "data", true, &s->data, &s->data_count);
	if (rc == 0)
		rc = take_pairs(b, i, "config", false, &s->config, &s->config_count);
	if (rc == 0)
		rc = take_addresses(b, i, "udp", raw->udp, raw->udp_count, &s->udp);
	if (rc == 0)
		rc = take_addresses(b, i, "tcp", raw->tcp, raw->tcp_count, &s->tcp);
	return rc;
}

static int take_all(const struct building *b, const struct raw_config *raw, struct config *config)
{
	int rc = reading_numbers(b->r, "", config_numbers, COUNT(config_numbers), raw, config);

	if (rc < 0)
		return rc;
	if (strcmp(raw->mayfly, "1") != 0)
		return reading_bad(b->r, "mayfly",
			"mayfly: schema '%.20s' is not known, this mayflyd reads 1", raw->mayfly);
	config->services = calloc(raw->services_count, sizeof(*config->services));
	if (!config->services)
		return no_memory(b->r);
	for (unsigned i = 0; i < raw->services_count; i++) {
		config->services_count = i + 1;
		rc = take_service(b, i, &raw->services[i], &config->services[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ------------------------------------------------------------------- public */

static int build(struct building *b, struct mf_str text, struct config *config)
{
	void *raw;
	int rc = reading_load(b->r, &config_schema, text, &raw);

	if (rc == 0) {
		b->backend = ((struct raw_config *)raw)->backend;
		rc = take_all(b, raw, config);
	}
	reading_free(&config_schema, raw);
	return rc;
}

static int parse(
	const char *path, struct mf_str text, struct config *config, char *error, size_t error_size)
{
	char copy[4096];
	struct yaml_problem problem;
	struct yaml_tree tree;
	struct reading r = {&tree, path, error, error_size};
	struct building b = {.r = &r};
	int rc;

	snprintf(copy, sizeof(copy), "%s", path);
	b.directory = strchr(path, '/') ? dirname(copy) : "";
	if (yaml_tree_open(&tree, text, &problem) < 0)
		return reading_problem(&r, &problem);
	tree.manual = "hub.yaml(5)";
	rc = build(&b, text, config);
	yaml_tree_close(&tree);
	return rc;
}

/* Without "FILE:LINE:COLUMN: " and the like, which mean nothing to whoever didn't write it. */
static void strip_place(const char *path, char *error)
{
	size_t n = strlen(path);

	if (strncmp(error, path, n) != 0)
		return;
	n += strspn(error + n, ":0123456789 ");
	if (strncmp(error + n, "services.", 9) == 0)
		n += 9 + strspn(error + n + 9, "0123456789.");
	memmove(error, error + n, strlen(error + n) + 1);
}

static void tell_origin(struct config *config, const char *as)
{
	for (unsigned i = 0; i < config->services_count; i++) {
		struct config_service *s = &config->services[i];

		s->from_yaml = as == NULL;
		if (as)
			snprintf(s->place, sizeof(s->place), "%.120s", s->image);
	}
}

int config_open(struct config *config, const char *path, const char *as,
	char error[static CONFIG_ERROR_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	void *text = NULL;
	size_t n = 0;

	memset(config, 0, sizeof(*config));
	rc = fd < 0 ? -errno : fd_read_all(fd, CONFIG_FILE_MAX, &text, &n);
	fd_close(&fd);
	if (rc < 0) {
		snprintf(error, CONFIG_ERROR_MAX, "\"%s\": can't read it: %s", path, strerror(-rc));
		return rc;
	}
	rc = parse(path, mf_str_of(text, n), config, error, CONFIG_ERROR_MAX);
	free(text);
	if (rc < 0 && as)
		strip_place(path, error);
	if (rc < 0)
		config_close(config);
	else
		tell_origin(config, as);
	return rc;
}

static void free_list(char **list, unsigned count)
{
	for (unsigned i = 0; list && i < count; i++)
		free(list[i]);
	free(list);
}

void config_close(struct config *config)
{
	for (unsigned i = 0; i < config->services_count; i++) {
		struct config_service *s = &config->services[i];

		free(s->name);
		free(s->image);
		free_list(s->data, s->data_count);
		free_list(s->config, s->config_count);
		free(s->udp);
		free(s->tcp);
	}
	free(config->services);
	memset(config, 0, sizeof(*config));
}
