/*
 * wire/http_text.h - what stands in a request's path, query and headers, for services that
 * answer HTTP (RFC 9110, 3986).
 *
 * Pure and freestanding: no allocation, no state. Any bytes are safe to read. What is
 * returned points into what was given. An absent header (p NULL) may be passed everywhere.
 */
#ifndef WIRE_HTTP_TEXT_H
#define WIRE_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Percent-decodes text into `to`, which has room for text.n bytes (RFC 3986 2.1); in a form
 * '+' is a space. *n is the length. False: an escape without two hexadecimal digits. */
bool http_decode(struct mf_str text, bool form, uint8_t *to, size_t *n);
/* The value of NAME in "a=1&NAME=value", not decoded: a query, or the body of a form. The first,
 * if there are several; empty if it stands there without '='; p NULL: it is absent. */
struct mf_str http_parameter(struct mf_str query, const char *name);

/* Takes the next item off a comma-separated list, without the spaces around it; empty ones are
 * passed over (RFC 9110 5.6.1). Commas between quotes are part of an item. False: no more. */
bool http_list_next(struct mf_str *list, struct mf_str *item);

/* How much the client wants `what`, in thousandths, by an Accept list ("text/html") or an
 * Accept-Encoding list ("gzip"): by the most exact range that names it (RFC 9110 12.5.1).
 * 0: not at all. HTTP_UNSAID: nothing in the list is about it, or there is no list. */
#define HTTP_UNSAID (-1)
int http_weight(struct mf_str list, const char *what);

/* Does an If-None-Match or If-Match value name this entity tag ("\"abc\"", strong, with
 * its quotes), or is it '*'? Compared weakly, W/"abc" is the same; strongly, it never is (RFC 9110
 * 8.8.3.2). */
bool http_etag_named(struct mf_str list, struct mf_str etag, bool weakly);

/* What a Range header asks of `size` bytes (RFC 9110 14.1.2). */
enum http_range {
	HTTP_RANGE_ALL,     /* no single range of bytes, or not well formed: send everything */
	HTTP_RANGE_PART,    /* *first to *last, both included */
	HTTP_RANGE_OUTSIDE, /* nothing that it asks for exists: 416 */
};
enum http_range http_range(struct mf_str value, uint64_t size, uint64_t *first, uint64_t *last);

/* Hexadecimal digits in either case into n bytes; false: another length or another character. */
bool http_hex(struct mf_str text, uint8_t *to, size_t n);

#endif
