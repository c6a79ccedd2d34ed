/*
 * cli/up.c - `mayfly up`: a hub.yaml made from arguments, and mayflyd in our place to
 * serve it. Directories are built first.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/daemon.h"
#include "cli/life.h"
#include "cli/out.h"
#include "cli/up_image.h"
#include "cli/up_state.h"
#include "image/attach.h"
#include "image/image.h"
#include "image/manifest.h"
#include "monitor/monitor.h"

static const char usage[] =
	"usage: mayfly up [-o json] [--trace] IMAGE|DIR [OPTIONS] [IMAGE|DIR [OPTIONS]] ...\n"
	"\n"
	"A hub with these services, until Ctrl-C. A DIR is built first. Options belong to the\n"
	"image before them; before the first image they belong to all.\n"
	"\n"
	"  --udp ADDRESS        listen there: 127.0.0.1:5353, [::1]:5353, *:5353; port 0: a free "
	"one\n"
	"  --tcp ADDRESS        the same for messages with their length in front\n"
	"  --http ADDRESS       speak HTTP there, for all services with triggers of that type\n"
	"  --tls CERT,KEY       over TLS, at the --http before it\n"
	"  --tokens FILE        only with one of its bearer tokens, at the --http before it\n"
	"  --coap ADDRESS       speak CoAP there, for all services with triggers of that type\n"
	"                       (none: 127.0.0.1:0 for each kind of trigger that is there)\n"
	"  --mqtt BROKER        for triggers of that type, and what services emit: "
	"mqtt://127.0.0.1\n"
	"  --upstream URL       for what services send there: mqtts://center.example.org\n"
	"  --data [NAME=]FILE   attach a file, or all files below a directory\n"
	"  --config KEY=VALUE   attach a setting\n"
	"  --name NAME          instead of the image's own\n"
	"  --backend auto|kvm|process   --birth pooled|fresh   --core auto|any|hub|N\n"
	"  --threads N          lives at once        --queue N    events that may wait\n"
	"  --idle TIME          a worker without events ends after it (10s)\n"
	"  --deadline TIME      from an event to its answer\n"
	"\n"
	"  -o json              start-up and workers as JSON lines on stdout\n"
	"  --trace              a JSON line a life on stdout\n"
	"  --state DIR          where services' state is kept (~/.local/state/mayfly/NAME, NAME "
	"being\n"
	"                       the first service's)\n"
	"  --strict             don't start where a wall round the services is missing\n"
	"\n"
	"Exit status: 0 ended by Ctrl-C, 1 can't serve, 2 usage, 3 not found.\n";

enum code {
	OPT_TRACE = 0x100,
	OPT_STRICT,
	OPT_STATE,
	OPT_UDP,
	OPT_TCP,
	OPT_HTTP,
	OPT_TLS,
	OPT_MQTT,
	OPT_UPSTREAM,
	OPT_TOKENS,
	OPT_COAP,
	OPT_DATA,
	OPT_CONFIG,
	OPT_VALUE
};

/* What is passed on as it is: mayflyd checks it. */
static const struct value {
	const char *option;
	bool limit; /* a key of `limits` */
} values[] = {
	{"name", false},
	{"backend", false},
	{"birth", false},
	{"core", false},
	{"threads", true},
	{"queue", true},
	{"idle", true},
	{"deadline", true},
};
#define VALUES (sizeof(values) / sizeof(values[0]))

struct list {
	const char *item[LIFE_ATTACH_MAX];
	unsigned count;
};

struct entry {
	const char *path; /* as the user typed it */
	const char *value[VALUES];
	struct list udp, tcp, data, config;
};

/* HTTP is the hub's, not a service's; so is CoAP. */
struct listener {
	const char *address;
	const char *tls; /* "CERT,KEY", or NULL */
	const char *tokens;
};

struct up {
	struct entry all; /* options before the first image */
	struct entry *entries;
	unsigned count;
	struct listener http[LIFE_ATTACH_MAX];
	unsigned http_count;
	struct list coap;
	bool json, trace, strict;
	bool stores;                  /* some service needs a database */
	const char *mqtt;             /* the broker; NULL: none */
	const char *upstream;         /* NULL: none */
	const char *state;            /* --state; NULL: the usual directory */
	char first[MFI_NAME_MAX + 1]; /* service's name */
	FILE *yaml;
};

