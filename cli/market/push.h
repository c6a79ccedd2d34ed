/*
 * cli/market/push.h - batches of CloudEvents, POSTed to whoever takes them in until they are taken.
 */
#ifndef CLI_MARKET_PUSH_H
#define CLI_MARKET_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct push {
	const char *command, *url;
	const char *
		token_file; /* NULL: none; sent as a bearer token, over https or to this machine only */
	const char *authorities; /* PEM; NULL: the system's */
	int64_t patience_ns;     /* how long a batch is tried again */
	void *curl, *headers;
};

/* An exit status, and what is wrong said. push_close in any case. */
int push_open(struct push *push);
/* STATUS_OK: 2xx came. Tries again where that may help: no connection, 408, 429, 5xx, after 0.1 s, 0.2 s ... a minute, or what
 * Retry-After says. STATUS_UNREACHABLE: it didn't help; STATUS_FAILED: it was refused. */
int push_post(struct push *push, const char *body, size_t n);
void push_close(struct push *push);

#endif
