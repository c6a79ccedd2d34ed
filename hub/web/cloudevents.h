/*
 * hub/web/cloudevents.h - messages as a batch of CloudEvents 1.0 in JSON (cloudevents.io; its JSON format, 4):
 * application/cloudevents-batch+json. Pure.
 *
 *	[{"specversion":"1.0","id":"EVENT/NUMBER","source":"/mayfly/HUB/SERVICE","type":"mayfly.upstream",
 *	  "subject":SUBJECT,"time":"2026-11-22T12:00:00.123Z","datacontenttype":TYPE,"priority":N,
 *	  "late":SECONDS,"clock":"unsure","data":...}]
 *
 * `late` and `clock` only where it is so. The data is JSON as it came, a string if it is text, else data_base64.
 */
#ifndef HUB_WEB_CLOUDEVENTS_H
#define HUB_WEB_CLOUDEVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define CLOUDEVENTS_TYPE "application/cloudevents-batch+json; charset=UTF-8"

struct store_out;

struct cloudevents {
	char *text; /* all but the last bracket */
	size_t n, room;
	unsigned count;
};

struct cloudevent {
	const char *hub;
	struct mf_str service; /* empty: the hub itself */
	const struct store_out *out;
	int64_t late_s; /* -1: it is in time */
};

/* False: no memory, nothing was added. */
bool cloudevents_add(struct cloudevents *batch, const struct cloudevent *event);
/* The whole; nothing more is added. Empty: no memory. */
struct mf_str cloudevents_end(struct cloudevents *batch);
/* Empty again. */
void cloudevents_clear(struct cloudevents *batch);

#endif
