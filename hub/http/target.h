/*
 * hub/http/target.h - what a request is for: request targets and hosts (RFC 9112, 3.2;
 * RFC 3986). Pure. Nothing is decoded or put in another form, but to compare it: what fits
 * is passed on as it was sent, what doesn't is refused.
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

/* A part of a path in the one way to write it of which RFC 3986, 6.2.2, knows several: what needn't be
 * encoded isn't, hexadecimal digits are capitals. It lies in `to`, or is what was given: so too if
 * it has more bytes than `room` (at least 2). */
struct mf_str target_plain(struct mf_str part, uint8_t *to, size_t room);

/* Is it what a Host field may hold: a name or address, a port or none; or nothing? */
bool target_is_host(struct mf_str text);

#endif
