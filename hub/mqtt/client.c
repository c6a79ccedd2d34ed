/* hub/mqtt/client.c - see client.h */
#include "hub/mqtt/client.h"
#include "hub/mqtt/read.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "hub/hub.h"
#include "sys/clock.h"
#include "sys/random.h"

#define PAUSE_LEAST (500 * CLOCK_MS)
#define PAUSE_MOST  (60 * CLOCK_S)
#define STEADY_NS   (10 * CLOCK_S) /* a connection that held for so long was a good one */
#define GREETING_NS (10 * CLOCK_S)
#define BATCH       64u
#define DENSE_NS    (50 * CLOCK_US) /* between two that came: then there may be more */

#define LIB mqtt_library

static void start(struct mqtt_client *c);
static void lose(struct mqtt_client *c, const char *why);

static uint64_t now_of(const struct mqtt_client *c)
{
	return loop_now(c->hub->loop);
}

static void wake_in(struct mqtt_client *c, uint64_t ns)
{
	/* no memory for a timer: the next event of its connection sets it */
	(void)loop_timer_set(c->hub->loop, &c->timer, now_of(c) + ns);
}

/* 0.5 s, 1 s, 2 s ... a minute, each a half more or less: hubs that lost one broker don't come back as
 * one. */
static uint64_t pause_ns(unsigned failures)
{
	uint64_t most = failures > 7 ? PAUSE_MOST : PAUSE_LEAST << failures, dice;

	if (most > PAUSE_MOST)
		most = PAUSE_MOST;
	random_bytes(&dice, sizeof(dice));
	return most / 2 + dice % most;
}

/* ----------------------------------------------------------- what is watched */

/* A socket whose peer is gone is reported even where nothing is watched, so that is dealt with. */
static void watch(struct mqtt_client *c)
{
	bool may_write = !c->ops->may_write || c->ops->may_write(c);
	bool may_read = c->phase != MQTT_UP || !c->ops->may_read || c->ops->may_read(c);
	uint32_t events = (may_read ? EPOLLIN : 0) | (c->phase == MQTT_GREETING ? EPOLLRDHUP : 0);

	if (may_write && LIB.mosquitto_want_write(c->mosq))
		events |= EPOLLOUT;
	if (events == c->watched)
		return;
	if (loop_change(c->hub->loop, c->fd, events, &c->source) == 0)
		c->watched = events;
}

/* libmosquitto closes its socket itself when it finds it broken. */
static bool still_there(struct mqtt_client *c, int rc)
{
	if (rc == MOSQ_ERR_SUCCESS && LIB.mosquitto_socket(c->mosq) >= 0)
		return true;
	if (c->why[0] == '\0')
		snprintf(c->why, sizeof(c->why), "%s",
			rc == MOSQ_ERR_ERRNO             ? strerror(errno)
				: rc == MOSQ_ERR_SUCCESS ? "the broker closed it"
							 : LIB.mosquitto_strerror(rc));
	return false;
}

static bool write_out(struct mqtt_client *c)
{
	int rc;

	if (c->ops->may_write && !c->ops->may_write(c)) {
		c->held_ns = c->held_ns ? c->held_ns : now_of(c);
		return true;
	}
	c->held_ns = 0;
	if (!LIB.mosquitto_want_write(c->mosq))
		return true;
	errno = 0;
	rc = LIB.mosquitto_loop_write(c->mosq, 1);
	return still_there(c, rc);
}

/* --------------------------------------------------------- libmosquitto's calls */

/* "Client ID received PUBLISH (d1, ...": the flag DUP is told nowhere else. */
static void on_log(struct mosquitto *mosq, void *context, int level, const char *text)
{
	static const char before[] = " received PUBLISH (d";
	struct mqtt_client *c = context;
	size_t n = strlen(c->id);

	(void)mosq;
	if (level == MOSQ_LOG_ERR)
		snprintf(c->why, sizeof(c->why), "%s", text);
	if (level != MOSQ_LOG_DEBUG || strncmp(text, "Client ", 7) != 0 ||
		strncmp(text + 7, c->id, n) != 0 ||
		strncmp(text + 7 + n, before, sizeof(before) - 1) != 0)
		return;
	c->again = text[7 + n + sizeof(before) - 1] == '1';
}

