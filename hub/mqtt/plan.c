/* hub/mqtt/plan.c - from what hub.yaml says about MQTT to connections; see mqtt.h and hub/plan.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/in_mqtt.h"
#include "hub/inputs.h"
#include "hub/mqtt/mqtt.h"
#include "hub/mqtt/publisher.h"
#include "hub/setup.h"
#include "image/topic.h"

#define SHARE "$share/"

/* What a plan has made, or found. */
struct mqtt_plan {
	struct mqtt *made; /* for the hub, which has none yet */
	struct mqtt_broker *broker;
	struct input **inputs; /* by service; NULL: none */
	struct input *publisher;
	bool fresh; /* the publisher is a new one */
};

bool mqtt_is_shared(const char *filter)
{
	return strncmp(filter, SHARE, sizeof(SHARE) - 1) == 0;
}

const char *mqtt_topic_of(const char *filter)
{
	const char *slash = mqtt_is_shared(filter) ? strchr(filter + sizeof(SHARE) - 1, '/') : NULL;

	return slash ? slash + 1 : filter;
}

/* ---------------------------------------------------------------- subscriptions */

struct topics {
	struct mqtt_subscription *at;
	unsigned count;
};

static void topics_free(struct topics *t)
{
	for (unsigned i = 0; i < t->count; i++)
		free(t->at[i].filter);
	free(t->at);
}

