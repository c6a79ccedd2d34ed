/*
 * hub/callbacks.h - whom the hub may call when a job has ended (docs/jobs.md), and what proves to them that it is this hub: a file with a
 * line each,
 *
 *	https://hooks.example.org/mayfly   SECRET    that address and what lies below it
 *	http://127.0.0.1:8080/             SECRET    without TLS: of a host that is named in full
 *
 * or "*.example.org" as host, with https: all hosts of that domain, not the domain itself.
 *
 * SECRET is "whsec_" and base64 of 24 to 64 bytes. A host that is named in full may be anywhere; one of a domain, whose owner says where it
 * is, not within this machine's networks (hub/web/inside.h). Signatures are those of Standard Webhooks 1.0.0. One thread.
 */
#ifndef HUB_CALLBACKS_H
#define HUB_CALLBACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "wire/base64.h"

#define CALLBACKS_ERROR_MAX 512
#define CALLBACKS_MOST      4096u /* lines */
#define CALLBACK_SIGNATURE  (sizeof("v1,") + BASE64_TEXT(32))

struct callbacks;

struct callback {
	struct mf_str secret; /* bytes */
	bool named;           /* its host is */
};

/* -errno with one line in error: -EACCES: others may read or change the file; -EINVAL with its line. */
int callbacks_read(
	struct callbacks **callbacks, const char *path, char error[static CALLBACKS_ERROR_MAX]);
/* The same of text that is there; `path` is for messages. */
int callbacks_parse(struct callbacks **callbacks, const char *path, struct mf_str text,
	char error[static CALLBACKS_ERROR_MAX]);
void callbacks_close(struct callbacks *callbacks); /* NULL is fine */

/* The line that says most about this address, which url_parse takes. False: none does; of NULL too. */
bool callbacks_find(
	const struct callbacks *callbacks, struct mf_str url, struct callback *callback);
/* What `webhook-signature` says: with `webhook-id` and `webhook-timestamp` as given. */
void callback_sign(const struct callback *callback, struct mf_str id, int64_t seconds,
	struct mf_str body, char signature[static CALLBACK_SIGNATURE]);

#endif
