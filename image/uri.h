/*
 * image/uri.h - names of messages that are addresses: what is shown of them, what may not stand in them. Pure.
 */
#ifndef IMAGE_URI_H
#define IMAGE_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* The name, cut to the size; of an address what stands before a '@' in its authority, which may be a password,
 * is left out, and so is its query, in which keys often stand. Returns `to`. */
const char *uri_show(struct mf_str name, char *to, size_t size);

/* "." and ".." as a part, in any spelling: they would be gone before the request is sent (RFC 3986, 5.2.4), or where it
 * is read, for many servers decode "%2f" and '\\' first, and some leave out what stands behind a ';'. */
bool uri_has_dots(struct mf_str path);

#endif
