/* hub/mqtt/feed.c - see feed.h */
#include "hub/mqtt/feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/hub.h"
#include "hub/in_mqtt.h"
#include "hub/mqtt/mqtt.h"
#include "hub/mqtt/publisher.h"
#include "image/topic.h"
#include "sys/clock.h"

#define LIB         mqtt_library
#define RETRY_MOST  CLOCK_S
#define PACKET_MOST (1u << 20) /* larger ones are to stay at the broker */

static struct mqtt_feed *of(struct mqtt_client *client)
{
	return LOOP_OWNER(client, struct mqtt_feed, client);
}

static const struct mqtt_feed *of_const(const struct mqtt_client *client)
{
	return LOOP_OWNER(client, const struct mqtt_feed, client);
}

/* ------------------------------------------------------------ subscriptions */

#define EACH_MOST 64u /* filters in one packet */

static char **list_of(const struct mqtt_subscription *at, unsigned count,
	const struct mqtt_session *but, unsigned qos, char *list[static EACH_MOST], unsigned *n)
{
	*n = 0;
	for (unsigned i = 0; i < count && *n < EACH_MOST; i++)
		if (at[i].qos == qos && !mqtt_session_has(but, at[i].filter, qos))
			list[(*n)++] = at[i].filter;
	return list;
}

/* What the session has and the configuration doesn't. */
static void unsubscribe(struct mqtt_feed *f, const struct mqtt_session *session)
{
	const struct mqtt_session wanted = {.at = f->at, .count = f->count};
	char *list[EACH_MOST];
	unsigned n;

	for (unsigned qos = 0; session && qos <= 1; qos++) {
		list_of(session->at, session->count, &wanted, qos, list, &n);
		if (n > 0)
			(void)LIB.mosquitto_unsubscribe_multiple(
				f->client.mosq, NULL, (int)n, list, NULL);
	}
}

/* Retained messages come with a new subscription only (MQTT 5, 3.8.3.1); for MQTT 3.1.1, which can't say
 * so, what is subscribed already is left alone. */
static void subscribe(struct mqtt_feed *f, const struct mqtt_session *session)
{
	char *list[EACH_MOST];
	unsigned n;
	int mid;

	for (unsigned qos = 0; qos <= 1; qos++) {
		list_of(f->at, f->count, f->client.is_5 ? NULL : session, qos, list, &n);
		if (n == 0 ||
			LIB.mosquitto_subscribe_multiple(f->client.mosq, &mid, (int)n, list,
				(int)qos, MQTT_SUB_OPT_SEND_RETAIN_NEW, NULL) != MOSQ_ERR_SUCCESS)
			continue;
		f->asked++;
		for (unsigned i = 0, k = 0; i < f->count && k < n; i++)
			if (f->at[i].filter == list[k]) {
				f->at[i].mid = mid;
				f->at[i].refused = false;
				k++;
			}
	}
}

/* The k-th filter of the SUBSCRIBE `mid`. */
static struct mqtt_subscription *asked_for(struct mqtt_feed *f, int mid, int k)
{
	for (unsigned i = 0; i < f->count; i++)
		if (f->at[i].mid == mid && k-- == 0)
			return &f->at[i];
	return NULL;
}

static bool is_subscribed(const struct mqtt_feed *f)
{
	return f->client.phase == MQTT_UP && f->asked == 0;
}

static void on_up(struct mqtt_client *client, bool session)
{
	struct mqtt_feed *f = of(client);
	struct mqtt_sessions *all = &client->hub->mqtt->sessions;
	const struct mqtt_session *known = session ? mqtt_sessions_of(all, client->id) : NULL;

	f->connection++;
	f->open = f->taken = f->asked = 0;
	f->flushing = false;
	f->input->counts.connections++;
	f->input->counts.open++;
	unsubscribe(f, known);
	subscribe(f, known);
	mqtt_sessions_set(all, client->id, f->at, f->count);
}

