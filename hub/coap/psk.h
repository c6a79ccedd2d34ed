/*
 * hub/coap/psk.h - a file of pre-shared keys for DTLS (RFC 4279): a line each, IDENTITY KEY, the key as
 * text, or as hexadecimal digits behind "hex:"; '#' begins a comment. One thread.
 */
#ifndef HUB_COAP_PSK_H
#define HUB_COAP_PSK_H

#include <stdbool.h>

#include "base/str.h"

#define PSK_ERROR_MAX    512
#define PSK_MOST         4096u /* lines of one file */
#define PSK_IDENTITY_MAX 64u
#define PSK_KEY_MIN      8u
#define PSK_KEY_MAX      64u

struct psk;

/* Reads the file. -errno with one line in error: -EACCES: others may read or change it; -EINVAL with the
 * file's line: what is wrong there. */
int psk_read(struct psk **psk, const char *path, char error[static PSK_ERROR_MAX]);
/* The same of text that is there; `path` is for messages. */
int psk_parse(
	struct psk **psk, const char *path, struct mf_str text, char error[static PSK_ERROR_MAX]);
void psk_close(struct psk *psk); /* NULL is fine */

/* What a line says, for whoever has such lines in another file. Secret: to be wiped. */
struct psk_pair {
	uint8_t identity[PSK_IDENTITY_MAX], key[PSK_KEY_MAX];
	uint8_t identity_n, key_n;
};
/* NULL, or what is wrong with it. */
const char *psk_take(struct psk_pair *pair, struct mf_str line);

/* False: there is no such identity. */
bool psk_find(const struct psk *psk, struct mf_str identity, struct mf_str *key);

#endif