static void on_message(struct mosquitto *mosq, void *context,
	const struct mosquitto_message *message, const mosquitto_property *properties)
{
	struct mqtt_client *c = context;

	(void)mosq;
	c->messages++;
	if (c->ops->message)
		c->ops->message(c, message, c->again, properties);
	c->again = false;
}

static void on_publish(struct mosquitto *mosq, void *context, int mid, int reason,
	const mosquitto_property *properties)
{
	struct mqtt_client *c = context;

	(void)mosq, (void)properties;
	if (c->ops->published)
		c->ops->published(c, mid, reason);
}

static void on_subscribe(struct mosquitto *mosq, void *context, int mid, int count,
	const int *granted, const mosquitto_property *properties)
{
	struct mqtt_client *c = context;

	(void)mosq, (void)properties;
	if (c->ops->subscribed)
		c->ops->subscribed(c, mid, count, granted);
}

/* Connection Return codes of MQTT 3.1.1 (3.2.2.3), reason codes of MQTT 5 (3.2.2.2). */
static bool is_about_us(const struct mqtt_client *c)
{
	return c->is_5 ? c->refused == MQTT_RC_BAD_USERNAME_OR_PASSWORD ||
			c->refused == MQTT_RC_NOT_AUTHORIZED || c->refused == MQTT_RC_BANNED
		       : c->refused == 4 || c->refused == 5;
}

static void explain_refusal(struct mqtt_client *c)
{
	const struct mqtt_broker *b = c->broker;

	snprintf(c->why, sizeof(c->why), "refuses us: %s%s",
		c->is_5 ? LIB.mosquitto_reason_string(c->refused)
			: LIB.mosquitto_connack_string(c->refused),
		!is_about_us(c)       ? ""
			: b->username ? ": are 'username' and what stands in 'password' right? A "
					"reload reads the "
					"file again"
				      : ": does it want a 'username' and a 'password'?");
}

static void on_connect(struct mosquitto *mosq, void *context, int reason, int flags,
	const mosquitto_property *properties)
{
	struct mqtt_client *c = context;

	(void)mosq, (void)properties;
	c->refused = reason;
	c->session = (flags & 1) != 0; /* 3.2.2.1.1: session present */
	if (reason != 0)
		explain_refusal(c);
}

/* ------------------------------------------------------------------- the loop */

static void rise(struct mqtt_client *c)
{
	c->phase = MQTT_UP;
	c->why[0] = '\0';
	c->greetings = 0;
	c->up_ns = now_of(c);
	c->connects++;
	c->broker->is_311 = !c->is_5;
	if (!c->ops->message) /* what it says of each message costs more than it tells */
		LIB.mosquitto_log_callback_set(c->mosq, NULL);
	mqtt_broker_up(c->broker);
	c->ops->up(c, c->session);
	wake_in(c, c->broker->keepalive_s * CLOCK_S / 4);
}

/* One packet, or a part of one; with TLS what came in one record. */
static bool read_one(struct mqtt_client *c)
{
	int rc;

	errno = 0;
	rc = mqtt_read(c->mosq);
	if (!still_there(c, rc))
		return false;
	if (c->phase == MQTT_GREETING && c->refused == 0)
		rise(c);
	return true;
}

/* One after another: read one and don't ask for a second, that costs as much as the first.
 * Many: read until there are no more, and come back less often. */
