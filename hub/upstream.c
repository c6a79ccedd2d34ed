/* hub/upstream.c - see upstream.h */
#include "hub/upstream.h"

#include <stdio.h>
#include <string.h>

#include "hub/inputs.h"
#include "hub/mqtt/mqtt.h"
#include "hub/outbox.h"
#include "hub/plan.h"
#include "hub/setup.h"
#include "hub/web/upstream.h"

/* Of what was left by an upstream that is no more, should it come back. */
#define LEFT_BYTES  (64u << 20)
#define LEFT_AGE_NS (30 * 24 * 3600 * CLOCK_S)

static const struct upstream_kind *kind_of(enum config_upstream_way way)
{
	switch (way) {
	case CONFIG_UPSTREAM_MQTT: return &mqtt_upstream;
	case CONFIG_UPSTREAM_WEB: return &web_upstream;
	default: return NULL;
	}
}

/* Once a configuration; commit.c counts the messages. */
static void warn_of_nobody(const struct plan *plan)
{
	for (unsigned i = 0; i < plan->config->services_count; i++)
		if (plan->services[i]->manifest.upstream_count > 0)
			log_warn("%s: %s may send upstream, but this hub has no upstream: what it "
				 "sends there is dropped, the rest of what its lives do is done: "
				 "add "
				 "'upstream: {to: mqtts://HOST}' at the top",
				plan->config->services[i].place, plan->services[i]->name);
}

/* Where the configuration doesn't say: the name by which brokers know this hub. */
static int find_name(const struct plan *plan, char name[static MQTT_PREFIX_MAX + 1],
	char error[static HUB_ERROR_MAX])
{
	const struct config_mqtt *at = &plan->config->upstream.at;
	char why[MQTT_ERROR_MAX];
	int rc;

	snprintf(name, MQTT_PREFIX_MAX + 1, "%s", at->client ? at->client : "");
	if (at->client)
		return 0;
	rc = mqtt_sessions_name(name, plan->config->state, plan->hub->options.check, why);
	return rc == 0 ? 0 : setup_bad(at->place, error, setup_status_of(rc), "upstream: %s", why);
}

int upstream_plan_make(struct plan *plan, char *error)
{
	const struct config_upstream *config = &plan->config->upstream;
	const struct upstream *there = &plan->hub->upstream;
	struct upstream *u = &plan->upstream;
	char name[MQTT_PREFIX_MAX + 1];
	int status;

	u->bytes = LEFT_BYTES;
	u->age_ns = LEFT_AGE_NS;
	if (config->way == CONFIG_UPSTREAM_NONE) {
		warn_of_nobody(plan);
		return 0;
	}
	u->bytes = config->at.bytes;
	u->age_ns = config->at.age_ns;
	u->kind = kind_of(config->way);
	status = find_name(plan, name, error);
	if (status == 0)
		status = u->kind->open(&u->input, plan->hub, config, name, error);
	if (status == 0 && there->kind == u->kind && u->kind->same(there->input, u->input)) {
		u->input->ops->close(u->input);
		u->input = there->input;
	}
	return status;
}

void upstream_plan_commit(struct plan *plan)
{
	struct hub *hub = plan->hub;
	struct upstream *u = &plan->upstream;
	bool fresh = u->input && u->input != hub->upstream.input;

	if (hub->upstream.input && hub->upstream.input != u->input)
		inputs_leave(hub, hub->upstream.input);
	hub->upstream = *u;
	u->input = NULL;
	if (fresh) {
		inputs_add(hub, hub->upstream.input);
		hub->upstream.kind->start(hub->upstream.input);
	}
	upstream_attach(hub);
}

void upstream_plan_drop(struct plan *plan)
{
	struct upstream *u = &plan->upstream;

	if (u->input && u->input != plan->hub->upstream.input)
		u->input->ops->close(u->input);
	u->input = NULL;
}

void upstream_attach(struct hub *hub)
{
	const struct upstream *u = &hub->upstream;

	if (!hub->outbox)
		return;
	outbox_bound(hub->outbox, OUTBOX_UPSTREAM, (struct outbox_bounds){u->bytes, u->age_ns});
	if (u->kind)
		u->kind->attach(u->input);
	else
		outbox_shut(hub->outbox, OUTBOX_UPSTREAM);
}
