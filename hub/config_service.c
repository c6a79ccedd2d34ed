/* hub/config_service.c - one entry of hub.yaml's services, from texts to struct config_service. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/circuit.h"
#include "hub/config_raw.h"
#include "image/pattern.h"
#include "sys/clock.h"

#define HOUR (3600 * CLOCK_S)

/* ------------------------------------------------------------------ numbers */

#define LIMIT(name, kind, member, otherwise, least, most)                                          \
	{                                                                                          \
		"limits." #name, kind, offsetof(struct raw_service, limits.name),                  \
			offsetof(struct config_service, member),                                   \
			sizeof(((struct config_service *)0)->member), otherwise, least, most, 1    \
	}

static const struct reading_number numbers[] = {
	{"allow_rollback", READING_NUMBER, offsetof(struct raw_service, allow_rollback),
		offsetof(struct config_service, allow_rollback), sizeof(uint64_t), 0, 0, INT64_MAX,
		1},
	LIMIT(queue, READING_NUMBER, queue, 0, 1, 65536),
	LIMIT(threads, READING_NUMBER, threads, 0, 1, 64),
	LIMIT(idle, READING_TIME, idle_ns, 10 * CLOCK_S, 10 * CLOCK_MS, 24 * HOUR),
	LIMIT(deadline, READING_TIME, deadline_ns, 0, CLOCK_MS, HOUR),
	LIMIT(cpu, READING_TIME, cpu_ns, 0, CLOCK_US, HOUR),
	LIMIT(failures, READING_NUMBER, failures, CIRCUIT_FAILURES, 0, 1000000),
};

/* ----------------------------------------------------------- pairs, addresses */

/* "NAME=VALUE" of one pair; the value of data is a path. */
static int take_pair(
	const struct building *b, const struct yaml_pair *pair, bool is_path, char **out)
{
	char *value = NULL;
	int rc = is_path ? config_path(b, (const char *)pair->value.p, &value) : 0;

	if (rc < 0)
		return rc;
	rc = asprintf(out, "%.*s=%s", (int)pair->key.n, (const char *)pair->key.p,
		is_path ? value : (const char *)pair->value.p);
	free(value);
	if (rc >= 0)
		return 0;
	*out = NULL;
	return config_no_memory(b->r);
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
		return config_no_memory(b->r);
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
	int rc = 0;

	*list = calloc(count + 1, sizeof(struct net_address));
	if (!*list)
		return config_no_memory(b->r);
	for (unsigned i = 0; i < count && rc == 0; i++) {
		char path[64];

		snprintf(path, sizeof(path), "services.%u.%s.%u", service, key, i);
		rc = config_address(b, path, key, texts[i], &(*list)[i]);
	}
	return rc;
}

/* ------------------------------------------------------------------ choices */

static int take_choices(const struct building *b, unsigned i, const struct raw_service *raw,
	struct config_service *s)
{
	static const char *const backends[] = {"auto", "kvm", "process", NULL};
	static const char *const births[] = {"pooled", "fresh", NULL};
	static const char *const durabilities[] = {"none", "batch", "sync", NULL};
	static const char *const sockets[] = {"hub", "worker", NULL};
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
	if (choice < 0)
		return choice;
	s->birth = (enum mfw_birth_mode)choice;
	snprintf(path, sizeof(path), "services.%u.durability", i);
	s->durability_given = raw->durability != NULL;
	choice = raw->durability ? reading_choice(b->r, path, raw->durability, durabilities) : 0;
	if (choice < 0)
		return choice;
	s->durability = (enum manifest_durability)choice;
	snprintf(path, sizeof(path), "services.%u.socket", i);
	choice = raw->socket ? reading_choice(b->r, path, raw->socket, sockets) : 0;
	s->socket = (enum config_socket)choice;
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

/* ------------------------------------------------------------------- routes */

static int check_route(const struct building *b, const char *at, const struct raw_route *raw)
{
	const char *wrong = raw->path ? pattern_wrong(raw->path) : NULL;
	char path[80];

	snprintf(path, sizeof(path), "%s.path", at);
	if (wrong)
		return reading_bad(b->r, path, "path: '%.60s' %s", raw->path, wrong);
	snprintf(path, sizeof(path), "%s.method", at);
	if (raw->method && !pattern_is_method(raw->method))
		return reading_bad(b->r, path,
			"method: '%.60s' is not written in capitals, as in GET", raw->method);
	snprintf(path, sizeof(path), "%s.host", at);
	if (raw->host && !pattern_is_host(raw->host))
		return reading_bad(b->r, path,
			"host: '%.60s' is not a host's name, as in example.org", raw->host);
	return 0;
}

static int take_route(const struct building *b, const char *at, const struct raw_route *raw,
	struct config_route *route)
{
	char path[80];
	int rc = check_route(b, at, raw);

