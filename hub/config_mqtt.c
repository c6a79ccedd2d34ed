/* hub/config_mqtt.c - the broker, and which of its topics a service is born by. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/config_raw.h"
#include "image/topic.h"
#include "sys/clock.h"

#define PLAIN_PORT 1883u /* IANA: mqtt, secure-mqtt */
#define TLS_PORT   8883u
#define DAY        (24 * 3600 * CLOCK_S)
#define HOST_MAX   253u /* of a name (RFC 1035, 2.3.4) */
#define CLIENT_MAX 64u

static const struct reading_number numbers[] = {
	{"mqtt.keepalive", READING_TIME, offsetof(struct raw_config, mqtt.keepalive),
		offsetof(struct config, mqtt.keepalive_ns), sizeof(uint64_t), 60 * CLOCK_S,
		5 * CLOCK_S, 65535 * CLOCK_S, 1},
	{"mqtt.session", READING_TIME, offsetof(struct raw_config, mqtt.session),
		offsetof(struct config, mqtt.session_ns), sizeof(uint64_t), 7 * DAY, CLOCK_S,
		49710 * DAY, 1},
	{"mqtt.window", READING_NUMBER, offsetof(struct raw_config, mqtt.window),
		offsetof(struct config, mqtt.window), sizeof(unsigned), 64, 1, 1000, 1},
};

/* -------------------------------------------------------------------- broker */

static int bad_broker(const struct building *b, const char *text)
{
	return reading_bad(b->r, "mqtt.broker",
		"mqtt: broker: '%.80s' is not a broker's address, as in mqtt://127.0.0.1:1883 or "
		"mqtts://broker.example.org",
		text);
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

static int take_broker(const struct building *b, const char *text, struct config_mqtt *m)
{
	char rest[512];
	bool right;

	m->tls = strncmp(text, "mqtts://", 8) == 0;
	if (!m->tls && strncmp(text, "mqtt://", 7) != 0)
		return bad_broker(b, text);
	m->port = m->tls ? TLS_PORT : PLAIN_PORT;
	snprintf(rest, sizeof(rest), "%s", text + (m->tls ? 8 : 7));
	if (strchr(rest, '@'))
		return reading_bad(b->r, "mqtt.broker",
			"mqtt: broker: a name and a password don't stand in the address: write "
			"'username: NAME' and 'password: FILE'");
	right = take_host(rest, m);
	if (right && !m->host)
		return config_no_memory(b->r);
	return right ? 0 : bad_broker(b, text);
}

static int take_tls(const struct building *b, const struct raw_mqtt_tls *raw, struct config_mqtt *m)
{
	int rc = 0;

	if (!m->tls && yaml_tree_has(b->r->tree, "mqtt.tls"))
		return reading_bad(b->r, "mqtt.tls",
			"mqtt: 'tls' says nothing where the broker is mqtt://: write mqtts://");
	if (!raw->certificate != !raw->key)
		return reading_bad(b->r, "mqtt.tls",
			"mqtt: tls: 'certificate' and 'key' go together, '%s' is missing",
			raw->key ? "certificate" : "key");
	if (raw->authorities)
		rc = config_path(b, raw->authorities, &m->authorities);
	if (rc == 0 && raw->certificate)
		rc = config_path(b, raw->certificate, &m->certificate);
	if (rc == 0 && raw->key)
		rc = config_path(b, raw->key, &m->key);
	return rc;
}

static int take_who(const struct building *b, const struct raw_mqtt *raw, struct config_mqtt *m)
{
	int rc;

	if (raw->client &&
		(strlen(raw->client) > CLIENT_MAX ||
			raw->client[strspn(raw->client,
				"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"0123456789-_")]))
		return reading_bad(b->r, "mqtt.client",
			"mqtt: client: '%.80s' is not made of letters, digits, '-' and '_', at "
			"most %u",
			raw->client, CLIENT_MAX);
	if (raw->password && !raw->username)
		return reading_bad(
			b->r, "mqtt.password", "mqtt: a 'password' needs a 'username' beside it");
	rc = config_text(b, raw->client, &m->client);
	if (rc == 0)
		rc = config_text(b, raw->username, &m->username);
	if (rc == 0 && raw->password)
		rc = config_path(b, raw->password, &m->password);
	return rc;
}

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

int config_mqtt(const struct building *b, const struct raw_config *raw, struct config *config)
{
	static const char *const versions[] = {"any", "5", "3.1.1", NULL};
	struct config_mqtt *m = &config->mqtt;
	int rc, choice = 0;

	m->given = yaml_tree_has(b->r->tree, "mqtt");
	if (!m->given)
		return 0;
	config_place(b, "mqtt", m->place);
	if (!config->state)
		return reading_bad(b->r, "mqtt",
			"mqtt: the hub keeps there what it must not forget of the broker: add "
			"'state: DIRECTORY'");
	rc = reading_numbers(b->r, "", numbers, sizeof(numbers) / sizeof(numbers[0]), raw, config);
	if (rc == 0)
		rc = take_broker(b, raw->mqtt.broker, m);
	if (rc == 0)
		rc = take_who(b, &raw->mqtt, m);
	if (rc == 0)
		rc = take_tls(b, &raw->mqtt.tls, m);
	if (rc == 0)
		rc = take_replies(b, &raw->mqtt, m);
	if (rc == 0 && raw->mqtt.version)
		choice = reading_choice(b->r, "mqtt.version", raw->mqtt.version, versions);
	m->version = (enum config_mqtt_version)choice;
	return choice < 0 ? choice : rc;
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
	for (unsigned i = 0; i < m->replies_count; i++)
		free(m->replies[i]);
	free(m->replies);
	memset(m, 0, sizeof(*m));
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
