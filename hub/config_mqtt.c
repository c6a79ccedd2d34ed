/* hub/config_mqtt.c - the broker, and which of its topics a service is born by; the upstream, which may be one
 * too. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/config_raw.h"
#include "image/topic.h"
#include "image/uri.h"
#include "sys/clock.h"

#define PLAIN_PORT 1883u /* IANA: mqtt, secure-mqtt */
#define TLS_PORT   8883u
#define DAY        (24 * 3600 * CLOCK_S)
#define HOST_MAX   253u /* of a name (RFC 1035, 2.3.4) */
#define CLIENT_MAX 64u
#define PREFIX_MAX 256u

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define NUMBER(key, kind, member, otherwise, least, most)                                          \
	{                                                                                          \
#key, kind, offsetof(struct raw_mqtt, key), offsetof(struct config_mqtt, member),  \
			sizeof(((struct config_mqtt *)0)->member), otherwise, least, most, 1       \
	}

static const struct reading_number numbers[] = {
	NUMBER(keepalive, READING_TIME, keepalive_ns, 60 * CLOCK_S, 5 * CLOCK_S, 65535 * CLOCK_S),
	NUMBER(session, READING_TIME, session_ns, 7 * DAY, CLOCK_S, 49710 * DAY),
	NUMBER(window, READING_NUMBER, window, 64, 1, 1000),
	NUMBER(bytes, READING_SIZE, bytes, 64 * MIB, 64 * KIB, 1024 * GIB),
};
static const struct reading_number ages[] = {
	NUMBER(age, READING_TIME, age_ns, DAY, CLOCK_S, 3650 * DAY),
};
static const struct reading_number upstream_ages[] = {
	NUMBER(age, READING_TIME, age_ns, 30 * DAY, CLOCK_S, 3650 * DAY),
};

/* -------------------------------------------------------- whom the hub talks to */

/* A set of keys that says so, and which of them is the address. */
struct whom {
	const struct building *b;
	const char *at, *key;
	const char *address; /* as written */
	const char *want;    /* what an address looks like */
};

#define PATH 64

static const char *path_of(const struct whom *w, const char *key, char to[static PATH])
{
	snprintf(to, PATH, "%s.%s", w->at, key);
	return to;
}

static int bad_address(const struct whom *w)
{
	char path[PATH], shown[81];

	return reading_bad(w->b->r, path_of(w, w->key, path), "%s: %s: '%s' is not %s", w->at,
		w->key, uri_show(mf_str_of(w->address, strlen(w->address)), shown, sizeof(shown)),
		w->want);
}

static bool take_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || n < 1 || n > 65535)
		return false;
	*port = (uint16_t)n;
	return true;
}

/* "HOST", "HOST:PORT" or "[ADDRESS]:PORT"; nothing of it is looked up here. */
static bool take_host(char *rest, struct config_mqtt *m)
{
	char *host = rest, *end = host + strcspn(host, ":"), *port = end;

	if (host[0] == '[') {
		end = strchr(++host, ']');
		if (!end)
			return false;
		port = end + 1;
	}
	if (*port && (*port != ':' || !take_port(port + 1, &m->port)))
		return false;
	*end = '\0';
	if (!*host || strlen(host) > HOST_MAX ||
		host[strspn(host,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"0123456789.-_:%")])
		return false;
	m->host = strdup(host);
	return true;
}

/* What is behind "SCHEME://"; a path only where the protocol has one. */
static int take_address(const struct whom *w, size_t scheme, bool paths, struct config_mqtt *m)
{
	const char *text = w->address + scheme;
	char rest[512], path[PATH];
	bool right;

	snprintf(rest, sizeof(rest), "%.*s", (int)(paths ? strcspn(text, "/?#") : strlen(text)),
		text);
	if (strchr(rest, '@'))
		return reading_bad(w->b->r, path_of(w, w->key, path),
			"%s: %s: a name and a password don't stand in the address: write "
			"'username: NAME' and 'password: FILE'",
			w->at, w->key);
	right = strlen(text) < sizeof(rest) && take_host(rest, m);
	if (right && !m->host)
		return config_no_memory(w->b->r);
	return right ? 0 : bad_address(w);
}

/* 1: it isn't one of MQTT's. */
static int take_broker(const struct whom *w, struct config_mqtt *m)
{
	m->tls = strncmp(w->address, "mqtts://", 8) == 0;
	if (!m->tls && strncmp(w->address, "mqtt://", 7) != 0)
		return 1;
	m->port = m->tls ? TLS_PORT : PLAIN_PORT;
	return take_address(w, m->tls ? 8 : 7, false, m);
}

