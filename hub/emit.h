/*
 * hub/emit.h - where what services emit goes. A topic is the broker's (hub/mqtt/publisher.h); an address is whoever's
 * is there, by its scheme:
 *
 *	coap:// coaps:// coap-post:// coaps-post://   a device, or observers     hub/coap/way.h
 *	http:// https://                              a POST                     hub/web/poster.h
 *
 * All addresses share one way of the outbox. One thread.
 */
#ifndef HUB_EMIT_H
#define HUB_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "hub/hub.h"

struct callbacks;
struct config_emit;
struct emit;
struct emit_keys;
struct plan;
struct poster_counts;
struct way_counts;

/* What hub.yaml says about it. */
struct emit_settings {
	char *authorities;           /* a file; NULL: the system's */
	struct emit_keys *keys;      /* NULL: none */
	struct callbacks *callbacks; /* who may be called when a job ends; NULL: nobody */
	uint64_t bytes, age_ns;      /* of messages that wait */
};

/* Is it an address, and no topic? */
bool emit_is_address(struct mf_str name);
/* NULL, or why a message can't go there: a text of the hub's own, until the next call. Loads what is needed
 * for it. */
const char *emit_wrong(struct hub *hub, struct mf_str name, struct mf_str body);

/* Reads the files, and loads libcurl where a manifest names an address for it. 0, or an exit status with one line in
 * error; emit_plan_commit or emit_plan_drop in both cases. */
int emit_plan_make(struct plan *plan, char error[static HUB_ERROR_MAX]);
void emit_plan_commit(struct plan *plan);
void emit_plan_drop(struct plan *plan);
void emit_settings_close(struct emit_settings *settings); /* NULL is fine */

/* Never NULL. */
const struct emit_settings *emit_settings(const struct hub *hub);

/* The hub has an outbox: it may hand messages over. -ENOMEM. */
int emit_open(struct hub *hub);
/* Before the outbox is closed; what hasn't arrived stays there. */
void emit_close(struct hub *hub);
void emit_look(const struct hub *hub, struct way_counts *coap, struct poster_counts *http);

#endif
