/*
 * hub/http/tls.h - TLS 1.2 and 1.3 of a server, with OpenSSL, which is loaded when the first
 * listener asks for it: a hub without TLS doesn't pay for the library (docs/decisions/012).
 */
#ifndef HUB_HTTP_TLS_H
#define HUB_HTTP_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct access_certificate;
struct tls_context; /* a certificate and its key, and whose certificates are believed */
struct tls;         /* a connection */

#define TLS_ERROR_MAX 512

/* PEM files. Without `clients` no client is asked for a certificate; with it one that doesn't come
 * from one of the authorities there, has ended, or isn't for clients ends the handshake. */
struct tls_files {
	const char *certificate; /* with those that lead to its root behind it */
	const char *key;         /* others may not read it (sys/secret.h) */
	const char *clients;     /* NULL, or authorities */
	const char *revoked; /* NULL, or lists of what they took back, one of each (RFC 5280, 5) */
	bool require;        /* a client needs a certificate */
};

/* -errno, with one line in error that names the file. */
int tls_context_open(struct tls_context **context, const struct tls_files *files,
	char error[static TLS_ERROR_MAX]);
/* Connections that use it may go on. NULL is fine. */
void tls_context_close(struct tls_context *context);
/* A digest of whose certificates are believed: ACCESS_TRUST bytes (http/access.h). */
const uint8_t *tls_context_trust(const struct tls_context *context);

/* The descriptor stays the caller's. -ENOMEM. */
int tls_open(struct tls **tls, struct tls_context *context, int fd);
/* Says good-bye, if that is still possible and wasn't done. */
void tls_close(struct tls *tls);
void tls_bye(struct tls *tls);

/* 0: done; -EAGAIN: not yet; -EPROTONOSUPPORT: the client speaks plain HTTP; -EACCES: its certificate
 * isn't believed, or there is none, *why says it; -EPROTO; -ENOMEM. */
int tls_handshake(struct tls *tls, const char **why);
/* The client's, the connection's own; NULL: it showed none. */
const struct access_certificate *tls_certificate(const struct tls *tls);
/* What the handshake waits for. */
bool tls_wants_write(const struct tls *tls);

/* As recv and sendmsg: how many bytes, 0 at the end; -EAGAIN; -EPIPE: it is broken. What a
 * write didn't take must come again at the front of the next one. */
ssize_t tls_read(struct tls *tls, void *to, size_t n);
ssize_t tls_write(struct tls *tls, const struct iovec *iov, int count);
/* Are there bytes that no event will tell of? */
bool tls_pending(const struct tls *tls);

#endif
