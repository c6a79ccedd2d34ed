/* hub/http/tls.c - certificates, and connections over TLS. */
#include "hub/http/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/http/access.h"
#include "hub/http/tls_lib.h"
#include "sys/fd.h"
#include "sys/log.h"
#include "sys/secret.h"

#define RECORD_MOST 16384u /* RFC 8446, 5.1 */

/* Of TLS 1.2 only what has forward secrecy and authenticated encryption (RFC 9325, 4.2); all of
 * TLS 1.3's have both. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

#define ssl tls_library

/* ------------------------------------------------------------------ contexts */

struct tls_context {
	SSL_CTX *ctx;
	struct tls_believes believes;
};

static int check_file(const char *what, const char *path, char error[static TLS_ERROR_MAX])
{
	int fd = fd_open_file(path);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	snprintf(error, TLS_ERROR_MAX, "%s \"%s\": %s", what, path, fd_open_error(fd));
	return fd;
}

/* Asking on a terminal for a passphrase is not for a daemon. */
static int no_passphrase(char *to, int size, int writing, void *data)
{
	(void)to, (void)size, (void)writing, (void)data;
	return -1;
}

static int bad_pair(const char *certificate, const char *key, char error[static TLS_ERROR_MAX])
{
	snprintf(error, TLS_ERROR_MAX, "key \"%s\": it is not that of certificate \"%s\"", key,
		certificate);
	return -EINVAL;
}

static void warn_if_expired(SSL_CTX *ctx, const char *path)
{
	const X509 *x = ssl.SSL_CTX_get0_certificate(ctx);

	if (x && ssl.X509_cmp_current_time(ssl.X509_get0_notAfter(x)) < 0)
		log_warn("certificate \"%s\" has expired: clients will refuse it", path);
}

