/*
 * A service that answers HTTP, on the host: its mf_init and mf_main on the library OS as it is
 * (tests/unit/libos/guest.h), with requests as the hub would make events of them.
 */
#ifndef TESTS_SERVICES_HTTP_H
#define TESTS_SERVICES_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "abi/guest.h"

/* Attached files and config; the arrays end with a NULL name. Then mf_init runs. Returns how it
 * ended; http_log() is what it said. */
struct http_file {
	const char *name;
	const void *bytes;
	size_t n;
};
enum mf_outcome http_init(const struct http_file *files, const char *const (*config)[2]);

struct http_answer {
	enum mf_outcome outcome;
	unsigned status; /* 204: there was no reply */
	char type[128];
	char headers[1024]; /* as lines */
	size_t n;
	uint8_t body[16384]; /* a zero behind it */
};
/* "METHOD /path?query", headers as "Name: value" up to a NULL (Content-Type too); a body or NULL.
 * The answer is overwritten by the next. */
const struct http_answer *http_ask(
	const char *line, const char *const *headers, const void *body, size_t n);
#define HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The value of a header of the answer, NULL: it isn't there. Overwritten by the next. */
const char *http_header(const char *name);
const char *http_log(void);

extern int64_t http_time_ns; /* of the next events */

#endif
