/*
 * hub/emit_keys.h - a file that says what is shown to those whom the hub sends to: a line each,
 *
 *	https://api.example.org/hooks  TOKEN              Authorization: Bearer TOKEN, for what lies below
 *	coaps://192.0.2.7              IDENTITY KEY       DTLS with a pre-shared key (hub/coap/psk.h: KEY)
 *	coaps://+                      IDENTITY KEY       for devices without a line of their own
 *
 * One thread.
 */
#ifndef HUB_EMIT_KEYS_H
#define HUB_EMIT_KEYS_H

#include <stdbool.h>

#include "base/str.h"

#define EMIT_KEYS_ERROR_MAX 512
#define EMIT_KEYS_MOST      4096u /* lines */
#define EMIT_KEYS_TOKEN     1024u /* bytes of a token */

struct emit_keys;
struct net_address;

/* -errno with one line in error: -EACCES: others may read or change the file; -EINVAL with its line. */
int emit_keys_read(
	struct emit_keys **keys, const char *path, char error[static EMIT_KEYS_ERROR_MAX]);
/* The same of text that is there; `path` is for messages. */
int emit_keys_parse(struct emit_keys **keys, const char *path, struct mf_str text,
	char error[static EMIT_KEYS_ERROR_MAX]);
void emit_keys_close(struct emit_keys *keys); /* NULL is fine */

/* Of the line that says most about this URL. False: none does; of NULL too. */
bool emit_keys_token(const struct emit_keys *keys, struct mf_str url, struct mf_str *token);
bool emit_keys_psk(const struct emit_keys *keys, const struct net_address *device,
	struct mf_str *identity, struct mf_str *key);

#endif
