/*
 * image/manifest_check.c - what belongs together in a manifest: which keys a
 * trigger of each type has, names, lists, the parts of the window.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "abi/image.h"
#include "image/cron.h"
#include "image/key.h"
#include "image/manifest_raw.h"
#include "image/pattern.h"
#include "image/topic.h"
#include "image/units.h"

#define LETTERS  "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS   "0123456789"

/* --------------------------------------------------------------- triggers */

static const char *const type_names[] = {
	[TRIGGER_UDP] = "udp",
	[TRIGGER_TCP] = "tcp",
	[TRIGGER_HTTP] = "http",
	[TRIGGER_MQTT] = "mqtt",
	[TRIGGER_COAP] = "coap",
	[TRIGGER_TIMER] = "timer",
	[TRIGGER_PACKETS] = "packets",
	[TRIGGER_CALL] = "call",
	[TRIGGER_JOB] = "job",
	NULL,
};

struct trigger_key {
	const char *key;
	size_t raw;
	unsigned may, must; /* 1 << type */
};
#define ON(type) (1u << TRIGGER_##type)
#define KEY(name, may, must)                                                                       \
	{                                                                                          \
#name, offsetof(struct raw_trigger, name), may, must                               \
	}

static const struct trigger_key trigger_keys[] = {
	KEY(method, ON(HTTP) | ON(COAP), 0),
	KEY(path, ON(HTTP) | ON(COAP), ON(HTTP) | ON(COAP)),
	KEY(host, ON(HTTP) | ON(COAP), 0),
	KEY(topic, ON(MQTT), ON(MQTT)),
	KEY(qos, ON(MQTT), 0),
	KEY(every, ON(TIMER), 0),
	KEY(cron, ON(TIMER), 0),
	KEY(missed, ON(TIMER), 0),
	KEY(framing, ON(TCP), 0),
	KEY(name, ON(TIMER), ON(TIMER)),
	KEY(protocol, ON(UDP) | ON(TCP), 0),
	KEY(example, ON(UDP) | ON(TCP) | ON(HTTP) | ON(MQTT) | ON(COAP), 0),
	KEY(headers, ON(HTTP), 0),
};

static const char *path_of(unsigned i, const char *key, char to[static 48])
{
	snprintf(to, 48, "triggers.%u%s%s", i, key[0] ? "." : "", key);
	return to;
}

static int check_keys(const struct reading *r, unsigned i, const struct raw_trigger *raw,
	enum manifest_trigger_type type)
{
	char path[48];

	for (size_t k = 0; k < sizeof(trigger_keys) / sizeof(trigger_keys[0]); k++) {
		const struct trigger_key *key = &trigger_keys[k];
		const char *value;

		memcpy(&value, (const char *)raw + key->raw, sizeof(value));
		if (value && !(key->may & (1u << type)))
			return reading_bad(r, path_of(i, key->key, path),
				"a trigger of type '%s' has no '%s'", type_names[type], key->key);
		if (!value && (key->must & (1u << type)))
			return reading_bad(r, path_of(i, "", path),
				"a trigger of type '%s' needs '%s'", type_names[type], key->key);
	}
	return 0;
}

static bool is_file_name(const char *name)
{
	return name[0] != '.' && name[strspn(name, LETTERS CAPITALS DIGITS "._-")] == '\0';
}

/* It is told to the service, is part of an id, and hub.yaml names it. */
static int check_timer_name(const struct reading *r, unsigned i, const struct manifest_trigger *all)
{
	const char *name = all[i].name;
	char path[48];

	path_of(i, "name", path);
	if (!is_file_name(name) || strlen(name) > MFI_NAME_MAX)
		return reading_bad(r, path,
			"name: '%.80s' is not a name of up to %d letters, digits, '.', '_' and '-'",
			name, MFI_NAME_MAX);
	for (unsigned j = 0; j < i; j++)
		if (all[j].type == TRIGGER_TIMER && strcmp(all[j].name, name) == 0)
			return reading_bad(r, path, "name: another timer is '%s' too", name);
	return 0;
}

