/*
 * hub/http/access.h - who may ask by a route: bearer tokens (RFC 6750), names in client
 * certificates. Pure but for memory; guard.c answers who may not.
 *
 * What a route asks for is asked for all of it: a token if it has `tokens`, a certificate if its
 * listener needs one, and, if it has `clients`, that one of the names by which the client is known
 * fits one of these patterns. Names have a kind before them:
 *
 *	token:hall.lamp      the name of its token
 *	dns:hall.home.test   of its certificate: subject alternative names, and the
 *	email:... uri:...    subject's common name
 *	cn:Hall lamp
 *
 * A pattern is compared with such a name, or, where it has no kind, with what stands behind it.
 * One '*' in it stands for any bytes but '.', '/' and '@'; alone it fits all.
 */
#ifndef HUB_HTTP_ACCESS_H
#define HUB_HTTP_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define ACCESS_NAME  256u /* bytes of a name with its kind */
#define ACCESS_NAMES 16u  /* of one certificate */
#define ACCESS_TRUST 32u

struct access;
struct bearers;

/* Who a client certificate is for. */
struct access_certificate {
	int64_t until;               /* seconds since 1970: its notAfter */
	uint8_t trust[ACCESS_TRUST]; /* which certificates were believed when it was checked */
	unsigned count;
	char *names[ACCESS_NAMES]; /* with kinds; alternative names come first */
};

struct access_rules {
	struct bearers *tokens; /* NULL: no token is needed */
	bool certificate;       /* a certificate is */
	const char *const *clients;
	unsigned clients_count; /* 0: whoever has these */
};

/* Copies; holds the tokens. Nobody holds *access but the caller. -ENOMEM. */
int access_make(struct access **access, const struct access_rules *rules);
struct access *access_hold(struct access *access); /* NULL is fine: NULL */
void access_drop(struct access *access);           /* NULL is fine */
/* Does it ask for a token? Then the service doesn't get it. NULL is fine. */
bool access_has_tokens(const struct access *access);

/* NULL, or what is wrong with a pattern, to put behind "'a**' ". */
const char *access_pattern_wrong(const char *pattern);
bool access_pattern_fits(const char *pattern, const char *name);

/* Why somebody may not ask: labels in metrics. */
enum access_result {
	ACCESS_GRANTED,
	ACCESS_NO_TOKEN,        /* 401 */
	ACCESS_BAD_TOKEN,       /* 401: nobody's */
	ACCESS_MALFORMED,       /* 400: more than one, or no token at all behind Bearer */
	ACCESS_NO_CERTIFICATE,  /* 403 */
	ACCESS_OLD_CERTIFICATE, /* 403: it ended, or others are believed now */
	ACCESS_NOT_NAMED,       /* 403: known, but may not */
	ACCESS_BAD_CERTIFICATE, /* TLS: not believed, so there was no request */
	ACCESS_NOT_OURS,        /* the admin socket: another user's process */
	ACCESS_RESULTS
};
extern const char *const access_result_names[ACCESS_RESULTS]; /* "no_token" */

struct access_client {
	struct mf_str credentials;                    /* of Authorization; p NULL: none */
	bool several;                                 /* there is more than one such header */
	const struct access_certificate *certificate; /* NULL: none */
	bool believed;                                /* it still is */
};

/* `access` NULL: anybody may. *who: by which name the client is known, in what `access` and the
 * client own; p NULL: it isn't. */
enum access_result access_check(
	const struct access *access, const struct access_client *client, struct mf_str *who);

/* Adds KIND:NAME unless it has something that no name should have: control bytes, no UTF-8. */
void access_certificate_add(
	struct access_certificate *certificate, const char *kind, const void *name, size_t n);
void access_certificate_free(struct access_certificate *certificate); /* NULL is fine */

#endif
