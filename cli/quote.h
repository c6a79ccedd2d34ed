/*
 * cli/quote.h - `mayfly quote`: what a request would cost. Private to cli/quote*.c.
 */
#ifndef CLI_QUOTE_H
#define CLI_QUOTE_H

#include <jansson.h>
#include <stdbool.h>

#define QUOTE_SHAPES 1024u

struct quote {
	const char *what;              /* an address, or an image */
	const char *path;              /* of an image: with its query */
	const char *token, *authority; /* files; NULL: none */
	bool json;
	char shapes[QUOTE_SHAPES]; /* as a hub takes them */
};

/* Asks the hub at q->what. STATUS_OK with *answer, or an exit status, having said why. */
int quote_ask(const struct quote *q, json_t **answer);

#endif