static bool read_some(struct mqtt_client *c)
{
	uint64_t now = now_of(c), before;
	bool dense = now - c->last_ns < DENSE_NS || turn_follows(c->turn, c->hub->loop);
	unsigned most = dense ? BATCH : 1;
	bool there = true;

	if (!turn_begin(c->turn, c->hub->loop))
		return true;
	c->last_ns = now;
	for (unsigned i = 0; i < most && there; i++) {
		before = c->messages;
		if (c->phase == MQTT_UP && c->ops->may_read && !c->ops->may_read(c))
			break;
		there = read_one(c);
		if (c->messages == before || !turn_goes_on(c->turn))
			break;
	}
	turn_end(c->turn);
	return there;
}

static void on_ready(struct loop_source *source, uint32_t events)
{
	struct mqtt_client *c = LOOP_OWNER(source, struct mqtt_client, source);
	bool there = true;

	if ((events & (EPOLLHUP | EPOLLERR)) && !(c->watched & EPOLLIN)) {
		lose(c, "the broker closed it");
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		there = read_some(c);
	/* libmosquitto goes on with a handshake whose other side is gone */
	if (c->phase == MQTT_GREETING && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		there = false;
	if (there)
		there = write_out(c);
	if (there)
		watch(c);
	else
		lose(c, c->why);
}

static void on_flush(struct loop_later *later)
{
	struct mqtt_client *c = LOOP_OWNER(later, struct mqtt_client, flush);

	if (c->fd < 0)
		return;
	if (!write_out(c)) {
		lose(c, c->why);
		return;
	}
	if (c->ops->flushed)
		c->ops->flushed(c);
	watch(c);
}

void mqtt_client_flush(struct mqtt_client *client)
{
	if (client->fd >= 0)
		loop_later(client->hub->loop, &client->flush);
}

void mqtt_client_resume(struct mqtt_client *client)
{
	mqtt_client_flush(client);
}

/* ------------------------------------------------------------------- connect */

static const char *no_answer(const struct mqtt_client *c)
{
	return c->why[0] ? c->why : "it doesn't answer as an MQTT broker does";
}

/* The next try is in the other version, where that may be what is wrong. */
static bool change_version(struct mqtt_client *c)
{
	if (c->broker->version != MQTT_ANY)
		return false;
	if (c->refused == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION || c->refused == 1) {
		c->broker->is_311 = c->is_5;
		return c->is_5;
	}
	if (c->refused == 0)
		c->broker->is_311 = c->is_5;
	return c->refused == 0 && c->is_5 && c->greetings++ == 0;
}

static void let_go(struct mqtt_client *c)
{
	if (c->fd >= 0)
		loop_remove(c->hub->loop, c->fd, &c->source);
	c->fd = -1;
	loop_later_cancel(c->hub->loop, &c->flush);
	if (c->mosq)
		LIB.mosquitto_destroy(c->mosq);
	c->mosq = NULL;
}

/* What doesn't exist any more is told, and tried again; or it was the end. */
static void lose(struct mqtt_client *c, const char *why)
{
	enum mqtt_phase before = c->phase;
	bool at_once = before == MQTT_GREETING && change_version(c);
	char words[MQTT_WHY_MAX];

	snprintf(words, sizeof(words), "%s", before == MQTT_GREETING ? no_answer(c) : why);
	let_go(c);
	c->phase = MQTT_DOWN;
	if (before == MQTT_ENDING) {
		c->phase = MQTT_CLOSED;
		loop_timer_clear(c->hub->loop, &c->timer);
		c->broker->up--;
		c->ops->closed(c);
		return;
	}
	if (before == MQTT_UP && now_of(c) - c->up_ns > STEADY_NS)
		c->failures = 0;
	if (!at_once)
		mqtt_broker_down(c->broker, before == MQTT_UP, c->refused != 0, words);
	wake_in(c, at_once ? 0 : pause_ns(c->failures++));
	if (before == MQTT_UP)
		c->ops->down(c);
}

/* The kernel finds out about a peer that is gone with messages on the way. */
static void tune(int fd)
{
	int on = 1, ms = 60000;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

static void on_connected(void *context, struct mosquitto *mosq, const char *error)
{
	struct mqtt_client *c = context;
	int err;

	c->connect = NULL;
	c->broker->connecting--;
	c->mosq = mosq;
	LIB.mosquitto_user_data_set(mosq, c);
	if (error) {
		lose(c, error);
		return;
	}
	c->phase = MQTT_GREETING;
	c->fd = LIB.mosquitto_socket(mosq);
	c->watched = EPOLLIN | EPOLLOUT;
	tune(c->fd);
	err = loop_add(c->hub->loop, c->fd, c->watched, &c->source);
	if (err < 0) {
		c->fd = -1;
		lose(c, strerror(-err));
		return;
	}
	LIB.mosquitto_log_callback_set(mosq, on_log);
	wake_in(c, GREETING_NS);
}

static mosquitto_property *properties_of(const struct mqtt_client *c)
{
	mosquitto_property *list = NULL;

	if (!c->is_5)
		return NULL;
	if (c->keeps)
		(void)LIB.mosquitto_property_add_int32(
			&list, MQTT_PROP_SESSION_EXPIRY_INTERVAL, c->broker->session_s);
	if (c->packet_most)
		(void)LIB.mosquitto_property_add_int32(
			&list, MQTT_PROP_MAXIMUM_PACKET_SIZE, c->packet_most);
	return list;
}

static int set_tls(const struct mqtt_client *c, struct mosquitto *m)
{
	const struct mqtt_broker *b = c->broker;

	if (!b->tls)
		return MOSQ_ERR_SUCCESS;
	if (!b->authorities && !b->certificate)
		return LIB.mosquitto_int_option(m, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
	return LIB.mosquitto_tls_set(m, b->authorities, b->authorities ? NULL : "/etc/ssl/certs",
		b->certificate, b->key, NULL);
}

static struct mosquitto *make(struct mqtt_client *c)
{
	const struct mqtt_broker *b = c->broker;
	struct mosquitto *m = LIB.mosquitto_new(c->id, !c->keeps, c);
	int rc;

	if (!m)
		return NULL;
	c->is_5 = b->version == MQTT_5 || (b->version == MQTT_ANY && !b->is_311);
	rc = LIB.mosquitto_threaded_set(m, true); /* nothing is written but by us */
	if (rc == 0)
		rc = LIB.mosquitto_int_option(m, MOSQ_OPT_PROTOCOL_VERSION,
			c->is_5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
	if (rc == 0)
		rc = LIB.mosquitto_int_option(m, MOSQ_OPT_RECEIVE_MAXIMUM, (int)c->in_most);
	if (rc == 0)
		rc = LIB.mosquitto_int_option(m, MOSQ_OPT_SEND_MAXIMUM, (int)c->out_most);
	if (rc == 0 && b->username)
		rc = LIB.mosquitto_username_pw_set(m, b->username, b->password);
	if (rc == 0)
		rc = set_tls(c, m);
	if (rc == 0 && c->speaks && b->status)
		rc = LIB.mosquitto_will_set(
			m, b->status, (int)strlen(MQTT_GONE), MQTT_GONE, 1, true);
	if (rc != 0) {
		snprintf(c->why, sizeof(c->why), "%s: %s", LIB.mosquitto_strerror(rc),
			b->tls ? "are the files under 'tls' there?" : "is the name UTF-8?");
		LIB.mosquitto_destroy(m);
		return NULL;
	}
	LIB.mosquitto_connect_v5_callback_set(m, on_connect);
	LIB.mosquitto_message_v5_callback_set(m, on_message);
	LIB.mosquitto_publish_v5_callback_set(m, on_publish);
	LIB.mosquitto_subscribe_v5_callback_set(m, on_subscribe);
	return m;
}

static void start(struct mqtt_client *c)
{
	struct mqtt_connect_ask ask = {
		.host = c->broker->host,
		.port = c->broker->port,
		.keepalive_s = c->broker->keepalive_s,
	};
	uint64_t wait =
		c->broker->connecting < MQTT_CONNECTING_MOST ? c->ops->wait_ns(c) : MQTT_WAIT_NS;
	int err = -ENOMEM;

	if (wait > 0) {
		if (wait != MQTT_WOKEN)
			wake_in(c, wait);
		return;
	}
	snprintf(c->why, sizeof(c->why), "%s", "");
	c->refused = 0;
	c->held_ns = 0;
	ask.mosq = make(c);
	if (ask.mosq) {
		ask.properties = properties_of(c);
		err = mqtt_connect_start(&c->connect, c->hub->loop, &ask, on_connected, c);
	}
	if (err == 0) {
		c->phase = MQTT_CONNECTING;
		c->broker->connecting++;
		return;
	}
	if (ask.mosq) {
		LIB.mosquitto_property_free_all(&ask.properties);
		LIB.mosquitto_destroy(ask.mosq);
	}
	lose(c, c->why[0] ? c->why : strerror(-err));
}

/* ------------------------------------------------------------ what time brings */

/* A ping would take acknowledgements with it that may not leave yet: then there is none. */
static void keep_alive(struct mqtt_client *c)
{
	const uint64_t keepalive = c->broker->keepalive_s * CLOCK_S;
	int rc;

	if (!c->ops->may_write || c->ops->may_write(c)) {
		c->held_ns = 0;
		rc = LIB.mosquitto_loop_misc(c->mosq);
		if (!still_there(c, rc) || !write_out(c)) {
			lose(c, c->why);
			return;
		}
		watch(c);
	} else if (c->held_ns && now_of(c) - c->held_ns > keepalive) {
		lose(c,
			"nothing was acknowledged for too long: the service takes nothing, and "
			"the broker keeps the messages");
		return;
	}
	wake_in(c, keepalive / 4);
}

static void on_timer(struct loop_timer *timer)
{
	struct mqtt_client *c = LOOP_OWNER(timer, struct mqtt_client, timer);

	switch (c->phase) {
	case MQTT_DOWN: start(c); break;
	case MQTT_GREETING:
	case MQTT_ENDING: lose(c, "it doesn't answer"); break;
	case MQTT_UP: keep_alive(c); break;
	case MQTT_CONNECTING:
	case MQTT_CLOSED: break;
	}
}

/* -------------------------------------------------------------------- public */

void mqtt_client_open(struct mqtt_client *client)
{
	client->fd = -1;
	client->source.ready = on_ready;
	client->timer.fire = on_timer;
	client->flush.run = on_flush;
	client->phase = MQTT_DOWN;
	wake_in(client, 0);
}

void mqtt_client_wake(struct mqtt_client *client)
{
	if (client->phase == MQTT_DOWN)
		wake_in(client, 0);
}

void mqtt_client_end(struct mqtt_client *client)
{
	if (client->phase == MQTT_ENDING || client->phase == MQTT_CLOSED)
		return;
	if (client->phase != MQTT_UP) {
		mqtt_client_close(client);
		client->ops->closed(client);
		return;
	}
	client->phase = MQTT_ENDING;
	(void)LIB.mosquitto_disconnect_v5(client->mosq, 0, NULL);
	wake_in(client, CLOCK_S);
	mqtt_client_flush(client);
}

void mqtt_client_close(struct mqtt_client *client)
{
	if (client->connect) {
		mqtt_connect_leave(client->connect);
		client->broker->connecting--;
	}
	client->connect = NULL;
	client->broker->up -= client->phase == MQTT_UP || client->phase == MQTT_ENDING;
	let_go(client);
	loop_timer_clear(client->hub->loop, &client->timer);
	client->phase = MQTT_CLOSED;
}

void mqtt_client_break(struct mqtt_client *client, const char *why)
{
	if (client->phase == MQTT_UP)
		lose(client, why);
}
