/*
 * hub/http/tls_lib.h - the functions of OpenSSL that the hub calls, found when they are needed
 * (docs/decisions/012). Private to hub/http/tls*.c.
 */
#ifndef HUB_HTTP_TLS_LIB_H
#define HUB_HTTP_TLS_LIB_H

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "hub/http/tls.h"

/* All that is called, by name, with the types of its headers. */
#define TLS_CALLS(X)                                                                               \
	X(ASN1_STRING_get0_data)                                                                   \
	X(ASN1_STRING_length)                                                                      \
	X(ASN1_STRING_to_UTF8)                                                                     \
	X(ASN1_TIME_to_tm)                                                                         \
	X(CRYPTO_free)                                                                             \
	X(ERR_clear_error)                                                                         \
	X(ERR_peek_error)                                                                          \
	X(ERR_peek_last_error)                                                                     \
	X(ERR_reason_error_string)                                                                 \
	X(GENERAL_NAMES_free)                                                                      \
	X(OPENSSL_sk_num)                                                                          \
	X(OPENSSL_sk_value)                                                                        \
	X(SSL_CTX_check_private_key)                                                               \
	X(SSL_CTX_ctrl)                                                                            \
	X(SSL_CTX_free)                                                                            \
	X(SSL_CTX_get0_certificate)                                                                \
	X(SSL_CTX_get_cert_store)                                                                  \
	X(SSL_CTX_load_verify_file)                                                                \
	X(SSL_CTX_new)                                                                             \
	X(SSL_CTX_set_alpn_select_cb)                                                              \
	X(SSL_CTX_set_cipher_list)                                                                 \
	X(SSL_CTX_set_client_CA_list)                                                              \
	X(SSL_CTX_set_default_passwd_cb)                                                           \
	X(SSL_CTX_set_num_tickets)                                                                 \
	X(SSL_CTX_set_options)                                                                     \
	X(SSL_CTX_set_verify)                                                                      \
	X(SSL_CTX_set_verify_depth)                                                                \
	X(SSL_CTX_use_certificate_chain_file)                                                      \
	X(SSL_CTX_use_PrivateKey_file)                                                             \
	X(SSL_do_handshake)                                                                        \
	X(SSL_free)                                                                                \
	X(SSL_get1_peer_certificate)                                                               \
	X(SSL_get_error)                                                                           \
	X(SSL_get_verify_result)                                                                   \
	X(SSL_has_pending)                                                                         \
	X(SSL_load_client_CA_file)                                                                 \
	X(SSL_new)                                                                                 \
	X(SSL_read)                                                                                \
	X(SSL_select_next_proto)                                                                   \
	X(SSL_set_accept_state)                                                                    \
	X(SSL_set_fd)                                                                              \
	X(SSL_shutdown)                                                                            \
	X(SSL_want)                                                                                \
	X(SSL_write)                                                                               \
	X(TLS_server_method)                                                                       \
	X(X509_cmp_current_time)                                                                   \
	X(X509_free)                                                                               \
	X(X509_get0_notAfter)                                                                      \
	X(X509_get_ext_d2i)                                                                        \
	X(X509_get_subject_name)                                                                   \
	X(X509_load_crl_file)                                                                      \
	X(X509_LOOKUP_file)                                                                        \
	X(X509_NAME_ENTRY_get_data)                                                                \
	X(X509_NAME_get_entry)                                                                     \
	X(X509_NAME_get_index_by_NID)                                                              \
	X(X509_STORE_add_lookup)                                                                   \
	X(X509_STORE_set_flags)                                                                    \
	X(X509_verify_cert_error_string)

#define TLS_MEMBER(name) __typeof__(name) *name;
struct tls_library {
	void *library;
	TLS_CALLS(TLS_MEMBER)
};
extern struct tls_library tls_library;

/* 0: all of them are there; else -errno with one line in error. A second time is free. */
int tls_load(char error[static TLS_ERROR_MAX]);

/* "WHAT "PATH": WHY", with OpenSSL's own reason behind it, which alone says little: -EINVAL. */
int tls_bad_file(
	const char *what, const char *path, const char *why, char error[static TLS_ERROR_MAX]);

/* tls_clients.c: whose certificates are believed, as `files` says, and the digest of that. */
struct tls_believes {
	bool any; /* clients are asked for certificates */
	uint8_t trust[32];
};
int tls_believe(SSL_CTX *ctx, const struct tls_files *files, struct tls_believes *believes,
	char error[static TLS_ERROR_MAX]);
/* After the handshake: who the client is, NULL in *certificate if it showed none. -ENOMEM. */
int tls_read_client(
	const SSL *s, const struct tls_believes *believes, struct access_certificate **certificate);

#endif
