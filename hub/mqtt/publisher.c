/* hub/mqtt/publisher.c - see publisher.h */
#include "hub/mqtt/publisher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/database.h"
#include "hub/hub.h"
#include "hub/mqtt/client.h"
#include "hub/mqtt/letter.h"
#include "hub/mqtt/mqtt.h"
#include "hub/time.h"
#include "image/topic.h"
#include "sys/clock.h"

#define LIB          mqtt_library
#define WINDOW       100u          /* messages of the outbox under way */
#define AT_ONCE      2u            /* messages refused in a row that cost no pause */
#define REPLIES_MOST 1024u         /* replies under way; more are dropped */
#define LAST_NS      (2 * CLOCK_S) /* when the hub ends: for what the broker hasn't acknowledged */

/* A message of the outbox that the broker hasn't acknowledged. */
struct sent {
	int mid;
	uint64_t number;
};

struct publisher {
	struct input input;
	struct outbox_way way;
	struct outbox *outbox; /* whose way it is; NULL: nobody's */
	struct outbox_bounds bounds;
	enum outbox_destination to;
	bool upstream;
	char topic[PUBLISHER_TOPIC_MAX + 1]; /* before each name */
	struct sent sent[WINDOW];
	unsigned sent_count;
	struct mqtt_client client;
	unsigned replies; /* under way */
	bool stopping;
	uint64_t until_ns; /* the last acknowledgements are waited for; 0: not yet */
	struct loop_timer last;
	struct loop_later settle, pause;
	const char *pause_why; /* NULL: none is about to be */
	unsigned refused;      /* messages of the outbox in a row, none taken between them */
	struct log_rate refusals;
};

static struct publisher *of(struct mqtt_client *client)
{
	return LOOP_OWNER(client, struct publisher, client);
}

/* ------------------------------------------------------------------- the client */

static void settle_soon(struct publisher *p)
{
	if (p->stopping)
		loop_later(p->input.hub->loop, &p->settle);
}

/* On the broker's status topic. With QoS 0, so that nothing is waited for; what the broker says for a hub that is
 * lost is its will (client.c). */
static void tell_status(struct mqtt_client *client, const char *word)
{
	const char *topic = client->speaks ? client->broker->status : NULL;

	if (!topic || client->phase != MQTT_UP)
		return;
	if (LIB.mosquitto_publish_v5(client->mosq, NULL, topic, (int)strlen(word), word, 0, true,
		    NULL) == MOSQ_ERR_SUCCESS)
		of(client)->replies++; /* on_published counts it off */
	mqtt_client_flush(client);
}

static void on_up(struct mqtt_client *client, bool session)
{
	(void)session;
	of(client)->replies = 0;
	tell_status(client, MQTT_THERE);
	of(client)->input.counts.connections++;
	of(client)->input.counts.open = 1;
	if (of(client)->outbox)
		outbox_ready(of(client)->outbox, of(client)->to);
	if (!of(client)->upstream)
		mqtt_wake_feeds(client->hub);
}

static void on_down(struct mqtt_client *client)
{
	struct publisher *p = of(client);

	p->input.counts.unsent += p->replies;
	p->replies = 0;
	p->sent_count = 0;
	p->pause_why = NULL;
	p->input.counts.open = 0;
	if (p->outbox)
		outbox_lost(p->outbox, p->to);
	settle_soon(p);
}

/* It would refuse it again: it isn't sent again, but counted. */
static void tell_refused(struct publisher *p, const char *why)
{
	uint64_t skipped;

	p->input.counts.unsent++;
	if (log_allowed(&p->refusals, loop_now(p->input.hub->loop), &skipped))
		log_warn("%s: a message that was to be published is dropped: %s (%llu more)",
			p->client.broker->what, why, (unsigned long long)skipped);
}

static void arrived(struct publisher *p, unsigned i)
{
	uint64_t number = p->sent[i].number;

	p->sent[i] = p->sent[--p->sent_count];
	outbox_arrived(p->outbox, p->to, number);
}

/* Not now: what was handed over goes again, with the next connection, which comes later each time. */
static void on_pause(struct loop_later *later)
{
	struct publisher *p = LOOP_OWNER(later, struct publisher, pause);

	mqtt_client_break(&p->client, p->pause_why);
}

static void pause_soon(struct publisher *p, const char *why)
{
	p->pause_why = why;
	loop_later(p->input.hub->loop, &p->pause);
}

/* A message of the outbox is dropped. One that can't be published must not hold up the others; but a broker that refuses
 * all of them (a wrong list of rights) is not to cost a backlog: then it is one each time that it is connected to. */
