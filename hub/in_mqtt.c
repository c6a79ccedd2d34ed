/* hub/in_mqtt.c - see in_mqtt.h */
#include "hub/in_mqtt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/example.h"
#include "hub/hub.h"
#include "hub/mqtt/mqtt.h"
#include "hub/mqtt/publisher.h"
#include "image/topic.h"

struct in_mqtt {
	struct input input;
	unsigned count;
	struct mqtt_feed feed[];
};

static struct in_mqtt *of(struct input *input)
{
	return LOOP_OWNER(input, struct in_mqtt, input);
}

static const struct in_mqtt *of_const(const struct input *input)
{
	return LOOP_OWNER(input, const struct in_mqtt, input);
}

/* -------------------------------------------------------------------- events */

static void on_reply(struct task *task, const struct reply *reply)
{
	struct letter *letter = task->context;
	struct input *input = letter->feed->input;
	struct mqtt *mqtt = input->hub->mqtt;

	if (reply && letter->response && mqtt && mqtt->publisher) {
		if (publisher_reply(mqtt->publisher, letter, reply))
			input->counts.replies++;
		else
			input->counts.unsent++;
	}
	input->tasks--;
	mqtt_feed_done(letter);
}

static void on_refuse(struct task *task, enum refusal why)
{
	struct letter *letter = task->context;
	struct input *input = letter->feed->input;

	input->tasks--;
	if (task_may_come_again(task, why)) {
		mqtt_feed_keep(letter, task, why);
		return;
	}
	input->counts.dropped++;
	mqtt_feed_done(letter);
}

static const struct origin_ops origin = {.source = "mqtt",
	.reply = on_reply,
	.refuse = on_refuse,
	.alone = true,
	.keeps = sizeof(struct letter)};

/* The id that its sender gave it; else what the broker tells again when it was not acknowledged: by the same
 * packet id, which is another message's when it isn't DUP. */
static void identify(struct task *task, const struct letter *letter)
{
	const struct mf_str mid = mf_str_of(&letter->mid, sizeof(letter->mid));
	const char *client = letter->feed->client.id;
	const struct mf_event *head = &task->head;
	const struct mf_str given[] = {mf_str_of(letter->id, letter->id ? strlen(letter->id) : 0)};
	const struct mf_str pieces[] = {mf_str_of(client, strlen(client)), mid,
		mf_str_of(task->writer.base + head->subject.off, head->subject.len),
		mf_str_of(task->writer.base + head->payload.off, head->payload.len)};

	if (letter->id)
		task_identify(task, given, 1, TASK_CHECK);
	else if (letter->qos > 0)
		task_identify(task, pieces, sizeof(pieces) / sizeof(pieces[0]),
			letter->again ? TASK_CHECK : 0);
}

static void submit(struct task *task, struct letter *letter)
{
	identify(task, letter);
	task->origin = &origin;
	task->context = letter;
	letter->feed->input->tasks++;
	service_submit(task);
}

bool in_mqtt_submit(struct letter *letter, const struct mosquitto_message *message,
	const mosquitto_property *properties, enum refusal *why)
{
	struct service *service = letter->feed->input->service;
	struct task *task = service_begin(service, MF_SOURCE_MQTT, MF_STR("mqtt.message"),
		mf_str_of(message->topic, strlen(message->topic)), why);

	if (!task)
		return false;
	if (!letter_write(&task->writer, message, properties)) {
		service_cancel(task);
		*why = REFUSED_TOO_BIG;
		return false;
	}
	submit(task, letter);
	return true;
}

bool in_mqtt_submit_again(struct letter *letter, enum refusal *why)
{
	struct service *service = letter->feed->input->service;
	struct task *task = service_begin(
		service, MF_SOURCE_MQTT, MF_STR("mqtt.message"), letter_subject(letter), why);

	if (!task)
		return false;
	if (!letter_restore(letter, &task->writer)) {
		service_cancel(task);
		*why = REFUSED_TOO_BIG;
		return false;
	}
	letter_forget(letter);
	submit(task, letter);
	return true;
}

/* ----------------------------------------------------------------- the input */

static void input_stop(struct input *input)
{
	struct in_mqtt *m = of(input);

	for (unsigned i = 0; i < m->count; i++)
		mqtt_feed_stop(&m->feed[i]);
}

static bool input_busy(const struct input *input)
{
	const struct in_mqtt *m = of_const(input);

	for (unsigned i = 0; i < m->count; i++)
		if (mqtt_feed_busy(&m->feed[i]))
			return true;
	return false;
}

static void input_close(struct input *input)
{
	struct in_mqtt *m = of(input);

	for (unsigned i = 0; i < m->count; i++)
		mqtt_feed_close(&m->feed[i]);
	free(m);
}

static const struct input_ops mqtt_ops = {
	.name = "mqtt", .stop = input_stop, .busy = input_busy, .close = input_close};

bool in_mqtt_is(const struct input *input)
{
	return input->ops == &mqtt_ops;
}

bool in_mqtt_has_id(const struct input *input, const struct mqtt_client *client)
{
	const struct in_mqtt *m = of_const(input);

	for (unsigned i = 0; i < m->count; i++) {
		const struct mqtt_client *c = &m->feed[i].client;

		if (c != client && c->phase != MQTT_CLOSED && strcmp(c->id, client->id) == 0)
			return true;
	}
	return false;
}

