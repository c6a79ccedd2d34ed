/* hub/wants.c - the addresses of a configuration: some are there, some are opened. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/coap/psk.h"
#include "hub/http/tls.h"
#include "hub/in_coap.h"
#include "hub/in_http.h"
#include "hub/plan.h"
#include "hub/setup.h"

/* Port 0 for UDP and TCP should come to the same number; how often to try for it. */
#define PAIR_TRIES 16

static const struct {
	const char *name;
	enum manifest_trigger_type trigger;
} kinds[] = {
	[WANT_UDP] = {"udp", TRIGGER_UDP},
	[WANT_TCP] = {"tcp", TRIGGER_TCP},
	[WANT_HTTP] = {"http", TRIGGER_HTTP},
	[WANT_COAP] = {"coap", TRIGGER_COAP},
};

/* ------------------------------------------------------------ what is wanted */

static const struct manifest_trigger *trigger_of(const struct want *w)
{
	const struct manifest *m = &w->service->manifest;

	for (unsigned i = 0; i < m->triggers_count; i++)
		if (m->triggers[i].type == kinds[w->kind].trigger)
			return &m->triggers[i];
	return NULL;
}

static int check_trigger(const struct want *w, char error[static HUB_ERROR_MAX])
{
	const char *name = kinds[w->kind].name;

	if (!w->service || trigger_of(w))
		return 0;
	return setup_bad(w->place, error, SETUP_USAGE,
		"%s: %s has no trigger of that type: its mayfly.yaml would need 'triggers: [{type: "
		"%s}]'",
		name, w->service->name, name);
}

static bool is_pair(const struct config_service *config, unsigned i)
{
	char udp[NET_TEXT], tcp[NET_TEXT];

	if (i >= config->udp_count || i >= config->tcp_count)
		return false;
	net_text(&config->udp[i], udp);
	net_text(&config->tcp[i], tcp);
	return net_port(&config->udp[i]) == 0 && strcmp(udp, tcp) == 0;
}

static void list_service(struct plan *plan, unsigned service)
{
	const struct config_service *config = &plan->config->services[service];
	struct want want = {.place = config->place, .service = plan->services[service]};

	for (unsigned i = 0; i < config->udp_count || i < config->tcp_count; i++) {
		if (i < config->udp_count) {
			want.kind = WANT_UDP;
			want.address = &config->udp[i];
			plan->wants[plan->wants_count++] = want;
		}
		if (i < config->tcp_count) {
			want.kind = WANT_TCP;
			want.address = &config->tcp[i];
			want.pair = is_pair(config, i);
			plan->wants[plan->wants_count++] = want;
		}
	}
}

static void list_listener(
	struct plan *plan, enum want_kind kind, const struct config_listener *listener)
{
	plan->wants[plan->wants_count++] = (struct want){
		.kind = kind,
		.place = listener->place,
		.address = &listener->address,
		.listener = listener,
	};
}

static int list_all(struct plan *plan, char error[static HUB_ERROR_MAX])
{
	const struct config *config = plan->config;
	size_t most = config->http_count + config->coap_count + 1;

	for (unsigned i = 0; i < config->services_count; i++)
		most += config->services[i].udp_count + config->services[i].tcp_count;
	plan->wants = calloc(most, sizeof(*plan->wants));
	if (!plan->wants) {
		snprintf(error, HUB_ERROR_MAX, "no memory");
		return SETUP_FAILED;
	}
	for (unsigned i = 0; i < config->services_count; i++)
		list_service(plan, i);
	for (unsigned i = 0; i < config->http_count; i++)
		list_listener(plan, WANT_HTTP, &config->http[i]);
	for (unsigned i = 0; i < config->coap_count; i++)
		list_listener(plan, WANT_COAP, &config->coap[i]);
	return 0;
}

/* ------------------------------------------------------------ what is there */

/* A free port stays with the service that got it. */
static bool serves(const struct input *input, const struct want *w)
{
	const char *name = kinds[w->kind].name;

	/* "https" is the same as "http", for connections begin anew; "coaps" isn't "coap" */
	if (w->kind == WANT_COAP &&
		strcmp(input->ops->name, w->listener->psk ? "coaps" : "coap") != 0)
		return false;
	if (strncmp(input->ops->name, name, strlen(name)) != 0 ||
		!net_same(&input->asked, w->address))
		return false;
	return net_port(w->address) != 0 || !w->service ||
		strcmp(input->service->name, w->service->name) == 0;
}