static int take_tls(const struct whom *w, const struct raw_mqtt_tls *raw, struct config_mqtt *m)
{
	const struct building *b = w->b;
	char path[PATH];
	int rc = 0;

	path_of(w, "tls", path);
	if (!m->tls && yaml_tree_has(b->r->tree, path))
		return reading_bad(b->r, path,
			"%s: 'tls' says nothing where '%s' is %.7s: write %.*ss://", w->at, w->key,
			w->address, (int)strcspn(w->address, ":"), w->address);
	if (!raw->certificate != !raw->key)
		return reading_bad(b->r, path,
			"%s: tls: 'certificate' and 'key' go together, '%s' is missing", w->at,
			raw->key ? "certificate" : "key");
	if (raw->authorities)
		rc = config_path(b, raw->authorities, &m->authorities);
	if (rc == 0 && raw->certificate)
		rc = config_path(b, raw->certificate, &m->certificate);
	if (rc == 0 && raw->key)
		rc = config_path(b, raw->key, &m->key);
	return rc;
}

static int take_who(const struct whom *w, const struct raw_mqtt *raw, struct config_mqtt *m)
{
	const struct building *b = w->b;
	char path[PATH];
	int rc;

	if (raw->client &&
		(!raw->client[0] || strlen(raw->client) > CLIENT_MAX ||
			raw->client[strspn(raw->client,
				"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"0123456789-_")]))
		return reading_bad(b->r, path_of(w, "client", path),
			"%s: client: '%.80s' is not made of letters, digits, '-' and '_', at "
			"most %u",
			w->at, raw->client, CLIENT_MAX);
	if (raw->password && !raw->username)
		return reading_bad(b->r, path_of(w, "password", path),
			"%s: a 'password' needs a 'username' beside it", w->at);
	rc = config_text(b, raw->client, &m->client);
	if (rc == 0)
		rc = config_text(b, raw->username, &m->username);
	if (rc == 0 && raw->password)
		rc = config_path(b, raw->password, &m->password);
	return rc;
}

static int take_version(const struct whom *w, const char *text, struct config_mqtt *m)
{
	static const char *const versions[] = {"any", "5", "3.1.1", NULL};
	char path[PATH];
	int choice =
		text ? reading_choice(w->b->r, path_of(w, "version", path), text, versions) : 0;

	if (choice < 0)
		return choice;
	m->version = (enum config_mqtt_version)choice;
	return 0;
}

/* All but the address and what only one of the two has. */
static int take_client(const struct whom *w, const struct raw_mqtt *raw, struct config_mqtt *m)
{
	char prefix[PATH];
	int rc;

	rc = reading_numbers(w->b->r, path_of(w, "", prefix), numbers,
		sizeof(numbers) / sizeof(numbers[0]), raw, m);
	if (rc == 0)
		rc = take_who(w, raw, m);
	if (rc == 0)
		rc = take_tls(w, &raw->tls, m);
	return rc == 0 ? take_version(w, raw->version, m) : rc;
}

/* ------------------------------------------------------------------- mqtt */

static int check_filter(
	const struct building *b, const char *path, const char *key, const char *text)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return reading_bad(b->r, path, "%s: it holds a control character", key);
	if (text[0] && strlen(text) <= TOPIC_MAX && topic_is_filter(text))
		return 0;
	return reading_bad(b->r, path,
		"%s: '%.60s' has '+' or '#' in a place where MQTT allows none: they stand alone "
		"between slashes, '#' at the end",
		key, text);
}

static int take_replies(const struct building *b, const struct raw_mqtt *raw, struct config_mqtt *m)
{
	char path[64];
	int rc = 0;

	m->replies_given = yaml_tree_has(b->r->tree, "mqtt.replies");
	m->replies = calloc(raw->replies_count + 1, sizeof(char *));
	if (!m->replies)
		return config_no_memory(b->r);
	for (unsigned i = 0; i < raw->replies_count && rc == 0; i++) {
		snprintf(path, sizeof(path), "mqtt.replies.%u", i);
		rc = check_filter(b, path, "replies", raw->replies[i]);
		if (rc == 0)
			rc = config_text(b, raw->replies[i], &m->replies[i]);
		m->replies_count = i + 1;
	}
	return rc;
}

static int take_status(const struct building *b, const struct raw_mqtt *raw, struct config_mqtt *m)
{
	const char *text = raw->status;
	int rc = text ? check_filter(b, "mqtt.status", "status", text) : 0;

	if (rc == 0 && text && (!topic_is_name(mf_str_of(text, strlen(text))) || text[0] == '$'))
		rc = reading_bad(b->r, "mqtt.status",
			"mqtt: status: '%.60s' is no topic to publish on, as in mayfly/status",
			text);
	return rc == 0 ? config_text(b, text, &m->status) : rc;
}

int config_mqtt(const struct building *b, const struct raw_config *raw, struct config *config)
{
	const struct whom whom = {b, "mqtt", "broker", raw->mqtt.broker,
		"a broker's address, as in mqtt://127.0.0.1:1883 or mqtts://broker.example.org"};
	struct config_mqtt *m = &config->mqtt;
	int rc;

	m->given = yaml_tree_has(b->r->tree, "mqtt");
	if (!m->given)
		return 0;
	config_place(b, "mqtt", m->place);
	if (!config->state)
		return reading_bad(b->r, "mqtt",
			"mqtt: the hub keeps there what it must not forget of the broker: add "
			"'state: DIRECTORY'");
	rc = take_broker(&whom, m);
	if (rc == 1)
		rc = bad_address(&whom);
	if (rc == 0)
		rc = reading_numbers(b->r, "mqtt.", ages, 1, &raw->mqtt, m);
	if (rc == 0)
		rc = take_client(&whom, &raw->mqtt, m);
	if (rc == 0)
		rc = take_status(b, &raw->mqtt, m);
	return rc == 0 ? take_replies(b, &raw->mqtt, m) : rc;
}

void config_mqtt_free(struct config_mqtt *m)
{
	free(m->host);
	free(m->client);
	free(m->username);
	free(m->password);
	free(m->authorities);
	free(m->certificate);
	free(m->key);
	free(m->status);
	for (unsigned i = 0; i < m->replies_count; i++)
		free(m->replies[i]);
	free(m->replies);
	memset(m, 0, sizeof(*m));
}

/* ---------------------------------------------------------------- upstream */

/* The address of a page that takes messages; 1: it is none. */
static int take_url(const struct whom *w, struct config_upstream *u)
{
	struct config_mqtt *m = &u->at;

	m->tls = strncmp(w->address, "https://", 8) == 0;
	if (!m->tls && strncmp(w->address, "http://", 7) != 0)
		return 1;
	for (const char *p = w->address; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || *p == '#')
			return bad_address(w);
	m->port = m->tls ? 443 : 80;
	u->way = CONFIG_UPSTREAM_WEB;
	return take_address(w, m->tls ? 8 : 7, true, m);
}

static int take_to(const struct whom *w, struct config_upstream *u)
{
	static const char *const mqtt_only[] = {"topic", "keepalive", "version"};
	char path[PATH];
	int rc = take_broker(w, &u->at);

	u->way = CONFIG_UPSTREAM_MQTT;
	if (rc == 1)
		rc = take_url(w, u);
	if (rc == 1)
		return bad_address(w);
	for (size_t i = 0; rc == 0 && u->way == CONFIG_UPSTREAM_WEB &&
		i < sizeof(mqtt_only) / sizeof(mqtt_only[0]);
		i++)
		if (yaml_tree_has(w->b->r->tree, path_of(w, mqtt_only[i], path)))
			rc = reading_bad(w->b->r, path,
				"upstream: '%s' says nothing where 'to' is no broker: leave it out",
				mqtt_only[i]);
	return rc;
}

/* By what a page knows the hub. */
static int take_token(const struct building *b, const char *text, struct config_upstream *u)
{
	if (!text)
		return 0;
	if (u->way != CONFIG_UPSTREAM_WEB || !u->at.tls)
		return reading_bad(b->r, "upstream.token",
			"upstream: 'token' is shown to https:// only: leave it out, or write 'to: "
			"https://...'");
	if (u->at.username)
		return reading_bad(b->r, "upstream.token",
			"upstream: it is either 'token' or 'username' and 'password'");
	return config_path(b, text, &u->token);
}

/* What topics begin with: a name as it is, or empty. */
static int take_prefix(const struct building *b, const char *text, struct config_upstream *u)
{
	struct mf_str topic = mf_str_of(text, text ? strlen(text) : 0);

	if (topic.n == 0)
		return config_text(b, text, &u->topic);
	if (topic.n > PREFIX_MAX || !topic_is_name(topic) || text[0] == '$')
		return reading_bad(b->r, "upstream.topic",
			"upstream: topic: '%.60s' can't stand before subjects, as 'mayfly/hub-7/' "
			"can: no '+', no '#', no '$' in front, at most %u bytes",
			text, PREFIX_MAX);
	return config_text(b, text, &u->topic);
}

int config_upstream(const struct building *b, const struct raw_config *raw, struct config *config)
{
	const struct whom whom = {b, "upstream", "to", raw->upstream.at.broker,
		"an address, as in mqtts://center.example.org or "
		"https://center.example.org/events"};
	struct config_upstream *u = &config->upstream;
	int rc;

	if (!yaml_tree_has(b->r->tree, "upstream"))
		return 0;
	config_place(b, "upstream", u->at.place);
	if (!config->state)
		return reading_bad(b->r, "upstream",
			"upstream: what can't be sent at once is kept there: add 'state: "
			"DIRECTORY'");
	rc = config_text(b, whom.address, &u->to);
	if (rc == 0)
		rc = take_to(&whom, u);
	if (rc == 0)
		rc = reading_numbers(
			b->r, "upstream.", upstream_ages, 1, &raw->upstream.at, &u->at);
	if (rc == 0)
		rc = take_client(&whom, &raw->upstream.at, &u->at);
	if (rc == 0)
		rc = take_token(b, raw->upstream.token, u);
	u->at.given = rc == 0;
	return rc == 0 ? take_prefix(b, raw->upstream.topic, u) : rc;
}

void config_upstream_free(struct config_upstream *u)
{
	config_mqtt_free(&u->at);
	free(u->to);
	free(u->topic);
	free(u->token);
	memset(u, 0, sizeof(*u));
}

/* -------------------------------------------------------------------- topics */

static int take_topic(const struct building *b, const char *at, const struct raw_topic *raw,
	struct config_topic *t)
{
	static const char *const levels[] = {"0", "1", NULL};
	char path[80];
	int rc, choice = 1;

	config_place(b, at, t->place);
	snprintf(path, sizeof(path), "%s.topic", at);
	if (strncmp(raw->topic, "$share/", 7) == 0)
		return reading_bad(b->r, path,
			"topic: '%.60s' is a shared one: write 'topic: TOPIC' and 'share: NAME'",
			raw->topic);
	rc = check_filter(b, path, "topic", raw->topic);
	snprintf(path, sizeof(path), "%s.qos", at);
	if (rc == 0 && raw->qos && strcmp(raw->qos, "2") == 0)
		return reading_bad(b->r, path,
			"qos: 2 isn't had here: say 1, with which no message is lost, and one that "
			"comes again happens once");
	if (rc == 0 && raw->qos)
		choice = reading_choice(b->r, path, raw->qos, levels);
	if (choice < 0)
		return choice;
	t->qos = (unsigned)choice;
	snprintf(path, sizeof(path), "%s.share", at);
	if (rc == 0 && raw->share && !topic_is_share(raw->share))
		rc = reading_bad(b->r, path,
			"share: '%.60s' is no name for a shared subscription: it has no '/', '+' "
			"and '#'",
			raw->share);
	if (rc == 0)
		rc = config_text(b, raw->topic, &t->topic);
	return rc == 0 ? config_text(b, raw->share, &t->share) : rc;
}

/* A message may come once by each of them, and nobody can tell that it is the same. */
static int check_shares(
	const struct building *b, unsigned service, const struct config_service *s, unsigned i)
{
	char path[80];

	for (unsigned j = 0; j < i; j++) {
		const struct config_topic *one = &s->mqtt[j], *other = &s->mqtt[i];

		if (!one->share || !other->share || !topics_overlap(one->topic, other->topic))
			continue;
		snprintf(path, sizeof(path), "services.%u.mqtt.%u", service, i);
		return reading_bad(b->r, path,
			"mqtt: '%.60s' and '%.60s' are both shared and have topics in common: a "
			"message might come twice: leave one of them out",
			one->topic, other->topic);
	}
	return 0;
}

int config_topics(const struct building *b, unsigned i, const struct raw_service *raw,
	struct config_service *s)
{
	char path[64];
	int rc = 0;

	snprintf(path, sizeof(path), "services.%u.mqtt", i);
	s->mqtt_given = yaml_tree_has(b->r->tree, path);
	s->mqtt = calloc(raw->mqtt_count + 1, sizeof(*s->mqtt));
	if (!s->mqtt)
		return config_no_memory(b->r);
	if (raw->mqtt_count > 0 && !b->config->mqtt.given)
		return reading_bad(b->r, path,
			"mqtt: the file names no broker: add 'mqtt: {broker: mqtt://127.0.0.1}' "
			"at the top");
	for (unsigned t = 0; t < raw->mqtt_count && rc == 0; t++) {
		s->mqtt_count = t + 1;
		snprintf(path, sizeof(path), "services.%u.mqtt.%u", i, t);
		rc = take_topic(b, path, &raw->mqtt[t], &s->mqtt[t]);
		if (rc == 0)
			rc = check_shares(b, i, s, t);
	}
	return rc;
}

void config_topics_free(struct config_service *s)
{
	for (unsigned i = 0; i < s->mqtt_count; i++) {
		free(s->mqtt[i].topic);
		free(s->mqtt[i].share);
	}
	free(s->mqtt);
}