/* ----------------------------------------------------------------- arguments */

static struct option options[25 + VALUES] = {
	{"udp", required_argument, NULL, OPT_UDP},
	{"tcp", required_argument, NULL, OPT_TCP},
	{"http", required_argument, NULL, OPT_HTTP},
	{"tls", required_argument, NULL, OPT_TLS},
	{"mqtt", required_argument, NULL, OPT_MQTT},
	{"upstream", required_argument, NULL, OPT_UPSTREAM},
	{"tokens", required_argument, NULL, OPT_TOKENS},
	{"coap", required_argument, NULL, OPT_COAP},
	{"data", required_argument, NULL, OPT_DATA},
	{"config", required_argument, NULL, OPT_CONFIG},
	{"output", required_argument, NULL, 'o'},
	{"trace", no_argument, NULL, OPT_TRACE},
	{"strict", no_argument, NULL, OPT_STRICT},
	{"state", required_argument, NULL, OPT_STATE},
	{"help", no_argument, NULL, 'h'},
};

static void complete_options(void)
{
	unsigned n = 0;

	while (options[n].name)
		n++;
	for (unsigned i = 0; i < VALUES; i++)
		options[n + i] = (struct option){
			values[i].option, required_argument, NULL, OPT_VALUE + (int)i};
}

static int add(struct list *list, const char *item)
{
	if (list->count == LIFE_ATTACH_MAX)
		return out_say("up", STATUS_USAGE, "\"%s\": more than %u of its kind", item,
			LIFE_ATTACH_MAX);
	list->item[list->count++] = item;
	return STATUS_OK;
}

static int add_entry(struct up *up, const char *path)
{
	struct entry *more = reallocarray(up->entries, up->count + 1, sizeof(*more));

	if (!more)
		return out_say("up", STATUS_MEMORY, "no memory");
	up->entries = more;
	up->entries[up->count] = up->all;
	up->entries[up->count++].path = path;
	return STATUS_OK;
}

static int add_listener(struct up *up, const char *address)
{
	if (up->http_count == LIFE_ATTACH_MAX)
		return out_say("up", STATUS_USAGE, "\"%s\": more than %u of its kind", address,
			LIFE_ATTACH_MAX);
	up->http[up->http_count++] = (struct listener){.address = address};
	return STATUS_OK;
}

/* That an option belongs to; NULL, and it said why: there is none. */
static struct listener *last_listener(struct up *up, const char *option, const char *argument)
{
	if (up->http_count > 0)
		return &up->http[up->http_count - 1];
	out_say("up", STATUS_USAGE, "%s \"%s\": it belongs behind an --http", option, argument);
	return NULL;
}

static int add_tls(struct up *up, const char *files)
{
	struct listener *listener = last_listener(up, "--tls", files);
	const char *comma = strchr(files, ',');

	if (!listener)
		return STATUS_USAGE;
	if (!comma || comma == files || comma[1] == '\0' || strchr(comma + 1, ','))
		return out_say(
			"up", STATUS_USAGE, "--tls \"%s\": write it as CERTIFICATE,KEY", files);
	listener->tls = files;
	return STATUS_OK;
}

static int add_tokens(struct up *up, const char *file)
{
	struct listener *listener = last_listener(up, "--tokens", file);

	if (listener)
		listener->tokens = file;
	return listener ? STATUS_OK : STATUS_USAGE;
}

