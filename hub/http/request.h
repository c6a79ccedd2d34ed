/*
 * hub/http/request.h - the head of a request: its first line and header lines, from bytes
 * to a struct whose strings point into them. Pure: no I/O, no allocation, nothing kept.
 *
 * llhttp parses; before it, the framing of the lines is checked more strictly than it does,
 * and after it what RFC 9110 and 9112 ask of the fields that the hub itself understands.
 */
#ifndef HUB_HTTP_REQUEST_H
#define HUB_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define REQUEST_HEADERS_MOST 100u
#define REQUEST_METHOD_MOST  32u

struct request_header {
	struct mf_str name, value;
};

struct request {
	struct mf_str method;
	struct mf_str path, query; /* as sent; query.p NULL: none */
	struct mf_str host;        /* with its port; empty: the client named none */
	struct mf_str content_type;
	struct mf_str content_encoding;
	unsigned minor; /* of HTTP/1.x */
	bool keep_alive;
	bool chunked;
	bool expects; /* 100-continue */
	uint64_t length;
	unsigned count;
	struct request_header headers[REQUEST_HEADERS_MOST];
};

/* An answer that the hub gives instead of a service: status 0: none is needed. */
struct request_wrong {
	unsigned status;
	const char *detail; /* a constant sentence */
};

/* How many of the n bytes the head takes, with the empty line that ends it; 0: more must
 * come. *seen is how many were looked at before: 0 at first, kept by the caller. */
size_t request_head(const uint8_t *p, size_t n, size_t *seen);

/* A whole head. False: it must not be answered but with *wrong, and what comes behind it on
 * the connection can't be trusted. */
bool request_parse(
	struct request *request, const uint8_t *p, size_t n, struct request_wrong *wrong);

/* The lines of a head or of a trailer, with the empty one that ends them: NULL, or what is
 * wrong with their framing. */
const char *request_check_lines(const uint8_t *p, size_t n);

/* The value of a header, by name in lower case; p NULL: absent. With `next` 0 the first, and so
 * on; *next is where to go on. */
struct mf_str request_header(const struct request *request, const char *name, unsigned *next);

#endif
