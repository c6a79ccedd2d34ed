/*
 * hub/http/target.h - what a request is for: request targets and hosts (RFC 9112, 3.2;
 * RFC 3986). Pure. Nothing is decoded or put in another form: what fits is passed on as
 * it was sent, what doesn't is refused.
 */
#ifndef HUB_HTTP_TARGET_H
#define HUB_HTTP_TARGET_H

#include <stdbool.h>

#include "base/str.h"

struct target {
	struct mf_str path;  /* begins with '/'; "*" in OPTIONS * */
	struct mf_str query; /* p NULL: there was no '?' */
	struct mf_str host;  /* of an absolute-form target, with its port; p NULL: none was there */
};

/* NULL, or a constant sentence that says what is wrong with it. */
const char *target_parse(struct target *target, struct mf_str text, bool options);

/* Is it what a Host field may hold: a name or address, a port or none; or nothing? */
bool target_is_host(struct mf_str text);

#endif