	config_place(b, at, route->place);
	snprintf(path, sizeof(path), "%s.listen", at);
	route->listen_given = raw->listen != NULL;
	if (rc == 0 && raw->listen)
		rc = config_address(b, path, "listen", raw->listen, &route->listen);
	if (rc == 0)
		rc = config_text(b, raw->host, &route->host);
	if (rc == 0)
		rc = config_text(b, raw->method, &route->method);
	if (rc == 0)
		rc = config_text(b, raw->path, &route->path);
	if (rc == 0)
		rc = config_access(
			b, at, raw->tokens, raw->clients, raw->clients_count, &route->access);
	return rc;
}

/* The list at services.N.<key>. */
struct raw_routes {
	const char *key;
	const struct raw_route *list;
	unsigned count;
};

static int take_routes(const struct building *b, unsigned service, const struct raw_routes *raw,
	struct config_route **routes, unsigned *count, bool *given)
{
	char path[64];
	int rc = 0;

	snprintf(path, sizeof(path), "services.%u.%s", service, raw->key);
	*given = yaml_tree_has(b->r->tree, path);
	*routes = calloc(raw->count + 1, sizeof(**routes));
	if (!*routes)
		return config_no_memory(b->r);
	for (unsigned i = 0; i < raw->count && rc == 0; i++) {
		*count = i + 1;
		snprintf(path, sizeof(path), "services.%u.%s.%u", service, raw->key, i);
		rc = take_route(b, path, &raw->list[i], &(*routes)[i]);
	}
	return rc;
}

static int take_all_routes(const struct building *b, unsigned service,
	const struct raw_service *raw, struct config_service *s)
{
	const struct raw_routes http = {"http", raw->http, raw->http_count};
	const struct raw_routes coap = {"coap", raw->coap, raw->coap_count};
	int rc = take_routes(b, service, &http, &s->http, &s->http_count, &s->http_given);

	if (rc == 0)
		rc = take_routes(b, service, &coap, &s->coap, &s->coap_count, &s->coap_given);
	return rc;
}

/* ------------------------------------------------------------------- public */

int config_service(const struct building *b, unsigned i, const struct raw_service *raw,
	struct config_service *s)
{
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "services.%u.", i);
	config_place(b, path, s->place);
	s->udp_count = raw->udp_count;
	s->tcp_count = raw->tcp_count;
	s->allow_rollback_given = raw->allow_rollback != NULL;
	rc = config_text(b, raw->name, &s->name);
	if (rc == 0)
		rc = reading_numbers(
			b->r, path, numbers, sizeof(numbers) / sizeof(numbers[0]), raw, s);
	if (rc == 0)
		rc = take_choices(b, i, raw, s);
	if (rc == 0)
		rc = take_core(b, i, raw->core, s);
	if (rc == 0)
		rc = config_path(b, raw->image, &s->image);
	if (rc == 0)
		rc = take_pairs(b, i, "data", true, &s->data, &s->data_count);
	if (rc == 0)
		rc = take_pairs(b, i, "config", false, &s->config, &s->config_count);
	if (rc == 0)
		rc = take_addresses(b, i, "udp", raw->udp, raw->udp_count, &s->udp);
	if (rc == 0)
		rc = take_addresses(b, i, "tcp", raw->tcp, raw->tcp_count, &s->tcp);
	if (rc == 0)
		rc = take_all_routes(b, i, raw, s);
	if (rc == 0)
		rc = config_timers(b, i, raw, s);
	if (rc == 0)
		rc = config_topics(b, i, raw, s);
	return rc;
}

static void free_list(char **list, unsigned count)
{
	for (unsigned i = 0; list && i < count; i++)
		free(list[i]);
	free(list);
}

static void free_routes(struct config_route *routes, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		free(routes[i].host);
		free(routes[i].method);
		free(routes[i].path);
		config_access_free(&routes[i].access);
	}
	free(routes);
}

void config_service_free(struct config_service *s)
{
	free(s->name);
	free(s->image);
	free_list(s->data, s->data_count);
	free_list(s->config, s->config_count);
	free(s->udp);
	free(s->tcp);
	free_routes(s->http, s->http_count);
	free_routes(s->coap, s->coap_count);
	config_timers_free(s);
	config_topics_free(s);
}
