/* hub/http/tls_clients.c - client certificates: whose are believed, and who they are for. */
#include <ctype.h>
#include <errno.h>
#include <sodium/crypto_generichash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hub/http/access.h"
#include "hub/http/tls_lib.h"
#include "sys/fd.h"

#define DEPTH     4      /* authorities between a client's certificate and a root */
#define CHAIN     32768l /* bytes of certificates that a client may send */
#define FILE_MOST (1u << 20)

#define ssl tls_library

_Static_assert(sizeof(((struct tls_believes *)0)->trust) == ACCESS_TRUST, "one digest");

/* ------------------------------------------------------------------ believed */

static int add_digest(crypto_generichash_state *state, const char *what, const char *path,
	char error[static TLS_ERROR_MAX])
{
	int fd = fd_open_file(path);
	int err = fd < 0 ? fd : 0;
	void *bytes = NULL;
	size_t n = 0;

	if (err == 0)
		err = fd_read_all(fd, FILE_MOST, &bytes, &n);
	fd_close(&fd);
	if (err < 0) {
		snprintf(error, TLS_ERROR_MAX, "%s \"%s\": %s", what, path, fd_open_error(err));
		return err;
	}
	crypto_generichash_update(state, (const uint8_t *)&n, sizeof(n));
	crypto_generichash_update(state, bytes, n);
	free(bytes);
	return 0;
}

static int digest(const struct tls_files *files, uint8_t trust[static ACCESS_TRUST],
	char error[static TLS_ERROR_MAX])
{
	crypto_generichash_state state;
	int err;

	crypto_generichash_init(&state, NULL, 0, ACCESS_TRUST);
	err = add_digest(&state, "clients", files->clients, error);
	if (err == 0 && files->revoked)
		err = add_digest(&state, "revoked", files->revoked, error);
	crypto_generichash_final(&state, trust, ACCESS_TRUST);
	return err;
}

/* A client is refused too if there is no list of its authority's, or an old one. */
static int use_revoked(SSL_CTX *ctx, const char *path, char error[static TLS_ERROR_MAX])
{
	X509_STORE *store = ssl.SSL_CTX_get_cert_store(ctx);
	X509_LOOKUP *lookup = ssl.X509_STORE_add_lookup(store, ssl.X509_LOOKUP_file());

	if (!lookup || ssl.X509_load_crl_file(lookup, path, X509_FILETYPE_PEM) < 1)
		return tls_bad_file("revoked", path,
			"it holds no list of revoked certificates: PEM is wanted", error);
	ssl.X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
	return 0;
}

int tls_believe(SSL_CTX *ctx, const struct tls_files *files, struct tls_believes *believes,
	char error[static TLS_ERROR_MAX])
{
	int verify = SSL_VERIFY_PEER | (files->require ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
	STACK_OF(X509_NAME) * names;
	int err = digest(files, believes->trust, error);

	if (err < 0)
		return err;
	ssl.ERR_clear_error();
	names = ssl.SSL_load_client_CA_file(files->clients); /* clients choose by it */
	if (names)
		ssl.SSL_CTX_set_client_CA_list(ctx, names); /* which owns them now */
	if (!names || ssl.SSL_CTX_load_verify_file(ctx, files->clients) != 1)
		return tls_bad_file("clients", files->clients,
			"it holds no certificate of an authority: PEM is wanted", error);
	if (files->revoked)
		err = use_revoked(ctx, files->revoked, error);
	ssl.SSL_CTX_set_verify(ctx, verify, NULL);
	ssl.SSL_CTX_set_verify_depth(ctx, DEPTH);
	ssl.SSL_CTX_ctrl(ctx, SSL_CTRL_SET_MAX_CERT_LIST, CHAIN, NULL);
	/* A session that is taken up again isn't checked again: so there are none. */
	ssl.SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	ssl.SSL_CTX_set_num_tickets(ctx, 0);
	believes->any = true;
	return err;
}

/* --------------------------------------------------------------------- names */

/* Letters of a host's name have no case (RFC 4343): small ones are compared. */
static void add_host(struct access_certificate *c, const unsigned char *p, size_t n)
{
	char small[ACCESS_NAME];

	if (n >= sizeof(small))
		return;
	for (size_t i = 0; i < n; i++)
		small[i] = (char)tolower(p[i]);
	access_certificate_add(c, "dns", small, n);
}

static void add_alternative(struct access_certificate *c, const GENERAL_NAME *name)
{
	const unsigned char *p;
	size_t n;

	if (name->type != GEN_DNS && name->type != GEN_EMAIL && name->type != GEN_URI)
		return;
	p = ssl.ASN1_STRING_get0_data(name->d.ia5);
	n = (size_t)ssl.ASN1_STRING_length(name->d.ia5);
	if (name->type == GEN_DNS)
		add_host(c, p, n);
	else
		access_certificate_add(c, name->type == GEN_EMAIL ? "email" : "uri", p, n);
}

static void add_alternatives(struct access_certificate *c, const X509 *x)
{
	GENERAL_NAMES *names = ssl.X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	const OPENSSL_STACK *stack = (const OPENSSL_STACK *)(const void *)names;

	for (int i = 0; names && i < ssl.OPENSSL_sk_num(stack); i++)
		add_alternative(c, ssl.OPENSSL_sk_value(stack, i));
	if (names)
		ssl.GENERAL_NAMES_free(names);
}

static void add_common(struct access_certificate *c, const X509 *x)
{
	const X509_NAME *subject = ssl.X509_get_subject_name(x);
	int at = -1;

	while ((at = ssl.X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0) {
		const X509_NAME_ENTRY *entry = ssl.X509_NAME_get_entry(subject, at);
		unsigned char *text = NULL;
		int n = ssl.ASN1_STRING_to_UTF8(&text, ssl.X509_NAME_ENTRY_get_data(entry));

		if (n > 0)
			access_certificate_add(c, "cn", text, (size_t)n);
		if (n >= 0)
			ssl.CRYPTO_free(text, __FILE__, __LINE__);
	}
}

int tls_read_client(
	const SSL *s, const struct tls_believes *believes, struct access_certificate **certificate)
{
	X509 *x = ssl.SSL_get1_peer_certificate(s);
	struct access_certificate *c = x ? calloc(1, sizeof(*c)) : NULL;
	struct tm until = {0};

	*certificate = c;
	if (!x)
		return 0;
	if (c) {
		memcpy(c->trust, believes->trust, sizeof(c->trust));
		if (ssl.ASN1_TIME_to_tm(ssl.X509_get0_notAfter(x), &until) == 1)
			c->until = timegm(&until);
		add_alternatives(c, x);
		add_common(c, x);
	}
	ssl.X509_free(x);
	return c ? 0 : -ENOMEM;
}
