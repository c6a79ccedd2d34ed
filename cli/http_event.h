/*
 * cli/http_event.h - an HTTP request from the command line: --http 'POST /press?x=1' and
 * -H 'Name: value', as the hub would make an event of it. Everything points into the
 * arguments.
 */
#ifndef CLI_HTTP_EVENT_H
#define CLI_HTTP_EVENT_H

#include <stdbool.h>

#include "image/manifest.h"
#include "wire/event.h"

#define HTTP_HEADERS_MAX 32

struct http_event {
	struct mf_str method, path, query, content_type;
	struct {
		struct mf_str name, value;
	} header[HTTP_HEADERS_MAX];
	unsigned headers;
};

/* "METHOD TARGET". NULL, or a constant sentence about what is wrong with it. */
const char *http_event_line(struct http_event *event, const char *line);
/* "Name: value", once more. NULL, or what is wrong with it. */
const char *http_event_header(struct http_event *event, const char *line);

/* Is this a header that one of the service's http triggers names, and the event has? */
bool http_event_passed(const struct manifest *manifest, struct mf_str name);
/* Adds all but id, type and payload. False: it doesn't fit. */
bool http_event_write(
	const struct http_event *event, const struct manifest *manifest, struct event_writer *w);

#endif
