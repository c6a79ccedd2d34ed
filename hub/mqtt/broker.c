/* hub/mqtt/broker.c - see broker.h */
#include "hub/mqtt/broker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/config.h"
#include "image/topic.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/log.h"
#include "sys/secret.h"

#define PASSWORD_MOST 65535u /* bytes (MQTT 5, 1.5.6) */

_Static_assert((int)MQTT_ANY == (int)CONFIG_MQTT_ANY && (int)MQTT_5 == (int)CONFIG_MQTT_5 &&
		(int)MQTT_311 == (int)CONFIG_MQTT_311,
	"versions");

/* -------------------------------------------------------------- open, close */

/* As `echo` writes it, with a newline that is no part of it. */
static int read_password(struct mqtt_broker *b, const char *path, char error[static MQTT_ERROR_MAX])
{
	char why[SECRET_ERROR_MAX];
	int rc = secret_read("password", path, PASSWORD_MOST, &b->password, &b->password_n, why);

	if (rc < 0) {
		snprintf(error, MQTT_ERROR_MAX, "%.*s", MQTT_ERROR_MAX - 1, why);
		return rc;
	}
	b->password[strcspn(b->password, "\r\n")] = '\0';
	if (b->password[0])
		return 0;
	snprintf(error, MQTT_ERROR_MAX, "password \"%.200s\": its first line is empty", path);
	return -EINVAL;
}

static int copy(char **to, const char *text)
{
	*to = text ? strdup(text) : NULL;
	return text && !*to ? -ENOMEM : 0;
}

static int take_texts(struct mqtt_broker *b, const struct config_mqtt *c, const char *client)
{
	bool six = strchr(c->host, ':') != NULL;
	int rc = copy(&b->host, c->host);

	if (asprintf(&b->text, "mqtt%s://%s%s%s:%u", c->tls ? "s" : "", six ? "[" : "", c->host,
		    six ? "]" : "", c->port) < 0) {
		b->text = NULL;
		return -ENOMEM;
	}
	if (rc == 0)
		rc = copy(&b->client, c->client ? c->client : client);
	if (rc == 0)
		rc = copy(&b->username, c->username);
	if (rc == 0)
		rc = copy(&b->authorities, c->authorities);
	if (rc == 0)
		rc = copy(&b->certificate, c->certificate);
	if (rc == 0)
		rc = copy(&b->key, c->key);
	if (rc == 0)
		rc = copy(&b->status, c->status);
	b->replies = calloc(c->replies_count + 1, sizeof(char *));
	if (!b->replies)
		return -ENOMEM;
	for (unsigned i = 0; i < c->replies_count && rc == 0; i++) {
		rc = copy(&b->replies[i], c->replies[i]);
		b->replies_count = i + 1;
	}
	return rc;
}

static int check_key(const struct mqtt_broker *b, char error[static MQTT_ERROR_MAX])
{
	char why[SECRET_ERROR_MAX];
	int fd;

	if (!b->key)
		return 0;
	fd = secret_open("tls: key", b->key, why);
	if (fd < 0) {
		snprintf(error, MQTT_ERROR_MAX, "%.*s", MQTT_ERROR_MAX - 1, why);
		return fd;
	}
	fd_close(&fd);
	return 0;
}

int mqtt_broker_open(struct mqtt_broker **broker, const struct config_mqtt *config,
	const char *client, const char *what, char error[static MQTT_ERROR_MAX])
{
	struct mqtt_broker *b = calloc(1, sizeof(*b));
	int rc;

	snprintf(error, MQTT_ERROR_MAX, "no memory");
	if (!b)
		return -ENOMEM;
	b->held = 1;
	b->what = what;
	b->port = config->port;
	b->tls = config->tls;
	b->keepalive_s = (unsigned)(config->keepalive_ns / CLOCK_S);
	b->session_s = (uint32_t)(config->session_ns / CLOCK_S);
	b->window = config->window;
	b->version = (enum mqtt_version)config->version;
	b->replies_given = config->replies_given;
	rc = take_texts(b, config, client);
	if (rc == 0 && config->password)
		rc = read_password(b, config->password, error);
	if (rc == 0)
		rc = check_key(b, error);
	if (rc < 0)
		mqtt_broker_drop(b);
	else
		*broker = b;
	return rc;
}

struct mqtt_broker *mqtt_broker_hold(struct mqtt_broker *broker)
{
	broker->held++;
	return broker;
}

void mqtt_broker_drop(struct mqtt_broker *broker)
{
	if (!broker || --broker->held > 0)
		return;
	free(broker->text);
	free(broker->host);
	free(broker->client);
	free(broker->username);
	secret_free(broker->password, broker->password_n);
	free(broker->authorities);
	free(broker->certificate);
	free(broker->key);
	free(broker->status);
	for (unsigned i = 0; i < broker->replies_count; i++)
		free(broker->replies[i]);
	free(broker->replies);
	free(broker);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool mqtt_broker_same(const struct mqtt_broker *a, const struct mqtt_broker *b)
{
	if (a->replies_count != b->replies_count || a->replies_given != b->replies_given)
		return false;
	for (unsigned i = 0; i < a->replies_count; i++)
		if (strcmp(a->replies[i], b->replies[i]) != 0)
			return false;
	return same_text(a->text, b->text) && same_text(a->client, b->client) &&
		same_text(a->username, b->username) && same_text(a->password, b->password) &&
		same_text(a->authorities, b->authorities) &&
		same_text(a->certificate, b->certificate) && same_text(a->key, b->key) &&
		same_text(a->status, b->status) && a->keepalive_s == b->keepalive_s &&
		a->session_s == b->session_s && a->window == b->window && a->version == b->version;
}

/* -------------------------------------------------------------------- replies */

bool mqtt_broker_may_reply(const struct mqtt_broker *broker, struct mf_str topic)
{
	if (!topic_is_name(topic) || topic.p[0] == '$')
		return false;
	for (unsigned i = 0; i < broker->replies_count; i++)
		if (topic_matches(broker->replies[i], topic))
			return true;
	return !broker->replies_given;
}

/* -------------------------------------------------------------------- outages */

void mqtt_broker_up(struct mqtt_broker *broker)
{
	broker->up++;
	if (broker->told_up && !broker->told_down)
		return;
	log_info("%s: connected to %s as %s, MQTT %s", broker->what, broker->text, broker->client,
		broker->is_311 ? "3.1.1" : "5");
	broker->told_up = true;
	broker->told_down = broker->told_refused = false;
}

void mqtt_broker_down(struct mqtt_broker *broker, bool was_up, bool refused, const char *why)
{
	broker->up -= was_up;
	if (refused ? broker->told_refused : broker->told_down)
		return;
	if (refused)
		log_warn(
			"%s: %s %s: tried again until it doesn't", broker->what, broker->text, why);
	else
		log_warn("%s: %s %s: %s: tried again until it is there", broker->what,
			was_up ? "lost" : "can't reach", broker->text, why);
	broker->told_down = true;
	broker->told_refused |= refused;
}
