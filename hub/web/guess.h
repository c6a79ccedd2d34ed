/*
 * hub/web/guess.h - what a message is that doesn't say so: JSON, text or bytes. Pure.
 */
#ifndef HUB_WEB_GUESS_H
#define HUB_WEB_GUESS_H

#include <stdbool.h>

#include "base/str.h"

/* An object or an array of JSON and nothing else (RFC 8259). */
bool guess_is_json(struct mf_str body);
/* UTF-8 without control characters other than tabs and ends of lines. */
bool guess_is_text(struct mf_str body);
/* A media type: application/json, "text/plain; charset=utf-8" or application/octet-stream. */
struct mf_str guess_type(struct mf_str body);

#endif