static void find_there(struct plan *plan)
{
	for (struct input *i = plan->hub->inputs; i; i = i->next)
		i->kept = i->own || i->apart; /* others look after them */
	for (struct want *w = plan->wants; w < plan->wants + plan->wants_count; w++) {
		struct input *i = plan->hub->inputs;

		while (i && (i->kept || !serves(i, w)))
			i = i->next;
		w->input = i;
		if (i)
			i->kept = true;
	}
}

/* --------------------------------------------------------------------- open */

/* Those that are kept are as they are wanted, so they are in nobody's way. */
static bool has_port(const struct input *list, const struct net_address *address, bool kept)
{
	for (const struct input *i = list; i; i = i->next)
		if ((kept || !i->kept) && net_port(&i->address) == net_port(address))
			return true;
	return false;
}

static int cant_listen(
	const struct plan *plan, const struct want *w, int err, char error[static HUB_ERROR_MAX])
{
	const char *help = "";
	char text[NET_TEXT];

	net_text(w->address, text);
	if (err == -EADDRINUSE)
		help = ": choose another port, or end the program that has it";
	if (err == -EACCES)
		help = ": ports below 1024 need a privilege";
	if (err == -EADDRINUSE && has_port(plan->hub->leaving_inputs, w->address, true))
		help = ": this hub still answers there what came before the last reload: reload "
		       "it again in a moment";
	if (err == -EADDRINUSE && has_port(plan->hub->inputs, w->address, false))
		help = ": this hub has it until it is started again";
	return setup_bad(w->place, error, SETUP_FAILED, "%s: can't listen on %s: %s%s",
		kinds[w->kind].name, text, strerror(-err), help);
}

static int open_at(struct want *w, const struct net_address *address)
{
	const struct manifest_trigger *t = trigger_of(w);
	enum words words = words_named(t->protocol);
	int err;

	if (w->kind == WANT_UDP)
		err = in_udp_open(&w->input, w->service, address, words);
	else
		err = in_tcp_open(&w->input, w->service, address, words,
			t->framing && strcmp(t->framing, "length32") == 0 ? 4 : 2);
	if (err < 0)
		return err;
	w->opened = true;
	w->input->asked = *w->address;
	w->input->example = t->example;
	return 0;
}

static void close_again(struct want *w)
{
	w->input->ops->close(w->input);
	w->input = NULL;
	w->opened = false;
}

/* TCP on the port that UDP got; if that isn't free another one is taken for both. */
static int open_pair(struct want *udp, struct want *tcp)
{
	int err = -EADDRINUSE;

	for (unsigned n = 0; n < PAIR_TRIES && err == -EADDRINUSE; n++) {
		if (udp->opened)
			close_again(udp);
		err = open_at(udp, udp->address);
		if (err == 0)
			err = open_at(tcp, &udp->input->address);
	}
	return err;
}

static bool only_check(
	const struct plan *plan, const struct want *w, int err, char error[static HUB_ERROR_MAX])
{
	if (err != -EADDRINUSE || !plan->hub->options.check)
		return false;
	cant_listen(plan, w, err, error);
	log_warn("%s; fine if that is a hub which will be told to reload", error);
	return true;
}

static int bad_listener(const struct plan *plan, const struct want *w, int err, const char *why,
	char error[static HUB_ERROR_MAX])
{
	if (!why[0])
		return cant_listen(plan, w, err, error);
	return setup_bad(w->place, error, setup_status_of(err), "http: tls: %s", why);
}

/* The certificate comes first: it is read even if the address isn't free. */
static int open_http(struct plan *plan, struct want *w, char error[static HUB_ERROR_MAX])
{
	const struct http_options options = {.tls = setup_tls(w->listener)};
	char why[HTTP_ERROR_MAX];
	int err = in_http_prepare(&w->tls, &options, why);

	if (err < 0)
		return bad_listener(plan, w, err, why, error);
	if (w->input)
		return 0;
	tls_context_close(w->tls);
	w->tls = NULL;
	err = in_http_open(&w->input, plan->hub, w->address, &options, w->router, why);
	if (only_check(plan, w, err, error))
		return 0;
	if (err < 0)
		return bad_listener(plan, w, err, why, error);
	w->opened = true;
	w->router = NULL;
	w->input->asked = *w->address;
	return 0;
}

