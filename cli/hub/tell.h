/*
 * cli/hub/tell.h - a capsule, told to a person: what `mayfly trace` and `mayfly dlq show` share.
 */
#ifndef CLI_HUB_TELL_H
#define CLI_HUB_TELL_H

#include <jansson.h>
#include <stdint.h>

#include "image/capsule.h"

/* "2026-11-22 09:30:11", UTC; returns `to`. */
const char *tell_when(char to[static 32], int64_t wall_ns);
/* A head and bytes of a stranger, which must not steer a terminal; nothing where there are none. */
void tell_line(const char *head, struct mf_str text);
void tell_text(struct mf_str text);
/* What a result's name means of an event for which nothing ran, or that was refused; NULL: it says it itself. */
const char *tell_why(const char *result);
/* The event, the state that was attached, what the life called and asked for. */
void tell_capsule(const struct capsule *capsule);
/* The same into an object: "version", "image", "state", "calls", "effects", "why" and times. */
void tell_json(json_t *to, const struct capsule *capsule);

#endif