static void refuse(struct publisher *p, const char *why)
{
	tell_refused(p, why);
	if (++p->refused > AT_ONCE)
		pause_soon(p, "it refuses one message after another");
}

static void on_published(struct mqtt_client *client, int mid, int reason)
{
	struct publisher *p = of(client);
	unsigned i = 0;

	while (i < p->sent_count && p->sent[i].mid != mid)
		i++;
	if (i < p->sent_count && reason == MQTT_RC_QUOTA_EXCEEDED)
		pause_soon(p, "it takes no more messages for now (quota exceeded)");
	if (i < p->sent_count && reason >= 0x80 && p->pause_why)
		return; /* it goes again */
	if (i < p->sent_count && reason >= 0x80)
		refuse(p, LIB.mosquitto_reason_string(reason));
	else if (reason >= 0x80)
		tell_refused(p, LIB.mosquitto_reason_string(reason));
	else if (i < p->sent_count)
		p->refused = 0;
	if (i < p->sent_count)
		arrived(p, i);
	else
		p->replies -= p->replies > 0;
	settle_soon(p);
}

static void on_closed(struct mqtt_client *client)
{
	struct publisher *p = of(client);

	p->input.counts.open = 0;
	hub_ended(p->input.hub);
}

static uint64_t wait_ns(const struct mqtt_client *client)
{
	return mqtt_id_in_use(client->hub, client) ? MQTT_WAIT_NS : 0;
}

static const struct mqtt_client_ops client_ops = {
	.up = on_up,
	.down = on_down,
	.published = on_published,
	.closed = on_closed,
	.wait_ns = wait_ns,
};

/* --------------------------------------------------------------------- publish */

struct message {
	const char *topic;
	struct mf_str type, body, correlation;
	const struct store_out *out; /* where it is one of the outbox; else NULL */
	unsigned qos, status;
	bool retain;
};

static int add_type(mosquitto_property **list, struct mf_str text)
{
	char copy[256];

	if (text.n == 0 || text.n >= sizeof(copy) || memchr(text.p, 0, text.n))
		return MOSQ_ERR_SUCCESS;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return LIB.mosquitto_property_add_string(list, MQTT_PROP_CONTENT_TYPE, copy);
}

static int add_user(mosquitto_property **list, const char *key, const char *value)
{
	return LIB.mosquitto_property_add_string_pair(list, MQTT_PROP_USER_PROPERTY, key, value);
}

static int add_number(mosquitto_property **list, const char *key, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	return add_user(list, key, text);
}

/* The event's id and the message's number: the same however often it is sent. */
static int add_id(mosquitto_property **list, const struct store_out *out)
{
	char text[2 * STORE_ID_MAX];

	snprintf(text, sizeof(text), "%.*s/%llu", (int)out->id.n, (const char *)out->id.p,
		(unsigned long long)out->number);
	return add_user(list, "id", text);
}

static int add_time(mosquitto_property **list, const struct store_out *out)
{
	char text[TIME_TEXT];

	return time_rfc3339(out->wall_ns, text) ? add_user(list, "time", text) : MOSQ_ERR_SUCCESS;
}

static int add_story(
	const struct publisher *p, mosquitto_property **list, const struct store_out *out)
{
	int64_t age = database_elapsed(p->input.hub) - out->at_ns;
	int rc = add_id(list, out);

	if (rc == 0 && (out->flags & OUTBOX_LATE))
		rc = add_number(list, "late", age > 0 ? (uint64_t)age / CLOCK_S : 0);
	if (rc != 0 || !p->upstream)
		return rc;
	rc = add_time(list, out);
	if (rc == 0 && (out->flags & OUTBOX_UNSURE))
		rc = add_user(list, "clock", "unsure");
	return rc == 0 ? add_number(list, "priority", out->priority) : rc;
}

static int properties_of(
	const struct publisher *p, const struct message *m, mosquitto_property **list)
{
	int rc = add_type(list, m->type);

	if (rc == 0 && m->out)
		rc = add_story(p, list, m->out);
	if (rc == 0 && m->status > 0)
		rc = add_number(list, "status", m->status);
	if (rc == 0 && m->correlation.n > 0)
		rc = LIB.mosquitto_property_add_binary(list, MQTT_PROP_CORRELATION_DATA,
			m->correlation.p, (uint16_t)m->correlation.n);
	return rc;
}