/* Its keys come first, too. */
static int open_coap(struct plan *plan, struct want *w, char error[static HUB_ERROR_MAX])
{
	const char *file = w->listener->psk;
	char why[IN_COAP_ERROR_MAX] = "";
	int err = file ? psk_read(&w->psk, file, why) : 0;

	if (err < 0)
		return setup_bad(w->place, error, setup_status_of(err), "coap: dtls: %s", why);
	if (w->input)
		return 0;
	err = in_coap_open(&w->input, plan->hub, w->address, w->psk, w->router, why);
	if (only_check(plan, w, err, error))
		return 0;
	if (err < 0 && why[0])
		return setup_bad(w->place, error, SETUP_FAILED, "coap: %s", why);
	if (err < 0)
		return cant_listen(plan, w, err, error);
	w->opened = true;
	w->psk = NULL;
	w->router = NULL;
	w->input->asked = *w->address;
	return 0;
}

static int open_one(struct plan *plan, struct want *w, char error[static HUB_ERROR_MAX])
{
	int err;

	if (w->kind == WANT_HTTP)
		return open_http(plan, w, error);
	if (w->kind == WANT_COAP)
		return open_coap(plan, w, error);
	if (w->input)
		return 0;
	err = open_at(w, w->pair && w[-1].input ? &w[-1].input->address : w->address);
	if (err == -EADDRINUSE && w->pair)
		err = w[-1].opened ? open_pair(w - 1, w) : open_at(w, w->address);
	if (err == 0 || only_check(plan, w, err, error))
		return 0;
	return cant_listen(plan, w, err, error);
}

int wants_make(struct plan *plan, char error[static HUB_ERROR_MAX])
{
	int status = list_all(plan, error);

	for (unsigned i = 0; status == 0 && i < plan->wants_count; i++)
		status = check_trigger(&plan->wants[i], error);
	if (status == 0)
		status = routes_make(plan, error);
	if (status == 0)
		find_there(plan);
	for (unsigned i = 0; status == 0 && i < plan->wants_count; i++)
		status = open_one(plan, &plan->wants[i], error);
	return status;
}

/* --------------------------------------------------------------- take, leave */

/* From the next event on. */
static void point(struct want *w)
{
	const struct manifest_trigger *t;

	if (w->kind == WANT_HTTP) {
		in_http_change(w->input, w->tls, w->router);
		w->tls = NULL;
		w->router = NULL;
		return;
	}
	if (w->kind == WANT_COAP) {
		in_coap_change(w->input, w->psk, w->router);
		w->psk = NULL;
		w->router = NULL;
		return;
	}
	t = trigger_of(w);
	assert(t != NULL);                   /* check_trigger */
	if (w->input->service != w->service) /* the one before may have lent it */
		lend_ask_back(w->input->service);
	w->input->service = w->service;
	w->input->words = words_named(t->protocol);
	w->input->example = t->example;
	if (w->kind == WANT_TCP)
		w->input->framing = t->framing && strcmp(t->framing, "length32") == 0 ? 4 : 2;
}

static void forget(struct plan *plan)
{
	for (struct want *w = plan->wants; w < plan->wants + plan->wants_count; w++) {
		router_close(w->router);
		tls_context_close(w->tls);
		psk_close(w->psk);
		free(w->examples);
	}
	free(plan->wants);
}

static void let_go(struct hub *hub, struct input *input)
{
	input->ops->stop(input);
	input->next = hub->leaving_inputs;
	hub->leaving_inputs = input;
}

void wants_commit(struct plan *plan)
{
	struct hub *hub = plan->hub;
	struct input *next, *own = NULL, **end = &hub->inputs;

	for (struct input *i = hub->inputs; i; i = next) {
		next = i->next;
		if (i->own || i->apart) {
			i->next = own;
			own = i;
		} else if (!i->kept) {
			let_go(hub, i);
		}
	}
	for (unsigned i = 0; i < plan->config->services_count; i++)
		if (plan->services[i]->lend)
			plan->services[i]->lend->input = NULL;
	for (struct want *w = plan->wants; w < plan->wants + plan->wants_count; w++) {
		if (!w->opened)
			point(w);
		if (w->kind == WANT_UDP && w->service->lend)
			w->service->lend->input = w->input;
		*end = w->input;
		end = &w->input->next;
	}
	*end = own;
	for (struct want *w = plan->wants; w < plan->wants + plan->wants_count; w++)
		if (w->opened)
			report_listening(&hub->report, w->input);
	routes_report(plan);
	forget(plan);
}

void wants_drop(struct plan *plan)
{
	for (unsigned i = 0; i < plan->wants_count; i++)
		if (plan->wants[i].opened)
			close_again(&plan->wants[i]);
	forget(plan);
}