static int check_timer(const struct reading *r, unsigned i, struct manifest_trigger *t)
{
	static const char *const missed[] = {"skip", "once", "all", NULL};
	const char *wrong;
	struct cron cron;
	char path[48];
	uint64_t ns;

	if (!t->every == !t->cron)
		return reading_bad(r, path_of(i, "", path),
			"a trigger of type 'timer' needs either 'every' or 'cron'");
	if (t->every && (!units_time(t->every, &ns) || ns < 1000000))
		return reading_bad(r, path_of(i, "every", path),
			"every: '%.60s' is not a time of at least 1ms, as in 10s", t->every);
	wrong = t->cron ? cron_parse(&cron, t->cron) : NULL;
	if (wrong)
		return reading_bad(r, path_of(i, "cron", path), "cron: '%.60s' %s", t->cron, wrong);
	if (!t->missed)
		t->missed = missed[0];
	return reading_choice(r, path_of(i, "missed", path), t->missed, missed) < 0 ? -EINVAL : 0;
}

static int check_request(const struct reading *r, unsigned i, const struct manifest_trigger *t)
{
	char path[48];

	const char *wrong = pattern_wrong(t->path);

	if (wrong)
		return reading_bad(r, path_of(i, "path", path), "path: '%.60s' %s", t->path, wrong);
	if (t->method && !pattern_is_method(t->method))
		return reading_bad(r, path_of(i, "method", path),
			"method: '%.60s' is not written in capitals, as in GET", t->method);
	if (t->host && !pattern_is_host(t->host))
		return reading_bad(r, path_of(i, "host", path),
			"host: '%.60s' is not a host's name, as in example.org", t->host);
	return 0;
}

static int check_headers(const struct reading *r, unsigned i, const struct manifest_trigger *t)
{
	char path[48];

	for (unsigned k = 0; k < t->headers_count; k++) {
		snprintf(path, sizeof(path), "triggers.%u.headers.%u", i, k);
		if (!pattern_is_header(t->headers[k]))
			return reading_bad(r, path,
				"headers: '%.60s' is not a header's name, as in User-Agent",
				t->headers[k]);
		for (unsigned j = 0; j < k; j++)
			if (strcasecmp(t->headers[j], t->headers[k]) == 0)
				return reading_bad(r, path, "headers: '%.60s' stands there twice",
					t->headers[k]);
	}
	return 0;
}

/* Length-prefixed or not, what is spoken may have words for a refusal. */
static int check_protocol(const struct reading *r, unsigned i, const struct manifest_trigger *t)
{
	static const char *const protocols[] = {"dns", NULL};
	char path[48];

	if (!t->protocol)
		return 0;
	return reading_choice(r, path_of(i, "protocol", path), t->protocol, protocols) < 0 ? -EINVAL
											   : 0;
}

static int check_trigger(const struct reading *r, unsigned i, const struct raw_trigger *raw,
	struct manifest_trigger *t)
{
	static const char *const framings[] = {"length16", "length32", NULL};
	static const char *const qos[] = {"0", "1", NULL};
	char path[48];
	int choice;

	switch (t->type) {
	case TRIGGER_TCP:
		if (!t->framing)
			t->framing = framings[0];
		choice = reading_choice(r, path_of(i, "framing", path), t->framing, framings);
		return choice < 0 ? choice : check_protocol(r, i, t);
	case TRIGGER_UDP: return check_protocol(r, i, t);
	case TRIGGER_MQTT:
		if (!topic_is_filter(t->topic))
			return reading_bad(r, path_of(i, "topic", path),
				"topic: '%.60s' has '+' or '#' in a place where MQTT allows none",
				t->topic);
		choice = raw->qos ? reading_choice(r, path_of(i, "qos", path), raw->qos, qos) : 1;
		t->qos = choice < 0 ? 0 : (unsigned)choice;
		return choice < 0 ? choice : 0;
	case TRIGGER_HTTP:
		choice = check_request(r, i, t);
		return choice < 0 ? choice : check_headers(r, i, t);
	case TRIGGER_COAP: return check_request(r, i, t);
	case TRIGGER_TIMER: return check_timer(r, i, t);
	default: return 0;
	}
}

