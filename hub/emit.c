/* hub/emit.c - see emit.h */
#include "hub/emit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/callbacks.h"
#include "hub/coap/way.h"
#include "hub/config.h"
#include "hub/emit_keys.h"
#include "hub/outbox.h"
#include "hub/plan.h"
#include "hub/setup.h"
#include "hub/web/client.h"
#include "hub/web/poster.h"
#include "hub/web/url.h"

#define WINDOW 256u /* handed over at once, beside what is parked */

struct emit {
	struct outbox_way way; /* first: the outbox knows it */
	struct hub *hub;
	struct way *coap;
	struct poster *http;
};

/* -------------------------------------------------------------------- addresses */

enum scheme { NONE, COAP, HTTP };

static const struct {
	const char *text;
	enum scheme scheme;
} schemes[] = {
	{"coap://", COAP},
	{"coaps://", COAP},
	{"coap-post://", COAP},
	{"coaps-post://", COAP},
	{"http://", HTTP},
	{"https://", HTTP},
};

static enum scheme scheme_of(struct mf_str name)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i].text);

		if (name.n >= n && memcmp(name.p, schemes[i].text, n) == 0)
			return schemes[i].scheme;
	}
	return NONE;
}

bool emit_is_address(struct mf_str name)
{
	return scheme_of(name) != NONE;
}

const char *emit_wrong(struct hub *hub, struct mf_str name, struct mf_str body)
{
	static char error[WEB_ERROR_MAX];
	struct url url;
	const char *wrong;

	if (scheme_of(name) == COAP)
		return way_wrong(hub, name, body);
	wrong = url_parse(name, &url);
	return !wrong && web_load(error) < 0 ? error : wrong;
}

/* --------------------------------------------------------------------- settings */

static const struct emit_settings usual = {.bytes = 64u << 20, .age_ns = 24 * 3600 * CLOCK_S};

const struct emit_settings *emit_settings(const struct hub *hub)
{
	return hub->emit_settings ? hub->emit_settings : &usual;
}

void emit_settings_close(struct emit_settings *s)
{
	if (!s)
		return;
	emit_keys_close(s->keys);
	callbacks_close(s->callbacks);
	free(s->authorities);
	free(s);
}

static int read_settings(struct plan *plan, char error[static HUB_ERROR_MAX])
{
	const struct config_emit *config = &plan->config->emit;
	struct emit_settings *s = calloc(1, sizeof(*s));
	char why[EMIT_KEYS_ERROR_MAX];
	int rc;

	plan->emit = s;
	if (!s)
		return setup_bad(config->place, error, SETUP_FAILED, "no memory");
	s->bytes = config->bytes;
	s->age_ns = config->age_ns;
	s->authorities = config->authorities ? strdup(config->authorities) : NULL;
	if (config->authorities && !s->authorities)
		return setup_bad(config->place, error, SETUP_FAILED, "no memory");
	rc = config->keys ? emit_keys_read(&s->keys, config->keys, why) : 0;
	if (rc == 0 && config->callbacks)
		rc = callbacks_read(&s->callbacks, config->callbacks, why);
	return rc == 0 ? 0 : setup_bad(config->place, error, setup_status_of(rc), "emit: %s", why);
}

/* A pattern with a wildcard in front may be meant for topics alone: for it nothing is loaded before a message comes. */
static bool may_post(const struct service *s)
{
	for (unsigned i = 0; i < s->manifest.emits_count; i++)
		if (strncmp(s->manifest.emits[i], "http:/", 6) == 0 ||
			strncmp(s->manifest.emits[i], "https:/", 7) == 0)
			return true;
	return false;
}

int emit_plan_make(struct plan *plan, char error[static HUB_ERROR_MAX])
{
	const struct config *config = plan->config;
	char why[WEB_ERROR_MAX];
	int status = read_settings(plan, error);

	if (status == 0 && config->emit.callbacks) {
		int rc = web_load(why);

		if (rc < 0)
			status = setup_bad(config->emit.place, error, setup_status_of(rc),
				"emit.callbacks: the hub %s", why);
	}
	for (unsigned i = 0; status == 0 && i < config->services_count; i++) {
		int rc = may_post(plan->services[i]) ? web_load(why) : 0;

		if (rc < 0)
			status = setup_bad(config->services[i].place, error, setup_status_of(rc),
				"%s may send over HTTP, but the hub %s", plan->services[i]->name,
				why);
	}
	return status;
}

static void set_bounds(struct hub *hub)
{
	const struct emit_settings *s = emit_settings(hub);

	outbox_bound(hub->outbox, OUTBOX_ADDRESS, (struct outbox_bounds){s->bytes, s->age_ns});
}

void emit_plan_commit(struct plan *plan)
{
	struct hub *hub = plan->hub;

	emit_settings_close(hub->emit_settings);
	hub->emit_settings = plan->emit;
	plan->emit = NULL;
	if (!hub->emit)
		return;
	set_bounds(hub);
	way_rekey(hub->emit->coap);
}

void emit_plan_drop(struct plan *plan)
{
	emit_settings_close(plan->emit);
	plan->emit = NULL;
}

/* ---------------------------------------------------------------------- the way */

static bool on_send(struct outbox_way *way, const struct store_out *out)
{
	struct emit *e = (struct emit *)way;

	return scheme_of(out->name) == HTTP ? poster_send(e->http, out) : way_send(e->coap, out);
}

int emit_open(struct hub *hub)
{
	struct emit *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->way = (struct outbox_way){.send = on_send, .window = WINDOW};
	e->hub = hub;
	hub->emit = e;
	if (way_open(&e->coap, hub) < 0 || poster_open(&e->http, hub) < 0)
		return -ENOMEM;
	set_bounds(hub);
	outbox_way(hub->outbox, OUTBOX_ADDRESS, &e->way);
	return 0;
}

void emit_close(struct hub *hub)
{
	struct emit *e = hub->emit;

	if (!e)
		return;
	outbox_way(hub->outbox, OUTBOX_ADDRESS, NULL);
	way_close(e->coap);
	poster_close(e->http);
	free(e);
	hub->emit = NULL;
}

void emit_look(const struct hub *hub, struct way_counts *coap, struct poster_counts *http)
{
	const struct emit *e = hub->emit;

	way_look(e ? e->coap : NULL, coap);
	poster_look(e ? e->http : NULL, http);
}