static void on_subscribed(struct mqtt_client *client, int mid, int count, const int *granted)
{
	struct mqtt_feed *f = of(client);

	f->asked -= f->asked > 0;
	for (int i = 0; i < count; i++) {
		struct mqtt_subscription *one = asked_for(f, mid, i);

		if (one)
			one->refused = granted[i] >= 0x80;
		if (granted[i] >= 0x80 && !f->stopping) /* its service may be gone then */
			log_about(LOG_WARN, f->input->service->name, NULL,
				"mqtt: the broker doesn't let %s subscribe to all of its topics: "
				"%s",
				client->id,
				client->is_5 ? LIB.mosquitto_reason_string(granted[i])
					     : "no reason given");
	}
	if (f->asked == 0 && !f->stopping) /* what was refused is asked for again the next time */
		mqtt_sessions_set(&client->hub->mqtt->sessions, client->id, f->at, f->count);
}

/* ------------------------------------------------------------------- letters */

/* What is kept takes memory as events do, but is no service's part: it is no more than `window`. */
static void count_kept(struct mqtt_feed *f, const struct letter *letter)
{
	f->client.hub->waiting.events += sizeof(*letter) + letter->head.bytes;
	f->kept_count++;
}

static void uncount_kept(struct mqtt_feed *f, const struct letter *letter)
{
	f->client.hub->waiting.events -= sizeof(*letter) + letter->head.bytes;
	f->kept_count--;
}

/* The broker tells again of what is dropped here. */
static void drop_kept(struct mqtt_feed *f)
{
	struct letter *next;

	for (struct letter *l = f->kept; l; l = next) {
		next = l->next;
		uncount_kept(f, l);
		letter_free(l);
	}
	f->kept = NULL;
	f->kept_end = &f->kept;
	loop_timer_clear(f->client.hub->loop, &f->retry);
}

static void on_down(struct mqtt_client *client)
{
	struct mqtt_feed *f = of(client);

	f->connection++;
	drop_kept(f);
	f->open = f->taken = 0;
	f->flushing = false;
	f->input->counts.open--;
	if (f->stopping)
		loop_later(client->hub->loop, &f->settle);
}

static void append_kept(struct mqtt_feed *f, struct letter *letter)
{
	letter->next = NULL;
	*f->kept_end = letter;
	f->kept_end = &letter->next;
	count_kept(f, letter);
}

static void retry_soon(struct mqtt_feed *f, enum refusal why)
{
	uint64_t wait = service_retry_ns(f->input->service, why);

	if (f->retry.place != 0)
		return;
	/* no memory for a timer: the connection is given up after its keepalive */
	(void)loop_timer_set(f->client.hub->loop, &f->retry,
		loop_now(f->client.hub->loop) + (wait < RETRY_MOST ? wait : RETRY_MOST));
}

/* If all that was read has ended. */
static void acknowledge(struct mqtt_feed *f)
{
	if (f->open > 0)
		return;
	f->flushing = true;
	mqtt_client_flush(&f->client);
}

void mqtt_feed_done(struct letter *letter)
{
	struct mqtt_feed *f = letter->feed;

	if (letter->connection == f->connection) {
		f->open--;
		acknowledge(f);
	}
	if (f->stopping)
		loop_later(f->client.hub->loop, &f->settle);
	letter_free(letter);
}

static void tell_refused(struct mqtt_feed *f, const char *topic, const char *why)
{
	uint64_t skipped;
	char clean[128];

	f->input->counts.bad++;
	if (log_allowed(&f->refusals, loop_now(f->client.hub->loop), &skipped))
		log_about(LOG_WARN, f->input->service->name, NULL,
			"mqtt: a message on \"%s\" is dropped: %s (%llu more)",
			log_clean(clean, sizeof(clean), topic, strnlen(topic, 100)), why,
			(unsigned long long)skipped);
}

/* No memory to keep it: it stays open, so nothing is acknowledged any more. After its keepalive the connection is
 * given up (client.c), and the broker tells again. */
static void leave_open(struct mqtt_feed *f, struct letter *letter)
{
	uint64_t skipped;

	if (log_allowed(&f->refusals, loop_now(f->client.hub->loop), &skipped))
		log_about(LOG_WARN, f->input->service->name, NULL,
			"mqtt: no memory for a message: the broker keeps it");
	letter_free(letter);
}