int manifest_triggers(
	const struct reading *r, const struct raw_manifest *raw, struct manifest *manifest)
{
	char path[48];

	manifest->triggers = calloc(raw->triggers_count + 1, sizeof(*manifest->triggers));
	if (!manifest->triggers) {
		reading_bad(r, "triggers", "no memory");
		return -ENOMEM;
	}
	for (unsigned i = 0; i < raw->triggers_count; i++) {
		const struct raw_trigger *from = &raw->triggers[i];
		int type = reading_choice(r, path_of(i, "type", path), from->type, type_names);
		int rc;

		if (type < 0)
			return type;
		manifest->triggers[i] = (struct manifest_trigger){
			.type = (enum manifest_trigger_type)type,
			.method = from->method,
			.path = from->path,
			.host = from->host,
			.topic = from->topic,
			.every = from->every,
			.cron = from->cron,
			.missed = from->missed,
			.framing = from->framing,
			.name = from->name,
			.protocol = from->protocol,
			.example = from->example,
			.headers = from->headers,
			.headers_count = from->headers_count,
		};
		rc = check_keys(r, i, from, (enum manifest_trigger_type)type);
		if (rc == 0)
			rc = check_trigger(r, i, from, &manifest->triggers[i]);
		if (rc == 0 && type == TRIGGER_TIMER)
			rc = check_timer_name(r, i, manifest->triggers);
		if (rc)
			return rc;
		manifest->triggers_count = i + 1;
	}
	return 0;
}

/* ------------------------------------------------------- names and lists */

static bool is_service_name(const char *name)
{
	return strlen(name) <= MFI_NAME_MAX && name[0] >= 'a' && name[0] <= 'z' &&
		name[strspn(name, LETTERS DIGITS "-")] == '\0';
}

static bool is_variant_name(const char *name)
{
	return is_service_name(name) && strlen(name) <= MFI_VARIANT_MAX;
}

static bool is_module_name(const char *name)
{
	return name[strspn(name, LETTERS DIGITS "_-/")] == '\0';
}

bool manifest_data_name(const char *name)
{
	for (const char *p = name; *p; p++) {
		bool begins = p == name || p[-1] == '/';

		if ((begins && (*p == '.' || *p == '/')) || (uint8_t)*p < ' ' || *p == 0x7f ||
			*p == '=' || *p == '\\')
			return false;
	}
	return name[0] != '\0' && name[strlen(name) - 1] != '/';
}

/* A file's name, or a pattern of one with '*' in it. */
static bool is_data_entry(const char *name)
{
	return manifest_data_name(name) &&
		name[strspn(name, LETTERS CAPITALS DIGITS "._-*/")] == '\0';
}

bool manifest_data_fits(const char *entry, const char *name)
{
	return manifest_data_name(name) && fnmatch(entry, name, FNM_PERIOD) == 0;
}

/* Without wildcards; parts may be "{1}" to "{9}": parts of the event's topic or path. '{' has no other meaning. */
static bool is_read(const char *key)
{
	for (const char *p = key; *p; p++) {
		bool begins = p == key || p[-1] == '/';

		if (*p == '+' || *p == '#')
			return false;
		if (*p != '{')
			continue;
		if (!begins || p[1] < '1' || p[1] > '9' || p[2] != '}' || (p[3] && p[3] != '/'))
			return false;
	}
	return true;
}

/* Where a life may write; what it reads may stand there too. */
static bool is_write(const char *key)
{
	return topic_is_filter(key) && (!strchr(key, '{') || strpbrk(key, "+#") || is_read(key));
}

struct list {
	const char *key, *help;
	char **item;
	unsigned count;
	bool (*valid)(const char *name);
};

static int check_list(const struct reading *r, const struct list *list)
{
	char path[48];

	for (unsigned i = 0; i < list->count; i++) {
		snprintf(path, sizeof(path), "%s.%u", list->key, i);
		if (!list->valid(list->item[i]))
			return reading_bad(r, path, "%s: '%.60s' is not %s", list->key,
				list->item[i], list->help);
		for (unsigned j = 0; j < i; j++)
			if (strcmp(list->item[i], list->item[j]) == 0)
				return reading_bad(r, path, "%s: '%.60s' stands there twice",
					list->key, list->item[i]);
	}
	return 0;
}

