/*
 * image/uri.h - names of messages that are addresses, in lines that others read. Pure.
 */
#ifndef IMAGE_URI_H
#define IMAGE_URI_H

#include <stddef.h>

#include "base/str.h"

/* The name, cut to the size; of an address what stands before a '@' in its authority, which may be a password,
 * is left out, and so is its query, in which keys often stand. Returns `to`. */
const char *uri_show(struct mf_str name, char *to, size_t size);

#endif
