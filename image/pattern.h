/*
 * image/pattern.h - what may stand where a manifest or hub.yaml says which requests are
 * meant: path patterns, methods, hosts, names of headers. Pure.
 *
 * A path pattern begins with '/'. Its parts lie between slashes: a text that is compared byte
 * by byte with the path as it was sent (RFC 3986, 3.3), '+' for any one part, or, as the last,
 * '#' for all that follow, none included.
 */
#ifndef IMAGE_PATTERN_H
#define IMAGE_PATTERN_H

#include <stdbool.h>

#define PATTERN_MAX        255 /* bytes of any of them, but for: */
#define PATTERN_HEADER_MAX 63  /* names of headers */

/* NULL: it is a path pattern; else what is wrong with it, to put behind "'/a//#b' ". */
const char *pattern_wrong(const char *path);
/* Capitals, and '-' between them. */
bool pattern_is_method(const char *method);
/* A name or an address, without port. */
bool pattern_is_host(const char *host);
/* A token (RFC 9110, 5.6.2). */
bool pattern_is_header(const char *name);

#endif
