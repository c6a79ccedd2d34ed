/*
 * hub/mqtt/sessions.h - what the broker remembers of us while we are away: by which names, and
 * what those are subscribed to. Kept in the state directory, so that a subscription which the
 * configuration doesn't name any more is ended, and one that is there isn't made anew (a new one
 * brings all retained messages again).
 *
 *	mayfly mqtt 1
 *	prefix mayfly-0123456789abcdef
 *	CLIENT QOS FILTER
 */
#ifndef HUB_MQTT_SESSIONS_H
#define HUB_MQTT_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "hub/mqtt/lib.h"

#define MQTT_PREFIX_MAX 64u

struct mqtt_subscription {
	char *filter; /* as it is sent: "$share/GROUP/TOPIC" for a shared one */
	unsigned qos;
	int mid;      /* of the last SUBSCRIBE with it */
	bool refused; /* by the broker, then */
};

struct mqtt_session {
	char *client;
	struct mqtt_subscription *at;
	unsigned count;
};

struct mqtt_sessions {
	int dir;                           /* the state directory; -1: nothing is kept */
	char prefix[MQTT_PREFIX_MAX + 1u]; /* of clients' names, where hub.yaml says none */
	struct mqtt_session *list;
	unsigned count;
	bool told; /* that it can't be written */
};

/* Reads the file, or makes one (but with `check`). -errno with one line in error; -EINVAL: it is damaged. */
int mqtt_sessions_open(struct mqtt_sessions *sessions, const char *state, bool check,
	char error[static MQTT_ERROR_MAX]);
void mqtt_sessions_close(struct mqtt_sessions *sessions);
/* Their prefix alone; "mayfly" where there is none yet and `check` doesn't make one. */
int mqtt_sessions_name(char name[static MQTT_PREFIX_MAX + 1], const char *state, bool check,
	char error[static MQTT_ERROR_MAX]);

/* NULL: none is known. */
const struct mqtt_session *mqtt_sessions_of(
	const struct mqtt_sessions *sessions, const char *client);
bool mqtt_session_has(const struct mqtt_session *session, const char *filter, unsigned qos);
/* What the client is subscribed to from now on, but for what was refused; what can't be written is told once, and means that more
 * is subscribed than need be. count 0: the session is forgotten. */
void mqtt_sessions_set(struct mqtt_sessions *sessions, const char *client,
	const struct mqtt_subscription *at, unsigned count);

#endif