static int take_option(struct up *up, int c, const char *argument)
{
	struct entry *e = up->count > 0 ? &up->entries[up->count - 1] : &up->all;

	switch (c) {
	case 1: return add_entry(up, argument);
	case 'o': return out_format("up", argument, &up->json) ? STATUS_OK : STATUS_USAGE;
	case OPT_TRACE: up->trace = true; return STATUS_OK;
	case OPT_STRICT: up->strict = true; return STATUS_OK;
	case OPT_STATE: up->state = argument; return STATUS_OK;
	case OPT_UDP: return add(&e->udp, argument);
	case OPT_TCP: return add(&e->tcp, argument);
	case OPT_HTTP: return add_listener(up, argument);
	case OPT_TLS: return add_tls(up, argument);
	case OPT_MQTT: up->mqtt = argument; return STATUS_OK;
	case OPT_UPSTREAM: up->upstream = argument; return STATUS_OK;
	case OPT_TOKENS: return add_tokens(up, argument);
	case OPT_COAP: return add(&up->coap, argument);
	case OPT_DATA: return add(&e->data, argument);
	case OPT_CONFIG: return add(&e->config, argument);
	default: break;
	}
	if (c < OPT_VALUE)
		return out_say("up", STATUS_USAGE,
			"\"%s\": unknown, or its value is missing: see mayfly up --help", argument);
	e->value[c - OPT_VALUE] = argument;
	return STATUS_OK;
}