/* of what grants go by */
#define ALONE "; '+' and '#' stand alone between slashes, '#' at the end"
/* of what is attached to an event: it must be known by name */
#define PARTS                                                                                      \
	", as in lamp or lamp/{1}: {1} to {9} stand alone between slashes, for a part of the "     \
	"topic or path; '+' and '#' would be any number of keys"

static int check_lists(const struct reading *r, const struct manifest *m)
{
	const struct list lists[] = {
		{"modules", "a module's name, as in posix", m->modules, m->modules_count,
			is_module_name},
		{"variants", "a variant's name: [a-z][a-z0-9-]*, 15 letters at most", m->variants,
			m->variants_count, is_variant_name},
		{"reads", "a state key" PARTS, m->reads, m->reads_count, is_read},
		{"writes", "a state key" ALONE, m->writes, m->writes_count, is_write},
		{"emits", "a topic" ALONE, m->emits, m->emits_count, topic_is_filter},
		{"calls", "a service's name: [a-z][a-z0-9-]*", m->calls, m->calls_count,
			is_service_name},
		{"upstream", "a subject" ALONE, m->upstream, m->upstream_count, topic_is_filter},
		{"data", "a name of letters, digits, '.', '_', '-' and '/', or '*' for any of them",
			m->data, m->data_count, is_data_entry},
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		int rc = check_list(r, &lists[i]);

		if (rc)
			return rc;
	}
	return 0;
}

static int check_config(const struct reading *r, const struct manifest *m)
{
	char path[48];

	for (unsigned i = 0; i < m->config_count; i++) {
		snprintf(path, sizeof(path), "config.%u.name", i);
		if (!is_file_name(m->config[i].name))
			return reading_bad(r, path,
				"config: '%.60s' is not a name of letters, digits, '.', '_' and "
				"'-'",
				m->config[i].name);
		for (unsigned j = 0; j < i; j++)
			if (strcmp(m->config[i].name, m->config[j].name) == 0)
				return reading_bad(r, path, "config: '%.60s' stands there twice",
					m->config[i].name);
	}
	return 0;
}

/* --------------------------------------------------------------- the rest */

/* One page at least remains for .data, .bss and the heap. */
static int check_window(const struct reading *r, const struct manifest *m)
{
	uint64_t parts = m->memory.event + m->memory.effects + m->memory.stack + MF_PAGE;
	char event[40], effects[40], stack[40], window[40], need[40];

	if (parts + MF_PAGE <= m->memory.window)
		return 0;
	return reading_bad(r, "memory.window",
		"memory: event %s, effects %s, stack %s, a guard page and a page for data need a "
		"window "
		"of %s, it has %s: raise 'window' or lower the others",
		units_show_size(m->memory.event, event, sizeof(event)),
		units_show_size(m->memory.effects, effects, sizeof(effects)),
		units_show_size(m->memory.stack, stack, sizeof(stack)),
		units_show_size(parts + MF_PAGE, need, sizeof(need)),
		units_show_size(m->memory.window, window, sizeof(window)));
}

static int check_key(const struct reading *r, const struct manifest *m)
{
	struct key key;
	const char *wrong = key_parse(&key, m->key);

	return wrong ? reading_bad(r, "key", "key: '%.60s' %s", m->key, wrong) : 0;
}

int manifest_check(const struct reading *r, const struct manifest *m)
{
	int rc;

	if (!is_service_name(m->name))
		return reading_bad(r, "name",
			"name: '%.80s' is not a service's name: a small letter, then up to %d "
			"small "
			"letters, digits and '-'",
			m->name, MFI_NAME_MAX - 1);
	if (strlen(m->version) > MFI_VERSION_MAX ||
		m->version[strspn(m->version, LETTERS CAPITALS DIGITS ".+_-~")])
		return reading_bad(r, "version",
			"version: '%.60s' is not up to %d letters, digits, '.', '+', '_', '-' and "
			"'~'",
			m->version, MFI_VERSION_MAX);
	if (m->limits.cpu_ns > m->limits.deadline_ns)
		return reading_bad(r, "limits.cpu",
			"limits: 'cpu' is more than 'deadline', the time from the event to its "
			"answer");
	rc = check_key(r, m);
	if (rc == 0)
		rc = check_window(r, m);
	if (rc == 0)
		rc = check_lists(r, m);
	if (rc == 0)
		rc = check_config(r, m);
	return rc;
}