const char *in_mqtt_filter(const struct input *input, struct mf_str topic)
{
	const struct in_mqtt *m = of_const(input);

	for (unsigned i = 0; i < m->count; i++)
		for (unsigned j = 0; j < m->feed[i].count; j++)
			if (topic_matches(mqtt_topic_of(m->feed[i].at[j].filter), topic))
				return m->feed[i].at[j].filter;
	return NULL;
}

static bool has(const struct in_mqtt *m, const struct mqtt_subscription *one)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct mqtt_session s = {.at = m->feed[i].at, .count = m->feed[i].count};

		if (mqtt_session_has(&s, one->filter, one->qos))
			return true;
	}
	return false;
}

bool in_mqtt_same(const struct input *input, const struct mqtt_broker *broker,
	const struct mqtt_subscription *at, unsigned count)
{
	const struct in_mqtt *m = of_const(input);
	unsigned sum = 0;

	for (unsigned i = 0; i < m->count; i++)
		sum += m->feed[i].count;
	for (unsigned i = 0; i < count; i++)
		if (!has(m, &at[i]))
			return false;
	return sum == count && mqtt_broker_same(m->feed[0].client.broker, broker);
}

/* ---------------------------------------------------------------------- feeds */

static bool fits(const struct mqtt_feed *feed, const struct mqtt_subscription *one)
{
	for (unsigned i = 0; i < feed->count; i++)
		if (topics_overlap(mqtt_topic_of(feed->at[i].filter), mqtt_topic_of(one->filter)))
			return false;
	return true;
}

/* Into the first feed whose filters have no topics in common with it. */
static int place(struct in_mqtt *m, struct mqtt_broker *broker, const struct mqtt_subscription *one,
	unsigned most)
{
	struct mqtt_feed *feed = m->feed;
	struct mqtt_subscription *room;

	while (feed < m->feed + m->count && !fits(feed, one))
		feed++;
	if (feed == m->feed + m->count) {
		room = calloc(most, sizeof(*room));
		if (!room)
			return -ENOMEM;
		mqtt_feed_init(feed, &m->input, broker, room, 0);
		feed->before = m->count > 0 ? feed - 1 : NULL;
		m->count++;
		snprintf(feed->client.id, sizeof(feed->client.id), "%s-%s", broker->client,
			m->input.service->name);
		if (m->count > 1)
			snprintf(feed->client.id, sizeof(feed->client.id), "%s-%s-%u",
				broker->client, m->input.service->name, m->count);
	}
	feed->at[feed->count] = *one;
	feed->at[feed->count].filter = strdup(one->filter);
	return feed->at[feed->count++].filter ? 0 : -ENOMEM;
}

static int place_all(struct in_mqtt *m, struct mqtt_broker *broker,
	const struct mqtt_subscription *at, unsigned count)
{
	int err = 0;

	/* those that are sure to come, and surely, first: of two copies the first feed's is taken */
	for (unsigned pass = 0; pass < 4; pass++)
		for (unsigned i = 0; i < count && err == 0; i++)
			if (mqtt_is_shared(at[i].filter) == (pass >= 2) &&
				at[i].qos == (pass % 2 == 0))
				err = place(m, broker, &at[i], count);
	return err;
}

int in_mqtt_open(struct input **input, struct service *service, struct mqtt_broker *broker,
	const struct mqtt_subscription *at, unsigned count)
{
	struct in_mqtt *m = calloc(1, sizeof(*m) + count * sizeof(m->feed[0]));
	int err;

	if (!m)
		return -ENOMEM;
	m->input = (struct input){
		.ops = &mqtt_ops, .hub = service->hub, .service = service, .apart = true};
	snprintf(m->input.text, sizeof(m->input.text), "%s", broker->text);
	m->input.text_n = (unsigned)strlen(m->input.text);
	err = place_all(m, broker, at, count);
	if (err < 0)
		input_close(&m->input);
	else
		*input = &m->input;
	return err;
}

void in_mqtt_start(struct input *input)
{
	struct in_mqtt *m = of(input);

	for (unsigned i = 0; i < m->count; i++)
		mqtt_feed_start(&m->feed[i]);
}

void in_mqtt_wake(struct input *input)
{
	struct in_mqtt *m = of(input);

	for (unsigned i = 0; i < m->count; i++)
		mqtt_client_wake(&m->feed[i].client);
}

static const char *example_of(const struct service *s)
{
	for (unsigned i = 0; i < s->manifest.triggers_count; i++)
		if (s->manifest.triggers[i].type == TRIGGER_MQTT)
			return s->manifest.triggers[i].example;
	return NULL;
}

void in_mqtt_report(const struct input *input)
{
	const struct in_mqtt *m = of_const(input);
	const struct mqtt_broker *b = m->feed[0].client.broker;
	const struct example_broker broker = {b->host, b->port, b->tls, b->username != NULL};
	const char *topics[64];
	char command[EXAMPLE_MOST];
	unsigned n = 0;

	for (unsigned i = 0; i < m->count; i++)
		for (unsigned j = 0; j < m->feed[i].count && n < 64; j++)
			topics[n++] = m->feed[i].at[j].filter;
	if (n == 0)
		return;
	example_message(&broker, mqtt_topic_of(topics[0]), example_of(input->service), command);
	report_topics(&input->hub->report, input, topics, n, command);
}
