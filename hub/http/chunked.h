/*
 * hub/http/chunked.h - a body in chunks (RFC 9112, 7.1), in pieces as they arrive. llhttp
 * reads the chunks; trailer fields are checked and dropped. Pure.
 */
#ifndef HUB_HTTP_CHUNKED_H
#define HUB_HTTP_CHUNKED_H

#include <llhttp/llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chunked {
	llhttp_t parser;
	enum { CHUNKED_DATA, CHUNKED_TRAILER, CHUNKED_DONE, CHUNKED_WRONG } state;
	const char *wrong; /* what, when it is */
	/* of this call: */
	uint8_t *to;
	size_t out;
	const char *last; /* the end of the last data */
	/* since the last data: */
	size_t framing;
	size_t trailer, line; /* bytes of all lines, and of this one */
	bool cr;              /* the last byte was one */
};

void chunked_open(struct chunked *chunked);

/* Takes bytes until the body's end; how many. The body's bytes among them are moved to the
 * front of p, *out of them. */
size_t chunked_take(struct chunked *chunked, uint8_t *p, size_t n, size_t *out);

#endif
