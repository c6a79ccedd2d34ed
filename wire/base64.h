/*
 * wire/base64.h - base64, read and written (RFC 4648 4). Pure and freestanding.
 */
#ifndef WIRE_BASE64_H
#define WIRE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define BASE64_ROOM(n) (((n) + 3) / 4 * 3) /* bytes that n characters may become */

/* Into `to`, which has BASE64_ROOM(text.n) bytes; *n is how many there are. False: it isn't
 * base64 with its padding, or bits behind the last byte are set. */
bool base64_read(struct mf_str text, uint8_t *to, size_t *n);

#define BASE64_TEXT(n) (((n) + 2) / 3 * 4) /* characters that n bytes become */

/* Into `to`, which has BASE64_TEXT(bytes.n) characters; with padding, without an end. How many. */
size_t base64_write(struct mf_str bytes, char *to);

#endif