static int take_arguments(struct up *up, int argc, char **argv)
{
	int c, status = STATUS_OK;

	complete_options();
	opterr = 0;
	/* "-": operands come in their place between the options */
	while (status == STATUS_OK && (c = getopt_long(argc, argv, "-o:h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			exit(out_end("up", STATUS_OK));
		}
		status = take_option(up, c, c == '?' ? argv[optind - 1] : optarg);
	}
	while (status == STATUS_OK && optind < argc)
		status = add_entry(up, argv[optind++]);
	if (status == STATUS_OK && up->count == 0)
		return out_say("up", STATUS_USAGE,
			"name an image or a service's directory: mayfly up IMAGE|DIR...");
	return status;
}

/* ----------------------------------------------------------------- hub.yaml */

static void put_text(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(to, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(to, "\\x%02x", c);
		else
			fputc(c, to);
	}
	fputc('"', to);
}

static void put_key(FILE *to, const char *indent, const char *key, const char *text)
{
	fprintf(to, "%s%s: ", indent, key);
	put_text(to, text);
	fputc('\n', to);
}

static void put_list(FILE *to, const char *key, const struct list *list)
{
	if (list->count == 0)
		return;
	fprintf(to, "    %s:\n", key);
	for (unsigned i = 0; i < list->count; i++) {
		fputs("      - ", to);
		put_text(to, list->item[i]);
		fputc('\n', to);
	}
}

static void put_pair(FILE *to, const char *name, const char *value)
{
	fputs("      ", to);
	put_text(to, name);
	fputs(": ", to);
	put_text(to, value);
	fputc('\n', to);
}

/* mayflyd reads its file elsewhere: paths become absolute. */
static int put_data(FILE *to, const struct entry *e, const struct manifest *manifest)
{
	for (unsigned i = 0; i < e->data.count; i++) {
		char name[256], path[PATH_MAX];
		const char *file = attach_name(manifest, e->data.item[i], name);

		if (!realpath(file, path))
			return out_say("up", STATUS_NOT_FOUND, "--data \"%s\": \"%s\": %s",
				e->data.item[i], file, strerror(errno));
		if (i == 0)
			fputs("    data:\n", to);
		put_pair(to, name, path);
	}
	return STATUS_OK;
}

static int put_config(FILE *to, const struct entry *e)
{
	for (unsigned i = 0; i < e->config.count; i++) {
		const char *equals = strchr(e->config.item[i], '=');
		char name[256];

		if (!equals || equals == e->config.item[i] ||
			(size_t)(equals - e->config.item[i]) >= sizeof(name))
			return out_say("up", STATUS_USAGE, "--config \"%s\": write it as KEY=VALUE",
				e->config.item[i]);
		snprintf(name, sizeof(name), "%.*s", (int)(equals - e->config.item[i]),
			e->config.item[i]);
		if (i == 0)
			fputs("    config:\n", to);
		put_pair(to, name, equals + 1);
	}
	return STATUS_OK;
}

static void put_values(FILE *to, const struct entry *e)
{
	bool limits = false;

	for (unsigned i = 0; i < VALUES; i++)
		if (e->value[i] && !values[i].limit)
			put_key(to, "    ", values[i].option, e->value[i]);
	for (unsigned i = 0; i < VALUES; i++) {
		if (!e->value[i] || !values[i].limit)
			continue;
		if (!limits)
			fputs("    limits:\n", to);
		limits = true;
		put_key(to, "      ", values[i].option, e->value[i]);
	}
}

/* Nothing said: every trigger that is a socket gets a free port on the loopback. */
static void listen_by_triggers(struct up *up, struct entry *e, const struct manifest *manifest)
{
	if (e->udp.count > 0 || e->tcp.count > 0)
		return;
	for (unsigned i = 0; i < manifest->triggers_count; i++) {
		if (manifest->triggers[i].type == TRIGGER_UDP && e->udp.count == 0)
			add(&e->udp, "127.0.0.1:0");
		if (manifest->triggers[i].type == TRIGGER_TCP && e->tcp.count == 0)
			add(&e->tcp, "127.0.0.1:0");
		if (manifest->triggers[i].type == TRIGGER_HTTP && up->http_count == 0)
			add_listener(up, "127.0.0.1:0");
		if (manifest->triggers[i].type == TRIGGER_COAP && up->coap.count == 0)
			add(&up->coap, "127.0.0.1:0");
	}
}

/* Runs mf_init once, here, so that a mistake in an attached file is said now and not with the
 * first event. What it leaves is thrown away: workers make their own. */
static int try_init(const struct entry *e, const char *image)
{
	struct life_options life = {.command = "up", .image_path = image, .source = MF_SOURCE_RUN};
	char error[MONITOR_ERROR_MAX] = "";
	struct monitor_options how;
	struct life_setup setup;
	struct monitor *monitor;
	int status = STATUS_OK;

	memcpy(life.data, e->data.item, sizeof(life.data));
	memcpy(life.config, e->config.item, sizeof(life.config));
	life.data_count = e->data.count;
	life.config_count = e->config.count;
	for (unsigned i = 0; i < VALUES && status == STATUS_OK; i++)
		if (e->value[i] && strcmp(values[i].option, "backend") == 0)
			status = life_option(&life, LIFE_OPT_BACKEND, e->value[i]);
	if (status != STATUS_OK)
		return status;
	status = life_load(&setup, &life);
	if (status == STATUS_OK && (setup.image.note.flags & MFI_HAS_INIT)) {
		how = life_monitor(&setup, &life);
		if (monitor_open(
			    &monitor, &setup.image, setup.data, setup.data_size, &how, error) == 0)
			monitor_close(monitor);
		else
			status = out_say("up", STATUS_FAILED, "\"%s\": %s", e->path, error);
	}
	life_unload(&setup);
	return status;
}

static int put_entry(struct up *up, struct entry *e, const char *image)
{
	struct manifest manifest = {0};
	char path[PATH_MAX];
	bool stores;
	int status = up_image_manifest(image, &manifest, &stores);

	if (status != STATUS_OK)
		return status;
	up->stores |= stores;
	if (!up->first[0])
		snprintf(up->first, sizeof(up->first), "%s", manifest.name);
	listen_by_triggers(up, e, &manifest);
	if (realpath(image, path))
		put_key(up->yaml, "  - ", "image", path);
	else
		status = out_say("up", STATUS_NOT_FOUND, "\"%s\": %s", image, strerror(errno));
	put_values(up->yaml, e);
	put_list(up->yaml, "udp", &e->udp);
	put_list(up->yaml, "tcp", &e->tcp);
	if (status == STATUS_OK)
		status = put_data(up->yaml, e, &manifest);
	if (status == STATUS_OK)
		status = put_config(up->yaml, e);
	if (status == STATUS_OK)
		status = try_init(e, image);
	manifest_free(&manifest);
	return status;
}

static int put_file(FILE *to, const char *option, const char *key, const char *name, size_t n)
{
	char file[PATH_MAX], path[PATH_MAX];

	snprintf(file, sizeof(file), "%.*s", (int)n, name);
	if (!realpath(file, path))
		return out_say(
			"up", STATUS_NOT_FOUND, "%s \"%s\": %s", option, file, strerror(errno));
	put_key(to, "    ", key, path);
	return STATUS_OK;
}

static int put_tls(FILE *to, const char *files)
{
	const char *comma = strchr(files, ',');
	int status;

	fputs("    tls:\n", to);
	status = put_file(to, "--tls", "  certificate", files, (size_t)(comma - files));
	return status != STATUS_OK ? status
				   : put_file(to, "--tls", "  key", comma + 1, strlen(comma + 1));
}

static int put_listeners(const struct up *up)
{
	int status = STATUS_OK;

	if (up->http_count > 0)
		fputs("http:\n", up->yaml);
	for (unsigned i = 0; i < up->http_count && status == STATUS_OK; i++) {
		const struct listener *l = &up->http[i];

		put_key(up->yaml, "  - ", "listen", l->address);
		if (l->tls)
			status = put_tls(up->yaml, l->tls);
		if (l->tokens && status == STATUS_OK)
			status = put_file(up->yaml, "--tokens", "tokens", l->tokens, PATH_MAX);
	}
	if (up->coap.count > 0)
		fputs("coap:\n", up->yaml);
	for (unsigned i = 0; i < up->coap.count; i++)
		put_key(up->yaml, "  - ", "listen", up->coap.item[i]);
	return status;
}

static int put_state(const struct up *up)
{
	char path[PATH_MAX];
	int status;

	if (up->mqtt) {
		fputs("mqtt:\n", up->yaml);
		put_key(up->yaml, "  ", "broker", up->mqtt);
	}
	if (up->upstream) {
		fputs("upstream:\n", up->yaml);
		put_key(up->yaml, "  ", "to", up->upstream);
	}
	if (!up->state && !up->stores && !up->mqtt && !up->upstream)
		return STATUS_OK;
	status = up->state ? up_state_named(up->state, path) : up_state_usual(up->first, path);
	if (status == STATUS_OK)
		put_key(up->yaml, "", "state", path);
	return status;
}

static int put_entries(struct up *up)
{
	int status = STATUS_OK;

	if (up->strict)
		fputs("strict: true\n", up->yaml);
	/* whoever types an image's name vouches for it */
	fputs("mayfly: 1\ntrust: {allow_unsigned: true}\nservices:\n", up->yaml);
	for (unsigned i = 0; status == STATUS_OK && i < up->count; i++) {
		struct entry *e = &up->entries[i];
		char image[PATH_MAX];
		struct stat st;

		if (strlen(e->path) >= sizeof(image))
			return out_say("up", STATUS_USAGE, "\"%s\": the path is too long", e->path);
		strcpy(image, e->path);
		if (stat(e->path, &st) == 0 && S_ISDIR(st.st_mode))
			status = up_image_build(e->path, image);
		if (status == STATUS_OK)
			status = put_entry(up, e, image);
	}
	if (status == STATUS_OK)
		status = put_listeners(up);
	return status == STATUS_OK ? put_state(up) : status;
}

/* --------------------------------------------------------------------- start */

static int become_hub(const struct up *up, int fd)
{
	const char *argv[10] = {"mayflyd", "--as", "mayfly: up", "-c"};
	char config[64];
	unsigned argc = 5;

	snprintf(config, sizeof(config), "/proc/self/fd/%d", fd);
	argv[4] = config;
	if (up->json) {
		argv[argc++] = "-o";
		argv[argc++] = "json";
	}
	if (up->trace)
		argv[argc++] = "--trace";
	return daemon_become("up", argv);
}

int cmd_up(int argc, char **argv)
{
	struct up up = {.count = 0};
	int fd, status = take_arguments(&up, argc, argv);

	if (status == STATUS_OK) {
		fd = memfd_create("hub.yaml", 0); /* open across exec, gone with mayflyd */
		up.yaml = fd < 0 ? NULL : fdopen(fd, "w");
		if (!up.yaml)
			status = out_say("up", STATUS_FAILED, "%s", strerror(errno));
	}
	if (status == STATUS_OK)
		status = put_entries(&up);
	if (status == STATUS_OK && fflush(up.yaml) != 0)
		status = out_say("up", STATUS_FAILED, "%s", strerror(errno));
	if (status == STATUS_OK)
		status = become_hub(&up, fd);
	if (up.yaml)
		fclose(up.yaml);
	free(up.entries);
	return status;
}
