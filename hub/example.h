/*
 * hub/example.h - a command to copy that sends an event to an input. Pure.
 */
#ifndef HUB_EXAMPLE_H
#define HUB_EXAMPLE_H

#include <stdbool.h>

struct input;
struct route;

#define EXAMPLE_MOST 2048

/* Whatever the manifest says, it is quoted so that a shell takes it as text. */
void example_command(const struct input *input, char to[EXAMPLE_MOST]);
/* The same for HTTP and CoAP: a request that this route takes. `example`, of the manifest, is a path or a
 * query, which begin with '/' and '?', or a body; it may be NULL. */
void example_request(const struct input *input, const struct route *route, const char *example,
	char to[EXAMPLE_MOST]);

/* A message on a topic that fits the filter; `example` is its payload, or NULL. */
struct example_broker {
	const char *host;
	unsigned port;
	bool tls, named; /* it asks who we are */
};
void example_message(const struct example_broker *broker, const char *filter, const char *example,
	char to[EXAMPLE_MOST]);

#endif