/* One that another has all of is left out. */
static int topics_add(struct topics *t, const char *share, const char *topic, unsigned qos)
{
	struct mqtt_subscription *more;

	for (unsigned i = 0; i < t->count; i++)
		if (!share && t->at[i].qos >= qos && strcmp(t->at[i].filter, topic) == 0)
			return 0;
	more = reallocarray(t->at, t->count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	t->at = more;
	more[t->count].qos = qos;
	if (asprintf(&more[t->count].filter, "%s%s%s%s", share ? SHARE : "", share ? share : "",
		    share ? "/" : "", topic) < 0)
		return -ENOMEM;
	t->count++;
	return 0;
}

static bool has_trigger(const struct service *s)
{
	for (unsigned i = 0; i < s->manifest.triggers_count; i++)
		if (s->manifest.triggers[i].type == TRIGGER_MQTT)
			return true;
	return false;
}

/* As hub.yaml says, else as the triggers do. */
static int topics_of(const struct config_service *config, const struct service *s, struct topics *t)
{
	int err = 0;

	for (unsigned i = 0; i < config->mqtt_count && err == 0; i++)
		err = topics_add(
			t, config->mqtt[i].share, config->mqtt[i].topic, config->mqtt[i].qos);
	for (unsigned i = 0; !config->mqtt_given && i < s->manifest.triggers_count && err == 0; i++)
		if (s->manifest.triggers[i].type == TRIGGER_MQTT)
			err = topics_add(t, NULL, s->manifest.triggers[i].topic,
				s->manifest.triggers[i].qos);
	return err;
}

/* ------------------------------------------------------------------------ make */

static struct input *find_there(const struct hub *hub, const struct service *s,
	const struct mqtt_broker *broker, const struct topics *t)
{
	struct input *i = hub->inputs;

	while (i &&
		!(in_mqtt_is(i) && strcmp(i->service->name, s->name) == 0 &&
			in_mqtt_same(i, broker, t->at, t->count)))
		i = i->next;
	return i;
}

static int make_input(struct plan *plan, unsigned i, char error[static HUB_ERROR_MAX])
{
	const struct config_service *config = &plan->config->services[i];
	struct mqtt_plan *m = plan->mqtt;
	struct service *s = plan->services[i];
	struct topics topics = {0};
	int err;

	if (config->mqtt_count > 0 && !has_trigger(s))
		return setup_bad(config->mqtt[0].place, error, SETUP_USAGE,
			"mqtt: %s has no trigger of that type: its mayfly.yaml would need "
			"'triggers: [{type: mqtt, topic: ...}]'",
			s->name);
	err = topics_of(config, s, &topics);
	if (err == 0 && topics.count > 0)
		m->inputs[i] = find_there(plan->hub, s, m->broker, &topics);
	if (err == 0 && topics.count > 0 && !m->inputs[i])
		err = in_mqtt_open(&m->inputs[i], s, m->broker, topics.at, topics.count);
	topics_free(&topics);
	return err == 0 ? 0 : setup_bad(config->place, error, SETUP_FAILED, "no memory");
}

/* What outlives configurations. */
static int make_shared(struct plan *plan, char error[static HUB_ERROR_MAX])
{
	struct mqtt_plan *m = plan->mqtt;
	const struct config_mqtt *config = &plan->config->mqtt;
	char why[MQTT_ERROR_MAX];
	int err = mqtt_load(why);

	if (err == 0 && !plan->hub->mqtt) {
		m->made = calloc(1, sizeof(*m->made));
		if (!m->made)
			return setup_bad(config->place, error, SETUP_FAILED, "no memory");
		err = mqtt_sessions_open(
			&m->made->sessions, plan->config->state, plan->hub->options.check, why);
	}
	if (err == 0)
		err = mqtt_broker_open(&m->broker, config,
			(m->made ? m->made : plan->hub->mqtt)->sessions.prefix, "mqtt", why);
	if (err < 0)
		return setup_bad(config->place, error, setup_status_of(err), "mqtt: %s", why);
	return 0;
}

/* One that is the same as before is the one of before, with what it found out. */
static int make_publisher(struct plan *plan, char error[static HUB_ERROR_MAX])
{
	struct mqtt_plan *m = plan->mqtt;
	struct mqtt *there = plan->hub->mqtt;
	const struct publisher_options options = {
		.broker = m->broker, .to = OUTBOX_BROKER, .topic = ""};

	if (there && there->broker && mqtt_broker_same(there->broker, m->broker)) {
		mqtt_broker_drop(m->broker);
		m->broker = mqtt_broker_hold(there->broker);
		m->publisher = there->publisher;
		return 0;
	}
	m->fresh = true;
	if (publisher_open(&m->publisher, plan->hub, &options) == 0)
		return 0;
	return setup_bad(plan->config->mqtt.place, error, SETUP_FAILED, "no memory");
}

static void warn_of_nobody(const struct plan *plan)
{
	for (unsigned i = 0; i < plan->config->services_count; i++)
		if (has_trigger(plan->services[i]))
			log_warn("%s: %s has triggers of type mqtt, but there is no broker: add "
				 "'mqtt: {broker: mqtt://127.0.0.1}' at the top",
				plan->config->services[i].place, plan->services[i]->name);
}

int mqtt_plan_make(struct plan *plan, char error[static HUB_ERROR_MAX])
{
	int status;

	if (!plan->config->mqtt.given) {
		warn_of_nobody(plan);
		return 0;
	}
	plan->mqtt = calloc(1, sizeof(*plan->mqtt));
	if (plan->mqtt)
		plan->mqtt->inputs =
			calloc(plan->config->services_count + 1, sizeof(*plan->mqtt->inputs));
	if (!plan->mqtt || !plan->mqtt->inputs)
		return setup_bad(plan->config->mqtt.place, error, SETUP_FAILED, "no memory");
	status = make_shared(plan, error);
	if (status == 0)
		status = make_publisher(plan, error);
	for (unsigned i = 0; i < plan->config->services_count && status == 0; i++)
		status = make_input(plan, i, error);
	return status;
}

/* ---------------------------------------------------------------- take, leave */

static bool is_mine(const struct hub *hub, const struct input *input)
{
	return in_mqtt_is(input) || (hub->mqtt && hub->mqtt->publisher == input);
}

static bool is_kept(const struct plan *plan, const struct input *input)
{
	const struct mqtt_plan *m = plan->mqtt;

	if (!m)
		return false;
	for (unsigned i = 0; i < plan->config->services_count; i++)
		if (m->inputs[i] == input)
			return true;
	return m->publisher == input;
}

static void leave(struct plan *plan)
{
	struct hub *hub = plan->hub;

	for (struct input *i = hub->inputs, *next; i; i = next) {
		next = i->next;
		if (is_mine(hub, i) && !is_kept(plan, i))
			inputs_leave(hub, i);
	}
}

static void take_inputs(struct plan *plan)
{
	struct mqtt_plan *m = plan->mqtt;
	struct hub *hub = plan->hub;

	for (unsigned i = 0; i < plan->config->services_count; i++) {
		struct input *input = m->inputs[i];

		if (!input)
			continue;
		input->service = plan->services[i];
		if (inputs_have(hub, input))
			continue;
		inputs_add(hub, input);
		in_mqtt_start(input);
		in_mqtt_report(input);
	}
	if (m->fresh) {
		inputs_add(hub, m->publisher);
		publisher_start(m->publisher);
	}
}

static void forget(struct plan *plan)
{
	if (!plan->mqtt)
		return;
	mqtt_broker_drop(plan->mqtt->broker);
	free(plan->mqtt->inputs);
	free(plan->mqtt);
	plan->mqtt = NULL;
}

void mqtt_plan_commit(struct plan *plan)
{
	struct hub *hub = plan->hub;
	struct mqtt_plan *m = plan->mqtt;

	leave(plan);
	if (hub->mqtt) {
		mqtt_broker_drop(hub->mqtt->broker);
		hub->mqtt->broker = NULL;
		hub->mqtt->publisher = NULL;
	}
	if (m && m->made)
		hub->mqtt = m->made;
	if (m && hub->mqtt) {
		hub->mqtt->broker = mqtt_broker_hold(m->broker);
		hub->mqtt->publisher = m->publisher;
		publisher_bound(m->publisher, plan->config->mqtt.bytes, plan->config->mqtt.age_ns);
		take_inputs(plan);
		mqtt_attach(hub);
	} else if (hub->outbox) {
		outbox_shut(hub->outbox, OUTBOX_BROKER);
	}
	forget(plan);
}

void mqtt_plan_drop(struct plan *plan)
{
	struct mqtt_plan *m = plan->mqtt;

	if (!m)
		return;
	for (unsigned i = 0; m->inputs && i < plan->config->services_count; i++)
		if (m->inputs[i] && !inputs_have(plan->hub, m->inputs[i]))
			m->inputs[i]->ops->close(m->inputs[i]);
	if (m->fresh && m->publisher)
		m->publisher->ops->close(m->publisher);
	mqtt_close(m->made);
	forget(plan);
}

void mqtt_close(struct mqtt *mqtt)
{
	if (!mqtt)
		return;
	mqtt_broker_drop(mqtt->broker);
	mqtt_sessions_close(&mqtt->sessions);
	free(mqtt);
}

/* ------------------------------------------------------------------ who waits */

void mqtt_attach(struct hub *hub)
{
	if (hub->mqtt && hub->mqtt->publisher)
		publisher_attach(hub->mqtt->publisher);
}

bool mqtt_id_in_use(const struct hub *hub, const struct mqtt_client *client)
{
	for (const struct input *i = hub->leaving_inputs; i; i = i->next)
		if (in_mqtt_is(i) ? in_mqtt_has_id(i, client) : publisher_has_id(i, client))
			return true;
	return false;
}

static bool any_busy(const struct input *i)
{
	for (; i; i = i->next)
		if (in_mqtt_is(i) && (i->tasks > 0 || i->ops->busy(i)))
			return true;
	return false;
}

bool mqtt_feeds_busy(const struct hub *hub)
{
	return any_busy(hub->leaving_inputs) || (hub->stopping && any_busy(hub->inputs));
}

void mqtt_wake_feeds(struct hub *hub)
{
	for (struct input *i = hub->inputs; i; i = i->next)
		if (in_mqtt_is(i))
			in_mqtt_wake(i);
}

void mqtt_settle(struct hub *hub)
{
	if (hub->mqtt && hub->mqtt->publisher)
		publisher_settle(hub->mqtt->publisher);
	for (struct input *i = hub->leaving_inputs; i; i = i->next)
		if (publisher_is(i))
			publisher_settle(i);
}
