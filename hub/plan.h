/*
 * hub/plan.h - a configuration on its way to be the hub's. All that can fail is done beside
 * what runs: services are loaded, addresses bound, routes and certificates read. Then the
 * plan takes the place of what was there, which can't fail, or is dropped and nothing changed.
 * The hub's start is the same with nothing there yet.
 *
 *	plan.c    the whole of it, and services
 *	wants.c   addresses: which inputs stay, which are opened
 *	routes.c  who answers which requests of HTTP and CoAP
 *	mqtt/     the broker, and who is born by its messages
 *	upstream.c  whom results are for
 */
#ifndef HUB_PLAN_H
#define HUB_PLAN_H

#include "hub/config.h"
#include "hub/hub.h"
#include "hub/rights.h"
#include "hub/trust.h"

struct emit_settings;
struct mqtt_plan;
struct psk;
struct router;
struct service;
struct timer;
struct tls_context;

enum want_kind { WANT_UDP, WANT_TCP, WANT_HTTP, WANT_COAP };

/* An input that the configuration asks for. */
struct want {
	enum want_kind kind;
	const char *place;                 /* "hub.yaml:7:5" */
	const struct net_address *address; /* as written */
	struct service *service;           /* NULL: http and coap, which all share */
	bool pair;           /* tcp: port 0, to be the same as that of the want before */
	struct input *input; /* NULL: not there yet */
	bool opened;         /* for this plan: it wasn't there before */
	/* http, coap: */
	const struct config_listener *listener;
	struct router *router; /* NULL: the input has it */
	const char **examples; /* of its routes, in their order */
	size_t routes;
	struct tls_context *tls; /* for an input that was there */
	struct psk *psk;         /* of coap; NULL: the input has it */
};

/* What a plan changes, for people. */
struct plan_counts {
	unsigned kept, changed, added, removed;
};

struct plan {
	struct hub *hub;
	const struct config *config;
	struct trust trust;
	struct service **services;  /* in the order of the file; NULL: not made yet */
	bool *routed, *coap_routed; /* has it a route, of http, of coap? */
	struct want *wants;
	unsigned wants_count;
	struct timer *timers;   /* list */
	struct mqtt_plan *mqtt; /* NULL: there is no broker */
	struct upstream upstream;
	struct emit_settings *emit;
	struct rights rights; /* while routes are made */
	uint8_t *scratch;     /* for the hub, if it needs a larger one */
	size_t scratch_size;
	bool database; /* is needed, and not there */
	bool cache;    /* the same of the disk cache */
	struct plan_counts counts;
};

/* 0, or an exit status with one line in error. plan_commit or plan_drop in both cases. */
int plan_make(struct plan *plan, struct hub *hub, const struct config *config,
	char error[static HUB_ERROR_MAX]);
/* Only what plan_make made without fault. */
void plan_commit(struct plan *plan);
void plan_drop(struct plan *plan);

/* routes.c: the routers of all that speak HTTP or CoAP. */
int routes_make(struct plan *plan, char error[static HUB_ERROR_MAX]);
/* Says what came new, and what nobody can reach. */
void routes_report(const struct plan *plan);

/* wants.c */
int wants_make(struct plan *plan, char error[static HUB_ERROR_MAX]);
void wants_commit(struct plan *plan);
void wants_drop(struct plan *plan);

#endif
