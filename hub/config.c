/* hub/config.c - hub.yaml from text to struct config. */
#include "hub/config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "hub/cache.h"
#include "hub/config_raw.h"
#include "hub/cores.h"
#include "sys/clock.h"
#include "sys/fd.h"

/* ------------------------------------------------------------------- pieces */

int config_no_memory(const struct reading *r)
{
	snprintf(r->error, r->error_size, "%s: no memory", r->where);
	return -ENOMEM;
}

/* Remembers that the file names it. */
static int note_path(struct config *config, const char *path)
{
	char **more;

	for (unsigned i = 0; i < config->paths_count; i++)
		if (strcmp(config->paths[i], path) == 0)
			return 0;
	more = reallocarray(config->paths, config->paths_count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	config->paths = more;
	more[config->paths_count] = strdup(path);
	if (!more[config->paths_count])
		return -ENOMEM;
	config->paths_count++;
	return 0;
}

int config_path(const struct building *b, const char *path, char **out)
{
	bool as_is = path[0] == '/' || b->directory[0] == '\0';

	if (asprintf(out, "%s%s%s", as_is ? "" : b->directory, as_is ? "" : "/", path) < 0)
		*out = NULL;
	if (!*out || note_path(b->config, *out) < 0) {
		free(*out);
		*out = NULL;
		return config_no_memory(b->r);
	}
	return 0;
}

int config_text(const struct building *b, const char *text, char **out)
{
	*out = text ? strdup(text) : NULL;
	return text && !*out ? config_no_memory(b->r) : 0;
}

int config_address(const struct building *b, const char *path, const char *key, const char *text,
	struct net_address *address)
{
	if (net_parse(address, text) == 0)
		return 0;
	return reading_bad(b->r, path,
		"%s: '%.60s' is not an address and a port, as in 127.0.0.1:5353, [::1]:5353 or "
		"*:5353",
		key, text);
}

void config_place(const struct building *b, const char *path, char to[CONFIG_PLACE])
{
	struct yaml_place place = yaml_tree_find(b->r->tree, path);

	snprintf(to, CONFIG_PLACE, "%.90s:%zu:%zu", b->r->where, place.line, place.column);
}

/* ---------------------------------------------------------------- at the top */

#define LIMIT(name, kind, member, otherwise, least, most)                                          \
	{                                                                                          \
		"limits." #name, kind, offsetof(struct raw_config, limits.name),                   \
			offsetof(struct config, member), sizeof(((struct config *)0)->member),     \
			otherwise, least, most, 1                                                  \
	}
#define KIB 1024ull
#define MIB (1024 * KIB)

static const struct reading_number numbers[] = {
	{"cores", READING_NUMBER, offsetof(struct raw_config, cores),
		offsetof(struct config, cores), sizeof(((struct config *)0)->cores), 0, 0,
		CORES_MOST, 1},
	LIMIT(connections, READING_NUMBER, connections, HUB_CONNECTIONS, 1, 1000000),
	LIMIT(memory, READING_SIZE, memory, HUB_MEMORY, MIB, 65536 * MIB),
	LIMIT(waiting, READING_SIZE, waiting, HUB_WAITING, 64 * KIB, 65536 * MIB),
	LIMIT(blobs, READING_SIZE, blobs, HUB_BLOBS, MIB, 1ull << 50),
	LIMIT(header, READING_SIZE, limits.header, HUB_HTTP_HEADER, KIB, MIB),
	LIMIT(request, READING_TIME, limits.request_ns, HUB_HTTP_REQUEST, 10 * CLOCK_MS,
		3600 * CLOCK_S),
	LIMIT(keepalive, READING_TIME, limits.keepalive_ns, HUB_HTTP_KEEPALIVE, 10 * CLOCK_MS,
		3600 * CLOCK_S),
};

static int take_admin(const struct building *b, const char *text, struct config *config)
{
	int rc = 0;

	config->no_admin = text && strcmp(text, "none") == 0;
	if (text && !config->no_admin)
		rc = config_path(b, text, &config->admin);
	if (rc == 0 && config->admin &&
		strlen(config->admin) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		rc = reading_bad(b->r, "admin",
			"admin: '%.120s' has %zu bytes, a socket's path at most %zu", config->admin,
			strlen(config->admin), sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	return rc;
}

/* Where the hub is seen and what it writes: all but listeners and services. */
static int take_places(
	const struct building *b, const struct raw_config *raw, struct config *config)
{
	static const char *const logs[] = {"text", "json", NULL};
	static const char *const answers[] = {"false", "true", NULL};
	int rc = take_admin(b, raw->admin, config), choice;

	if (rc == 0)
		rc = config_network(b, raw, config);
	if (rc == 0)
		rc = config_text(b, raw->admin_group, &config->admin_group);
	if (rc == 0 && raw->state)
		rc = config_path(b, raw->state, &config->state);
	if (rc == 0 && config->cores > 0 && !raw->state)
		rc = reading_bad(b->r, "cores",
			"cores: they are kept in the state directory: add 'state: DIRECTORY'");
	config_place(b, "metrics", config->metrics.place);
	if (rc == 0 && raw->metrics)
		rc = config_address(
			b, "metrics", "metrics", raw->metrics, &config->metrics.address);
	if (rc < 0)
		return rc;
	choice = raw->log ? reading_choice(b->r, "log", raw->log, logs) : CONFIG_LOG_TEXT;
	config->log = (enum config_log)choice;
	if (choice < 0)
		return choice;
	choice = raw->strict ? reading_choice(b->r, "strict", raw->strict, answers) : 0;
	config->strict = choice == 1;
	return choice < 0 ? choice : config_text(b, raw->user, &config->user);
}

/* Two listeners on one address can't be; port 0 is another one each time. */
static int check_listener(
	const struct building *b, const char *key, const struct config_listener *list, unsigned i)
{
	const struct config_listener *l = &list[i];
	char path[64], text[NET_TEXT];

	if (net_port(&l->address) == 0)
		return 0;
	for (unsigned j = 0; j < i; j++) {
		if (!net_same(&l->address, &list[j].address))
			continue;
		net_text(&l->address, text);
		snprintf(path, sizeof(path), "%s.%u.listen", key, i);
		return reading_bad(
			b->r, path, "%s: %s stands there already, at %s", key, text, list[j].place);
	}
	return 0;
}

static int take_listener(
	const struct building *b, unsigned i, const struct raw_listener *raw, struct config *config)
{
	struct config_listener *l = &config->http[i];
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "http.%u", i);
	rc = config_listener(b, path, raw, l);
	return rc < 0 ? rc : check_listener(b, "http", config->http, i);
}

static int take_listeners(
	const struct building *b, const struct raw_config *raw, struct config *config)
{
	int rc = 0;

	config->http = calloc(raw->http_count + 1, sizeof(*config->http));
	if (!config->http)
		return config_no_memory(b->r);
	for (unsigned i = 0; i < raw->http_count && rc == 0; i++) {
		config->http_count = i + 1;
		rc = take_listener(b, i, &raw->http[i], config);
	}
	return rc;
}

static int take_coap(const struct building *b, const struct raw_config *raw, struct config *config)
{
	char path[64];
	int rc = 0;

	config->coap = calloc(raw->coap_count + 1, sizeof(*config->coap));
	if (!config->coap)
		return config_no_memory(b->r);
	for (unsigned i = 0; i < raw->coap_count && rc == 0; i++) {
		config->coap_count = i + 1;
		snprintf(path, sizeof(path), "coap.%u", i);
		rc = config_coap(b, path, &raw->coap[i], &config->coap[i]);
		if (rc == 0)
			rc = check_listener(b, "coap", config->coap, i);
	}
	return rc;
}

/* A route that names a listener which isn't there would never be asked. */
static int check_routes(const struct building *b, unsigned service, const char *key,
	const struct config_route *routes, unsigned count, const struct config_listener *listeners,
	unsigned listeners_count)
{
	for (unsigned i = 0; i < count; i++) {
		bool found = !routes[i].listen_given;
		char path[64], text[NET_TEXT];

		for (unsigned j = 0; j < listeners_count && !found; j++)
			found = net_same(&routes[i].listen, &listeners[j].address);
		if (found)
			continue;
		net_text(&routes[i].listen, text);
		snprintf(path, sizeof(path), "services.%u.%s.%u.listen", service, key, i);
		return reading_bad(b->r, path,
			"listen: no entry of '%s' at the top of the file has the address %s", key,
			text);
	}
	return 0;
}

static int take_service(
	const struct building *b, unsigned i, const struct raw_service *raw, struct config *config)
{
	struct config_service *s = &config->services[i];
	int rc = config_service(b, i, raw, s);

	s->cores = config->cores > 0;
	if (rc == 0)
		rc = check_routes(
			b, i, "http", s->http, s->http_count, config->http, config->http_count);
	if (rc == 0)
		rc = check_routes(
			b, i, "coap", s->coap, s->coap_count, config->coap, config->coap_count);
	return rc;
}

static int take_all(const struct building *b, const struct raw_config *raw, struct config *config)
{
	int rc = reading_numbers(
		b->r, "", numbers, sizeof(numbers) / sizeof(numbers[0]), raw, config);

	if (rc < 0)
		return rc;
	if (strcmp(raw->mayfly, "1") != 0)
		return reading_bad(b->r, "mayfly",
			"mayfly: schema '%.20s' is not known, this mayflyd reads 1", raw->mayfly);
	rc = take_places(b, raw, config);
	if (rc == 0)
		rc = config_trust(b, &raw->trust, &config->trust);
	if (rc == 0)
		rc = take_listeners(b, raw, config);
	if (rc == 0)
		rc = config_mqtt(b, raw, config);
	if (rc == 0)
		rc = config_upstream(b, raw, config);
	if (rc == 0)
		rc = config_emit(b, raw, config);
	if (rc == 0)
		rc = take_coap(b, raw, config);
	if (rc == 0)
		rc = config_accelerator(b, raw, config);
	if (rc == 0)
		rc = config_market(b, raw, config);
	if (rc == 0)
		rc = config_queue(b, raw, config);
	if (rc < 0)
		return rc;
	config->services = calloc(raw->services_count, sizeof(*config->services));
	if (!config->services)
		return config_no_memory(b->r);
	for (unsigned i = 0; i < raw->services_count && rc == 0; i++) {
		config->services_count = i + 1;
		rc = take_service(b, i, &raw->services[i], config);
	}
	return rc;
}

/* ------------------------------------------------------------------- public */

static int build(struct building *b, struct mf_str text, struct config *config)
{
	void *raw;
	int rc = reading_load(b->r, &config_schema, text, &raw);

	b->config = config;
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
	for (unsigned i = 0; as && i < config->http_count; i++)
		strcpy(config->http[i].place, "--http");
	for (unsigned i = 0; as && i < config->coap_count; i++)
		strcpy(config->coap[i].place, "--coap");
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

void config_close(struct config *config)
{
	for (unsigned i = 0; i < config->services_count; i++)
		config_service_free(&config->services[i]);
	for (unsigned i = 0; i < config->http_count; i++)
		config_listener_free(&config->http[i]);
	for (unsigned i = 0; i < config->coap_count; i++)
		config_listener_free(&config->coap[i]);
	config_network_free(config);
	config_mqtt_free(&config->mqtt);
	config_upstream_free(&config->upstream);
	config_emit_free(&config->emit);
	config_trust_free(&config->trust);
	config_accelerator_free(&config->accelerator);
	config_market_free(&config->market);
	config_queue_free(&config->queue);
	free(config->services);
	free(config->http);
	free(config->coap);
	for (unsigned i = 0; i < config->paths_count; i++)
		free(config->paths[i]);
	free(config->paths);
	free(config->user);
	free(config->state);
	free(config->admin);
	free(config->admin_group);
	memset(config, 0, sizeof(*config));
}
