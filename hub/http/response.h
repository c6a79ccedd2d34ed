/*
 * hub/http/response.h - the head of an answer. Pure. What a service may say in one is checked
 * with its other effects (wire/effects.h).
 */
#ifndef HUB_HTTP_RESPONSE_H
#define HUB_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define RESPONSE_HEAD_MOST 1024u /* without the service's own header lines */

#define RESPONSE_NO_LENGTH UINT64_MAX /* its end is the connection's */

struct response {
	unsigned status;
	struct mf_str content_type; /* empty: not said */
	uint64_t length;            /* of the body, also where HEAD leaves it out */
	const char *event;          /* for Mayfly-Event */
	const char *version;        /* of the service, for Mayfly-Version; NULL: not said */
	const char *allow;          /* NULL: not said */
	const char *coding;         /* for Accept-Encoding; NULL: not said */
	const char *authenticate;   /* for WWW-Authenticate; NULL: not said */
	unsigned retry_after;       /* seconds; 0: not said */
	struct mf_str lines;        /* others of the hub's own, each with its end, of a problem */
	const char *members;        /* more of a problem's JSON; NULL: none */
	bool replayed;              /* it was given before: Idempotency-Replayed */
	unsigned minor;             /* of the client's HTTP/1.x */
	bool keep_alive;
	int64_t now; /* seconds since 1970 */
};

/* Writes status line and header lines, but not the empty line that ends them: the service's
 * own lines go in between. How many bytes. */
size_t response_head(const struct response *response, char to[static RESPONSE_HEAD_MOST]);

/* Has an answer with this status a body at all? RFC 9110, 6.4.1 */
bool response_has_body(unsigned status);

/* "Not Found"; "" for a status that has no name here. */
const char *response_reason(unsigned status);

#endif