/* 0, or libmosquitto's error: nothing was sent. */
static int publish(struct publisher *p, const struct message *m, int *mid)
{
	mosquitto_property *list = NULL;
	int rc = p->client.is_5 ? properties_of(p, m, &list) : 0;

	if (rc == 0)
		rc = LIB.mosquitto_publish_v5(p->client.mosq, mid, m->topic, (int)m->body.n,
			m->body.p, (int)m->qos, m->retain, list);
	LIB.mosquitto_property_free_all(&list);
	if (rc != 0)
		return rc;
	p->input.counts.bytes_out += m->body.n;
	p->input.counts.replies++;
	mqtt_client_flush(&p->client);
	return 0;
}

bool publisher_is_up(const struct input *input)
{
	return LOOP_OWNER(input, const struct publisher, input)->client.phase == MQTT_UP;
}

bool publisher_reply(struct input *input, const struct letter *letter, const struct reply *reply)
{
	struct publisher *p = LOOP_OWNER(input, struct publisher, input);
	const struct message m = {
		.topic = letter->response,
		.type = reply->content_type,
		.body = reply->body,
		.correlation = mf_str_of(letter->correlation, letter->correlation_n),
		.qos = letter->qos,
		.status = reply->status,
	};
	bool sent = publisher_is_up(input) && p->replies < REPLIES_MOST &&
		mqtt_broker_may_reply(p->client.broker, mf_str_of(m.topic, strlen(m.topic))) &&
		publish(p, &m, NULL) == 0;

	p->replies += sent;
	p->input.counts.unsent += !sent;
	return sent;
}

/* ------------------------------------------------------------------ the outbox */

/* A message that can't ever be published has come to its end, too. */
static bool never(int rc)
{
	return rc == MOSQ_ERR_INVAL || rc == MOSQ_ERR_MALFORMED_UTF8 ||
		rc == MOSQ_ERR_OVERSIZE_PACKET || rc == MOSQ_ERR_PAYLOAD_SIZE;
}

/* 0, or libmosquitto's error. */
static int publish_out(struct publisher *p, const struct store_out *out)
{
	char *topic = NULL;
	bool there = asprintf(&topic, "%s%.*s", p->topic, (int)out->name.n,
			     (const char *)out->name.p) >= 0;
	const struct message m = {
		.topic = there ? topic : NULL,
		.type = out->type,
		.body = out->body,
		.out = out,
		.qos = out->flags & OUTBOX_QOS ? 1 : 0,
		.retain = (out->flags & OUTBOX_RETAIN) != 0,
	};
	struct sent *sent = &p->sent[p->sent_count];
	int rc = there ? publish(p, &m, &sent->mid) : MOSQ_ERR_NOMEM;

	if (there)
		free(topic);
	if (rc != 0)
		return rc;
	sent->number = out->number;
	p->sent_count++;
	return 0;
}

static bool send_out(struct outbox_way *way, const struct store_out *out)
{
	struct publisher *p = LOOP_OWNER(way, struct publisher, way);
	int rc;

	if (p->client.phase != MQTT_UP || p->stopping || p->pause_why || p->sent_count == WINDOW)
		return false;
	rc = topic_is_name(out->name) ? publish_out(p, out) : MOSQ_ERR_INVAL;
	if (rc == 0)
		return true;
	if (!never(rc)) { /* no memory, a connection that is lost, a broker without QoS 1 */
		pause_soon(p, LIB.mosquitto_strerror(rc));
		return false;
	}
	refuse(p, LIB.mosquitto_strerror(rc));
	outbox_arrived(p->outbox, p->to, out->number);
	return true;
}

void publisher_attach(struct input *input)
{
	struct publisher *p = LOOP_OWNER(input, struct publisher, input);

	if (!input->hub->outbox)
		return;
	if (!p->upstream)
		outbox_bound(input->hub->outbox, p->to, p->bounds);
	if (p->outbox)
		return;
	p->outbox = input->hub->outbox;
	p->way = (struct outbox_way){.send = send_out, .window = WINDOW};
	outbox_way(p->outbox, p->to, &p->way);
}

void publisher_bound(struct input *input, uint64_t bytes, uint64_t age_ns)
{
	LOOP_OWNER(input, struct publisher, input)->bounds = (struct outbox_bounds){bytes, age_ns};
}

static void detach(struct publisher *p)
{
	if (p->outbox && p->input.hub->outbox)
		outbox_way(p->outbox, p->to, NULL);
	p->outbox = NULL;
	p->sent_count = 0;
}

/* ------------------------------------------------------------------ the input */

static void publisher_stop(struct input *input)
{
	struct publisher *p = LOOP_OWNER(input, struct publisher, input);

	p->stopping = true;
	if (!input->hub->stopping) /* another one takes its place */
		detach(p);
	loop_later(input->hub->loop, &p->settle);
}