static int use_files(
	SSL_CTX *ctx, const char *certificate, const char *key, char error[static TLS_ERROR_MAX])
{
	int err = check_file("certificate", certificate, error), fd;

	if (err < 0)
		return err;
	fd = secret_open("key", key, error);
	if (fd < 0)
		return fd;
	close(fd);
	ssl.ERR_clear_error();
	ssl.SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	if (ssl.SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
		return tls_bad_file("certificate", certificate,
			"it holds no certificate that can be used: PEM is wanted", error);
	if (ssl.SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
		if (ERR_GET_REASON(ssl.ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
			return bad_pair(certificate, key, error);
		return tls_bad_file("key", key,
			"it holds no key that can be used: PEM without a passphrase is wanted",
			error);
	}
	if (ssl.SSL_CTX_check_private_key(ctx) != 1)
		return bad_pair(certificate, key, error);
	warn_if_expired(ctx, certificate);
	return 0;
}

/* RFC 7301: http/1.1 if the client names it; a client that names only others is refused. */
static int choose_protocol(SSL *s, const unsigned char **out, unsigned char *out_n,
	const unsigned char *in, unsigned in_n, void *data)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;

	(void)s, (void)data;
	if (ssl.SSL_select_next_proto(&chosen, out_n, ours, sizeof(ours) - 1, in, in_n) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static void set_up(SSL_CTX *ctx)
{
	ssl.SSL_CTX_ctrl(ctx, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
	ssl.SSL_CTX_set_cipher_list(ctx, CIPHERS);
	ssl.SSL_CTX_set_options(ctx,
		SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
			SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* An idle connection keeps no buffers; what wasn't written may come again from another
	 * place in memory. */
	ssl.SSL_CTX_ctrl(ctx, SSL_CTRL_MODE,
		SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER,
		NULL);
	/* Tickets hold what a cache would: nothing is kept here for clients that went. */
	ssl.SSL_CTX_ctrl(ctx, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, NULL);
	ssl.SSL_CTX_set_num_tickets(ctx, 1);
	ssl.SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
}

int tls_context_open(struct tls_context **context, const struct tls_files *files,
	char error[static TLS_ERROR_MAX])
{
	struct tls_context *c;
	int err = tls_load(error);

	if (err < 0)
		return err;
	c = calloc(1, sizeof(*c));
	if (c)
		c->ctx = ssl.SSL_CTX_new(ssl.TLS_server_method());
	if (!c || !c->ctx) {
		free(c);
		snprintf(error, TLS_ERROR_MAX, "no memory for TLS");
		return -ENOMEM;
	}
	set_up(c->ctx);
	err = use_files(c->ctx, files->certificate, files->key, error);
	if (err == 0 && files->clients)
		err = tls_believe(c->ctx, files, &c->believes, error);
	if (err < 0) {
		tls_context_close(c);
		return err;
	}
	*context = c;
	return 0;
}

void tls_context_close(struct tls_context *context)
{
	if (!context)
		return;
	ssl.SSL_CTX_free(context->ctx);
	free(context);
}

const uint8_t *tls_context_trust(const struct tls_context *context)
{
	return context->believes.trust;
}

/* --------------------------------------------------------------- connections */

struct tls {
	SSL *s;
	struct tls_believes believes;           /* the context's, which may go before */
	struct access_certificate *certificate; /* NULL: none was shown */
	bool ready;  /* the handshake is done, and good-bye not yet said */
	bool broken; /* OpenSSL must not be asked again */
};

int tls_open(struct tls **tls, struct tls_context *context, int fd)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->s = ssl.SSL_new(context->ctx);
	if (!t->s || ssl.SSL_set_fd(t->s, fd) != 1) {
		tls_close(t);
		return -ENOMEM;
	}
	ssl.SSL_set_accept_state(t->s);
	t->believes = context->believes;
	*tls = t;
	return 0;
}

void tls_bye(struct tls *tls)
{
	ssl.ERR_clear_error();
	if (tls->ready && !tls->broken)
		(void)ssl.SSL_shutdown(tls->s);
	tls->ready = false;
}

void tls_close(struct tls *tls)
{
	tls_bye(tls);
	ssl.SSL_free(tls->s);
	access_certificate_free(tls->certificate);
	free(tls);
}

/* What a call's result that is no success means: 0: the client said good-bye. */
static int failed(struct tls *tls, int result)
{
	switch (ssl.SSL_get_error(tls->s, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN: return 0;
	default: tls->broken = true; return -EPIPE;
	}
}

/* Why the handshake ended, by OpenSSL's reason. */
static int ended(const struct tls *tls, const char **why)
{
	switch (ERR_GET_REASON(ssl.ERR_peek_error())) {
	case SSL_R_HTTP_REQUEST: return -EPROTONOSUPPORT;
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: *why = "it showed none"; return -EACCES;
	case SSL_R_CERTIFICATE_VERIFY_FAILED:
		*why = ssl.X509_verify_cert_error_string(ssl.SSL_get_verify_result(tls->s));
		return -EACCES;
	default: return -EPROTO;
	}
}

int tls_handshake(struct tls *tls, const char **why)
{
	int result;

	ssl.ERR_clear_error();
	result = ssl.SSL_do_handshake(tls->s);
	if (result == 1) {
		tls->ready = true;
		return tls->believes.any
			? tls_read_client(tls->s, &tls->believes, &tls->certificate)
			: 0;
	}
	return failed(tls, result) == -EAGAIN ? -EAGAIN : ended(tls, why);
}

const struct access_certificate *tls_certificate(const struct tls *tls)
{
	return tls->certificate;
}

bool tls_wants_write(const struct tls *tls)
{
	return ssl.SSL_want(tls->s) == SSL_WRITING;
}

ssize_t tls_read(struct tls *tls, void *to, size_t n)
{
	int result;

	if (tls->broken)
		return -EPIPE;
	ssl.ERR_clear_error();
	result = ssl.SSL_read(tls->s, to, (int)n);
	return result > 0 ? result : failed(tls, result);
}

/* Up to a record's worth from byte `skip` on. */
static size_t gather(
	const struct iovec *iov, int count, size_t skip, unsigned char to[static RECORD_MOST])
{
	size_t n = 0;

	for (int i = 0; i < count; i++) {
		size_t from = skip < iov[i].iov_len ? skip : iov[i].iov_len;
		size_t take = iov[i].iov_len - from;

		skip -= from;
		if (take > RECORD_MOST - n)
			take = RECORD_MOST - n;
		if (take > 0)
			memcpy(to + n, (const unsigned char *)iov[i].iov_base + from, take);
		n += take;
	}
	return n;
}

ssize_t tls_write(struct tls *tls, const struct iovec *iov, int count)
{
	static unsigned char record[RECORD_MOST]; /* head and body in one */
	size_t sent = 0, n;

	while (!tls->broken && (n = gather(iov, count, sent, record)) > 0) {
		int result;

		ssl.ERR_clear_error();
		result = ssl.SSL_write(tls->s, record, (int)n);
		if (result <= 0 && failed(tls, result) != -EAGAIN)
			tls->broken = true;
		if (result <= 0)
			break;
		sent += (size_t)result;
	}
	return tls->broken ? -EPIPE : (ssize_t)sent;
}

bool tls_pending(const struct tls *tls)
{
	return !tls->broken && ssl.SSL_has_pending(tls->s);
}
