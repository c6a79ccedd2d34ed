/* hub/mqtt/sessions.c - see sessions.h */
#include "hub/mqtt/sessions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/fd.h"
#include "sys/log.h"
#include "sys/random.h"

#define FILE_NAME "mqtt-sessions"
#define NEW_NAME  FILE_NAME ".new"
#define FIRST     "mayfly mqtt 1"
#define FILE_MOST (16u << 20)

/* --------------------------------------------------------------------- lists */

static void rest(struct mqtt_session *s)
{
	for (unsigned i = 0; i < s->count; i++)
		free(s->at[i].filter);
	free(s->at);
	s->at = NULL;
	s->count = 0;
}

static int add(struct mqtt_session *s, const char *filter, unsigned qos)
{
	struct mqtt_subscription *more = reallocarray(s->at, s->count + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	s->at = more;
	more[s->count].qos = qos;
	more[s->count].filter = strdup(filter);
	if (!more[s->count].filter)
		return -ENOMEM;
	s->count++;
	return 0;
}

static struct mqtt_session *find(const struct mqtt_sessions *s, const char *client)
{
	for (unsigned i = 0; i < s->count; i++)
		if (strcmp(s->list[i].client, client) == 0)
			return &s->list[i];
	return NULL;
}

static struct mqtt_session *find_or_add(struct mqtt_sessions *s, const char *client)
{
	struct mqtt_session *there = find(s, client), *more;

	if (there)
		return there;
	more = reallocarray(s->list, s->count + 1, sizeof(*more));
	if (!more)
		return NULL;
	s->list = more;
	more[s->count] = (struct mqtt_session){.client = strdup(client)};
	return more[s->count].client ? &more[s->count++] : NULL;
}

const struct mqtt_session *mqtt_sessions_of(
	const struct mqtt_sessions *sessions, const char *client)
{
	return find(sessions, client);
}

bool mqtt_session_has(const struct mqtt_session *session, const char *filter, unsigned qos)
{
	for (unsigned i = 0; session && i < session->count; i++)
		if (session->at[i].qos == qos && strcmp(session->at[i].filter, filter) == 0)
			return true;
	return false;
}

/* ---------------------------------------------------------------------- file */

/* "CLIENT QOS FILTER"; the last has all that follows. */
static int read_line(struct mqtt_sessions *s, char *line)
{
	char *qos = strchr(line, ' '), *filter = qos ? strchr(qos + 1, ' ') : NULL;
	struct mqtt_session *session;

	if (!filter || filter != qos + 2 || (qos[1] != '0' && qos[1] != '1') || !filter[1])
		return -EINVAL;
	*qos = *filter = '\0';
	session = find_or_add(s, line);
	return session ? add(session, filter + 1, (unsigned)(qos[1] - '0')) : -ENOMEM;
}

static int read_lines(struct mqtt_sessions *s, char *text, unsigned *number)
{
	char *save, *line = strtok_r(text, "\n", &save);
	int rc = line && strcmp(line, FIRST) == 0 ? 0 : -EINVAL;

	*number = 1;
	while (rc == 0 && (line = strtok_r(NULL, "\n", &save))) {
		if (++*number > 2)
			rc = read_line(s, line);
		else if (strncmp(line, "prefix ", 7) == 0 && strlen(line + 7) <= MQTT_PREFIX_MAX &&
			!line[7 + strspn(line + 7, "abcdefghijklmnopqrstuvwxyz0123456789-")])
			strcpy(s->prefix, line + 7);
		else
			rc = -EINVAL;
	}
	return rc == 0 && *number < 2 ? -EINVAL : rc;
}

static int load(struct mqtt_sessions *s, const char *state, char error[static MQTT_ERROR_MAX])
{
	int fd = openat(s->dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	unsigned line = 0;
	void *text = NULL;
	size_t n = 0;
	int rc;

	if (fd < 0 && errno == ENOENT)
		return 0;
	rc = fd < 0 ? -errno : fd_read_all(fd, FILE_MOST, &text, &n);
	fd_close(&fd);
	if (rc == 0)
		rc = text && !memchr(text, 0, n) ? read_lines(s, text, &line) : -EINVAL;
	free(text);
	if (rc == -EINVAL)
		snprintf(error, MQTT_ERROR_MAX,
			"state: \"%.300s/" FILE_NAME
			"\": line %u is damaged: mend it, or remove the file: what the broker kept "
			"for us is lost then",
			state, line);
	else if (rc < 0)
		snprintf(error, MQTT_ERROR_MAX, "state: \"%.300s/" FILE_NAME "\": %s", state,
			strerror(-rc));
	return rc;
}

static void print(const struct mqtt_sessions *s, FILE *to)
{
	fprintf(to, FIRST "\nprefix %s\n", s->prefix);
	for (unsigned i = 0; i < s->count; i++)
		for (unsigned j = 0; j < s->list[i].count; j++)
			fprintf(to, "%s %u %s\n", s->list[i].client, s->list[i].at[j].qos,
				s->list[i].at[j].filter);
}

static int write_new(int dir, const char *text, size_t n)
{
	int fd = openat(dir, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = fd < 0 ? -errno : fd_write_all(fd, text, n);

	if (rc == 0 && fdatasync(fd) < 0)
		rc = -errno;
	fd_close(&fd);
	if (rc == 0 && renameat(dir, NEW_NAME, dir, FILE_NAME) < 0)
		rc = -errno;
	return rc;
}

static int save(struct mqtt_sessions *s)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to;
	int rc;

	if (s->dir < 0)
		return 0;
	to = open_memstream(&text, &n);
	if (!to)
		return -ENOMEM;
	print(s, to);
	rc = fclose(to) == 0 ? write_new(s->dir, text, n) : -ENOMEM;
	free(text);
	return rc;
}

/* -------------------------------------------------------------------- public */

static int make_prefix(struct mqtt_sessions *s)
{
	uint64_t dice;

	random_bytes(&dice, sizeof(dice));
	snprintf(s->prefix, sizeof(s->prefix), "mayfly-%016llx", (unsigned long long)dice);
	return save(s);
}

int mqtt_sessions_open(struct mqtt_sessions *sessions, const char *state, bool check,
	char error[static MQTT_ERROR_MAX])
{
	int rc;

	*sessions = (struct mqtt_sessions){.dir = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	if (sessions->dir < 0 && check && errno == ENOENT)
		return 0;
	if (sessions->dir < 0) {
		rc = -errno;
		snprintf(error, MQTT_ERROR_MAX, "state: \"%.300s\": %s", state, strerror(-rc));
		return rc;
	}
	rc = load(sessions, state, error);
	if (rc < 0 || sessions->prefix[0] || check)
		return rc;
	rc = make_prefix(sessions);
	if (rc < 0)
		snprintf(error, MQTT_ERROR_MAX, "state: \"%.300s/" FILE_NAME "\": %s", state,
			strerror(-rc));
	return rc;
}

void mqtt_sessions_close(struct mqtt_sessions *sessions)
{
	for (unsigned i = 0; i < sessions->count; i++) {
		rest(&sessions->list[i]);
		free(sessions->list[i].client);
	}
	free(sessions->list);
	sessions->list = NULL;
	sessions->count = 0;
	fd_close(&sessions->dir);
}

int mqtt_sessions_name(char name[static MQTT_PREFIX_MAX + 1], const char *state, bool check,
	char error[static MQTT_ERROR_MAX])
{
	struct mqtt_sessions sessions;
	int rc = mqtt_sessions_open(&sessions, state, check, error);

	snprintf(name, MQTT_PREFIX_MAX + 1, "%s", sessions.prefix[0] ? sessions.prefix : "mayfly");
	mqtt_sessions_close(&sessions);
	return rc;
}

static bool same(const struct mqtt_session *s, const struct mqtt_subscription *at, unsigned count)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		if (at[i].refused)
			continue;
		if (!mqtt_session_has(s, at[i].filter, at[i].qos))
			return false;
		n++;
	}
	return n == (s ? s->count : 0);
}

void mqtt_sessions_set(struct mqtt_sessions *sessions, const char *client,
	const struct mqtt_subscription *at, unsigned count)
{
	struct mqtt_session *s = find(sessions, client);
	int rc = 0;

	if (same(s, at, count))
		return;
	s = find_or_add(sessions, client);
	if (s)
		rest(s);
	else
		rc = -ENOMEM;
	for (unsigned i = 0; i < count && rc == 0; i++)
		if (!at[i].refused)
			rc = add(s, at[i].filter, at[i].qos);
	if (rc == 0)
		rc = save(sessions);
	if (rc < 0 && !sessions->told)
		log_warn("state: " FILE_NAME " can't be written: %s: topics that hub.yaml doesn't "
			 "name any more stay subscribed",
			strerror(-rc));
	sessions->told = rc < 0;
}