/* What was handed over is waited for, for a while: who ends without its acknowledgement sends it again at the next
 * start. */
static bool waits(struct publisher *p)
{
	uint64_t now = loop_now(p->input.hub->loop);

	if (p->client.phase != MQTT_UP || p->sent_count + p->replies == 0)
		return false;
	if (p->until_ns == 0) {
		p->until_ns = now + LAST_NS;
		return loop_timer_set(p->input.hub->loop, &p->last, p->until_ns) == 0;
	}
	return now < p->until_ns;
}

/* It ends when all inputs that may still ask it for something have ended. */
static void on_settle(struct loop_later *later)
{
	struct publisher *p = LOOP_OWNER(later, struct publisher, settle);

	if (!p->stopping || (!p->upstream && mqtt_feeds_busy(p->input.hub)) || waits(p))
		return;
	tell_status(&p->client, MQTT_GONE);
	mqtt_client_end(&p->client);
}

static void on_last(struct loop_timer *timer)
{
	settle_soon(LOOP_OWNER(timer, struct publisher, last));
}

void publisher_settle(struct input *input)
{
	loop_later(input->hub->loop, &LOOP_OWNER(input, struct publisher, input)->settle);
}

static bool publisher_busy(const struct input *input)
{
	const struct publisher *p = LOOP_OWNER(input, const struct publisher, input);

	return p->stopping && p->client.phase != MQTT_CLOSED;
}

static void publisher_close(struct input *input)
{
	struct publisher *p = LOOP_OWNER(input, struct publisher, input);

	detach(p);
	mqtt_client_close(&p->client);
	loop_timer_clear(input->hub->loop, &p->last);
	loop_later_cancel(input->hub->loop, &p->settle);
	loop_later_cancel(input->hub->loop, &p->pause);
	mqtt_broker_drop(p->client.broker);
	free(p);
}

static const struct input_ops publisher_ops = {
	.name = "mqtt",
	.stop = publisher_stop,
	.busy = publisher_busy,
	.close = publisher_close,
};

static const struct input_ops upstream_ops = {
	.name = "upstream",
	.stop = publisher_stop,
	.busy = publisher_busy,
	.close = publisher_close,
};

bool publisher_is(const struct input *input)
{
	return input->ops == &publisher_ops || input->ops == &upstream_ops;
}

bool publisher_same(const struct input *a, const struct input *b)
{
	const struct publisher *one = LOOP_OWNER(a, const struct publisher, input);
	const struct publisher *other = LOOP_OWNER(b, const struct publisher, input);

	return one->to == other->to && strcmp(one->topic, other->topic) == 0 &&
		mqtt_broker_same(one->client.broker, other->client.broker);
}

bool publisher_has_id(const struct input *input, const struct mqtt_client *client)
{
	const struct mqtt_client *c;

	if (!publisher_is(input))
		return false;
	c = &LOOP_OWNER(input, const struct publisher, input)->client;
	return c != client && c->phase != MQTT_CLOSED && strcmp(c->id, client->id) == 0;
}

int publisher_open(struct input **input, struct hub *hub, const struct publisher_options *options)
{
	struct publisher *p = calloc(1, sizeof(*p));
	struct mqtt_broker *broker = options->broker;

	if (!p)
		return -ENOMEM;
	p->refusals.burst = 1;
	p->settle.run = on_settle;
	p->pause.run = on_pause;
	p->last.fire = on_last;
	p->to = options->to;
	p->upstream = options->upstream;
	snprintf(p->topic, sizeof(p->topic), "%s", options->topic);
	p->input.ops = options->upstream ? &upstream_ops : &publisher_ops;
	p->input.hub = hub;
	p->input.apart = true;
	p->input.text_n =
		(unsigned)snprintf(p->input.text, sizeof(p->input.text), "%s", broker->text);
	if (p->input.text_n >= sizeof(p->input.text))
		p->input.text_n = sizeof(p->input.text) - 1;
	p->client = (struct mqtt_client){
		.ops = &client_ops,
		.hub = hub,
		.broker = mqtt_broker_hold(broker),
		.in_most = 20,
		.speaks = !options->upstream,
		.out_most = WINDOW + REPLIES_MOST,
		.turn = &p->input.turn,
		.fd = -1,
	};
	/* no service's name and no `client` has a slash */
	snprintf(p->client.id, sizeof(p->client.id), "%s%s", broker->client,
		options->upstream ? "/upstream" : "");
	*input = &p->input;
	return 0;
}

void publisher_start(struct input *input)
{
	mqtt_client_open(&LOOP_OWNER(input, struct publisher, input)->client);
}