void mqtt_feed_keep(struct letter *letter, const struct task *task, enum refusal why)
{
	struct mqtt_feed *f = letter->feed;

	if (letter->connection != f->connection) {
		mqtt_feed_done(letter);
		return;
	}
	if (letter_keep_task(letter, task) < 0) {
		leave_open(f, letter);
		return;
	}
	append_kept(f, letter);
	if (f->stopping)
		loop_later(f->client.hub->loop, &f->settle);
	else
		retry_soon(f, why);
}

/* It comes by an earlier feed as well, which takes it. */
static bool comes_twice(const struct mqtt_feed *f, const char *topic)
{
	const struct mf_str name = mf_str_of(topic, strlen(topic));

	for (f = f->before; f; f = f->before)
		for (unsigned i = 0; i < f->count; i++)
			if (!mqtt_is_shared(f->at[i].filter) && !f->at[i].refused &&
				topic_matches(f->at[i].filter, name))
				return true;
	return false;
}

/* One that can't ever be an event is acknowledged with the others, or it would come again. */
static void keep_new(struct mqtt_feed *f, struct letter *letter,
	const struct mosquitto_message *message, const mosquitto_property *properties)
{
	int err = letter_keep(letter, message, properties, f->input->service->note.event_bytes);

	if (err == 0) {
		append_kept(f, letter);
		return;
	}
	if (err != -E2BIG) {
		leave_open(f, letter);
		return;
	}
	service_refused(f->input->service, REFUSED_TOO_BIG);
	tell_refused(f, message->topic, "it is larger than the service's memory.event");
	mqtt_feed_done(letter);
}

static void on_message(struct mqtt_client *client, const struct mosquitto_message *message,
	bool again, const mosquitto_property *properties)
{
	struct mqtt_feed *f = of(client);
	struct letter *letter;
	enum refusal why = REFUSED_BUSY;

	f->taken++;
	if (comes_twice(f, message->topic)) {
		acknowledge(f);
		return;
	}
	f->input->counts.events++;
	f->input->counts.bytes_in += (uint64_t)message->payloadlen;
	f->open++;
	letter = letter_make(message, again, properties);
	if (!letter) {
		leave_open(f, NULL);
		return;
	}
	letter->feed = f;
	letter->connection = f->connection;
	if (!f->kept && in_mqtt_submit(letter, message, properties, &why))
		return;
	if (f->kept || refusal_passes(why)) {
		keep_new(f, letter, message, properties);
		if (f->kept)
			retry_soon(f, why);
		return;
	}
	service_refused(f->input->service, why);
	tell_refused(f, message->topic, "it is larger than the service's memory.event");
	mqtt_feed_done(letter);
}

static void on_retry(struct loop_timer *timer)
{
	struct mqtt_feed *f = LOOP_OWNER(timer, struct mqtt_feed, retry);
	enum refusal why = REFUSED_BUSY;

	for (unsigned n = f->kept_count; n > 0 && f->kept; n--) {
		struct letter *l = f->kept, *next = l->next;
		bool taken;

		f->kept = next;
		f->kept_end = next ? f->kept_end : &f->kept;
		uncount_kept(f, l);
		taken = in_mqtt_submit_again(l, &why);
		if (taken)
			continue;
		if (!refusal_passes(why)) {
			service_refused(f->input->service, why);
			mqtt_feed_done(l);
			continue;
		}
		l->next = f->kept;
		f->kept_end = f->kept ? f->kept_end : &l->next;
		f->kept = l;
		count_kept(f, l);
		break;
	}
	if (f->kept)
		retry_soon(f, why);
	else
		mqtt_client_resume(&f->client);
}

/* -------------------------------------------------------- what the client asks */

static bool may_write(const struct mqtt_client *client)
{
	return of_const(client)->open == 0;
}

/* A service that is slow gets no more at once than it does in a quarter of the time after which the broker
 * gives up a client that is silent. */
static unsigned batch_most(const struct mqtt_feed *f)
{
	const struct service *s = f->input->service;
	uint64_t ns = f->client.broker->keepalive_s * CLOCK_S / 4, n = f->client.broker->window;

	if (s->life_ns > 0 && ns / s->life_ns * s->head.threads < n)
		n = ns / s->life_ns * s->head.threads;
	return n > 0 ? (unsigned)n : 1;
}

static bool may_read(const struct mqtt_client *client)
{
	const struct mqtt_feed *f = of_const(client);

	return !f->stopping && !f->flushing && !f->kept && f->taken < batch_most(f);
}

static void on_flushed(struct mqtt_client *client)
{
	struct mqtt_feed *f = of(client);

	if (f->open == 0)
		f->taken = 0;
	f->flushing = false;
}

static void on_closed(struct mqtt_client *client)
{
	struct hub *hub = client->hub;

	of(client)->input->counts.open = 0;
	if (hub->mqtt)
		mqtt_settle(hub);
	hub_ended(hub);
}

/* The publisher goes first: then a request finds a way for its reply, and a broker that is gone is asked for by
 * one connection only. */
static uint64_t wait_ns(const struct mqtt_client *client)
{
	const struct mqtt *mqtt = client->hub->mqtt;
	const struct mqtt_feed *before = of_const(client)->before;

	if (!mqtt || !mqtt->publisher || !publisher_is_up(mqtt->publisher))
		return MQTT_WOKEN;
	if (before && !is_subscribed(before))
		return MQTT_WAIT_NS;
	return mqtt_id_in_use(client->hub, client) ? MQTT_WAIT_NS : 0;
}

static const struct mqtt_client_ops client_ops = {
	.up = on_up,
	.down = on_down,
	.message = on_message,
	.subscribed = on_subscribed,
	.may_write = may_write,
	.may_read = may_read,
	.flushed = on_flushed,
	.wait_ns = wait_ns,
	.closed = on_closed,
};

/* ---------------------------------------------------------------- open, close */

/* What is kept now stays with the broker, which isn't told of its batch then. */
static void on_settle(struct loop_later *later)
{
	struct mqtt_feed *f = LOOP_OWNER(later, struct mqtt_feed, settle);

	if (!f->stopping || f->open > f->kept_count)
		return;
	if (f->kept) {
		drop_kept(f);
		mqtt_client_close(&f->client);
		on_closed(&f->client);
	} else {
		mqtt_client_end(&f->client);
	}
}

void mqtt_feed_init(struct mqtt_feed *feed, struct input *input, struct mqtt_broker *broker,
	struct mqtt_subscription *at, unsigned count)
{
	const uint32_t twice = 2 * (uint32_t)input->service->note.event_bytes;

	*feed = (struct mqtt_feed){.input = input, .at = at, .count = count};
	feed->client = (struct mqtt_client){
		.ops = &client_ops,
		.hub = input->hub,
		.broker = mqtt_broker_hold(broker),
		.keeps = true,
		.packet_most = twice > PACKET_MOST ? twice : PACKET_MOST,
		/* the next batch is in the socket when one has ended */
		.in_most = 2 * broker->window,
		.out_most = 20,
		.turn = &input->turn,
		.fd = -1,
	};
	feed->kept_end = &feed->kept;
	feed->retry.fire = on_retry;
	feed->settle.run = on_settle;
	feed->refusals.burst = 1;
}

void mqtt_feed_start(struct mqtt_feed *feed)
{
	mqtt_client_open(&feed->client);
}

void mqtt_feed_stop(struct mqtt_feed *feed)
{
	feed->stopping = true;
	loop_timer_clear(feed->client.hub->loop, &feed->retry);
	loop_later(feed->client.hub->loop, &feed->settle);
}

void mqtt_feed_close(struct mqtt_feed *feed)
{
	drop_kept(feed);
	loop_later_cancel(feed->client.hub->loop, &feed->settle);
	mqtt_client_close(&feed->client);
	mqtt_broker_drop(feed->client.broker);
	for (unsigned i = 0; i < feed->count; i++)
		free(feed->at[i].filter);
	free(feed->at);
}

bool mqtt_feed_busy(const struct mqtt_feed *feed)
{
	return feed->stopping && feed->client.phase != MQTT_CLOSED;
}
